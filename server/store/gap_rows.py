"""Writing, counting and listing gaps; the database counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, Table, delete, exists, func, select, tuple_

from server.store import bulk
from server.store.gap_tables import GapRow
from server.store.tables import Blob

_GAPS: Table = GapRow.__table__  # type: ignore[assignment]
_BLOBS: Table = Blob.__table__  # type: ignore[assignment]

FILE_GAP: Final = "file"
NARROWED_BY: Final = ("customer", "engineer", "month")

_HAS_ARRIVED: Final = exists(
    select(_BLOBS.c.sha256).where(
        _BLOBS.c.organisation == _GAPS.c.organisation,
        _BLOBS.c.sha256 == _GAPS.c.subject,
        _BLOBS.c.state.in_(("verified", "erased")),
    )
)


class Gap(NamedTuple):
    """One row, in the order of the table's columns behind the organisation."""

    order: str
    gap: str
    fact: str
    subject: str
    machine: str
    customer: str
    engineer: str
    month: str
    at: str


def replace_gaps(connection: Connection, organisation: str, orders: Sequence[str], rows: Iterable[Gap]) -> None:
    """Let the gaps of some orders be these."""
    connection.execute(delete(_GAPS).where(_GAPS.c.organisation == organisation, _GAPS.c.order.in_(orders)))
    bulk.upsert(connection, _GAPS, [(organisation, *row) for row in rows])


def forget_arrived(connection: Connection, organisation: str) -> None:
    """Delete the gaps of files that have arrived, or were erased."""
    connection.execute(delete(_GAPS).where(_GAPS.c.organisation == organisation, _GAPS.c.gap == FILE_GAP, _HAS_ARRIVED))


def list_orders_lacking(connection: Connection, organisation: str, gap: str, subjects: Sequence[str]) -> list[str]:
    """Return the orders with a gap that one of some subjects would close."""
    where = (_GAPS.c.organisation == organisation, _GAPS.c.gap == gap, _GAPS.c.subject.in_(subjects))
    # Asked for each order but once, SQLite would go through all gaps, in the order in which they come.
    return sorted(set(connection.execute(select(_GAPS.c.order).where(*where)).scalars()))


def count_gaps(
    connection: Connection, organisation: str, gaps: Sequence[str], by: str, narrowed: Mapping[str, str]
) -> list[tuple[str, str, int]]:
    """Return (gap, group, how many) by customer, engineer or month."""
    counted = []
    group = _GAPS.c[by]
    for gap in gaps:
        statement = _narrow(select(group, func.count()), organisation, gap, narrowed).group_by(group)
        counted += [(gap, row[0], int(row[1])) for row in connection.execute(statement)]
    return counted


def list_gaps(
    connection: Connection,
    organisation: str,
    gap: str,
    narrowed: Mapping[str, str],
    after: tuple[str, str, str] | None,
    limit: int,
) -> list[Gap]:
    """Return up to `limit` gaps of a kind, the newest first, beginning behind month, instant and fact of `after`."""
    statement = _narrow(select(*(_GAPS.c[name] for name in Gap._fields)), organisation, gap, narrowed)
    if after is not None:
        statement = statement.where(tuple_(_GAPS.c.month, _GAPS.c.at, _GAPS.c.fact) < tuple_(*after))
    ordered = statement.order_by(_GAPS.c.month.desc(), _GAPS.c.at.desc(), _GAPS.c.fact.desc()).limit(limit)
    return [Gap(*row) for row in connection.execute(ordered)]


def _narrow(statement: Select[Any], organisation: str, gap: str, narrowed: Mapping[str, str]) -> Select[Any]:
    where = [_GAPS.c.organisation == organisation, _GAPS.c.gap == gap]
    where += [_GAPS.c[name] == value for name, value in narrowed.items() if name in NARROWED_BY and value]
    # Files come between two looks at the log.
    return statement.where(*where, ~_HAS_ARRIVED) if gap == FILE_GAP else statement.where(*where)
