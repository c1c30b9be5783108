"""Balances of vans and centres, and how far what follows the log has come."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "stock",
        *(sa.Column(name, sa.String(36), primary_key=True) for name in ("organisation", "place", "part")),
        *(sa.Column(name, sa.String(60), primary_key=True) for name in ("batch", "serial")),
        sa.Column("quantity", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "watermarks",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("watermarks")
    op.drop_table("stock")
