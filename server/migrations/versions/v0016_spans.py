"""Spans of the trace as a table of their own, and facts that are found by what they share a group with."""

import sqlalchemy as sa
from alembic import op

from server.domain.trace import fold
from server.store.trace_backfill import fill_trace

revision = "0016"
down_revision = "0024"
branch_labels = None
depends_on = None

BEFORE = "trace_facts_before"
BY_CODE_POINT = sa.String(60).with_variant(sa.String(60, collation="C"), "postgresql")
HAS_SERIAL = sa.text("serial IS NOT NULL")
HAS_BATCH_ALONE = sa.text("serial IS NULL AND batch IS NOT NULL")
HAS_SUBJECT = sa.text("subject IS NOT NULL")


def upgrade() -> None:
    """Make the tables anew and fill them from the facts there are."""
    for name in ("trace_by_serial", "trace_by_batch", "trace_by_machine", "trace_by_subject"):
        op.drop_index(name, "trace_facts")
    op.rename_table("trace_facts", BEFORE)
    op.create_index("trace_before", BEFORE, ["organisation", "position"])
    _create_facts()
    _create_spans()
    fill_trace(op.get_bind(), BEFORE)
    op.drop_table(BEFORE)
    for number in ("batch", "serial"):
        _create_index(f"stock_by_{number}", "stock", [number], sa.text(f"{number} <> ''"))


def downgrade() -> None:
    """Make the facts as they were; what they were searched by is filled in again."""
    for number in ("batch", "serial"):
        op.drop_index(f"stock_by_{number}", "stock")
    op.drop_table("part_spans")
    for name in ("trace_by_serial", "trace_by_batch", "trace_by_subject"):
        op.drop_index(name, "trace_facts")
    with op.batch_alter_table("trace_facts") as table:
        table.add_column(sa.Column("serial_folded", sa.String(60)))
        table.add_column(sa.Column("batch_folded", sa.String(60)))
    _fold_numbers(op.get_bind())
    with op.batch_alter_table("trace_facts") as table:
        table.drop_column("batch")
        table.drop_column("corrected_at")
    op.create_index("trace_by_serial", "trace_facts", ["organisation", "serial_folded"])
    op.create_index("trace_by_batch", "trace_facts", ["organisation", "batch_folded"])
    op.create_index("trace_by_machine", "trace_facts", ["organisation", "machine", "at"])
    _create_by_subject()


def _fold_numbers(connection: sa.Connection) -> None:
    for name in ("serial", "batch"):
        known = list(connection.execute(sa.text(f"SELECT DISTINCT {name} FROM trace_facts")).scalars())  # noqa: S608
        filled = sa.text(f"UPDATE trace_facts SET {name}_folded = :folded WHERE {name} = :number")  # noqa: S608
        numbers = [{"number": number, "folded": fold(number)} for number in known if number is not None]
        if numbers:
            connection.execute(filled, numbers)


def _create_facts() -> None:
    op.create_table(
        "trace_facts",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("act", sa.String(8), nullable=False),
        sa.Column("maker", sa.String(200), nullable=False),
        sa.Column("serial", sa.String(60)),
        sa.Column("batch", sa.String(60)),
        sa.Column("machine", sa.String(36), nullable=False),
        sa.Column("order", sa.String(36), nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.String(36)),
        sa.Column("corrected_at", sa.String(24)),
    )
    _create_index("trace_by_serial", "trace_facts", ["serial"], HAS_SERIAL)
    _create_index("trace_by_batch", "trace_facts", ["machine", "batch"], HAS_BATCH_ALONE)
    _create_by_subject()


def _create_by_subject() -> None:
    _create_index("trace_by_subject", "trace_facts", ["subject"], HAS_SUBJECT)


def _create_spans() -> None:
    op.create_table(
        "part_spans",
        sa.Column("organisation", sa.String(36), primary_key=True),
        sa.Column("fact", sa.String(36), primary_key=True),
        sa.Column("known_from", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("known_until", sa.BigInteger),
        sa.Column("maker", sa.String(200), nullable=False),
        sa.Column("serial", sa.String(60)),
        sa.Column("serial_folded", BY_CODE_POINT),
        sa.Column("batch", sa.String(60)),
        sa.Column("batch_folded", BY_CODE_POINT),
        sa.Column("part", sa.String(36)),
        sa.Column("batch_id", sa.String(36)),
        sa.Column("supplier", sa.String(36)),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("machine", sa.String(36), nullable=False),
        sa.Column("order", sa.String(36), nullable=False),
        sa.Column("begins_at", sa.String(24)),
        sa.Column("ends_at", sa.String(24)),
        sa.Column("removal", sa.String(36)),
        sa.Column("removal_order", sa.String(36)),
        sa.Column("removal_known", sa.BigInteger),
        sa.Column("withdrawn", sa.String(36)),
        sa.Column("again", sa.BigInteger, nullable=False),
    )
    columns = ["serial_folded", "known_until", "ends_at", "begins_at"]
    _create_index("spans_by_serial", "part_spans", columns, sa.text("serial_folded IS NOT NULL"))
    columns = ["batch_folded", "known_until", "ends_at"]
    _create_index("spans_by_batch", "part_spans", columns, sa.text("batch_folded IS NOT NULL"))
    op.create_index("spans_by_machine", "part_spans", ["organisation", "machine", "known_until"])
    for name, where in (("part", "part IS NOT NULL"), ("maker", "part IS NULL")):
        _create_index(f"spans_by_{name}", "part_spans", [name, "known_until", "ends_at"], sa.text(where))


def _create_index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, ["organisation", *columns], sqlite_where=where, postgresql_where=where)
