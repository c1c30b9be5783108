"""What is missing of the evidence for parts that were fitted. It is filled by following the log."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "trace_gaps",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("order", sa.String(36), primary_key=True),
        sa.Column("gap", sa.String(16), primary_key=True),
        sa.Column("fact", sa.String(36), primary_key=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("machine", sa.String(36), nullable=False),
        sa.Column("customer", sa.String(36), nullable=False),
        sa.Column("engineer", sa.String(36), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
    )
    op.create_index("gaps_by_customer", "trace_gaps", ["organisation", "gap", "customer", "month"])
    op.create_index("gaps_by_engineer", "trace_gaps", ["organisation", "gap", "engineer", "month"])
    op.create_index("gaps_by_month", "trace_gaps", ["organisation", "gap", "month", "at", "fact"])
    op.create_index("gaps_by_subject", "trace_gaps", ["organisation", "gap", "subject"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("trace_gaps")
