"""Master data as lists and searches read it, its trail in the log, drafts and imports."""

import sqlalchemy as sa
from alembic import op

from server.store.catalogue_backfill import fill_catalogue

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None


def by_code_point(length: int) -> sa.String:
    """Return a text that is sorted by code points on both databases."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def keys(*names: str) -> list[sa.Column]:
    """Return columns of ids that make a key."""
    return [sa.Column(name, sa.String(36), primary_key=True) for name in names]


def upgrade() -> None:
    """Add the tables, and fill those that follow from the log."""
    op.create_table(
        "catalogue",
        *keys("organisation", "id"),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("sorted_as", by_code_point(80), nullable=False),
    )
    op.create_table(
        "catalogue_terms",
        *keys("organisation", "id"),
        sa.Column("term", by_code_point(420), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
    )
    op.create_table(
        "catalogue_trail",
        *keys("organisation", "id"),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "drafts",
        *keys("organisation", "id"),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("person", sa.String(36), nullable=False),
        sa.Column("changed_at", sa.String(24), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "imports",
        *keys("organisation", "id"),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
        sa.Column("person", sa.String(36), nullable=False),
        sa.Column("handed_in_at", sa.String(24), nullable=False),
        sa.Column("basis", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
    )
    op.create_index("catalogue_by_name", "catalogue", ["organisation", "kind", "sorted_as", "id"])
    op.create_index("catalogue_by_term", "catalogue_terms", ["organisation", "kind", "term", "id"])
    fill_catalogue(op.get_bind())


def downgrade() -> None:
    """Drop them."""
    for table in ("catalogue", "catalogue_terms", "catalogue_trail", "drafts", "imports"):
        op.drop_table(table)
