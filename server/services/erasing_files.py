"""Which files go with a person: what signed, what was sent, and, where somebody asks for it, photos of a visit.

Rule 1: schemas/ declares which files tell of a person, and by which fields of their record it is known of whom. Such a
        file goes when what is said there is erased, or when its record is.
Rule 2: of a photo only who looks at it can tell. It goes when its record is named, or with its order where photos were
        asked for too.
Rule 3: a file is its bytes. It goes from every record that names it, and stays where a field that is not personal
        names it: a certificate is evidence of a part, whoever sent it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from schemas import KINDS, Kind
from schemas.evidence import BLOB_FIELDS
from server.domain.erasure import Wanted
from server.store import blobs, records

Slots = set[tuple[str, str]]
"""(record id, field) of the values that go, or went before"""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that tells of the person, by the record and field that name it.

    `others` counts the records that name it too and are nobody's whom this is about. A `keeper` is the kind of record
    for which it stays. `is_picture` tells whether a browser can show it small.
    """

    sha256: str
    kind: str
    id: str
    field: str
    others: int
    keeper: str
    is_picture: bool = False


def find_files(
    connection: Connection, organisation: str, wanted: Wanted, ids: set[str], slots: Slots
) -> tuple[list[FoundFile], int]:
    """Return the files that go, and how many photos of the same records stay because nobody asked for them."""
    touched, found, left = ids | {record_id for record_id, _ in slots}, dict[tuple[str, str, str], str](), 0
    pictures: set[str] = set()
    bodies = records.bodies_of(connection, organisation, touched)
    orders = touched | {str(body["order_id"]) for _, body in bodies.values() if body.get("order_id")}
    for kind, record_id, body in _naming(connection, organisation, personal=True):
        is_left = False
        for name, tells_of in kind.personal_files.items():
            sha256 = body.get(name)
            if not sha256:
                continue
            if tells_of:
                goes = record_id in ids or _is_told(kind, record_id, body, tells_of, slots, touched)
            else:
                concerns = record_id in ids or body.get("order_id") in orders
                goes = record_id in wanted.ids or (wanted.photos and concerns)
                is_left = is_left or (concerns and not goes)
            if goes:
                found[kind.name, record_id, name] = sha256
                if name != "original_sha256" and str(body.get("media_type")).startswith("image/"):
                    pictures.add(sha256)
        left += is_left
    gone = blobs.find_erased(connection, organisation, set(found.values()))
    found = {place: sha256 for place, sha256 in found.items() if sha256 not in gone}
    others, keepers = _find_others(connection, organisation, found)
    return [
        FoundFile(sha256, *place, len(others[sha256]), keepers.get(sha256, ""), sha256 in pictures)
        for place, sha256 in sorted(found.items())
    ], left


def _is_told(
    kind: Kind, record_id: str, body: Mapping[str, Any], tells_of: tuple[str, ...], slots: Slots, touched: set[str]
) -> bool:
    """Tell whether what goes says of whom a file tells."""
    return any(
        body.get(name) in touched if name in kind.references else (record_id, name) in slots for name in tells_of
    )


def _find_others(
    connection: Connection, organisation: str, found: Mapping[tuple[str, str, str], str]
) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Return by hash which other records name a file as a person's, and which kind of record keeps it."""
    others: dict[str, set[str]] = {sha256: set() for sha256 in found.values()}
    keepers: dict[str, str] = {}
    if not found:
        return others, keepers
    ours = {record_id for _, record_id, _ in found}
    for kind, record_id, body in _naming(connection, organisation, personal=True):
        for name in kind.personal_files:
            if body.get(name) in others and record_id not in ours:
                others[body[name]].add(record_id)
    for kind, _, body in _naming(connection, organisation, personal=False):
        for name in BLOB_FIELDS:
            if name in kind.fields and name not in kind.personal_files and body.get(name) in others:
                keepers[body[name]] = kind.name
    return others, keepers


def _naming(
    connection: Connection, organisation: str, *, personal: bool
) -> Iterator[tuple[Kind, str, Mapping[str, Any]]]:
    """Yield the records of the kinds that name files: those that tell of persons, or others."""
    for kind in KINDS.values():
        named = [name for name in BLOB_FIELDS if name in kind.fields]
        if any((name in kind.personal_files) is personal for name in named):
            for record_id, body in records.bodies_of_kind(connection, organisation, kind.name):
                yield kind, record_id, body
