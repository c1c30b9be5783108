"""Service levels: which limit holds for an order, when each clock runs out, and why. Source: handbook G1-G5, I1.

Rule 1: every clock starts with the report. A limit in minutes, hours or days counts day and night; one in working hours
        or working days counts what the calendar has open.
Rule 2: of the terms' rows the one that says most holds; of several that say as much, the shortest. Planned work has
        the limits of the rows that name its kind, and is answered like all else.
Rule 3: a pause adds to the limit what it took of the time the limit counts; time is paused once, however many reasons
        there are. A pause that begins when the limit has passed, or the clock has stopped, changes nothing.
Rule 4: while a pause is open the clock has no limit; how much was left when it began is known.
Rule 5: times are those of the server's clock; what was put right is told in the verdict.
Rule 6: what has to be assumed makes a doubt, never a silence: an area nobody named, a year not announced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from schemas.clocks import CLOCKS, PAUSES
from schemas.service_terms import PLANNED_SERVICES
from server.domain.calendar import Calendar
from server.domain.sla_reasons import Reason

PRESSING: Final = timedelta(hours=1)
"""A clock with less than this left waits for nobody else's turn."""

State = Literal["none", "running", "pressing", "breached", "paused", "kept", "missed", "ended"]

RUNNING: Final = ("running", "pressing", "breached")
"""States of a clock that still runs."""

_SPANS: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_WEIGHTS: Final = (("area", 1), ("grade", 2), ("service", 4), ("key_equipment", 8))
_NOTHING: Final = timedelta()


@dataclass(frozen=True, slots=True)
class Allowance:
    """So much time, in a unit of `schemas/service_terms.py`."""

    amount: int
    unit: str

    @property
    def counts_working_time(self) -> bool:
        """Whether only what the calendar has open counts."""
        return self.unit not in _SPANS

    def end_from(self, start: datetime, calendar: Calendar) -> datetime | None:
        """Return when it runs out if it begins at a moment; None when the calendar never has that much."""
        if self.unit == "working_day":
            return calendar.add_days(start, self.amount)
        if self.unit == "working_hour":
            return calendar.add(start, timedelta(hours=self.amount))
        return start + self.amount * _SPANS[self.unit]


@dataclass(frozen=True, slots=True)
class Terms:
    """A set of limits, as its record has them."""

    name: str = ""
    name_en: str = ""
    limits: Sequence[Mapping[str, Any]] = ()
    pause_reasons: frozenset[str] = frozenset(PAUSES)
    step_limits: Mapping[str, Allowance] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """For a while an order waited; `ended` is None while it still does."""

    reason: str
    began: datetime
    ended: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What the clocks of one order depend on. `met` tells of each clock when what it promises happened."""

    grade: str
    service: str
    reported: datetime | None
    area: str | None = None
    is_key_equipment: bool = False
    met: Mapping[str, datetime] = field(default_factory=dict)
    solved: datetime | None = None
    has_ended: bool = False
    """Whether the order is closed or cancelled."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of an order. Without a limit nothing is promised; `due_at` is None while it is paused too."""

    name: str
    limit: Allowance | None = None
    started_at: datetime | None = None
    due_at: datetime | None = None
    met_at: datetime | None = None
    paused_by: str | None = None
    paused: timedelta = _NOTHING
    """For how long, on the clock on the wall, pauses that are over held it."""
    left_when_paused: timedelta | None = None
    has_ended: bool = False
    reasons: tuple[Reason, ...] = ()

    def state_at(self, now: datetime) -> State:
        """Return where the clock stands at a moment."""
        if self.limit is None:
            return "none"
        if self.met_at is not None and self.due_at is not None:
            return "kept" if self.met_at <= self.due_at else "missed"
        if self.has_ended or self.met_at is not None:
            return "ended"
        if self.due_at is None:
            return "paused" if self.paused_by else "none"
        left = self.due_at - now
        if left < _NOTHING:
            return "breached"
        return "pressing" if left < PRESSING else "running"

    def left_at(self, now: datetime) -> timedelta | None:
        """Return the time left, below zero when it is over; what was left when it stopped or was paused."""
        if self.due_at is None:
            return self.left_when_paused
        return self.due_at - (self.met_at or now)


def read_terms(body: Mapping[str, Any]) -> Terms:
    """Return the terms of a `service_terms` record."""
    reasons = body.get("pause_reasons")
    return Terms(
        name=body.get("name") or "",
        name_en=body.get("name_en") or "",
        limits=tuple(body.get("limits") or ()),
        pause_reasons=frozenset(PAUSES if reasons is None else reasons),
        step_limits={
            row["state"]: Allowance(row["amount"], row["unit"]) for row in reversed(body.get("step_limits") or [])
        },
    )


def read_single_term(body: Mapping[str, Any]) -> Terms:
    """Return the terms of an `sla_term` record, which has the limits of one grade."""
    minutes = {"answer": "answer_minutes", "on_site": "on_site_minutes", "solved": "solved_minutes"}
    rows = [{"step": step, "amount": body[name], "unit": "minute"} for step, name in minutes.items() if body.get(name)]
    if body.get("solved_working_days"):
        rows.append({"step": "solved", "amount": body["solved_working_days"], "unit": "working_day"})
    return Terms(body.get("name") or "", body.get("name_en") or "", rows)


def choose_limit(terms: Terms, step: str, case: Case) -> Allowance | None:
    """Return the limit for a step that holds for a case, or None when nothing is promised (rule 2)."""
    about = {
        "area": case.area or "city",
        "grade": case.grade,
        "service": case.service,
        "key_equipment": case.is_key_equipment,
    }
    fitting = [
        (-sum(weight for name, weight in _WEIGHTS if row.get(name)), _length(row), row["amount"], row["unit"])
        for row in terms.limits
        if row["step"] == step and all(not row.get(name) or row[name] == about[name] for name, _ in _WEIGHTS)
        if row.get("service") or step == "answer" or case.service not in PLANNED_SERVICES
    ]
    return Allowance(*min(fitting)[2:]) if fitting else None


def run_clocks(case: Case, terms: Terms, calendar: Calendar, pauses: Iterable[Pause] = ()) -> tuple[Clock, ...]:
    """Return the clocks of an order, in the order in which they are usually met."""
    known = sorted(pauses, key=lambda pause: (pause.began, pause.ended is None, pause.ended or pause.began))
    return tuple(_run(name, case, terms, calendar, known) for name in CLOCKS)


def find_next(clocks: Iterable[Clock], now: datetime) -> Clock | None:
    """Return the clock that runs out next among those that run, else one that is paused, else None."""
    known = list(clocks)
    running = [clock for clock in known if clock.state_at(now) in RUNNING]
    if running:
        return min(running, key=lambda clock: (clock.due_at or now, CLOCKS.index(clock.name)))
    return next((clock for clock in known if clock.state_at(now) == "paused"), None)


def _run(name: str, case: Case, terms: Terms, calendar: Calendar, pauses: Sequence[Pause]) -> Clock:
    limit = choose_limit(terms, name, case)
    if limit is None:
        return Clock(name, reasons=(Reason("nothing_promised", {"terms": terms.name, "terms_en": terms.name_en}),))
    if case.reported is None:
        return Clock(name, limit, has_ended=case.has_ended, reasons=(Reason("report_unknown"),))
    start = case.reported
    met = _find_met(name, case)
    stop = met or (start if case.has_ended else None)
    spans = _join(_holding(name, terms, pauses, start, met))
    due, held, open_pause, left = _push(limit, start, spans, calendar)
    is_unfinished = open_pause is not None and stop is None
    clock = Clock(
        name=name,
        limit=limit,
        started_at=start,
        due_at=None if is_unfinished else due,
        met_at=met,
        paused_by=open_pause.reason if open_pause is not None and is_unfinished else None,
        paused=held,
        left_when_paused=left if is_unfinished else None,
        has_ended=case.has_ended or (name == "on_site" and met is None and case.solved is not None),
    )
    return _with_reasons(clock, case, terms, calendar, pauses, due)


def _find_met(name: str, case: Case) -> datetime | None:
    """Return when a clock stopped; what solved the fault stops all but the arrival, which was not needed then."""
    times = [case.met.get(name)]
    times += [case.solved] if name != "on_site" else []
    return min((at for at in times if at is not None), default=None)


def _holding(
    name: str, terms: Terms, pauses: Iterable[Pause], start: datetime, stop: datetime | None
) -> Iterator[Pause]:
    """Yield the pauses that hold a clock, cut to the time in which it ran."""
    for pause in pauses:
        if name in PAUSES.get(pause.reason, ()) and pause.reason in terms.pause_reasons:
            began = max(pause.began, start)
            ends = [at for at in (pause.ended, stop) if at is not None]
            ended = min(ends) if ends else None
            if ended is None or began < ended:
                yield Pause(pause.reason, began, ended, pause.note)


def _join(pauses: Iterable[Pause]) -> list[Pause]:
    """Return pauses by time, those that touch or overlap joined under the reason of the first."""
    joined: list[Pause] = []
    for pause in pauses:
        last = joined[-1] if joined else None
        if last is None or (last.ended is not None and last.ended < pause.began):
            joined.append(pause)
        elif last.ended is not None and (pause.ended is None or pause.ended > last.ended):
            joined[-1] = Pause(pause.reason if pause.ended is None else last.reason, last.began, pause.ended, last.note)
    return joined


def _push(
    limit: Allowance, start: datetime, pauses: Iterable[Pause], calendar: Calendar
) -> tuple[datetime | None, timedelta, Pause | None, timedelta | None]:
    """Return the limit with the pauses added, how long they held it, the open one, and what was left as it began."""
    due, held = limit.end_from(start, calendar), _NOTHING
    for pause in pauses:
        if due is None or pause.began >= due:
            break
        if pause.ended is None:
            return due, held, pause, due - pause.began
        held += pause.ended - pause.began
        due = _later(limit, due, pause.began, pause.ended, calendar)
    return due, held, None, None


def _later(limit: Allowance, due: datetime, began: datetime, ended: datetime, calendar: Calendar) -> datetime | None:
    if not limit.counts_working_time:
        return due + (ended - began)
    lost = calendar.measure(began, ended)
    return calendar.add(due, lost) if lost else due


def _with_reasons(
    clock: Clock, case: Case, terms: Terms, calendar: Calendar, pauses: Iterable[Pause], due: datetime | None
) -> Clock:
    assert clock.limit is not None and clock.started_at is not None
    named = {"terms": terms.name, "terms_en": terms.name_en, "step": clock.name}
    found = [Reason("promised", named | {"amount": clock.limit.amount, "unit": clock.limit.unit})]
    found.append(Reason("counted_from", {"at": clock.started_at}))
    found += _explain_pauses(clock, terms, pauses)
    if due is None:
        found.append(Reason("calendar_without_time", {"calendar": calendar.name}))
    elif clock.due_at is not None:
        found.append(Reason("due_at", {"at": clock.due_at}))
    if clock.met_at is not None:
        found.append(Reason("met_at", {"step": clock.name, "at": clock.met_at}))
    elif clock.has_ended:
        found.append(Reason("not_needed" if case.solved else "order_ended"))
    found += _find_doubts(clock, case, terms, calendar, due)
    return replace(clock, reasons=tuple(found))


def _explain_pauses(clock: Clock, terms: Terms, pauses: Iterable[Pause]) -> Iterator[Reason]:
    for pause in pauses:
        facts = {"reason": pause.reason, "begin": pause.began, "end": pause.ended}
        is_outside = clock.met_at is not None and pause.began >= clock.met_at
        if clock.name not in PAUSES.get(pause.reason, ()) or pause.reason not in terms.pause_reasons:
            yield Reason("pause_does_not_count", facts)
        elif is_outside or (clock.due_at is not None and pause.began >= clock.due_at):
            yield Reason("pause_too_late", facts)
        else:
            yield Reason("paused" if pause.ended is not None else "paused_since", facts)


def _find_doubts(clock: Clock, case: Case, terms: Terms, calendar: Calendar, due: datetime | None) -> Iterator[Reason]:
    by_area = {row["area"] for row in terms.limits if row["step"] == clock.name and row.get("area")}
    if case.area is None and by_area:
        yield Reason("area_assumed")
    if clock.limit is not None and clock.limit.counts_working_time and clock.started_at is not None:
        year = calendar.find_unannounced(clock.started_at, due or clock.started_at)
        if year is not None:
            yield Reason("year_not_announced", {"year": year, "calendar": calendar.name})


def _length(row: Mapping[str, Any]) -> timedelta:
    """Return about how long a row's limit is, to tell which of two is shorter."""
    about = _SPANS | {"working_hour": timedelta(hours=3), "working_day": timedelta(days=1, hours=10)}
    length: timedelta = row["amount"] * about[row["unit"]]
    return length
