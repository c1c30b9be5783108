"""Without the index of devices by their id alone: a signed request names the organisation too."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the index; a release that still asks by it is slower, not wrong."""
    op.drop_index("devices_by_id", "devices")


def downgrade() -> None:
    """Make the index again."""
    op.create_index("devices_by_id", "devices", ["device"])
