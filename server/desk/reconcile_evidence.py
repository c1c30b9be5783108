"""What speaks for and against an exception: the fact, where the part was, who drew it, photos of the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from schemas import kind_of
from schemas.problems import Refused
from server.services.serial_clash import Clash, read_clash
from server.services.stock import Step, read_draws
from server.services.trace import trace_number
from server.store import blobs, board, records

CLASHING: Final = ("serial_in_two_places", "unknown_serial")
PHOTOS_MOST: Final = 8
BELOW_ZERO: Final = "stock_below_zero"
SPANS_MOST: Final = 12
DRAWS_MOST: Final = 12
LATEST_MOST: Final = 400
"""Characters of a long text, such as a job sheet, that are shown among the facts."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The fact or record in question, the spans of its serial or batch number, and photos."""

    kind: str
    subject: Body
    spans: list[Body]
    photos: list[Body]
    names: dict[str, Body]
    clash: Clash | None = None
    """Of a serial number in two places: what may have happened."""
    erased: Mapping[str, str] = field(default_factory=dict)
    """The photos that were erased, by their originals, and when."""
    draws: list[Step] = field(default_factory=list)
    """Of a balance below zero: the moves that made it up until then, the last to come in first."""


def read_evidence(connection: Connection, organisation: str, review_id: str) -> Evidence:
    """Return the evidence of an exception, or of a conflict. Raises Refused with `not_found`."""
    found = records.body_of(connection, organisation, review_id)
    if found is None or found[0] not in ("exception", "conflict"):
        raise Refused("not_found", what=review_id)
    body = found[1]
    subject = (records.body_of(connection, organisation, body["subject_id"]) or ("", {}))[1]
    order = body.get("order_id")
    photos = board.list_followers_of_kind(connection, organisation, order, "photo")[-PHOTOS_MOST:] if order else []
    kind = kind_of(body["subject_kind"])
    wanted = {subject[name] for name in (kind.references if kind else ()) if isinstance(subject.get(name), str)}
    is_below = body.get("code") == BELOW_ZERO
    draws = read_draws(connection, organisation, body["subject_id"], DRAWS_MOST) if is_below else []
    wanted |= {
        key for step in draws for key in (step.from_at, step.to_at, step.actor, step.body.get("order_id")) if key
    }
    names = {key: named for key, (_, named) in records.bodies_of(connection, organisation, wanted).items()}
    told = {name: value for name, value in subject.items() if not isinstance(value, str) or len(value) <= LATEST_MOST}
    spans = _trace(connection, organisation, body["subject_kind"], subject)
    clash = read_clash(connection, organisation, body["subject_id"]) if body.get("code") in CLASHING else None
    erased = blobs.find_erased(connection, organisation, [photo["original_sha256"] for photo in photos])
    return Evidence(body["subject_kind"], told, spans, photos, names, clash, erased, draws)


def _trace(connection: Connection, organisation: str, kind: str, subject: Body) -> list[Body]:
    if kind not in ("part_fitted", "part_removed", "stock_move"):
        return []
    number = subject.get("serial") or subject.get("batch")
    if not number:
        return []
    try:
        spans: list[Body] = trace_number(connection, organisation, number, limit=SPANS_MOST)["spans"]
    except Refused:
        return []
    return spans
