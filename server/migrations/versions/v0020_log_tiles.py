"""The complete subtrees of the log, and signed checkpoints that are kept."""

import sqlalchemy as sa
from alembic import op

from server.store.log_tiles import fill_tiles

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and fill the first from the log."""
    op.create_table(
        "log_tiles",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("level", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "checkpoints",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.String(36), primary_key=True),
        sa.Column("kept_at", sa.String(24), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("timestamp", sa.Text, nullable=False, server_default=""),
    )
    connection = op.get_bind()
    for (organisation,) in connection.execute(sa.text("SELECT organisation FROM organisations")).all():
        fill_tiles(connection, organisation)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("checkpoints")
    op.drop_table("log_tiles")
