"""What the schedule board shows: some engineers by the hours of a day or the days of a week, and what waits.

Rule 1: a page costs the same however many orders there are: each of its queries follows an index.
Rule 2: overlaps and limits that a visit misses are told in words, never by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row

from server.domain.catalogue import title_of
from server.domain.dispatch import is_silent
from server.domain.timetable import Window, Workdays, lay_out, minutes_at_work, minutes_within, shifts_on
from server.services.assigning import MOVABLE_STATES, mark
from server.services.candidates import EXPECTED_MINUTES, list_engineers, read_shifts
from server.store import records, schedule

PAGE_ENGINEERS: Final = 40
"""Two screens; 200 engineers are five pages, or fewer by service point."""

WAITING_SHOWN: Final = 50
WEEK_DAYS: Final = 7

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Visit:
    """An order in somebody's time. `lane` keeps what overlaps apart; `late` names the limits it misses."""

    id: str
    slot: str
    number: str
    status: str
    grade: str
    service: str
    customer: str
    city: str
    window: Window
    lane: int
    overlaps: bool
    late: tuple[str, ...]
    mark: str

    @property
    def is_movable(self) -> bool:
        """Whether it can be given to somebody else or moved; who goes along moves with the engineer."""
        return self.slot == "engineer" and self.status in MOVABLE_STATES


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which somebody is away, with the reason's code."""

    window: Window
    reason: str


@dataclass(frozen=True, slots=True)
class Line:
    """One engineer's line: who he is, when he works, what takes his time; `lanes` is how many it takes to show."""

    person: str
    body: Body
    centre: Body
    visits: tuple[Visit, ...]
    absences: tuple[Absence, ...]
    shifts: tuple[Window, ...]
    share: int
    """How much of his hours is taken, in per cent."""
    contacted_at: str | None
    has_device: bool
    is_silent: bool

    @property
    def lanes(self) -> int:
        """How many lanes the visits take."""
        return max((visit.lane + 1 for visit in self.visits), default=1)

    def silent_hours(self, now: datetime) -> int:
        """Return for how many hours nothing was heard of the device."""
        heard = datetime.fromisoformat(self.contacted_at) if self.contacted_at else now
        return (now - heard) // timedelta(hours=1)

    def works_on(self, day: date) -> bool:
        """Tell whether he begins work on a day."""
        return any(shift.start.date() == day for shift in self.shifts)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order that waits for an engineer or a time."""

    id: str
    number: str
    grade: str
    service: str
    customer: str
    city: str
    due_at: str | None
    engineer: str | None
    minutes: int
    mark: str


@dataclass(frozen=True, slots=True)
class Board:
    """One page of the board; `workdays` has the clock by which it is told and the holidays."""

    days: tuple[date, ...]
    workdays: Workdays
    lines: tuple[Line, ...]
    page: int
    pages: int
    engineers: int
    centres: dict[str, Body]
    waiting: tuple[Waiting, ...]
    waiting_count: int

    @property
    def unannounced(self) -> int | None:
        """The first year it shows whose holidays nobody has announced yet, or None."""
        return next((day.year for day in self.days if day.year not in self.workdays.announced), None)

    @property
    def overlaps(self) -> int:
        """How many visits of the page overlap with another."""
        return sum(visit.overlaps for line in self.lines for visit in line.visits)

    @property
    def late(self) -> int:
        """How many visits of the page miss a limit."""
        return sum(bool(visit.late) for line in self.lines for visit in line.visits if visit.slot == "engineer")

    @property
    def silent(self) -> int:
        """How many engineers of the page have a device that is silent."""
        return sum(line.is_silent for line in self.lines)


def read_board(
    connection: Connection,
    organisation: str,
    first: date,
    day_count: int,
    now: datetime,
    workdays: Workdays,
    centre: str | None = None,
    page: int = 1,
    person: str | None = None,
) -> Board:
    """Return the page of engineers, of one service point or all, for some days; the page of `person` if he is named."""
    centres = dict(records.bodies_of_kind(connection, organisation, "service_centre"))
    people = list_engineers(connection, organisation)
    wanted = [key for key, body in people.items() if centre in (None, body.get("centre_id"))]
    wanted.sort(
        key=lambda key: (centres.get(people[key].get("centre_id") or "", {}).get("name", ""), people[key]["name"], key)
    )
    pages = max(1, -(-len(wanted) // PAGE_ENGINEERS))
    if person in wanted:
        page = wanted.index(person) // PAGE_ENGINEERS + 1
    page = max(1, min(page, pages))
    shown = wanted[(page - 1) * PAGE_ENGINEERS : page * PAGE_ENGINEERS]
    days = tuple(first + timedelta(days=number) for number in range(day_count))
    begins, ends = workdays.midnight(first), workdays.midnight(first + timedelta(days=day_count))
    rows = schedule.list_plans(connection, organisation, shown, begins, ends) if shown else ()
    waiting = schedule.list_waiting(connection, organisation, WAITING_SHOWN)
    contacts = schedule.read_contacts(connection, organisation, shown)
    names = _names(connection, organisation, [*rows, *waiting])
    of_person: dict[str, list[Row[Any]]] = {}
    for row in rows:
        of_person.setdefault(row.person, []).append(row)
    lines = tuple(
        _line(key, people[key], centres, of_person.get(key, []), contacts, days, names, now, workdays) for key in shown
    )
    return Board(
        days,
        workdays,
        lines,
        page,
        pages,
        len(wanted),
        centres,
        tuple(_wait(row, names, people, workdays) for row in waiting),
        schedule.count_waiting(connection, organisation),
    )


def _names(connection: Connection, organisation: str, rows: list[Row[Any]]) -> dict[str, Body]:
    ids = {found for row in rows for found in (row.customer, row.site) if found}
    return {key: body for key, (_, body) in records.bodies_of(connection, organisation, ids).items()}


def _line(
    key: str,
    body: Body,
    centres: dict[str, Body],
    rows: list[Row[Any]],
    contacts: dict[str, str | None],
    days: tuple[date, ...],
    names: dict[str, Body],
    now: datetime,
    workdays: Workdays,
) -> Line:
    visits = [row for row in rows if row.slot != "absence"]
    windows = [_window(row, workdays) for row in visits]
    shifts = read_shifts(body)
    at_work = sum(minutes_at_work(shifts, day, workdays) for day in days)
    taken = sum(minutes_within(windows, day, workdays) for day in days)
    contacted_at = contacts.get(key)
    heard = datetime.fromisoformat(contacted_at) if contacted_at else None
    return Line(
        person=key,
        body=body,
        centre=centres.get(body.get("centre_id") or "", {}),
        visits=tuple(
            _visit(row, window, lane, overlaps, names)
            for row, window, (lane, overlaps) in zip(visits, windows, lay_out(windows), strict=True)
        ),
        absences=tuple(Absence(_window(row, workdays), row.status) for row in rows if row.slot == "absence"),
        shifts=tuple(window for day in days for window in shifts_on(shifts, day, workdays)),
        share=100 * taken // at_work if at_work else 0,
        contacted_at=contacted_at,
        has_device=key in contacts,
        is_silent=key in contacts and is_silent(heard, now),
    )


def _visit(row: Row[Any], window: Window, lane: int, overlaps: bool, names: dict[str, Body]) -> Visit:
    return Visit(
        id=row.id,
        slot=row.slot,
        number=row.number,
        status=row.status,
        grade=row.grade,
        service=row.service,
        customer=title_of("customer", names.get(row.customer or "", {})),
        city=names.get(row.site or "", {}).get("city") or "",
        window=window,
        lane=lane,
        overlaps=overlaps,
        late=tuple(_missed(row)),
        mark=mark(row.person if row.slot == "engineer" else None, row.status, row.starts_at, row.ends_at),
    )


def _missed(row: Row[Any]) -> list[str]:
    """Return the limits that a visit misses as it is planned: on site, solved."""
    if row.status in ("finished", "closed"):
        return []
    starts_before_work = row.status in MOVABLE_STATES
    missed = ["on_site"] if starts_before_work and row.on_site_due_at and row.starts_at > row.on_site_due_at else []
    return [*missed, "solved"] if row.solved_due_at and row.ends_at > row.solved_due_at else missed


def _wait(row: Row[Any], names: dict[str, Body], people: dict[str, Body], workdays: Workdays) -> Waiting:
    window = _window(row, workdays) if row.starts_at else None
    return Waiting(
        id=row.id,
        number=row.number,
        grade=row.grade,
        service=row.service,
        customer=title_of("customer", names.get(row.customer or "", {})),
        city=names.get(row.site or "", {}).get("city") or "",
        due_at=row.due_at if row.due_at[:4] < "9999" else None,
        engineer=title_of("person", people.get(row.person or "", {})) or None,
        minutes=window.minutes if window else EXPECTED_MINUTES.get(row.service, 120),
        mark=mark(row.person, row.status, row.starts_at, row.ends_at),
    )


def _window(row: Row[Any], workdays: Workdays) -> Window:
    start, end = (datetime.fromisoformat(at).astimezone(workdays.zone) for at in (row.starts_at, row.ends_at))
    return Window(start, end)
