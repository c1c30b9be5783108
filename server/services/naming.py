"""Names that stand for records in cells: a name where it is the record's own, else the id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from server.domain.catalogue import title_of
from server.domain.forms import Input, describe
from server.services.catalogue import find_called
from server.store import records


def name_targets(
    connection: Connection, organisation: str, kind: str, bodies: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    """Return what stands for each record that records of a kind refer to, by id."""
    wanted: dict[str, set[str]] = {}
    for body in bodies:
        for asked in describe(kind):
            for target in _targets(asked, body.get(asked.name)):
                wanted.setdefault(str(asked.refers_to), set()).add(target)
    names: dict[str, str] = {}
    for target_kind, ids in wanted.items():
        standing = records.bodies_of(connection, organisation, ids)
        titles = {key: title_of(*found) for key, found in standing.items()}
        called = find_called(connection, organisation, target_kind, set(titles.values()) - {""})
        names |= {key: title for key, title in titles.items() if called.get(title) == [key] and title.strip() == title}
    return names


def _targets(asked: Input, value: Any) -> list[str]:
    if not asked.refers_to or value is None:
        return []
    return value if isinstance(value, list) else [value]
