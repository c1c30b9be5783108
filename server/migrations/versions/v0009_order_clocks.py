"""The clocks that run on orders, for the attention strip and the order list."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

LIMITS = ("on_site_due_at", "solved_due_at")
"""The limits that orders had before this version."""

IS_GIVEN = sa.text("next_due_at IS NOT NULL")


def upgrade() -> None:
    """Add the columns and their index, and fill in the limits there are."""
    for name, length in (("next_clock", 20), ("next_due_at", 24), ("paused_by", 20)):
        op.add_column("order_board", sa.Column(name, sa.String(length)))
    connection = op.get_bind()
    orders = connection.execute(
        sa.text(
            "SELECT r.organisation, r.id, r.body FROM order_board b"
            " JOIN records r ON r.organisation = b.organisation AND r.id = b.id"
            " WHERE b.status NOT IN ('closed', 'cancelled')"
        )
    ).all()
    filled = sa.text(
        "UPDATE order_board SET next_clock = :clock, next_due_at = :due_at WHERE organisation = :organisation AND id = :id"
    )
    for organisation, order_id, body in orders:
        limits = list(_limits_of(json.loads(body)))
        if limits:
            due_at, clock = min(limits)
            row = {"organisation": organisation, "id": order_id, "clock": clock, "due_at": due_at}
            connection.execute(filled, row)
    columns = ["organisation", "next_due_at", "id"]
    op.create_index("board_by_clock", "order_board", columns, sqlite_where=IS_GIVEN, postgresql_where=IS_GIVEN)


def downgrade() -> None:
    """Drop both."""
    op.drop_index("board_by_clock", "order_board")
    with op.batch_alter_table("order_board") as table:
        for name in ("next_clock", "next_due_at", "paused_by"):
            table.drop_column(name)


def _limits_of(order):  # type: ignore[no-untyped-def]
    if order["status"] == "finished" and order.get("result") not in ("needs_parts", "needs_workshop"):
        return
    for field in LIMITS:
        has_arrived = field == "on_site_due_at" and (order.get("arrived_at") or order.get("started_at"))
        if order.get(field) and not has_arrived:
            due_at = order[field] if "." in order[field] else order[field].replace("Z", ".000Z")
            yield due_at, field.removesuffix("_due_at")
