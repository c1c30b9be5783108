"""How far a recall has reached the devices: which have it, which have not synced since, and what those may hold.

Rule 1: a device has a recall when it has pulled past all that it names; from then on it warns without a network.
Rule 2: what a device has not handed in nobody knows: what its person's van holds of the recalled parts, and his open
        orders, tell what may have been fitted meanwhile.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection

from server.domain.catalogue import title_of
from server.services.recalls_read import Affected, KnownRecall
from server.store import fleet, recalls, records
from server.store.devices import read_organisation

DEVICES_MAX = 5000
"""Of one organisation; more are told of in the fleet."""


@dataclass(frozen=True, slots=True)
class Reach:
    """One device in service, and what is known of a recall on it."""

    device: str
    name: str
    person: str
    person_name: str
    has_it: bool
    had_at: str | None
    """Since when it is known to have the recall; None where it has not, or had it before that was noted."""
    synced_at: str | None
    waiting_sets: int | None
    """What it told it had not handed in, None where it told nothing."""
    van_parts: int
    """Recalled parts that the van of its person holds by the records, those that cannot be excluded among them."""
    open_orders: int
    affected_orders: int
    """Of the open orders, those at machines that the recall is about."""

    @property
    def may_hold(self) -> bool:
        """Whether the device may know of a recalled part that the office does not know of."""
        return not self.has_it or bool(self.waiting_sets)


def read_reach(connection: Connection, organisation: str, known: KnownRecall, affected: Affected) -> list[Reach]:
    """Return the devices in service, those first that have not got the recall, the longest silent before the others."""
    end = read_organisation(connection, organisation).position
    rows = fleet.list_devices(connection, organisation, fleet.FIRST, DEVICES_MAX)
    rows = [row for row in rows if row.state != "revoked"]
    named = {row.device for row in rows} | {row.person for row in rows}
    bodies = {key: body for key, (_, body) in records.bodies_of(connection, organisation, named).items()}
    receipts = recalls.read_receipts(connection, organisation, known.id)
    in_vans = _count_in_vans(connection, organisation, affected)
    machines = {line.fitting.machine for line in affected.lines}
    orders, at_affected = Counter[str](), Counter[str]()
    for engineer, machine in recalls.list_open_work(connection, organisation):
        orders[engineer] += 1
        at_affected[engineer] += machine in machines
    found = []
    for row in rows:
        position, had_at = receipts.get(row.device, (0, None))
        has_it = row.behind is not None and end - row.behind >= known.end
        found.append(
            Reach(
                device=row.device,
                name=bodies.get(row.device, {}).get("name") or row.device[-8:],
                person=row.person,
                person_name=title_of("person", bodies.get(row.person, {})),
                has_it=has_it,
                had_at=had_at if has_it and position >= known.end else None,
                synced_at=row.synced_at,
                waiting_sets=row.waiting_sets,
                van_parts=in_vans[row.person],
                open_orders=orders[row.person],
                affected_orders=at_affected[row.person],
            )
        )
    return sorted(found, key=lambda one: (one.has_it, not one.waiting_sets, one.synced_at or "", one.device))


def _count_in_vans(connection: Connection, organisation: str, affected: Affected) -> Counter[str]:
    """Return how many recalled parts lie in the vans of each person."""
    vans = records.bodies_of(connection, organisation, {hit.place for hit in affected.stock})
    counted = Counter[str]()
    for hit in affected.stock:
        kind, body = vans.get(hit.place, ("", {}))
        if kind == "van" and body.get("person_id") and hit.quantity > 0:
            counted[body["person_id"]] += hit.quantity
    return counted
