"""Bytes <-> ChangeSet. What is decoded is exactly what was signed, or it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from schemas.base import INSTANT_PATTERN, UUID_PATTERN, WHOLE_NUMBER_MAX
from schemas.problems import Refused
from sync import canonical
from sync.changeset import CHANGE_SET_BYTES_MAX, CHANGES_MAX, Change, ChangeSet
from sync.clock import STAMP_PATTERN

OFFSET_MS_MAX: Final = 100 * 366 * 24 * 3600 * 1000
"""A clock reset to 1970 or set a lifetime ahead is still corrected; beyond that the number is noise."""

_UUID = re.compile(UUID_PATTERN).match
_INSTANT = re.compile(INSTANT_PATTERN).match
_STAMP = re.compile(STAMP_PATTERN).match
_DIGEST = re.compile(r"[0-9a-f]{64}\Z").match
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,63}\Z").match
_WITNESS = re.compile(r"(?:[0-9]{1,15} [0-9a-f]{64})?\Z").match

_TEXT_FIELDS: Final = {
    "id": _UUID,
    "organisation": _UUID,
    "device": _UUID,
    "actor": _UUID,
    "prev": _DIGEST,
    "intent": _NAME,
    "captured_at": _INSTANT,
    "clock": _STAMP,
    "witness": _WITNESS,
}
_WHOLE_FIELDS: Final = {
    "seq": (1, WHOLE_NUMBER_MAX),
    "schema": (1, 100_000),
    "basis": (0, WHOLE_NUMBER_MAX),
    "offset_ms": (-OFFSET_MS_MAX, OFFSET_MS_MAX),
}
_FIELDS: Final = {*_TEXT_FIELDS, *_WHOLE_FIELDS, "changes"}
_OPS: Final = ("create", "update", "delete")

ReadCanonical = Callable[[bytes], Any]
"""bytes -> the value they spell canonically, or None when that is not certain"""


def read_nothing(_data: bytes) -> None:
    """Be certain of nothing: what reads canonical JSON where there is no faster way."""
    return


def encode(changeset: ChangeSet) -> bytes:
    """Return the canonical bytes of `changeset`, ready to be signed."""
    document: dict[str, Any] = {name: getattr(changeset, name) for name in _FIELDS if name != "changes"}
    document["changes"] = [
        {"kind": c.kind, "id": c.id, "op": c.op, "set": dict(c.set), "was": dict(c.was)} for c in changeset.changes
    ]
    return canonical.dump(document).encode("utf-8")


def decode(payload: bytes, read_canonical: ReadCanonical = read_nothing) -> ChangeSet:
    """Read a change-set; `read_canonical` may read it faster than is done here.

    Raises Refused with `change_set_too_large`, `malformed`, `not_canonical` or `too_many_changes`.
    Values of fields are checked against their schema elsewhere; here only the frame is.
    """
    if len(payload) > CHANGE_SET_BYTES_MAX:
        raise Refused("change_set_too_large", limit=CHANGE_SET_BYTES_MAX)
    document = read_canonical(payload)
    if document is None:
        document = read_canonically(payload)
    _check_frame(document)
    changes = tuple(_read_change(item) for item in document.pop("changes"))
    return ChangeSet(changes=changes, **document)


def decode_again(payload: bytes, read: Callable[[bytes], Any]) -> ChangeSet:
    """Read a change-set that `decode` has read before; `read` reads JSON."""
    document = read(payload)
    changes = (Change(c["kind"], c["id"], c["op"], c["set"], c["was"]) for c in document.pop("changes"))
    return ChangeSet(changes=tuple(changes), **document)


def read_canonically(data: bytes) -> Any:
    """Return what some canonical JSON says. Raises Refused with `malformed` or `not_canonical`."""
    try:
        document = canonical.load(data)
        spelled = canonical.dump(document).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Refused("malformed", detail=str(error)[:200]) from None
    if spelled != data:
        raise Refused("not_canonical")
    return document


def _check_frame(document: Any) -> None:
    if not isinstance(document, dict) or document.keys() != _FIELDS:
        raise Refused("malformed", detail="a change-set has exactly the fields " + ", ".join(sorted(_FIELDS)))
    for name, matches in _TEXT_FIELDS.items():
        value = document[name]
        if not isinstance(value, str) or matches(value) is None:
            raise Refused("malformed", detail=f"'{name}' is not in its form")
    for name, (low, high) in _WHOLE_FIELDS.items():
        value = document[name]
        if type(value) is not int or not low <= value <= high:
            raise Refused("malformed", detail=f"'{name}' is not a whole number in its range")
    changes = document["changes"]
    if not isinstance(changes, list) or not changes:
        raise Refused("malformed", detail="'changes' is not a list with at least one change")
    if len(changes) > CHANGES_MAX:
        raise Refused("too_many_changes", limit=CHANGES_MAX)


def _read_change(item: Any) -> Change:
    if not isinstance(item, dict) or item.keys() != {"kind", "id", "op", "set", "was"}:
        raise Refused("malformed", detail="a change has exactly the fields kind, id, op, set, was")
    kind, record_id, op, new, seen = item["kind"], item["id"], item["op"], item["set"], item["was"]
    if not isinstance(kind, str) or _NAME(kind) is None:
        raise Refused("malformed", detail="a change's kind is not in its form")
    if not isinstance(record_id, str) or _UUID(record_id) is None:
        raise Refused("malformed", detail="a change's id is not a UUID")
    if op not in _OPS or not isinstance(new, dict) or not isinstance(seen, dict):
        raise Refused("malformed", detail="a change's op, set or was is not in its form")
    if op == "update" and new.keys() != seen.keys():
        raise Refused("malformed", detail="an update names in 'was' exactly the fields it sets")
    if (op == "create" and seen) or (op == "delete" and new):
        raise Refused("malformed", detail="a create has no 'was' and a delete no 'set'")
    if max(canonical.depth(new), canonical.depth(seen)) > canonical.DEPTH_MAX:
        raise Refused("malformed", detail="nested too deeply")
    return Change(kind, record_id, op, new, seen)
