"""Where each log went on from a backup."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; of earlier restorations the newest epoch and those of kept checkpoints tell."""
    op.create_table(
        "restorations",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("epoch", sa.String(36), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("restorations")
