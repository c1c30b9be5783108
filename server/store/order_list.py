"""Lists and counts of orders as a dispatcher asks for them, by what is due first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, Table, and_, func, or_, select, text, tuple_

from schemas.lifecycle import ENDED_STATES
from server.store.bulk import delete_keys, select_among, upsert
from server.store.desk_tables import SavedView
from server.store.plan_tables import IS_OPEN, PlanRow
from server.store.tables import BoardRow, ReviewRow, SignedOrder

_PLANS: Table = PlanRow.__table__  # type: ignore[assignment]
_BOARD: Table = BoardRow.__table__  # type: ignore[assignment]
_REVIEWS: Table = ReviewRow.__table__  # type: ignore[assignment]
_SIGNED: Table = SignedOrder.__table__  # type: ignore[assignment]
_VIEWS: Table = SavedView.__table__  # type: ignore[assignment]

_OPEN: Final = text(IS_OPEN.replace("slot", "plans.slot").replace("status", "plans.status"))
"""In the words of the index, so that the database knows it for that of the open ones."""

COLUMNS: Final = (
    *("id", "number", "status", "grade", "service", "person", "customer", "site", "machine"),
    *("starts_at", "on_site_due_at", "solved_due_at", "due_at"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of orders shows; what is empty or None leaves nothing out."""

    states: Sequence[str] = ()
    """Empty means all that are not ended."""
    is_ended_too: bool = False
    grade: str | None = None
    engineer: str | None = None
    """An id, or an empty text for orders that nobody has."""
    due_before: str | None = None
    is_unsigned: bool = False
    """Finished, and no customer has signed."""
    like: str | None = None
    """A part of what the order itself says."""
    parties: Sequence[str] = field(default_factory=tuple)
    """Customers, machines and engineers, any of which; only with `like`, beside which they count."""


def list_standing(connection: Connection, organisation: str, ids: Iterable[str]) -> Sequence[Row[Any]]:
    """Return id, status and machine of those among some orders that exist."""
    return select_among(connection, _BOARD, ("id", "status", "machine"), "id", organisation, set(ids))


def list_rows(
    connection: Connection, organisation: str, wanted: Wanted, after: tuple[str, str] | None, limit: int
) -> list[Row[Any]]:
    """Return up to `limit` rows with COLUMNS, by what is due first, beginning behind the pair (due_at, id) `after`."""
    statement = _select(organisation, wanted, *(_PLANS.c[name] for name in COLUMNS))
    if after is not None:
        statement = statement.where(tuple_(_PLANS.c.due_at, _PLANS.c.id) > tuple_(*after))
    return list(connection.execute(statement.order_by(_PLANS.c.due_at, _PLANS.c.id).limit(limit)).all())


def count_rows(connection: Connection, organisation: str, wanted: Wanted, limit: int) -> int:
    """Return how many orders there are, `limit` at most."""
    some = _select(organisation, wanted, _PLANS.c.id).limit(limit).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def count_states(connection: Connection, organisation: str) -> dict[str, int]:
    """Return how many open orders there are in each state."""
    statement = (
        select(_PLANS.c.status, func.count())
        .where(_PLANS.c.organisation == organisation, _OPEN)
        .group_by(_PLANS.c.status)
    )
    return dict(map(tuple, connection.execute(statement)))


def count_reviews(connection: Connection, organisation: str) -> dict[str, int]:
    """Return how many open conflicts and exceptions there are."""
    statement = (
        select(_REVIEWS.c.kind, func.count())
        .where(_REVIEWS.c.organisation == organisation, text("state = 'open'"))
        .group_by(_REVIEWS.c.kind)
    )
    return dict(map(tuple, connection.execute(statement)))


def list_reviewed(connection: Connection, organisation: str, subjects: Iterable[str]) -> dict[str, int]:
    """Return how many open conflicts and exceptions there are about each of some records."""
    wanted = list(subjects)
    statement = (
        select(_REVIEWS.c.subject, func.count())
        .where(_REVIEWS.c.organisation == organisation, _REVIEWS.c.subject.in_(wanted), _REVIEWS.c.state == "open")
        .group_by(_REVIEWS.c.subject)
    )
    return dict(map(tuple, connection.execute(statement)))


def list_views(connection: Connection, organisation: str, person: str) -> list[tuple[str, str]]:
    """Return names and queries of the views that somebody has saved, by name."""
    where = (_VIEWS.c.organisation == organisation, _VIEWS.c.person == person)
    rows = connection.execute(select(_VIEWS.c.name, _VIEWS.c.query).where(*where).order_by(_VIEWS.c.name))
    return [(row.name, row.query) for row in rows]


def keep_view(connection: Connection, organisation: str, person: str, name: str, query: str) -> None:
    """Save a view, in place of one of the same name."""
    upsert(connection, _VIEWS, [(organisation, person, name, query)])


def forget_view(connection: Connection, organisation: str, person: str, name: str) -> None:
    """Forget a view."""
    delete_keys(connection, _VIEWS, [(organisation, person, name)])


def _select(organisation: str, wanted: Wanted, *columns: Any) -> Select[Any]:
    plans = _PLANS.c
    statement = select(*columns).where(plans.organisation == organisation, plans.slot == "engineer")
    if wanted.states:
        statement = statement.where(plans.status.in_(wanted.states))
    if not wanted.is_ended_too and not set(wanted.states) & set(ENDED_STATES):
        statement = statement.where(_OPEN)
    if wanted.grade:
        statement = statement.where(plans.grade == wanted.grade)
    if wanted.engineer is not None:
        statement = statement.where(plans.person == wanted.engineer if wanted.engineer else plans.person.is_(None))
    if wanted.due_before:
        statement = statement.where(plans.due_at < wanted.due_before)
    if wanted.is_unsigned:
        signed = select(_SIGNED.c.order).where(_SIGNED.c.organisation == organisation, _SIGNED.c.order == plans.id)
        statement = statement.where(plans.status == "finished", ~signed.exists())
    if wanted.like is not None:
        board = and_(_BOARD.c.organisation == plans.organisation, _BOARD.c.id == plans.id)
        parties = [column.in_(wanted.parties) for column in (plans.customer, plans.machine, plans.person)]
        found = _BOARD.c.words.contains(wanted.like, autoescape=True)
        statement = statement.join(_BOARD, board).where(or_(found, *(parties if wanted.parties else ())))
    return statement
