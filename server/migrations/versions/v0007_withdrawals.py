"""What a fact of the trace withdraws or stands in for, so that neither counts when the next part is judged."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

IS_GIVEN = sa.text("subject IS NOT NULL")


def upgrade() -> None:
    """Add the column and its index, and fill in the corrections there are."""
    op.add_column("trace_facts", sa.Column("subject", sa.String(36)))
    connection = op.get_bind()
    corrections = connection.execute(
        sa.text(
            "SELECT r.organisation, r.id, r.body FROM trace_facts t"
            " JOIN records r ON r.organisation = t.organisation AND r.id = t.id WHERE r.body LIKE '%\"replaces_id\"%'"
        )
    ).all()
    filled = sa.text("UPDATE trace_facts SET subject = :subject WHERE organisation = :organisation AND id = :id")
    for organisation, record_id, body in corrections:
        subject = json.loads(body).get("replaces_id")
        connection.execute(filled, {"subject": subject, "organisation": organisation, "id": record_id})
    columns = ["organisation", "subject"]
    op.create_index("trace_by_subject", "trace_facts", columns, sqlite_where=IS_GIVEN, postgresql_where=IS_GIVEN)


def downgrade() -> None:
    """Drop both."""
    op.drop_index("trace_by_subject", "trace_facts")
    with op.batch_alter_table("trace_facts") as table:
        table.drop_column("subject")
