"""What orders are found by, open orders by what is due, and the views that people save."""

import sqlalchemy as sa
from alembic import op

from server.store.board import fill_words

revision = "0015"
down_revision = "0012"
branch_labels = None
depends_on = None

IS_OPEN = sa.text("slot = 'engineer' AND status NOT IN ('closed', 'cancelled')")


def upgrade() -> None:
    """Add the column and fill it, the index and the table."""
    op.add_column("order_board", sa.Column("words", sa.String(400), nullable=False, server_default=""))
    op.create_index(
        "plans_open",
        "plans",
        ["organisation", "due_at", "id"],
        sqlite_where=IS_OPEN,
        postgresql_where=IS_OPEN,
    )
    op.create_table(
        "saved_views",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("person", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("query", sa.String(400), nullable=False),
    )
    fill_words(op.get_bind())


def downgrade() -> None:
    """Drop them."""
    op.drop_table("saved_views")
    op.drop_index("plans_open", "plans")
    op.drop_column("order_board", "words")
