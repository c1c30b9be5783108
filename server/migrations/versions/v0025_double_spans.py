"""Spans that are or were double, what is in machines of a batch by one index, what machines are called."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from server.store.span_rows import note_all_doubles

revision = "0025"
down_revision = "0021"
branch_labels = None
depends_on = None

GROUP = 1000
"""Rows filled in by one statement."""

HAS_SERIAL, HAS_BATCH = sa.text("serial_folded IS NOT NULL"), sa.text("batch_folded IS NOT NULL")
STANDS_IN_BATCH = sa.text("batch_folded IS NOT NULL AND known_until IS NULL AND ends_at IS NULL AND withdrawn IS NULL")
IN_BATCH = [
    "batch_folded", "fact", "known_from", "maker", "serial", "serial_folded", "batch", "part", "batch_id", "supplier",
    "quantity", "machine", "order", "begins_at", "again", "known_until", "ends_at", "withdrawn",
]  # fmt: skip


def upgrade() -> None:
    """Make the indexes anew, add the table and the column, and fill them in."""
    for name in ("spans_by_serial", "spans_by_batch"):
        op.drop_index(name, "part_spans")
    _create_index("spans_by_serial", ["serial_folded", "known_until"], HAS_SERIAL)
    _create_index("spans_by_batch", ["batch_folded", "known_until", "removal_known", "known_from"], HAS_BATCH)
    _create_index("spans_in_batch", IN_BATCH, STANDS_IN_BATCH)
    op.create_table(
        "double_spans",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("fact", sa.String(36), primary_key=True),
    )
    op.add_column("machine_serials", sa.Column("serial", sa.String(60), nullable=False, server_default=""))
    fill(op.get_bind())


def fill(connection: sa.Connection) -> None:
    """Fill in which spans are or were double, and the serial number of every machine."""
    note_all_doubles(connection)
    rows = connection.execute(
        sa.text("SELECT organisation, id, body FROM records WHERE kind = 'machine' AND NOT deleted")
    ).all()
    filled = sa.text("UPDATE machine_serials SET serial = :serial WHERE organisation = :organisation AND id = :id")
    values = [
        {"organisation": row.organisation, "id": row.id, "serial": json.loads(row.body)["serial"]} for row in rows
    ]
    for start in range(0, len(values), GROUP):
        connection.execute(filled, values[start : start + GROUP])


def downgrade() -> None:
    """Make them as they were."""
    op.drop_column("machine_serials", "serial")
    op.drop_table("double_spans")
    for name in ("spans_in_batch", "spans_by_batch", "spans_by_serial"):
        op.drop_index(name, "part_spans")
    _create_index("spans_by_serial", ["serial_folded", "known_until", "ends_at", "begins_at"], HAS_SERIAL)
    _create_index("spans_by_batch", ["batch_folded", "known_until", "ends_at"], HAS_BATCH)


def _create_index(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, "part_spans", ["organisation", *columns], sqlite_where=where, postgresql_where=where)
