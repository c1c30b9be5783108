"""What of a person's values is erased, and what stands for it: pure rules, without database or chance.

Rule 1: a *slot* is a field of a record; a conflict's values belong to the slot in dispute. Equal values of one slot
        have one stand-in, so that the merge decides alike whenever the log is replayed.
Rule 2: of a list of persons each item is a value by itself; of a whole record in dispute, each of its members.
Rule 3: a value is found by words: it contains one, whatever the case and width; or, for a word of at least
        DIGITS_LEAST digits, by the digits in it, however they are grouped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas import KINDS, Kind, kind_of
from schemas.base import faults_of
from server.domain.catalogue import fold
from sync import canonical
from sync.changeset import Change
from sync.merge import WHOLE_RECORD
from sync.openings import is_stand_in

WORD_LEAST: Final = 2
DIGITS_LEAST: Final = 6
"""Fewer digits are in too many texts: a year, a house number."""

CONFLICT_VALUES: Final = ("base", "office", "incoming", "settled_value")

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose values: those that contain one of some words, and all of some records and of what belongs to them.

    With `photos`, photos taken for these records go too (schemas/evidence.py: only who looks at one can tell of whom).
    """

    words: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    photos: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """A field of a record."""

    id: str
    field: str


Erasing = dict[tuple[Slot, str], str]
"""(slot, canonical value) -> what stands for it"""


def spell(value: Any) -> str:
    """Return a value as values are told apart."""
    return canonical.dump(value)


def contains(value: Any, words: Sequence[str]) -> bool:
    """Tell whether a value contains one of some words (rule 3)."""
    said = value if isinstance(value, str) else spell(value)
    folded, digits = fold(said), digits_of(said)
    for word in words:
        if fold(word) in folded or (len(digits_of(word)) >= DIGITS_LEAST and digits_of(word) in digits):
            return True
    return False


def digits_of(said: str) -> str:
    """Return the digits in a text, one after the other."""
    return "".join(sign for sign in said if sign.isdecimal())


def values_at(kind_name: str, record_id: str, name: str, value: Any, subject: Body) -> Iterator[tuple[Slot, Any]]:
    """Yield the personal values that a field holds, each with its slot (rules 1 and 2).

    `subject` is the record's body where it is a conflict; of what is unknown or not personal nothing is told.
    """
    if value is None or is_stand_in(value):
        return
    if kind_name == "conflict" and name in CONFLICT_VALUES:
        yield from _values_in_dispute(value, subject)
        return
    kind = kind_of(kind_name)
    if kind is not None and name in kind.personal_lists and isinstance(value, list):
        yield from ((Slot(record_id, name), item) for item in value if item is not None and not is_stand_in(item))
    elif kind is None or name in kind.personal or name not in kind.rules:
        yield Slot(record_id, name), value


def _values_in_dispute(value: Any, conflict: Body) -> Iterator[tuple[Slot, Any]]:
    disputed, subject = KINDS.get(str(conflict.get("subject_kind"))), str(conflict.get("subject_id"))
    name = str(conflict.get("field"))
    if name != WHOLE_RECORD:
        if disputed is not None and name in disputed.personal:
            yield from values_at(disputed.name, subject, name, value, {})
    elif isinstance(value, dict) and disputed is not None:
        for member in disputed.personal & value.keys():
            yield from values_at(disputed.name, subject, member, value[member], {})


def replace_in(
    kind_name: str, record_id: str, name: str, value: Any, subject: Body, erasing: Erasing
) -> tuple[Any, list[tuple[str, str]]]:
    """Return a field's value with what is erased replaced, and the paths at which it was, with what stands there.

    The value is the very same when nothing was.
    """
    paths: list[tuple[str, str]] = []

    def swap(slot: Slot, one: Any, path: str) -> Any:
        stand_in = erasing.get((slot, spell(one)))
        if stand_in is None:
            return one
        paths.append((path, stand_in))
        return stand_in

    swapped = _swap(kind_name, record_id, name, value, subject, swap)
    return (swapped if paths else value), paths


def _swap(
    kind_name: str, record_id: str, name: str, value: Any, subject: Body, swap: Callable[[Slot, Any, str], Any]
) -> Any:
    kind, slot = kind_of(kind_name), Slot(record_id, name)
    if kind_name == "conflict" and name in CONFLICT_VALUES:
        disputed, of = str(subject.get("subject_id")), str(subject.get("field"))
        if of == WHOLE_RECORD and isinstance(value, dict):
            return {member: swap(Slot(disputed, member), one, f"{name}.{member}") for member, one in value.items()}
        slot = Slot(disputed, of)
        kind = kind_of(str(subject.get("subject_kind")))
        if kind is not None and of in kind.personal_lists and isinstance(value, list):
            return [swap(slot, item, f"{name}.{at}") for at, item in enumerate(value)]
    elif kind is not None and name in kind.personal_lists and isinstance(value, list):
        return [swap(slot, item, f"{name}.{at}") for at, item in enumerate(value)]
    return swap(slot, value, name)


def put_at(kind: Kind, body: Body, path: str, stand_in: str) -> dict[str, Any] | None:
    """Return a personal field with a stand-in at a path of it; None where there is no such place."""
    name, _, inner = path.partition(".")
    if name not in kind.personal or body.get(name) is None:
        return None
    if not inner:
        return {name: stand_in}
    value = body[name]
    if isinstance(value, dict) and inner in value:
        return {name: {**value, inner: stand_in}}
    if isinstance(value, list) and inner.isdecimal() and int(inner) < len(value):
        return {name: [*value[: int(inner)], stand_in, *value[int(inner) + 1 :]]}
    return None


def note_of(change: Change, name: str) -> dict[str, str]:
    """Return what must be known of a value of a change once it is erased, or the log would be judged otherwise."""
    kind, value = kind_of(change.kind), change.set.get(name)
    check = kind.checks.get(name) if kind is not None else None
    if kind is not None and check is not None and not check(value):
        return {"fault": "; ".join(faults_of(kind.fields[name], value))}
    if change.kind == "job_sheet" and name == "content" and isinstance(value, str):
        digest = hashlib.sha256(value.encode("utf-8")).hexdigest()
        return {} if digest == change.set.get("content_sha256") else {"sha256": digest}
    return {}
