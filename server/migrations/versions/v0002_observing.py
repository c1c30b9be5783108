"""What tells how devices fare: trace ids in the log, files still expected, and when each device last called."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

IS_EXPECTED = sa.text("state = 'expected'")


def upgrade() -> None:
    """Add the columns, the index and the table."""
    op.add_column("log", sa.Column("trace_id", sa.String(32), nullable=False, server_default=""))
    op.add_column("blobs", sa.Column("position", sa.BigInteger()))
    op.create_index(
        "blobs_expected",
        "blobs",
        ["organisation", "position", "size_bytes"],
        sqlite_where=IS_EXPECTED,
        postgresql_where=IS_EXPECTED,
    )
    op.create_table(
        "contacts",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("device", sa.String(36), primary_key=True),
        sa.Column("contacted_at", sa.String(24), nullable=False),
        sa.Column("synced_at", sa.String(24)),
        sa.Column("position", sa.BigInteger()),
        sa.Column("failed_at", sa.String(24)),
        sa.Column("problem", sa.String(60)),
        sa.Column("told_at", sa.String(24)),
        sa.Column("waiting_sets", sa.BigInteger()),
        sa.Column("oldest_at", sa.String(24)),
        sa.Column("waiting_files", sa.BigInteger()),
        sa.Column("waiting_bytes", sa.BigInteger()),
        sa.Column("offset_ms", sa.BigInteger()),
        sa.Column("free_bytes", sa.BigInteger()),
        sa.Column("schema_version", sa.BigInteger()),
        sa.Column("client", sa.String(40)),
    )


def downgrade() -> None:
    """Remove what `upgrade` added."""
    op.drop_table("contacts")
    op.drop_index("blobs_expected", "blobs")
    with op.batch_alter_table("blobs") as table:
        table.drop_column("position")
    with op.batch_alter_table("log") as table:
        table.drop_column("trace_id")
