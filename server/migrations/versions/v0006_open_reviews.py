"""An index of open conflicts and exceptions alone: counting them must not read the settled ones of years."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

IS_OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    """Add the index."""
    columns = ["organisation", "kind", "opened"]
    op.create_index("reviews_open", "reviews", columns, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("reviews_open", "reviews")
