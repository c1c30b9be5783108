"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

tables = sa.MetaData()

sa.Table(
    "organisations",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("epoch", sa.String(36), nullable=False),
    sa.Column("position", sa.BigInteger(), nullable=False),
    sa.Column("frontier", sa.Text(), nullable=False),
    sa.Column("office_device", sa.String(36), nullable=False),
    sa.Column("office_person", sa.String(36), nullable=False),
)

sa.Table(
    "log",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("position", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("device", sa.String(36), nullable=False),
    sa.Column("seq", sa.BigInteger(), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("sealed", sa.LargeBinary(), nullable=False),
    sa.Column("receipt", sa.Text(), nullable=False),
    sa.Column("received_at", sa.String(24), nullable=False),
    sa.Index("log_by_device", "organisation", "device", "seq", unique=True),
)

sa.Table(
    "held",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("device", sa.String(36), primary_key=True),
    sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("sealed", sa.LargeBinary(), nullable=False),
    sa.Column("received_at", sa.String(24), nullable=False),
)

sa.Table(
    "kept_aside",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("device", sa.String(36), nullable=False),
    sa.Column("sealed", sa.LargeBinary(), nullable=False),
    sa.Column("code", sa.String(60), nullable=False),
    sa.Column("received_at", sa.String(24), nullable=False),
)

sa.Table(
    "devices",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("device", sa.String(36), primary_key=True),
    sa.Column("person", sa.String(36), nullable=False),
    sa.Column("public_key", sa.String(64), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("frozen", sa.Boolean(), nullable=False),
    sa.Column("seq", sa.BigInteger(), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Index("devices_by_id", "device"),
)

sa.Table(
    "records",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("stamps", sa.Text(), nullable=False),
    sa.Column("position", sa.BigInteger(), nullable=False),
    sa.Column("deleted", sa.Boolean(), nullable=False),
    sa.Index("records_by_kind", "organisation", "kind", "id"),
)

sa.Table(
    "feed",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("holder", sa.String(36), primary_key=True),
    sa.Column("position", sa.BigInteger(), nullable=False),
    sa.Column("entered", sa.BigInteger(), nullable=False),
    sa.Column("gone", sa.Boolean(), nullable=False),
    sa.Index("feed_by_position", "organisation", "holder", "position", "id"),
)

sa.Table(
    "holders",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("holder", sa.String(36), primary_key=True),
    sa.Column("checksum", sa.String(32), nullable=False),
    sa.Column("count", sa.BigInteger(), nullable=False),
)

sa.Table(
    "holdings",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("root", sa.String(36), primary_key=True),
    sa.Column("holder", sa.String(36), nullable=False),
    sa.Column("carried", sa.Text(), nullable=False),
)

sa.Table(
    "reaches",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("holder", sa.String(36), primary_key=True),
    sa.Column("roots", sa.BigInteger(), nullable=False),
)

sa.Table(
    "links",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("parent", sa.String(36), primary_key=True),
    sa.Column("id", sa.String(36), primary_key=True),
)

sa.Table(
    "signed_orders",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("order", sa.String(36), primary_key=True),
    sa.Column("signature", sa.String(36), nullable=False),
    sa.Column("position", sa.BigInteger(), nullable=False),
)

sa.Table(
    "order_board",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("number", sa.String(40), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("grade", sa.String(20), nullable=False),
    sa.Column("engineer", sa.String(36)),
    sa.Column("customer", sa.String(36)),
    sa.Column("machine", sa.String(36)),
    sa.Column("due_at", sa.String(24)),
    sa.Index("board_by_number", "organisation", "number"),
    sa.Index("board_by_status", "organisation", "status", "due_at"),
)

sa.Table(
    "reviews",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("subject", sa.String(36), nullable=False),
    sa.Column("field", sa.String(60), nullable=False),
    sa.Column("opened", sa.BigInteger(), nullable=False),
    sa.Index("reviews_by_state", "organisation", "state", "kind", "opened"),
    sa.Index("reviews_by_subject", "organisation", "subject", "state"),
)

sa.Table(
    "trace_facts",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("act", sa.String(8), nullable=False),
    sa.Column("maker", sa.String(200), nullable=False),
    sa.Column("serial", sa.String(60)),
    sa.Column("serial_folded", sa.String(60)),
    sa.Column("batch_folded", sa.String(60)),
    sa.Column("machine", sa.String(36), nullable=False),
    sa.Column("order", sa.String(36), nullable=False),
    sa.Column("at", sa.String(24), nullable=False),
    sa.Column("position", sa.BigInteger(), nullable=False),
    sa.Index("trace_by_batch", "organisation", "batch_folded"),
    sa.Index("trace_by_machine", "organisation", "machine", "at"),
    sa.Index("trace_by_serial", "organisation", "serial_folded"),
)

sa.Table(
    "accounts",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("person", sa.String(36), primary_key=True),
    sa.Column("login", sa.String(120), nullable=False),
    sa.Column("password_hash", sa.String(200), nullable=False),
    sa.UniqueConstraint("login"),
)

sa.Table(
    "enrolments",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("code_hash", sa.String(64), primary_key=True),
    sa.Column("person", sa.String(36), nullable=False),
    sa.Column("expires_at", sa.String(24), nullable=False),
    sa.Column("device", sa.String(36)),
    sa.Column("public_key", sa.String(64)),
)

sa.Table(
    "blobs",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("size_bytes", sa.BigInteger()),
    sa.Column("verified_at", sa.String(24)),
)

sa.Table(
    "uploads",
    tables,
    sa.Column("organisation", sa.String(36), primary_key=True),
    sa.Column("upload", sa.String(36), primary_key=True),
    sa.Column("device", sa.String(36), nullable=False),
    sa.Column("sha256", sa.String(64)),
    sa.Column("size_bytes", sa.BigInteger(), nullable=False),
    sa.Column("expires_at", sa.String(24), nullable=False),
    sa.Index("uploads_by_device", "organisation", "device"),
    sa.Index("uploads_by_hash", "organisation", "sha256"),
)


def upgrade() -> None:
    """Make the tables."""
    tables.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    """Remove the tables and all that is in them."""
    tables.drop_all(op.get_bind(), checkfirst=False)
