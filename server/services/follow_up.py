"""What a customer may see of his request by its link, and do with it: add something, rate the service. Source: S1, F2.

Rule 1: the link is all he has; it leads to one request, and nothing here looks further than that and its order.
Rule 2: of the order he sees state, expected arrival, the engineer's name and parts likely needed, no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from server.clock import utc_now
from server.services.follow_links import read_link
from server.services.notices import gather_facts
from server.services.office import Office
from server.services.requests_read import read_request
from server.services.verdicts import expect_taken_in
from server.store.database import reading
from server.store.devices import read_organisation
from server.store.records import Bodies
from sync.changeset import Change

DONE_STATES: Final = ("finished", "closed")
RATED: Final = ("attitude", "speed", "quality", "result")

STEPS: Final = ("received", "arranged", "travelling", "working", "done")
"""What a customer sees an order go through."""

_STEP_OF: Final = {
    "received": 1,
    "assigned": 1,
    "on_hold": 3,
    "travelling": 2,
    "on_site": 3,
    "in_progress": 3,
    "sent_back": 3,
    "finished": 4,
    "closed": 4,
    "cancelled": 0,
}


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A request as its customer sees it; `step` is how far it has come among STEPS."""

    organisation: str
    request: str
    facts: dict[str, Any]
    notes: list[dict[str, Any]]
    step: int
    is_rateable: bool
    rating: dict[str, Any] | None


def read_follow_up(engine: Engine, link: str) -> FollowUp:
    """Return what a link leads to. Raises Refused with `not_found`."""
    with reading(engine) as connection:
        organisation, request = read_link(connection, link)
        return _read(connection, organisation, request)


def rate(engine: Engine, office: Office, link: str, rating: dict[str, Any]) -> None:
    """Keep what a customer thinks of the service. Raises Refused with `not_found`, `not_rateable`, `value_invalid`."""
    found = read_follow_up(engine, link)
    if not found.is_rateable:
        raise Refused("not_rateable")
    given = {name: value for name, value in rating.items() if value not in (None, "")}
    if not set(given) & set(RATED):
        raise Refused("field_missing", field="rating")
    with reading(engine) as connection:
        actor = read_organisation(connection, found.organisation).office_person
    moved = {"rating": given, "rated_at": utc_now()}
    change = Change("request", found.request, "update", moved, {"rating": None, "rated_at": None})
    expect_taken_in(office.write(found.organisation, actor, "request.rate", [change]))


def find_file(engine: Engine, link: str, sha256: str) -> tuple[str, dict[str, Any]]:
    """Return the organisation and the note of a file of a request. Raises Refused with `not_found`."""
    found = read_follow_up(engine, link)
    for note in found.notes:
        if note.get("file_sha256") == sha256:
            return found.organisation, note
    raise Refused("not_found", what="file")


def _read(connection: Connection, organisation: str, request: str) -> FollowUp:
    standing = read_request(connection, organisation, request)
    values = standing.values
    facts = gather_facts(Bodies(connection, organisation), values)
    facts["symptom"] = values.get("symptom") or ""
    is_done = values["state"] == "solved" or facts.get("status") in DONE_STATES
    notes = [
        note["body"] | {"erased_at": standing.erased.get(note["body"].get("file_sha256"))}
        for note in standing.notes
        if not note["body"].get("set_aside_reason")
    ]
    step = 4 if values["state"] == "solved" else _STEP_OF.get(str(facts.get("status") or ""), 0)
    rating = values.get("rating")
    return FollowUp(organisation, request, facts, notes, step, is_done and not rating, rating)
