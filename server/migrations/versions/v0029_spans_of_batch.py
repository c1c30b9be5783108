"""What of a batch is in machines, today or as known once, by one index that has all that is told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

HAS_BATCH = sa.text("batch_folded IS NOT NULL")
STANDS_IN_BATCH = sa.text("batch_folded IS NOT NULL AND known_until IS NULL AND ends_at IS NULL AND withdrawn IS NULL")
BY_BATCH = [
    "known_until", "removal_known", "known_from", "fact", "maker", "serial", "serial_folded", "batch", "part",
    "batch_id", "supplier", "quantity", "machine", "order", "begins_at", "withdrawn", "again",
]  # fmt: skip
IN_BATCH = [
    "fact", "known_from", "maker", "serial", "serial_folded", "batch", "part", "batch_id", "supplier", "quantity",
    "machine", "order", "begins_at", "again", "known_until", "ends_at", "withdrawn",
]  # fmt: skip

# An index answers alone for pages that were vacuumed since they were written. Usually that waits for a fifth of the table.
VACUUMED = ("autovacuum_vacuum_scale_factor", "autovacuum_vacuum_insert_scale_factor")


def upgrade() -> None:
    """Make one index of two, and have the table vacuumed more often."""
    for name in ("spans_in_batch", "spans_by_batch"):
        op.drop_index(name, "part_spans")
    _create_index("spans_by_batch", BY_BATCH, HAS_BATCH)
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE part_spans SET ({', '.join(f'{name} = 0.02' for name in VACUUMED)})")


def downgrade() -> None:
    """Make them as they were."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE part_spans RESET ({', '.join(VACUUMED)})")
    op.drop_index("spans_by_batch", "part_spans")
    _create_index("spans_by_batch", ["known_until", "removal_known", "known_from"], HAS_BATCH)
    _create_index("spans_in_batch", IN_BATCH, STANDS_IN_BATCH)


def _create_index(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(
        name, "part_spans", ["organisation", "batch_folded", *columns], sqlite_where=where, postgresql_where=where
    )
