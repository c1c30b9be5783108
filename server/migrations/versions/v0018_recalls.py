"""Recalls: what they name, which devices have them, their orders; whose each machine is."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0015"
branch_labels = None
depends_on = None

IDENTITY = 36
GROUP = 1000
"""Rows filled in by one statement."""

IS_RAISED = sa.text("recall IS NOT NULL")


def upgrade() -> None:
    """Add tables, columns and indexes, and fill in whose the machines are."""
    op.create_table(
        "recalled_parts",
        *(sa.Column(name, sa.String(IDENTITY), primary_key=True) for name in ("organisation", "id")),
        sa.Column("recall", sa.String(IDENTITY), nullable=False),
        sa.Column("part", sa.String(IDENTITY), nullable=False),
        sa.Column("gtin", sa.String(14)),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    for name in ("recall", "part", "gtin", "position"):
        op.create_index(f"recalled_parts_by_{name}", "recalled_parts", ["organisation", name])
    op.create_table(
        "recall_receipts",
        *(sa.Column(name, sa.String(IDENTITY), primary_key=True) for name in ("organisation", "recall", "device")),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("had_at", sa.String(24), nullable=False),
    )
    op.add_column("order_board", sa.Column("recall", sa.String(IDENTITY)))
    op.create_index(
        "board_by_recall",
        "order_board",
        ["organisation", "recall"],
        sqlite_where=IS_RAISED,
        postgresql_where=IS_RAISED,
    )
    op.create_index("stock_by_part", "stock", ["organisation", "part"])
    op.add_column("machine_serials", sa.Column("customer", sa.String(IDENTITY)))
    op.add_column("machine_serials", sa.Column("site", sa.String(IDENTITY)))
    fill(op.get_bind())


def fill(connection: sa.Connection) -> None:
    """Fill in customer and site of every machine."""
    rows = connection.execute(
        sa.text("SELECT organisation, id, body FROM records WHERE kind = 'machine' AND NOT deleted")
    ).all()
    filled = sa.text(
        "UPDATE machine_serials SET customer = :customer, site = :site WHERE organisation = :organisation AND id = :id"
    )
    values = []
    for row in rows:
        body = json.loads(row.body)
        owner = {"customer": body.get("customer_id"), "site": body.get("site_id")}
        values.append({"organisation": row.organisation, "id": row.id} | owner)
    for start in range(0, len(values), GROUP):
        connection.execute(filled, values[start : start + GROUP])


def downgrade() -> None:
    """Drop them."""
    for name in ("customer", "site"):
        op.drop_column("machine_serials", name)
    op.drop_index("stock_by_part", "stock")
    op.drop_index("board_by_recall", "order_board")
    op.drop_column("order_board", "recall")
    op.drop_table("recall_receipts")
    op.drop_table("recalled_parts")
