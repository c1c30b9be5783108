"""When an upload came to its end: what is unfinished is counted without looking at what is."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IS_UNFINISHED = sa.text("finished_at IS NULL")


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column("uploads", sa.Column("finished_at", sa.String(24)))
    op.create_index(
        "uploads_unfinished",
        "uploads",
        ["organisation"],
        sqlite_where=IS_UNFINISHED,
        postgresql_where=IS_UNFINISHED,
    )


def downgrade() -> None:
    """Remove what `upgrade` added."""
    op.drop_index("uploads_unfinished", "uploads")
    with op.batch_alter_table("uploads") as table:
        table.drop_column("finished_at")
