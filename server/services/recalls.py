"""Opening recalls, adding to them, striking out what they named by mistake, and ending them.

Rule 1: what a recall does is one change-set each: it is open with all that it names, or not at all.
Rule 2: a recall that is closed while something waits says why; it is opened again by whoever closed it too early, and
        by what is added to it.
Rule 3: a batch that is recalled whole says so itself too, for devices of a release that knows no recalls.
Rule 4: what was named is never deleted: a further fact strikes it out. The last thing that stands is not struck out,
        the recall is withdrawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from schemas.recall import Extent
from schemas.serials import fault_of_range
from server.clock import utc_now
from server.keys import new_id
from server.services.office import Office
from server.services.recalls_read import Affected, KnownRecall, find_recall, read_affected
from server.services.verdicts import expect_taken_in
from server.store import records
from server.store.database import transact
from server.store.workspace import Workspace, open_workspace
from sync.changeset import CHANGES_MAX, Change

NUMBER_PREFIX: Final = "RC"
NAMED_MOST: Final = CHANGES_MAX // 2 - 1
"""What one recall names: each may mark a batch too, and all of it is one change-set."""

ENDED_BY: Final = ("closed_by", "closed_at", "close_reason")

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts: somebody at the office of an organisation."""

    organisation: str
    person: str


def open_recall(
    engine: Engine, office: Office, author: Author, given: Mapping[str, Any], extents: Sequence[Extent]
) -> tuple[str, str]:
    """Open a recall of what `extents` name; return its id and number.

    `given` holds fields of the recall. Raises Refused with `field_missing`, `serial_range_invalid`, or what forbids it.
    """
    expect_extents(extents)
    recall = new_id()

    def work(connection: Connection) -> str:
        store = open_workspace(connection, author.organisation)
        now = utc_now()
        values = {name: value for name, value in given.items() if value not in (None, "")}
        values |= {"state": "open", "opened_by": author.person, "opened_at": now}
        values.setdefault("number", propose_recall_number(connection, author.organisation, now))
        changes = [Change("recall", recall, "create", values, {})]
        changes += [Change("recalled_part", new_id(), "create", _spell_extent(recall, one), {}) for one in extents]
        note = f"{values['number']} {values.get('reason') or ''}".strip()[:1000]
        changes += _mark_batches(connection, author.organisation, extents, now[:10], note)
        expect_taken_in(office.write_in(store, author.person, "recall.open", changes))
        store.flush()
        return str(values["number"])

    return recall, transact(engine, work)


def extend_recall(office: Office, author: Author, recall: str, extents: Sequence[Extent], reason: str) -> int:
    """Add to what a recall names; return how much of `extents` it did not name yet. A closed one is open again.

    Raises Refused with `not_found`, `recall_ended` for one that was withdrawn, `field_missing` without a reason,
    `recall_names_it` when it names all of that, what `expect_extents` says of them, or what forbids it.
    """
    expect_extents(extents)
    added: list[Extent] = []

    def plan(store: Workspace) -> list[Change]:
        known = find_recall(store.connection, store.organisation, recall)
        before, now = known.body, utc_now()
        if before["state"] == "withdrawn":
            raise Refused("recall_ended", number=before["number"], state=before["state"])
        if not reason.strip():
            raise Refused("field_missing", field="named_reason")
        standing = {(one.part, one.batch, one.first, one.last) for one in known.extents}
        added[:] = [one for one in extents if (one.part, one.batch, one.first, one.last) not in standing]
        if not added:
            raise Refused("recall_names_it", number=before["number"])
        by = {"named_by": author.person, "named_at": now, "named_reason": reason.strip()}
        changes = [Change("recalled_part", new_id(), "create", _spell_extent(recall, one) | by, {}) for one in added]
        if before["state"] == "closed":
            new: Body = {"state": "open"} | dict.fromkeys(ENDED_BY)
            changes.append(Change("recall", recall, "update", new, {name: before.get(name) for name in new}))
        note = f"{before['number']} {before.get('reason') or ''}".strip()[:1000]
        return [*changes, *_mark_batches(store.connection, store.organisation, added, now[:10], note)]

    expect_taken_in(office.write_planned(author.organisation, author.person, "recall.extend", plan))
    return len(added)


def correct_recall(office: Office, author: Author, recall: str, named: str, reason: str) -> Extent:
    """Strike out what a recall named by mistake, and return what it was. Orders and letters stay as they are.

    Raises Refused with `not_found`, `recall_ended` for a recall that was withdrawn, `already_withdrawn` for what is
    struck out, `field_missing` without a reason, `recall_names_nothing` for the last thing that stands, or what
    forbids it.
    """
    struck: list[Extent] = []

    def plan(store: Workspace) -> list[Change]:
        known = find_recall(store.connection, store.organisation, recall)
        one = next((one for one in known.named if one.id == named), None)
        if one is None:
            raise Refused("not_found", what=f"recalled_part {named[:60]}")
        if known.body["state"] == "withdrawn":
            raise Refused("recall_ended", number=known.body["number"], state=known.body["state"])
        if one.correction is not None:
            raise Refused("already_withdrawn")
        if not reason.strip():
            raise Refused("field_missing", field="correction_reason")
        left = [other.extent for other in known.standing if other.id != named]
        if not left:
            raise Refused("recall_names_nothing")
        struck[:] = [one.extent]
        values = {"recall_id": recall, "named_id": named, "corrected_by": author.person, "corrected_at": utc_now()}
        said = values | {"correction_reason": reason.strip()}
        still = {(extent.part, extent.batch) for extent in left if extent.first is None}
        marks = _unmark_batches(store, known, {(one.extent.part, one.extent.batch)} - still)
        return [Change("recall_correction", new_id(), "create", said, {}), *marks]

    expect_taken_in(office.write_planned(author.organisation, author.person, "recall.correct", plan))
    return struck[0]


def end_recall(office: Office, author: Author, recall: str, state: str, reason: str) -> None:
    """Close a recall, withdraw it because it was opened by mistake, or open it again.

    Raises Refused with `not_found`, `recall_ended` when somebody has done so already, `field_missing` without the
    reason that is asked for, or what forbids it.
    """

    def plan(store: Workspace) -> list[Change]:
        known = find_recall(store.connection, store.organisation, recall)
        before = known.body
        if state not in ("open", "closed", "withdrawn") or before["state"] == state or before["state"] == "withdrawn":
            raise Refused("recall_ended", number=before["number"], state=before["state"])
        waits = state == "closed" and is_waiting(read_affected(store.connection, store.organisation, known))
        if not reason.strip() and (waits or state == "withdrawn"):
            raise Refused("field_missing", field="close_reason")
        ended = dict(zip(ENDED_BY, (author.person, utc_now(), reason.strip() or None), strict=True))
        new = {"state": state} | (ended if state != "open" else dict.fromkeys(ENDED_BY))
        changes = [Change("recall", recall, "update", new, {name: before.get(name) for name in new})]
        named = {(one.part, one.batch) for one in known.extents if one.first is None}
        return changes + (_unmark_batches(store, known, named) if state == "withdrawn" else [])

    expect_taken_in(office.write_planned(author.organisation, author.person, f"recall.{state}", plan))


def is_waiting(affected: Affected) -> bool:
    """Tell whether closing a recall would leave something behind."""
    return affected.progress.waiting > 0 or affected.progress.stock > 0


def propose_recall_number(connection: Connection, organisation: str, now: str) -> str:
    """Return the number behind the newest of this year, such as RC260003."""
    start = f"{NUMBER_PREFIX}{now[2:4]}"
    numbers = (str(body["number"]) for _, body in records.bodies_of_kind(connection, organisation, "recall"))
    counts = [int(number[len(start) :]) for number in numbers if re.fullmatch(rf"{start}[0-9]{{4,9}}", number)]
    return f"{start}{max(counts, default=0) + 1:04d}"


def expect_extents(extents: Sequence[Extent]) -> None:
    """Raise Refused with `field_missing` for no extent, `value_invalid` for too many, or `serial_range_invalid`."""
    if not extents:
        raise Refused("field_missing", field="part_id")
    if len(extents) > NAMED_MOST:
        raise Refused("value_invalid", field="part_id", detail=f"{NAMED_MOST}")
    for one in extents:
        if one.first is not None and one.last is not None and (fault := fault_of_range(one.first, one.last)):
            raise Refused("serial_range_invalid", first=one.first, last=one.last, detail=fault)


def _spell_extent(recall: str, extent: Extent) -> Body:
    named = {"batch": extent.batch, "first_serial": extent.first, "last_serial": extent.last}
    return {"recall_id": recall, "part_id": extent.part} | {name: value for name, value in named.items() if value}


def _mark_batches(
    connection: Connection, organisation: str, extents: Sequence[Extent], day: str, note: str
) -> Iterator[Change]:
    """Yield the marking of the batches that are recalled whole and are not marked yet."""
    whole = {(one.part, one.batch) for one in extents if one.batch and one.first is None}
    for part in sorted({part for part, _ in whole}):
        for batch, body in records.bodies_holding(connection, organisation, "batch", "part_id", part):
            if (part, body["number"]) in whole and not body.get("recalled_on"):
                new = {"recalled_on": day, "recall_reason": note}
                yield Change("batch", batch, "update", new, {name: body.get(name) for name in new})


def _unmark_batches(store: Workspace, known: KnownRecall, named: Iterable[tuple[str, str | None]]) -> list[Change]:
    """Return the taking away of the marks that a recall made on batches and nobody has changed since."""
    number, wanted = f"{known.body['number']} ", set(named)
    found = [
        (batch, body)
        for part in sorted({part for part, _ in wanted})
        for batch, body in records.bodies_holding(store.connection, store.organisation, "batch", "part_id", part)
        if (part, body["number"]) in wanted and (body.get("recall_reason") or "").startswith(number)
    ]
    unmarked: Body = {"recalled_on": None, "recall_reason": None}
    return [
        Change("batch", key, "update", unmarked, {name: body.get(name) for name in unmarked}) for key, body in found
    ]
