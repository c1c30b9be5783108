"""What moves are found by when a serial number or a lot is traced."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0017"
branch_labels = None
depends_on = None

HAS_SERIAL, HAS_BATCH = sa.text("serial <> ''"), sa.text("batch <> ''")


def upgrade() -> None:
    """Add the indexes."""
    for name, column, where in (
        ("stock_moves_of_serial", "serial", HAS_SERIAL),
        ("stock_moves_of_batch", "batch", HAS_BATCH),
    ):
        op.create_index(name, "stock_moves", ["organisation", column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("stock_moves_of_serial", "stock_moves")
    op.drop_index("stock_moves_of_batch", "stock_moves")
