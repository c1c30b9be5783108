"""What a recall asks for of a part by its index; machines by model, with what consumables are due by."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

GROUP = 1000
"""Rows filled in by one statement."""

WHERES = {"part": sa.text("part IS NOT NULL"), "maker": sa.text("part IS NULL")}


def upgrade() -> None:
    """Make the indexes anew, add the columns, and fill them in."""
    _index_parts(["batch_folded", "serial_folded", "ends_at"])
    op.add_column("machine_serials", sa.Column("accepted_on", sa.String(10)))
    op.add_column("machine_serials", sa.Column("is_retired", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("machine_serials_by_model", "machine_serials", ["organisation", "model", "accepted_on"])
    fill(op.get_bind())


def fill(connection: sa.Connection) -> None:
    """Fill in from when each machine is in use, and whether it is."""
    rows = connection.execute(
        sa.text("SELECT organisation, id, body FROM records WHERE kind = 'machine' AND NOT deleted")
    ).all()
    filled = sa.text(
        "UPDATE machine_serials SET accepted_on = :accepted_on, is_retired = :is_retired"
        " WHERE organisation = :organisation AND id = :id"
    )
    values = [_read(row.organisation, row.id, json.loads(row.body)) for row in rows]
    used = [value for value in values if value["accepted_on"] or value["is_retired"]]
    for start in range(0, len(used), GROUP):
        connection.execute(filled, used[start : start + GROUP])


def _read(organisation: str, machine: str, body: dict[str, object]) -> dict[str, object]:
    use = {"accepted_on": body.get("accepted_on"), "is_retired": body.get("state") == "retired"}
    return {"organisation": organisation, "id": machine} | use


def downgrade() -> None:
    """Make them as they were."""
    op.drop_index("machine_serials_by_model", "machine_serials")
    for name in ("is_retired", "accepted_on"):
        op.drop_column("machine_serials", name)
    _index_parts(["ends_at"])


def _index_parts(columns: list[str]) -> None:
    for name, where in WHERES.items():
        op.drop_index(f"spans_by_{name}", "part_spans")
        indexed = ["organisation", name, "known_until", *columns]
        op.create_index(f"spans_by_{name}", "part_spans", indexed, sqlite_where=where, postgresql_where=where)
