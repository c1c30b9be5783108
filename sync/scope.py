"""Which devices hold a record, as far as the record itself tells.

Rule 1: the catalogue is held by everybody.
Rule 2: an assigned record is held by the person it names, while it is live; it is the root of what it
        carries: an order carries its machine, the machine its site, the site its customer.
Rule 3: a record that follows others is held by whoever holds one of them: a photo follows its order and
        its machine, so the history of a machine travels with the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from schemas import KINDS, Audience, Kind, kind_of

EVERYBODY: Final = "*"
"""The holder that stands for every device of the organisation."""

CARRIED_KINDS: Final = frozenset(
    rule.refers_to for kind in KINDS.values() for rule in kind.references.values() if rule.carries
)
"""Kinds that some other kind carries."""

FOLLOWED_KINDS: Final = frozenset(
    rule.refers_to for kind in KINDS.values() for rule in kind.references.values() if rule.follows
)
"""Kinds that some other kind follows."""

Body = Mapping[str, Any]
Find = Callable[[str], tuple[str, Body] | None]
"""record id -> its kind and body, or None when there is no such record"""


def direct_holder(kind: Kind, body: Body) -> str | None:
    """Return who holds a record on its own account: everybody, one person's id, or None."""
    if kind.audience is Audience.EVERYBODY:
        return EVERYBODY
    if kind.audience is not Audience.ASSIGNED or kind.schema.held_by is None:
        return None
    if any(body.get(name) in values for name, values in kind.schema.released_when.items()):
        return None
    return body.get(kind.schema.held_by)


def structure(kind: Kind, body: Body) -> tuple[Any, ...]:
    """Return what decides who holds a record and what it carries; as long as it stays, so do the holders."""
    released = kind.schema.released_when
    seen = [body.get(name) for name in kind.structural]
    for index, name in enumerate(kind.structural):
        if name in released:
            seen[index] = seen[index] in released[name]
    return tuple(seen)


def may_restructure(kind: Kind, values: Body) -> bool:
    """Tell whether writing some values is likely to change a record's structure."""
    released = kind.schema.released_when
    return any(
        name in kind.structural and (name not in released or value in released[name]) for name, value in values.items()
    )


def is_root(kind: Kind) -> bool:
    """Tell whether records of a kind carry others to the person they are assigned to."""
    return kind.audience is Audience.ASSIGNED


def carried_closure(root_id: str, find: Find) -> Iterator[str]:
    """Yield the ids of a root record and of all that it carries, each once."""
    seen: set[str] = set()
    waiting = [root_id]
    while waiting:
        record_id = waiting.pop()
        if record_id in seen:
            continue
        found = find(record_id)
        if found is None:
            continue
        seen.add(record_id)
        yield record_id
        kind = kind_of(found[0])
        if kind is not None:
            waiting.extend(target for name in kind.carried if (target := found[1].get(name)))


def followed_ids(kind: Kind, body: Body) -> tuple[str, ...]:
    """Return the ids of the records whose holders also hold this one."""
    return tuple(dict.fromkeys(target for name in kind.followed if (target := body.get(name))))
