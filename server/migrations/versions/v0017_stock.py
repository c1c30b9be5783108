"""Moves, batches, levels and counts of the stock, and balances below zero."""

import sqlalchemy as sa
from alembic import op

from server.store.stock_backfill import fill_stock

revision = "0017"
down_revision = "0019"
branch_labels = None
depends_on = None

IS_BELOW = sa.text("quantity < 0")


def keys(*names: str, length: int = 36) -> list[sa.Column]:
    """Return columns that make a key."""
    return [sa.Column(name, sa.String(length), primary_key=True) for name in names]


def texts(length: int, *names: str) -> list[sa.Column]:
    """Return columns of text."""
    return [sa.Column(name, sa.String(length), nullable=False) for name in names]


def numbers(*names: str) -> list[sa.Column]:
    """Return columns of whole numbers."""
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    """Add the tables and indexes, and fill them."""
    op.create_table(
        "stock_moves",
        *keys("organisation", "id"),
        *numbers("position"),
        *texts(24, "moved_at"),
        *texts(36, "part"),
        *texts(60, "batch", "serial"),
        *texts(36, "from_at", "to_at"),
        *numbers("quantity"),
        sa.Column("reverses", sa.String(36)),
    )
    op.create_table(
        "stock_batches",
        *keys("organisation", "id"),
        *texts(36, "part"),
        *texts(60, "number"),
        sa.Column("expires_on", sa.String(10)),
        sa.Column("recalled_on", sa.String(10)),
        sa.Column("is_certified", sa.Boolean, nullable=False),
    )
    op.create_table(
        "stock_levels",
        *keys("organisation", "id"),
        *texts(36, "place", "part"),
        *numbers("minimum", "standard"),
    )
    op.create_table(
        "stock_counts",
        *keys("organisation", "id", "part"),
        *keys("batch", "serial", length=60),
        *texts(36, "place"),
        *texts(24, "counted_at"),
        *numbers("position", "counted"),
    )
    op.create_table(
        "stock_fittings",
        *keys("organisation", "id"),
        *texts(36, "part", "machine"),
        *texts(24, "fitted_at"),
    )
    op.create_index("stock_fittings_of_part", "stock_fittings", ["organisation", "part", "machine", "fitted_at"])
    op.create_index("stock_moves_of_part", "stock_moves", ["organisation", "part", "moved_at"])
    op.create_index("stock_moves_from", "stock_moves", ["organisation", "from_at", "moved_at"])
    op.create_index("stock_moves_to", "stock_moves", ["organisation", "to_at", "moved_at"])
    op.create_index("stock_moves_reversing", "stock_moves", ["organisation", "reverses"])
    op.create_index("stock_batches_of_part", "stock_batches", ["organisation", "part", "number"])
    op.create_index("stock_batches_expiring", "stock_batches", ["organisation", "expires_on"])
    op.create_index("stock_levels_of_place", "stock_levels", ["organisation", "place", "part"])
    op.create_index("stock_counts_of_place", "stock_counts", ["organisation", "place", "counted_at"])
    op.create_index(
        "stock_below_zero", "stock", ["organisation", "part"], sqlite_where=IS_BELOW, postgresql_where=IS_BELOW
    )
    fill_stock(op.get_bind())


def downgrade() -> None:
    """Drop them."""
    op.drop_index("stock_below_zero", "stock")
    for table in ("stock_fittings", "stock_counts", "stock_levels", "stock_batches", "stock_moves"):
        op.drop_table(table)
