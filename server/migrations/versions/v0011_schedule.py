"""The schedule: what takes people's time, filled from the orders there are; secret addresses of calendars."""

import json
from datetime import datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

WAITS = sa.text("waits")
VISIT = timedelta(minutes=90)
TEXTS = {"starts_at": 24, "ends_at": 24, "number": 40, "status": 20, "grade": 20, "service": 20,
         "customer": 36, "site": 36, "machine": 36, "on_site_due_at": 24, "solved_due_at": 24, "due_at": 24}  # fmt: skip
REQUIRED = ("number", "status", "grade", "service", "due_at")


def upgrade() -> None:
    """Add the tables and fill the schedule."""
    plans = op.create_table(
        "plans",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("slot", sa.String(10), primary_key=True),
        sa.Column("person", sa.String(36)),
        *(sa.Column(name, sa.String(length), nullable=name not in REQUIRED) for name, length in TEXTS.items()),
        sa.Column("waits", sa.Boolean, nullable=False),
    )
    op.create_table(
        "calendar_links",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(36), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
    )
    op.create_index("calendar_links_by_person", "calendar_links", ["organisation", "person"])
    connection = op.get_bind()
    found = sa.text("SELECT organisation, id, body FROM records WHERE kind = 'work_order' AND NOT deleted")
    rows = [row_of(organisation, record_id, json.loads(body)) for organisation, record_id, body in connection.execute(found)]
    for start in range(0, len(rows), 1000):
        connection.execute(plans.insert(), rows[start : start + 1000])
    op.create_index("plans_by_person", "plans", ["organisation", "person", "ends_at"])
    columns = ["organisation", "due_at", "id"]
    op.create_index("plans_waiting", "plans", columns, sqlite_where=WAITS, postgresql_where=WAITS)


def row_of(organisation, record_id, body):
    """Return the row of an order that was never planned: its visit is where its appointment is."""
    starts_at = body.get("appointment_at") or body.get("arrived_at")
    ends_at = starts_at and (datetime.fromisoformat(starts_at) + VISIT).isoformat(timespec="milliseconds")
    on_site, solved, engineer = (body.get(name) for name in ("on_site_due_at", "solved_due_at", "engineer_id"))
    limits = [due for due in (None if body.get("arrived_at") else on_site, solved) if due]
    return {
        "organisation": organisation,
        "id": record_id,
        "slot": "engineer",
        "person": engineer,
        "starts_at": starts_at,
        "ends_at": ends_at and ends_at.replace("+00:00", "Z"),
        **{name: body[name] for name in ("number", "status", "grade", "service")},
        **{name: body.get(f"{name}_id") for name in ("customer", "site", "machine")},
        "on_site_due_at": on_site,
        "solved_due_at": solved,
        "due_at": min(limits, default="9999"),
        "waits": body["status"] in ("received", "assigned") and not (engineer and starts_at),
    }


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("calendar_links")
    op.drop_table("plans")
