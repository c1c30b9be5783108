"""What guards the doors of all processes alike: attempts that are counted, and sessions that can be ended."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "attempts",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(36), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    """Remove the tables: everybody signs in again."""
    op.drop_table("sessions")
    op.drop_table("attempts")
