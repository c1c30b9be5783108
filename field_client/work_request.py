"""What the customer told and sent before the visit: the request sheet of an order, its words and photos. Source: D2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from field_client.evidence import EvidenceFolder
from field_client.store import Record, Store, Values
from field_client.store_erasing import find_erased
from field_client.work import Workbench
from schemas.problems import Refused

NOTE_PHOTOS: Final = ("image/jpeg", "image/png", "image/webp")

SHEET: Final = (
    *("customer_name", "contact", "phone", "email", "machine_model", "machine_serial", "machine_address"),
    *("commissioned_on", "symptom", "since", "frequency", "alarms", "done_before", "done_after", "wanted_on"),
    *("special_needs", "first_diagnosis", "advice"),
)
"""The fields that the engineer is shown, where they are filled in."""


@dataclass(frozen=True, slots=True)
class NoteLine:
    """Something that was added to a request, and whether its file can be opened without a network."""

    id: str
    values: Values
    is_here: bool
    erased_at: str | None = None
    """When its file was erased, empty where that is not known; None where it was not."""


@dataclass(frozen=True, slots=True)
class RequestSheet:
    """A request that an order is for, with what was added to it, oldest first."""

    id: str
    values: Values
    notes: list[NoteLine]


def list_requests(bench: Workbench, files: EvidenceFolder, order_id: str) -> list[RequestSheet]:
    """Return the requests that an order is for, oldest first; more than one where a customer told a fault twice."""
    notes = [
        NoteLine(
            note.id,
            note.values,
            bool(name := note.values.get("file_sha256")) and files.holds(name),
            find_erased(bench.store, [name]).get(name),
        )
        for note in sorted(list_notes(bench.store, order_id), key=lambda note: note.id)
    ]
    found = sorted(bench.store.find_by("request", "order_id", order_id), key=lambda request: request.id)
    return [
        RequestSheet(request.id, request.values, [note for note in notes if note.values["request_id"] == request.id])
        for request in found
    ]


def list_notes(store: Store, *orders: str) -> Iterator[Record]:
    """Yield what customers sent about some orders, but for what the office has set aside."""
    for note in store.find_by("request_note", "order_id", *orders) if orders else ():
        if not note.values.get("set_aside_reason"):
            yield note


def find_note(bench: Workbench, note_id: str) -> Values:
    """Return something that a customer sent. Raises Refused with `not_found`."""
    found = bench.store.find(note_id)
    if found is None or found.kind != "request_note" or not found.values.get("file_sha256"):
        raise Refused("not_found", what=note_id)
    return found.values
