"""The rows of the schedule: worked out from orders and absences whenever one of them changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Table

from schemas.clocks import next_limit
from schemas.lifecycle import ENDED_STATES
from server.domain.times import spell
from server.store.plan_tables import PlanRow
from server.store.shown_rows import ShownRows
from server.store.stored_record import Record

_PLANS: Table = PlanRow.__table__  # type: ignore[assignment]

VISIT_MINUTES: Final = 90
"""How long a visit is taken to last that nobody has said anything of."""

WAITING_STATES: Final = ("received", "assigned")
"""States in which an order without an engineer or a time waits for the dispatcher."""

NEVER: Final = "9999"
"""Sorts after every instant."""

SLOTS: Final = ("engineer", "companion")

Row = tuple[Any, ...]


def write(connection: Connection, organisation: str, records: Iterable[Record]) -> None:
    """Write the rows of the orders and absences among the records that a transaction changed."""
    plans = ShownRows(_PLANS)
    for record in records:
        if record.kind in ("work_order", "absence"):
            rows = () if record.deleted else rows_of(organisation, record.kind, record.id, record.body)
            slots = SLOTS if record.kind == "work_order" else ("absence",)
            keys = {slot: (organisation, record.id, slot) for slot in slots}
            plans.show(record, keys, {row[2]: row for row in rows})
    plans.write(connection)


def rows_of(organisation: str, kind: str, record_id: str, body: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows of an order or an absence, in the order of the table's columns."""
    if kind == "absence":
        person, starts_at, ends_at = body["person_id"], body["starts_at"], body["ends_at"]
        reason = body.get("reason") or "other"
        yield (organisation, record_id, "absence", person, starts_at, ends_at, "", reason, "", "",
               None, None, None, None, None, NEVER, False)  # fmt: skip
        return
    starts_at, ends_at = window_of(body)
    engineer, companion = body.get("engineer_id"), body.get("companion_id")
    on_site, solved = body.get("on_site_due_at"), body.get("solved_due_at")
    limit = None if body["status"] in ENDED_STATES else next_limit(body)
    due_at = spell(datetime.fromisoformat(limit.due_at)) if limit else NEVER
    waits = body["status"] in WAITING_STATES and not (engineer and starts_at)
    shown = (body["number"], body["status"], body["grade"], body["service"], body.get("customer_id"))
    shown += (body.get("site_id"), body.get("machine_id"), on_site, solved, due_at)
    yield (organisation, record_id, "engineer", engineer, starts_at, ends_at, *shown, waits)
    if companion and starts_at:
        yield (organisation, record_id, "companion", companion, starts_at, ends_at, *shown, False)


def window_of(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return when an order's visit begins and ends: as planned, or from the appointment on, or as it was."""
    starts_at = body.get("planned_start_at") or body.get("appointment_at") or body.get("arrived_at")
    if not starts_at:
        return None, None
    ends_at = body.get("planned_end_at") if body.get("planned_start_at") else None
    if not ends_at or ends_at <= starts_at:
        minutes = body.get("expected_minutes") or VISIT_MINUTES
        ends_at = spell(datetime.fromisoformat(starts_at) + timedelta(minutes=minutes))
    return starts_at, ends_at
