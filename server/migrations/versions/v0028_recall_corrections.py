"""What a recall named by mistake."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no release before has written a correction."""
    op.add_column("recalled_parts", sa.Column("corrected", sa.BigInteger))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("recalled_parts", "corrected")
