"""The dispatcher's list of orders: what is due first, found by anything, and the views that people save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import Connection, Row

from schemas.lifecycle import ORDER_STATES
from schemas.order import GRADES
from schemas.problems import Refused
from server.domain.catalogue import fold, title_of, wanted_words
from server.domain.fleet import SILENT_HOURS
from server.domain.ids import is_id
from server.domain.times import spell
from server.services import service_levels
from server.store import catalogue, fleet, order_list, records, requests
from server.store.order_list import Wanted

PAGE_ORDERS: Final = 100
PARTIES_MAX: Final = 300
"""Customers, machines and engineers that one search looks at."""

COUNTED_MAX: Final = 1000
"""Of more, nobody needs the exact number."""

SOON: Final = timedelta(hours=1)
VIEW_NAME_MOST: Final = 60
FILTERS: Final = ("show", "grade", "engineer", "q")
SHOWN: Final = ("open", "unassigned", "due", "sent_back", "unsigned", *ORDER_STATES, "all")
NOBODY: Final = "none"

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """One order of the list; `titles` says what the records are called that it refers to, by id."""

    row: Row[Any]
    titles: Labels
    reviews: int
    """Open conflicts and exceptions about it."""
    paused_by: str | None
    """Why its clocks stand still, None while they run."""

    @property
    def due_at(self) -> str | None:
        """The earliest limit that is still ahead or missed, None where there is none."""
        return None if self.row.due_at.startswith("9999") else self.row.due_at


@dataclass(frozen=True, slots=True)
class OrderList:
    """A page of the list; `after` asks for the next one, None on the last."""

    orders: list[ListedOrder]
    after: str | None


@dataclass(frozen=True, slots=True)
class Attention:
    """How much there is of what needs somebody now, each COUNTED_MAX at most."""

    requests: int
    due_soon: int
    late: int
    unassigned: int
    conflicts: int
    exceptions: int
    silent: int
    sent_back: int
    unsigned: int


def list_orders(
    connection: Connection, organisation: str, asked: Mapping[str, str], after: str | None, now: datetime
) -> OrderList:
    """Return a page of orders by what is due first.

    `asked` holds filters of FILTERS: `show` is one of SHOWN, `engineer` an id or NOBODY, `q` anything to be found.
    Raises Refused with `value_invalid` for a filter or an `after` that is none.
    """
    wanted = _read_filters(connection, organisation, asked, now)
    rows = order_list.list_rows(connection, organisation, wanted, _read_after(after), PAGE_ORDERS + 1)
    more, rows = len(rows) > PAGE_ORDERS, rows[:PAGE_ORDERS]
    referred = {key for row in rows for key in (row.person, row.customer, row.site, row.machine) if key}
    titles = {key: title_of(*found) for key, found in records.bodies_of(connection, organisation, referred).items()}
    reviews = order_list.list_reviewed(connection, organisation, [row.id for row in rows])
    levels = service_levels.read_levels(connection, organisation, [row.id for row in rows], spell(now))

    def describe(row: Row[Any]) -> ListedOrder:
        level = levels.get(row.id)
        return ListedOrder(row, titles, reviews.get(row.id, 0), level.paused_by if level else None)

    listed = [describe(row) for row in rows]
    return OrderList(listed, f"{rows[-1].due_at} {rows[-1].id}" if more else None)


def count_attention(connection: Connection, organisation: str, now: datetime) -> Attention:
    """Return how much needs somebody now."""

    def count(**wanted: Any) -> int:
        return order_list.count_rows(connection, organisation, Wanted(**wanted), COUNTED_MAX)

    late = count(due_before=spell(now))
    reviews = order_list.count_reviews(connection, organisation)
    silent_since = spell(now - timedelta(hours=SILENT_HOURS))
    return Attention(
        requests=requests.count_open(connection, organisation),
        due_soon=count(due_before=spell(now + SOON)) - late,
        late=late,
        unassigned=count(engineer=""),
        conflicts=reviews.get("conflict", 0),
        exceptions=reviews.get("exception", 0),
        silent=fleet.count_silent(connection, organisation, silent_since),
        sent_back=count(states=("sent_back",)),
        unsigned=count(is_unsigned=True),
    )


def keep_view(connection: Connection, organisation: str, person: str, name: str, asked: Mapping[str, str]) -> None:
    """Save a list under a name, in place of one of the same name. Raises Refused with `value_invalid`."""
    name = " ".join(name.split())
    if not 0 < len(name) <= VIEW_NAME_MOST:
        raise Refused("value_invalid", field="name", detail=f"1 to {VIEW_NAME_MOST} characters")
    query = urlencode({key: asked[key] for key in FILTERS if asked.get(key)})
    if len(query) > 400:
        raise Refused("value_invalid", field="q", detail="too long to be kept")
    order_list.keep_view(connection, organisation, person, name, query)


def _read_filters(connection: Connection, organisation: str, asked: Mapping[str, str], now: datetime) -> Wanted:
    show, grade, engineer = (asked.get(name, "") for name in ("show", "grade", "engineer"))
    if show and show not in SHOWN:
        raise Refused("value_invalid", field="show", detail=", ".join(SHOWN))
    if grade and grade not in GRADES:
        raise Refused("value_invalid", field="grade", detail=", ".join(GRADES))
    if engineer not in ("", NOBODY) and not is_id(engineer):
        raise Refused("value_invalid", field="engineer", detail=f"an id, or {NOBODY}")
    sought = fold(asked.get("q", "")).replace("\0", "")[:100]
    return Wanted(
        states=(show,) if show in ORDER_STATES else (),
        is_ended_too=show == "all",
        grade=grade or None,
        engineer="" if engineer == NOBODY or show == "unassigned" else engineer or None,
        due_before=spell(now + SOON) if show == "due" else None,
        is_unsigned=show == "unsigned",
        like=sought or None,
        parties=_find_parties(connection, organisation, sought) if sought else (),
    )


def _find_parties(connection: Connection, organisation: str, sought: str) -> list[str]:
    words = wanted_words(sought)
    if not words:
        return []
    found = [
        record_id
        for kind in ("customer", "machine", "person")
        for _, record_id in catalogue.search(connection, organisation, kind, words, [])[:PARTIES_MAX]
    ]
    return found[:PARTIES_MAX]


def _read_after(after: str | None) -> tuple[str, str] | None:
    if not after:
        return None
    due_at, _, order_id = after.partition(" ")
    if not is_id(order_id) or not due_at.isascii():
        raise Refused("value_invalid", field="after", detail="not the 'after' of a page")
    return due_at, order_id


def now_utc(unix_ms: int) -> datetime:
    """Return a moment of the server's clock."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC)
