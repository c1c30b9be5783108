"""What the warranty of a machine stands on, worked out from what happened to it. Source: handbook W1-W7.

W1  the whole machine is covered for the months of the contract, else of the model, from the day of acceptance (I4).
W2  core components have terms of their own, from the same day.
W3  wear parts are not covered; that is a property of the part (schemas/warranty.py).
W4  time out of use through a fault reported within a term is added to that term, once however many orders tell of it.
W5  a repair is covered for 30 days, or until the machine's warranty ends if that is sooner and still ahead; a replaced
    part starts a term of its own on the day of replacement, which ends with the part's removal.
W6  a fault that was repaired twice or more under warranty is named, with its orders.
W7  what is excluded adds no time and counts as no repair; a change without authority leaves all else in doubt.

A term of months ends on the day of the same number; where the month has none, on its last day. A term of days ends
that many days later. The first day does not count. Source: Civil Code of the PRC, articles 201 and 202.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

REPAIR_DAYS: Final = 30
"""Source: handbook W5."""

NUMBERS_MOST: Final = 50
"""Orders named for one fault; who repaired it fifty times needs no further number."""

FACTS_MOST: Final = 200
"""Replaced parts and repairs in one record; the newest, since older ones are long over."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair order that is done: when it was reported and finished, and what is known of the fault."""

    id: str
    number: str
    reported_on: date
    finished_on: date
    was_out_of_use: bool = False
    """Whether the machine could not be used meanwhile (grade urgent). Source: handbook G1."""
    component: str | None = None
    alarms: frozenset[str] = frozenset()
    exclusion: str | None = None


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part that was fitted and is still in; `months` is its own term."""

    id: str
    name: str
    fitted_on: date
    months: int
    component: str | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """Everything a machine's warranty depends on."""

    accepted_on: date | None = None
    contract_months: int | None = None
    model_months: int | None = None
    component_months: Mapping[str, int] = field(default_factory=dict)
    repairs: Sequence[Repair] = ()
    parts: Sequence[NewPart] = ()

    @property
    def months(self) -> int | None:
        """The term of the whole machine: as the contract says, else the model's. Source: handbook W1."""
        return self.model_months if self.contract_months is None else self.contract_months


def work_out(basis: Basis) -> dict[str, Any]:
    """Return the values of a `warranty` record, but for the machine, in an order that depends on nothing but them."""
    faults = [repair for repair in basis.repairs if repair.exclusion is None]
    machine, components = _own_terms(basis, faults)
    machine_ends = date.fromisoformat(machine["ends_on"]) if machine else None
    later = [*_part_terms(basis.parts), *_repair_terms(faults, machine_ends)]
    newest = sorted(later, key=lambda term: (term["ends_on"], term["subject_id"]))[-FACTS_MOST:]
    covered = [
        repair for repair in faults if _is_within(repair.reported_on, [*([machine] if machine else []), *components])
    ]
    return {
        "accepted_on": basis.accepted_on.isoformat() if basis.accepted_on else None,
        "months": basis.months,
        "months_from": _origin(basis),
        "terms": [*([machine] if machine else []), *components, *newest],
        "repeated": _find_repeated(covered),
        "doubts": list(_find_doubts(basis)),
        "downtime_days": sum((end - begin).days for begin, end in _stops(faults)),
    }


def add_months(start: date, months: int) -> date:
    """Return the last day of a term of months that begins with `start`."""
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def extend(starts_on: date, ends_on: date, stops: Iterable[tuple[date, date]]) -> date:
    """Return the end of a term with the stops added that began within it, as it is by then. Source: handbook W4.

    `stops` are (first day, day of return to use), by time and without overlap.
    """
    for begin, end in stops:
        if starts_on <= begin <= ends_on:
            ends_on += end - begin
    return ends_on


def _own_terms(basis: Basis, faults: Sequence[Repair]) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return the terms that begin with acceptance: the machine's, and its components' by name."""
    if basis.accepted_on is None:
        return None, []
    start, stops = basis.accepted_on, _stops(faults)
    machine = _spell_own("machine", "", start, basis.months, stops) if basis.months else None
    named = sorted(basis.component_months.items())
    return machine, [_spell_own("component", name, start, months, stops) for name, months in named if months]


def _spell_own(about: str, name: str, start: date, months: int, stops: Iterable[tuple[date, date]]) -> dict[str, Any]:
    plain = add_months(start, months)
    ends_on = extend(start, plain, stops)
    return _term(about, name, start, ends_on) | {"added_days": (ends_on - plain).days}


def _part_terms(parts: Iterable[NewPart]) -> Iterator[dict[str, Any]]:
    for part in parts:
        if part.months:
            term = _term("part", part.name, part.fitted_on, add_months(part.fitted_on, part.months))
            yield term | {"subject_id": part.id, "component": part.component}


def _repair_terms(faults: Iterable[Repair], machine_ends: date | None) -> Iterator[dict[str, Any]]:
    for repair in faults:
        ends_on = repair.finished_on + timedelta(days=REPAIR_DAYS)
        if machine_ends is not None and repair.finished_on <= machine_ends:
            # Handbook A2.5: whichever comes first. A repair after the warranty has its 30 days all the same.
            ends_on = min(ends_on, machine_ends)
        term = _term("repair", repair.number, repair.finished_on, ends_on)
        yield term | {"subject_id": repair.id, "component": repair.component}


def _term(about: str, name: str, starts_on: date, ends_on: date) -> dict[str, Any]:
    return {"about": about, "name": name, "starts_on": starts_on.isoformat(), "ends_on": ends_on.isoformat()}


def _stops(faults: Iterable[Repair]) -> list[tuple[date, date]]:
    """Return the times out of use, by time, those that touch joined: a day is lost once."""
    joined: list[tuple[date, date]] = []
    for begin, end in sorted((fault.reported_on, fault.finished_on) for fault in faults if fault.was_out_of_use):
        if end <= begin:
            continue
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def _is_within(day: date, terms: Iterable[dict[str, Any]]) -> bool:
    return any(term["starts_on"] <= day.isoformat() <= term["ends_on"] for term in terms)


def _find_repeated(repairs: Iterable[Repair]) -> list[dict[str, Any]]:
    """Return the faults repaired twice or more: of one component, else with one alarm. Source: handbook W6."""
    by_fault: dict[str, list[Repair]] = {}
    for repair in sorted(repairs, key=lambda repair: (repair.finished_on, repair.number)):
        for name in [repair.component] if repair.component else sorted(repair.alarms):
            by_fault.setdefault(name, []).append(repair)
    return [
        {"name": name, "order_numbers": [repair.number for repair in found[-NUMBERS_MOST:]]}
        for name, found in sorted(by_fault.items())
        if len(found) > 1
    ]


def _find_doubts(basis: Basis) -> Iterator[str]:
    if basis.accepted_on is None:
        yield "acceptance_unknown"
    elif not basis.months:
        yield "term_unknown"
    if any(repair.exclusion == "unauthorised_change" for repair in basis.repairs):
        yield "changed_without_authority"


def _origin(basis: Basis) -> str | None:
    if basis.contract_months is not None:
        return "contract"
    return "model" if basis.model_months is not None else None
