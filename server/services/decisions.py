"""Deciding at the desk: by what the page showed, with a note where it matters, in bulk, later, and undone again.

Rule 1: a decision says what it saw; where that has moved, it is refused and told what moved.
Rule 2: a real disagreement takes a note; a safe one (server/domain/disagreement.py) needs none and says why it is safe.
Rule 3: each decision is one change-set; it is undone by a further one, while nothing was built on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Table, select

from schemas.problems import Fault, Refused
from server.clock import utc_now
from server.domain.disagreement import WHY_LABELS, Suggestion, suggest
from server.domain.undoing import take_back
from server.keys import new_id
from server.services.office import Office
from server.services.reviews import (
    CHOICE_LABELS,
    Choice,
    close_inquiries,
    find_open,
    find_review,
    settle_conflict,
    settling,
    standing_of,
)
from server.services.verdicts import expect_taken_in
from server.store import json_text
from server.store.logged_sets import read_logged
from server.store.stored_record import Record
from server.store.tables import SignedOrder
from server.store.workspace import Workspace
from sync import canonical, codec
from sync.chain import Sealed
from sync.changeset import Change
from sync.merge import WHOLE_RECORD
from sync.receipt import Receipt

_SIGNED: Table = SignedOrder.__table__  # type: ignore[assignment]

Body = dict[str, Any]

UNDONE_WHY: Final = "撤销裁定 / The decision was undone"


@dataclass(frozen=True, slots=True)
class Desk:
    """Who decides: somebody at the office of an organisation."""

    office: Office
    organisation: str
    person: str

    def write(self, intent: str, plan: Any) -> Receipt:
        """Write what `plan` makes of what stands. Raises Refused with what forbids it."""
        return expect_taken_in(self.office.write_planned(self.organisation, self.person, intent, plan))


@dataclass(slots=True)
class Batch:
    """What became of decisions made together: those made, and those refused with the reason."""

    done: list[str] = field(default_factory=list)
    refused: dict[str, Fault] = field(default_factory=dict)


def spell_seen(conflict: Mapping[str, Any], standing: Mapping[str, Any] | None) -> str:
    """Return in short what a page shows of a conflict: one part changes with the incoming value, one with the other."""
    shown = (conflict.get("incoming"), standing_value(conflict, standing))
    return ".".join(hashlib.sha256(canonical.dump([value]).encode()).hexdigest()[:16] for value in shown)


def standing_value(conflict: Mapping[str, Any], standing: Mapping[str, Any] | None) -> Any:
    """Return the value of the office as it stands: of a whole record, what the conflict keeps."""
    if standing is None or conflict["field"] == WHOLE_RECORD:
        return conflict.get("office")
    return standing.get(conflict["field"])


def decide(desk: Desk, review_id: str, choice: Choice, value: Any, note: str, seen: str) -> Receipt:
    """Settle a conflict by what was seen of it (`spell_seen`), and close the questions about it.

    `value` counts when `choice` is ``other``. Raises Refused with `not_found`, `conflict_settled`, `conflict_moved`,
    `standing_moved`, `note_missing`, or what forbids the change.
    """

    def plan(store: Workspace) -> list[Change]:
        review = _find_conflict(store, review_id)
        _expect_seen(store, review, seen)
        safe = _suggest(store, review)
        told = note.strip()
        if not told:
            if safe is None or safe.side != choice:
                raise Refused("note_missing")
            told = _spell_why(safe)
        changes = settle_conflict(store, review, choice, value, desk.person, told)
        return [*changes, *close_inquiries(store, review_id)]

    return desk.write("review.settle", plan)


def accept_safe(desk: Desk, seen: Mapping[str, str]) -> Batch:
    """Settle those conflicts that are safe, each in a change-set of its own; `seen` maps their ids to what was seen.

    One that has moved on, or is safe no more, is left as it is and told.
    """
    batch = Batch()
    for review_id, shown in seen.items():

        def plan(store: Workspace, review_id: str = review_id, shown: str = shown) -> list[Change]:
            review = _find_conflict(store, review_id)
            _expect_seen(store, review, shown)
            safe = _suggest(store, review)
            if safe is None:
                raise Refused("note_missing")
            changes = settle_conflict(store, review, safe.side, None, desk.person, _spell_why(safe))
            return [*changes, *close_inquiries(store, review_id)]

        try:
            desk.write("review.settle", plan)
            batch.done.append(review_id)
        except Refused as refused:
            batch.refused[review_id] = refused.fault
    return batch


def undo(desk: Desk, review_id: str) -> Receipt:
    """Take the decision of a conflict or exception back, with all that was written with it.

    Raises Refused with `not_found`, `not_settled`, `decision_overtaken`, `decision_final`, or what forbids a change.
    """

    def plan(store: Workspace) -> list[Change]:
        review = find_review(store, review_id)
        if review.body["state"] != "settled":
            raise Refused("not_settled")
        position, _device = review.stamp_of("state")
        line, _received_at = store.log_payload(position)
        decided = read_logged(line)

        def find(record_id: str) -> Body | None:
            found = store.record(record_id)
            return None if found is None or found.deleted else found.body

        return take_back(decided.changes, find, new_id, utc_now(), UNDONE_WHY)

    return desk.write("review.undo", plan)


def postpone(desk: Desk, review_id: str, until: str | None, person: str | None, why: str) -> Receipt:
    """Put a review off until a time (an instant), or until a device of `person` has synced; neither takes it up again.

    It comes back by itself as soon as another value comes in for it. Raises Refused with `not_found`,
    `conflict_settled`, or `value_invalid` for a time that has passed.
    """
    now = utc_now()
    if until is not None and until <= now:
        raise Refused("value_invalid", field="later_until", detail=until)

    def plan(store: Workspace) -> list[Change]:
        review = find_open(store, review_id)
        return [settling(review, spell_postponement(desk.person, now, until, person, why))]

    return desk.write("review.postpone", plan)


def spell_postponement(by: str, now: str, until: str | None, person: str | None, why: str) -> Body:
    """Return the values that put a review off, or with neither `until` nor `person` take it up again."""
    if until is None and person is None:
        return dict.fromkeys(("later_until", "later_person", "later_why", "later_by", "later_at"))
    told = why.strip() or None
    return {"later_until": until, "later_person": person, "later_why": told, "later_by": by, "later_at": now}


def _find_conflict(store: Workspace, review_id: str) -> Record:
    review = find_open(store, review_id)
    if review.kind != "conflict":
        raise Refused("not_found", what=review_id)
    return review


def _expect_seen(store: Workspace, review: Record, seen: str) -> None:
    """Raise Refused with `conflict_moved` or `standing_moved` unless both values are what was seen."""
    conflict, standing = review.body, standing_of(store, review.body)
    incoming, stands = spell_seen(conflict, standing).split(".")
    shown = seen.partition(".")
    if (incoming, stands) == (shown[0], shown[2]):
        return
    name, subject = conflict["field"], store.record(conflict["subject_id"])
    if incoming != shown[0] or standing is None or subject is None or name == WHOLE_RECORD:
        raise Refused("conflict_moved")
    position, _device = subject.stamp_of(name)
    line, received_at = store.log_payload(position)
    author = store.record(codec.decode(Sealed(line).payload, json_text.read_canonical).actor)
    who = author.body.get("name", "?") if author else "?"
    raise Refused("standing_moved", field=name, value=standing.get(name), who=who, at=received_at)


def _suggest(store: Workspace, review: Record) -> Suggestion | None:
    standing = standing_of(store, review.body)
    shown = {**review.body, "office": standing_value(review.body, standing)}
    return suggest(shown, _is_signed(store, review.body.get("order_id")))


def _is_signed(store: Workspace, order_id: str | None) -> bool:
    where = (_SIGNED.c.organisation == store.organisation, _SIGNED.c.order == order_id)
    return bool(order_id) and store.connection.execute(select(_SIGNED.c.signature).where(*where)).first() is not None


def _spell_why(safe: Suggestion) -> str:
    (zh, en), (side_zh, side_en) = WHY_LABELS[safe.why], CHOICE_LABELS[safe.side]
    return f"{side_zh}：{zh} / {side_en}: {en}"
