"""Who could go for an order: what the rules of dispatch ask for, read from the records, and their answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from server.domain.dispatch import Candidate, Commitment, Engineer, HeldSkill, Job, Place, judge, rank
from server.domain.timetable import OFFICE_SHIFTS, SEARCH_DAYS, Shift, Window, Workdays
from server.store import records, schedule

EXPECTED_MINUTES: Final[dict[str, int]] = {
    "repair": 120, "maintenance": 180, "installation": 480, "training": 240, "advice": 30, "spare_part": 30,
    "retrofit": 480, "workshop": 240,
}  # fmt: skip
"""How long a visit is taken to last by its kind of service, until somebody says otherwise."""

Body = dict[str, Any]
Bodies = Mapping[str, tuple[str, Body]]


@dataclass(frozen=True, slots=True)
class Call:
    """An order as the rules see it, with what it refers to."""

    id: str
    order: Body
    job: Job
    around: Bodies

    def body_of(self, record_id: str | None) -> Body:
        """Return the values of something the order refers to, empty when there is no such thing."""
        return self.around.get(record_id or "", ("", {}))[1]


def list_candidates(
    connection: Connection,
    organisation: str,
    order_id: str,
    order: Body,
    now: datetime,
    days: Workdays,
    window: Window | None = None,
) -> tuple[Call, list[Candidate]]:
    """Return an order as the rules see it and everybody who could go, the one to send first."""
    call = read_call(connection, organisation, order_id, order, now, days, window)
    return call, rank(call.job, _gather(connection, organisation, call, now), now)


def judge_one(connection: Connection, organisation: str, call: Call, person: str, now: datetime) -> Candidate | None:
    """Return one engineer as a candidate for an order; None when there is no such engineer at work."""
    found = _gather(connection, organisation, call, now, {person})
    return judge(call.job, found[0], now) if found else None


def read_call(
    connection: Connection,
    organisation: str,
    order_id: str,
    order: Body,
    now: datetime,
    days: Workdays,
    window: Window | None = None,
) -> Call:
    """Return an order as the rules see it: for `window`, or else when it is planned or agreed for, if that is ahead."""
    machine_id, site_id = order.get("machine_id"), order.get("site_id")
    around = records.bodies_of(connection, organisation, [found for found in (machine_id, site_id) if found])
    machine, site = (around.get(found or "", ("", {}))[1] for found in (machine_id, site_id))
    centre_id = order.get("centre_id") or site.get("centre_id")
    more = [found for found in (machine.get("model_id"), centre_id, order.get("customer_id")) if found]
    around = {**around, **records.bodies_of(connection, organisation, more)}
    model, centre = (around.get(found or "", ("", {}))[1] for found in (machine.get("model_id"), centre_id))
    window = window or _planned(order)
    job = Job(
        service=order["service"],
        grade=order["grade"],
        minutes=window.minutes if window else expected_minutes(order),
        family=model.get("family"),
        component=order.get("failed_component"),
        level=order.get("needed_level"),
        place=_place(site),
        centre=centre_id,
        region=centre.get("parent_id"),
        window=window if window and window.end > now else None,
        due_at=_moment(order.get("on_site_due_at")) if not order.get("arrived_at") else None,
        parts=tuple((part["part_id"], part["quantity"]) for part in order.get("needed_parts") or ()),
        days=days,
    )
    return Call(order_id, order, job, around)


def expected_minutes(order: Body) -> int:
    """Return how long an order's visit is expected to last."""
    return int(order.get("expected_minutes") or EXPECTED_MINUTES.get(order["service"], 120))


def read_shifts(person: Body) -> tuple[Shift, ...]:
    """Return when somebody works."""

    def clock(text: str) -> time:
        return time.fromisoformat(text)

    return (
        tuple(
            Shift(frozenset(entry["weekdays"]), clock(entry["from_time"]), clock(entry["until_time"]))
            for entry in person.get("working_hours") or ()
        )
        or OFFICE_SHIFTS
    )


def list_engineers(connection: Connection, organisation: str) -> dict[str, Body]:
    """Return everybody who is an engineer and has not left, by id."""
    people = records.bodies_of_kind(connection, organisation, "person")
    return {key: body for key, body in people if "engineer" in body["roles"] and body.get("active") is not False}


def _planned(order: Body) -> Window | None:
    start = _moment(order.get("planned_start_at") or order.get("appointment_at"))
    if start is None:
        return None
    end = _moment(order.get("planned_end_at")) if order.get("planned_start_at") else None
    return Window(start, end if end and end > start else start + timedelta(minutes=expected_minutes(order)))


def _gather(
    connection: Connection, organisation: str, call: Call, now: datetime, only: Collection[str] | None = None
) -> list[Engineer]:
    """Return the engineers, or `only` some, with all the rules ask for; of who lacks the skill just that."""
    people = list_engineers(connection, organisation)
    wanted = [key for key in people if only is None or key in only]
    able = [key for key in wanted if only is not None or _could(call.job, people[key])]
    masters = {people[key].get("master_id") for key in able} & people.keys()
    known = _Known.read(connection, organisation, call, {*able, *masters}, people, now)
    found = []
    for key in wanted:
        engineer = known.engineer(key)
        master = people[key].get("master_id")
        if engineer.is_new and master in people:
            engineer = replace(engineer, master=known.engineer(master))
        found.append(engineer)
    return found


def _could(job: Job, person: Body) -> bool:
    return job.family is None or any(skill["family"] == job.family for skill in person.get("skills") or ())


@dataclass(frozen=True, slots=True)
class _Known:
    people: Mapping[str, Body]
    centres: Mapping[str, Body]
    absences: Mapping[str, list[Window]]
    commitments: Mapping[str, list[Commitment]]
    contacts: Mapping[str, str | None]
    stock: Mapping[str, Mapping[str, int]]
    finished: Mapping[str, int]

    @staticmethod
    def read(
        connection: Connection,
        organisation: str,
        call: Call,
        wanted: set[Any],
        people: Mapping[str, Body],
        now: datetime,
    ) -> _Known:
        """Read what is asked of some people, with one query for each kind of thing."""
        window = call.job.window
        days = call.job.days
        begins = days.midnight(days.day_of(window.start if window else now))
        last = days.day_of(window.end if window else now) + timedelta(days=2 if window else SEARCH_DAYS + 1)
        absences: dict[str, list[Window]] = {}
        commitments: dict[str, list[Commitment]] = {}
        for row in schedule.list_plans(connection, organisation, wanted, begins, days.midnight(last)):
            taken = Window(datetime.fromisoformat(row.starts_at), datetime.fromisoformat(row.ends_at))
            if row.slot == "absence":
                absences.setdefault(row.person, []).append(taken)
            elif row.id != call.id:
                commitments.setdefault(row.person, []).append(Commitment(taken, row.number))
        new = [key for key in wanted if people[key].get("finished_before") is not None]
        vans = {
            key: body["person_id"]
            for key, body in (records.bodies_of_kind(connection, organisation, "van") if call.job.parts else ())
            if body.get("person_id") in wanted
        }
        counts = schedule.read_stock(connection, organisation, list(vans), [part for part, _ in call.job.parts])
        stock: dict[str, dict[str, int]] = {}
        for van, parts in counts.items():
            held = stock.setdefault(vans[van], {})
            for part, quantity in parts.items():
                held[part] = held.get(part, 0) + quantity
        return _Known(
            people,
            dict(records.bodies_of_kind(connection, organisation, "service_centre")),
            absences,
            commitments,
            schedule.read_contacts(connection, organisation, sorted(wanted)),
            stock,
            schedule.count_finished(connection, organisation, new) if new else {},
        )

    def engineer(self, key: str) -> Engineer:
        """Return somebody as the rules see him."""
        body = self.people[key]
        centre = self.centres.get(body.get("centre_id") or "", {})
        before = body.get("finished_before")
        return Engineer(
            id=key,
            name=(body["name"], body.get("name_en") or body["name"]),
            skills=tuple(_skills(body.get("skills") or ())),
            place=_place(body) or _place(centre),
            centre=body.get("centre_id"),
            region=centre.get("parent_id"),
            stars=int(centre["stars"]) if centre.get("stars") else None,
            shifts=read_shifts(body),
            absences=tuple(self.absences.get(key, ())),
            commitments=tuple(self.commitments.get(key, ())),
            stock=self.stock.get(key, {}),
            finished=None if before is None else before + self.finished.get(key, 0),
            contacted_at=_moment(self.contacts.get(key)),
        )


def _skills(given: Iterable[Body]) -> Iterable[HeldSkill]:
    names = ("family", "level", "component", "certificate", "certificate_until")
    return (HeldSkill(**{name: skill.get(name) for name in names}) for skill in given)


def _place(body: Body) -> Place | None:
    latitude, longitude = body.get("latitude"), body.get("longitude")
    return Place(float(latitude), float(longitude)) if latitude and longitude else None


def _moment(instant: str | None) -> datetime | None:
    return datetime.fromisoformat(instant) if instant else None
