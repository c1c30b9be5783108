"""Requests: their list, the links by which customers follow them, mails taken in, what goes out."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    _add_board()
    op.create_table(
        "follow_links",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("request", sa.String(36), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
    )
    op.create_table(
        "mails_taken",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("request", sa.String(36)),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("message_id", sa.String(300)),
        sa.Column("taken_at", sa.String(24), nullable=False),
    )
    _add_outbox()


def downgrade() -> None:
    """Drop the tables."""
    for table in ("outbox", "mails_taken", "follow_links", "request_board"):
        op.drop_table(table)


def _add_board() -> None:
    op.create_table(
        "request_board",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("grade", sa.String(20)),
        sa.Column("channel", sa.String(20), nullable=False),
        *(sa.Column(name, sa.String(36)) for name in ("customer", "machine", "order")),
        sa.Column("serial_folded", sa.String(60)),
        sa.Column("phone_folded", sa.String(40)),
        sa.Column("email_folded", sa.String(120)),
        sa.Column("reported_at", sa.String(24), nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
    )
    op.create_index("requests_by_state", "request_board", ["organisation", "state", "reported_at"])
    op.create_index("requests_by_time", "request_board", ["organisation", "reported_at"])
    op.create_index("requests_by_number", "request_board", ["organisation", "number"])
    op.create_index("requests_by_order", "request_board", ["organisation", "order"])


def _add_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("lane", sa.String(10), nullable=False),
        sa.Column("recipient", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("thread", sa.String(36)),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.String(24), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("settled_at", sa.String(24)),
        sa.Column("problem", sa.String(300)),
    )
    going = sa.text("state IN ('waiting', 'sending')")
    op.create_index("outbox_due", "outbox", ["organisation", "due_at"], sqlite_where=going, postgresql_where=going)
    op.create_index("outbox_by_thread", "outbox", ["organisation", "thread"])
