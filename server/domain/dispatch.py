"""Whom to send: candidates for an order, ranked, each with the reasons and what they are worth.

Rule 1: hard faults go to seniors and simple ones to juniors: the nearer a level to the one needed, the better;
        one below is worse than any above, two below excludes. Source: handbook D1, H1.
Rule 2: a certificate that has expired by the day of the visit excludes. Source: handbook D1, H1.
Rule 3: whoever has finished fewer than 30 orders goes with a master, whose level counts then. Source: handbook H2.
Rule 4: nearer is never worse, all else equal; the centre that serves the site and its stars count.
        Source: handbook D1, D3, D4.
Rule 5: an absence excludes; an overlap, hours outside work, a full day and a public holiday count against.
Rule 6: parts on the van count for, a silent device against. Source: handbook P4.
Rule 7: whoever is excluded comes after all who are not, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.people import LEVEL_LABELS, LEVELS
from server.domain.dispatch_reasons import Reason
from server.domain.fleet import SILENT_HOURS
from server.domain.timetable import (
    OFFICE_SHIFTS,
    Shift,
    Window,
    Workdays,
    find_room,
    minutes_at_work,
    minutes_within,
    shifts_on,
)

NEW_UNTIL_ORDERS: Final = 30
"""Source: handbook H2."""

EARTH_KM: Final = 6371.0
TRAVEL_KM_PER_HOUR: Final = 40
"""As the crow flies; the road is longer and quicker."""

NEAR_KM: Final = 50
"""A service point lies within so many kilometres in dense areas. Source: handbook D3."""

_LEVEL_POINTS: Final = {0: 30, 1: 20, 2: 10, -1: -10}
_BY_SERVICE: Final = {"installation": "intermediate", "retrofit": "senior", "training": "intermediate"}
_BY_GRADE: Final = {"urgent": "senior", "important": "intermediate", "general": "junior"}


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees north and east."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class HeldSkill:
    """A family of machines that somebody knows, one component of it or all, and the certificate's last day."""

    family: str
    level: str
    component: str | None = None
    certificate: str | None = None
    certificate_until: str | None = None


@dataclass(frozen=True, slots=True)
class Commitment:
    """Time that is taken: by an order of that number, or by an absence, which has none."""

    window: Window
    number: str = ""


@dataclass(frozen=True, slots=True)
class Engineer:
    """What is known of somebody who could go. `finished` counts orders where somebody is new, otherwise None."""

    id: str
    name: tuple[str, str]
    skills: tuple[HeldSkill, ...] = ()
    place: Place | None = None
    centre: str | None = None
    region: str | None = None
    stars: int | None = None
    shifts: tuple[Shift, ...] = OFFICE_SHIFTS
    absences: tuple[Window, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    stock: Mapping[str, int] = field(default_factory=dict)
    finished: int | None = None
    master: Engineer | None = None
    contacted_at: datetime | None = None

    @property
    def is_new(self) -> bool:
        """Whether he does not go alone (rule 3)."""
        return self.finished is not None and self.finished < NEW_UNTIL_ORDERS

    @property
    def busy(self) -> tuple[Window, ...]:
        """All that takes his time."""
        return (*self.absences, *(commitment.window for commitment in self.commitments))


@dataclass(frozen=True, slots=True)
class Job:
    """An order that somebody is to be sent for. `window` is what was planned; without it each gets his first room."""

    service: str
    grade: str
    minutes: int
    family: str | None = None
    component: str | None = None
    level: str | None = None
    place: Place | None = None
    centre: str | None = None
    region: str | None = None
    window: Window | None = None
    due_at: datetime | None = None
    parts: tuple[tuple[str, int], ...] = ()
    days: Workdays = field(default_factory=Workdays)
    """The days of the place: its clock, holidays and make-up working days."""

    @property
    def needed_level(self) -> str:
        """The level it takes: as the dispatcher says, or by kind of service and grade (rule 1)."""
        by_grade = _BY_GRADE.get(self.grade, "junior") if self.service in ("repair", "workshop") else "junior"
        return self.level or _BY_SERVICE.get(self.service, by_grade)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who could go, when, and why or why not; `km` is the distance where both places are known."""

    engineer: Engineer
    window: Window | None
    reasons: tuple[Reason, ...]
    km: float | None

    @property
    def points(self) -> int:
        """What the reasons are worth together."""
        return sum(reason.points for reason in self.reasons)

    @property
    def is_excluded(self) -> bool:
        """Whether some reason keeps him from being sent."""
        return any(reason.excludes for reason in self.reasons)


def rank(job: Job, engineers: Iterable[Engineer], now: datetime) -> list[Candidate]:
    """Return everybody as a candidate, the one to send first."""
    found = [judge(job, engineer, now) for engineer in engineers]
    return sorted(found, key=_order_of)


def judge(job: Job, engineer: Engineer, now: datetime) -> Candidate:
    """Return one candidate with all that speaks for and against him."""
    km = distance_km(engineer.place, job.place) if engineer.place and job.place else None
    window = job.window or _first_room(job, engineer, now, km)
    day = job.days.day_of(window.start if window else now).isoformat()
    reasons = (
        *_judge_skill(job, engineer, day),
        *_judge_experience(engineer, window),
        *_judge_place(job, engineer, km),
        *_judge_time(job, engineer, window, now),
        *_judge_parts(job, engineer),
        *_judge_contact(engineer, now),
    )
    return Candidate(engineer, window, reasons, km)


def distance_km(one: Place, other: Place) -> float:
    """Return the distance over the ground by the haversine formula, within 0.5 % (the earth is no sphere)."""
    north, south = math.radians(one.latitude), math.radians(other.latitude)
    across = math.radians(other.longitude - one.longitude)
    half = math.sin((south - north) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(across / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


def is_silent(contacted_at: datetime | None, now: datetime) -> bool:
    """Tell whether a device has not called for so long that somebody should ask; one that never called has not."""
    return contacted_at is None or now - contacted_at >= timedelta(hours=SILENT_HOURS)


def _order_of(candidate: Candidate) -> tuple[bool, int, float, str]:
    return candidate.is_excluded, -candidate.points, candidate.km or 0.0, candidate.engineer.id


def _first_room(job: Job, engineer: Engineer, now: datetime, km: float | None) -> Window | None:
    travel = timedelta(hours=(km or 0.0) / TRAVEL_KM_PER_HOUR)
    busy = [*engineer.busy, *(engineer.master.busy if engineer.is_new and engineer.master else ())]
    return find_room(engineer.shifts, busy, now + travel, job.minutes, job.days)


def _level_of(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 0


def _best_skill(job: Job, engineer: Engineer) -> HeldSkill | None:
    fitting = [
        skill
        for skill in engineer.skills
        if skill.family == job.family and (not skill.component or skill.component == job.component)
    ]
    return max(fitting, key=lambda skill: (_level_of(skill.level), skill.certificate_until or ""), default=None)


def _judge_skill(job: Job, engineer: Engineer, day: str) -> Iterator[Reason]:
    if job.family is None:
        yield Reason("machine_unspecified")
        return
    skill = _best_skill(job, engineer)
    if skill is None:
        yield Reason("no_skill")
        return
    masters = _best_skill(job, engineer.master) if engineer.is_new and engineer.master else None
    have = max(_level_of(skill.level), _level_of(masters.level) if masters else 0)
    gap = have - _level_of(job.needed_level)
    code = {0: "skill", 1: "skill_above", 2: "skill_above", -1: "skill_below"}.get(gap, "skill_far_below")
    facts = {"have": _label(LEVELS[have]), "need": _label(job.needed_level)}
    yield Reason(code, _LEVEL_POINTS.get(gap, 0), facts)
    if not skill.certificate_until:
        yield Reason("no_certificate", -5)
    else:
        held = {"number": skill.certificate or "-", "until": skill.certificate_until}
        expired = skill.certificate_until < day
        yield Reason("certificate_expired", 0, held) if expired else Reason("certificate", 10, held)


def _label(level: str) -> tuple[str, str]:
    zh, en = LEVEL_LABELS[level]
    return zh, en.lower()


def _judge_experience(engineer: Engineer, window: Window | None) -> Iterator[Reason]:
    if not engineer.is_new:
        return
    master, facts = engineer.master, {"finished": engineer.finished}
    if master is None:
        yield Reason("no_master", 0, facts)
        return
    named = {"master": master.name}
    yield Reason("with_master", -5, facts | named)
    if window and any(window.meets(absence) for absence in master.absences):
        yield Reason("master_away", 0, named)
    for taken in _overlapping(master, window):
        yield Reason("master_busy", -20, named | {"number": taken.number})


def _judge_place(job: Job, engineer: Engineer, km: float | None) -> Iterator[Reason]:
    if km is None:
        yield Reason("distance_unknown")
    else:
        # Thirty points at the door, none at the edge of a dense area, and at most sixty taken away.
        yield Reason("distance", max(-60, 30 - math.ceil(km * 30 / NEAR_KM)), {"km": round(km)})
    if job.centre and engineer.centre == job.centre:
        yield Reason("same_centre", 10)
    elif job.region and engineer.region == job.region:
        yield Reason("same_region", 5)
    if engineer.stars:
        yield Reason("stars", 3 * (engineer.stars - 3), {"stars": engineer.stars})


def _judge_time(job: Job, engineer: Engineer, window: Window | None, now: datetime) -> Iterator[Reason]:
    if window is None:
        yield Reason("no_room")
        return
    for absence in engineer.absences:
        if absence.meets(window):
            yield Reason("absent", 0, {"from_day": _day(job, absence.start), "until_day": _day(job, absence.end)})
    for taken in _overlapping(engineer, window):
        yield Reason("overlap", -40, {"number": taken.number})
    # Of one day for everybody: further away would otherwise mean a later and perhaps an emptier day.
    asked = job.days.day_of(job.window.start if job.window else now)
    at_work = minutes_at_work(engineer.shifts, asked, job.days)
    taken_minutes = minutes_within((commitment.window for commitment in engineer.commitments), asked, job.days)
    if at_work:
        share = min(100, 100 * taken_minutes // at_work)
        yield Reason("load", 20 - 2 * share // 5, {"day": asked.isoformat(), "share": share})
    elif asked in job.days.holidays:
        yield Reason("holiday", -20, {"day": asked.isoformat(), "name": job.days.holidays[asked]})
    else:
        yield Reason("day_off", -20, {"day": asked.isoformat()})
    if job.window and not _at_work(job, engineer, window):
        yield Reason("outside_hours", -15)
    if job.due_at is not None:
        late = math.ceil((window.start - job.due_at) / timedelta(minutes=1))
        yield Reason("late", -30, {"minutes": late}) if late > 0 else Reason("in_time", 20)


def _at_work(job: Job, engineer: Engineer, window: Window) -> bool:
    days = (job.days.day_of(window.start) - timedelta(days=back) for back in (1, 0))
    shifts = [shift for day in days for shift in shifts_on(engineer.shifts, day, job.days)]
    return any(shift.start <= window.start and window.end <= shift.end for shift in shifts)


def _overlapping(engineer: Engineer, window: Window | None) -> list[Commitment]:
    return [taken for taken in engineer.commitments if window and taken.window.meets(window)]


def _day(job: Job, moment: datetime) -> str:
    return job.days.day_of(moment).isoformat()


def _judge_parts(job: Job, engineer: Engineer) -> Iterator[Reason]:
    if not job.parts:
        return
    have = sum(engineer.stock.get(part, 0) >= quantity for part, quantity in job.parts)
    facts = {"have": have, "need": len(job.parts)}
    code = "parts_on_van" if have == len(job.parts) else "parts_in_part" if have else "parts_missing"
    yield Reason(code, 20 * have // len(job.parts), facts)


def _judge_contact(engineer: Engineer, now: datetime) -> Iterator[Reason]:
    if engineer.contacted_at is None:
        yield Reason("no_device", -15)
    elif is_silent(engineer.contacted_at, now):
        hours = (now.astimezone(UTC) - engineer.contacted_at) // timedelta(hours=1)
        yield Reason("silent", -10, {"hours": hours})
