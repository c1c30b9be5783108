"""What the reconciliation inbox lists by, questions to engineers, machines by serial number, and who looks at what."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from server.domain.trace import fold

revision = "0012"
down_revision = "0014"
branch_labels = None
depends_on = None

IDENTITY = 36
GROUP = 1000
"""Rows filled in by one statement."""


def upgrade() -> None:
    """Add columns and tables, and fill in what follows from the records there are."""
    op.add_column("reviews", sa.Column("case", sa.String(IDENTITY), nullable=False, server_default=""))
    op.add_column("reviews", sa.Column("changed", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("reviews", sa.Column("later_until", sa.String(24)))
    op.add_column("reviews", sa.Column("later_person", sa.String(IDENTITY)))
    op.add_column("reviews", sa.Column("later_at", sa.String(24)))
    op.create_index("reviews_by_change", "reviews", ["organisation", "state", "changed"])
    _create("inquiries", ("review", IDENTITY), ("person", IDENTITY), ("state", 10))
    op.create_index("inquiries_by_review", "inquiries", ["organisation", "review"])
    _create("machine_serials", ("serial_folded", 60), ("model", IDENTITY))
    op.create_index("machine_serials_by_serial", "machine_serials", ["organisation", "serial_folded"])
    op.create_table(
        "lookers",
        *(sa.Column(name, sa.String(IDENTITY), primary_key=True) for name in ("organisation", "person")),
        sa.Column("case", sa.String(IDENTITY), nullable=False),
        sa.Column("looked_at", sa.String(24), nullable=False),
    )
    fill(op.get_bind())


def fill(connection: sa.Connection) -> None:
    """Fill in the reviews and the machines by serial number."""
    _fill_reviews(connection)
    _fill_machines(connection)


def downgrade() -> None:
    """Drop them."""
    for name in ("lookers", "machine_serials", "inquiries"):
        op.drop_table(name)
    op.drop_index("reviews_by_change", "reviews")
    with op.batch_alter_table("reviews") as table:
        for name in ("case", "changed", "later_until", "later_person", "later_at"):
            table.drop_column(name)


def _create(name: str, *columns: tuple[str, int]) -> None:
    keys = (sa.Column(key, sa.String(IDENTITY), primary_key=True) for key in ("organisation", "id"))
    op.create_table(name, *keys, *(sa.Column(column, sa.String(size), nullable=False) for column, size in columns))


def _fill_reviews(connection: sa.Connection) -> None:
    rows = connection.execute(
        sa.text(
            "SELECT r.organisation, r.id, r.body, r.position FROM reviews v"
            " JOIN records r ON r.organisation = v.organisation AND r.id = v.id"
        )
    ).all()
    filled = sa.text(
        'UPDATE reviews SET "case" = :belongs, changed = :position WHERE organisation = :organisation AND id = :id'
    )
    values = []
    for row in rows:
        body = json.loads(row.body)
        belongs = body.get("order_id") or body["subject_id"]
        key = {"organisation": row.organisation, "id": row.id, "position": row.position}
        values.append(key | {"belongs": belongs})
    _write(connection, filled, values)


def _fill_machines(connection: sa.Connection) -> None:
    rows = connection.execute(
        sa.text("SELECT organisation, id, body FROM records WHERE kind = 'machine' AND NOT deleted")
    ).all()
    filled = sa.text(
        "INSERT INTO machine_serials (organisation, id, serial_folded, model)"
        " VALUES (:organisation, :id, :serial, :model)"
    )
    values = []
    for row in rows:
        body = json.loads(row.body)
        key = {"organisation": row.organisation, "id": row.id}
        values.append(key | {"serial": fold(body["serial"]), "model": body["model_id"]})
    _write(connection, filled, values)


def _write(connection: sa.Connection, statement: sa.TextClause, values: list[dict[str, Any]]) -> None:
    for start in range(0, len(values), GROUP):
        connection.execute(statement, values[start : start + GROUP])
