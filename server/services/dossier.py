"""A dossier: one file that shows an outsider what was recorded under a number, and that none of it was altered.

It holds log entries as they were sealed, with receipts and proofs that they are in the log whose checkpoint the office
signs; the files they name; and the office's word that these are all entries about the number. `gongdan-verify` checks
it without us (docs/proofs.md). The same log gives the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row

from schemas.problems import Refused
from server.keys import OfficeKey, verify_signature
from server.services.blobs import BlobDesk
from server.services.devices import read_checkpoint
from server.services.dossier_archive import write_archive
from server.services.dossier_cover import write_cover
from server.services.dossier_entries import (
    ENROLMENT,
    Gathered,
    Subject,
    checkpoints_on,
    files_named,
    gather,
    read_between,
)
from server.services.log_tree import prove_entries, prove_prefixes
from server.store import checkpoints, devices
from server.store.checkpoints import KeptCheckpoint
from server.store.database import reading
from sync import canonical
from sync.blobs import RANKS
from sync.chain import Sealed
from sync.checkpoint import Checkpoint, write_checkpoint, write_note
from sync.checkpoint import read_checkpoint as read_note

FORMAT: Final = "gongdan-dossier/1"
MANIFEST: Final = "manifest.json"

FILES_BYTES_MAX: Final = 128 * 1024 * 1024
"""A dossier is put together in memory; files beyond that are named and left out, the largest kinds first."""

CHOICES: Final = ("all", "small", "none")
"""Which files: all, thumbnails with signatures and certificates, or none."""

SMALL_RANK: Final = 1

Lines = Iterable[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Dossier:
    """A dossier as a file: its name, its bytes, and how many entries and files it has."""

    name: str
    data: bytes
    entries: int
    files: int


def build_dossier(
    blobs: BlobDesk, key: OfficeKey, organisation: str, subject: Subject, files: str = "all", *, personal: bool = True
) -> Dossier:
    """Return the dossier of a number; without `personal`, what tells of persons is left out.

    Raises Refused with `not_found`, `log_damaged`, or as the store of files does.
    """
    with reading(blobs.engine) as connection:
        row = devices.read_organisation(connection, organisation)
        end = read_checkpoint(connection, organisation)
        found = gather(connection, organisation, subject)
        subject = Subject(subject.kind, found.number)
        parts = _spell_log(connection, end, found, bytes.fromhex(key.public_key), personal)
        stamped = checkpoints.find_newest(connection, organisation, is_stamped=True)
        parts |= _spell_timestamp(connection, end, stamped) if stamped else {}
        cover = write_cover(connection, organisation, row.name, subject, found, end)
    kept, evidence = _read_files(blobs, organisation, found, files, personal)
    public_key = bytes.fromhex(key.public_key)
    contents = {"cover.html": cover, "checkpoint": write_checkpoint(end, public_key, key.sign).encode("utf-8")}
    contents |= parts | {f"files/{sha256}": kept[sha256] for sha256 in sorted(kept)}
    manifest = {
        "format": FORMAT,
        "organisation": organisation,
        "organisation_name": row.name,
        "office_device": row.office_device,
        "office_key": key.public_key,
        "subject": {"kind": subject.kind, "number": subject.number},
        "size": end.size,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        "evidence": evidence,
    }
    spelled = canonical.dump(manifest).encode("utf-8")
    digest = hashlib.sha256(spelled).hexdigest()
    note = write_note(f"gongdan/dossier/{organisation}", [digest], public_key, key.sign)
    data = write_archive({MANIFEST: spelled, "manifest.sig": note.encode("utf-8"), **contents})
    return Dossier(_name_of(subject, end), data, len(found.rows), len(kept))


def _spell_log(
    connection: Connection, end: Checkpoint, found: Gathered, public_key: bytes, personal: bool
) -> dict[str, bytes]:
    paths = prove_entries(connection, end.organisation, found.reasons, end.size)
    entries = (
        {
            "position": row.position,
            "about": found.reasons[row.position],
            "sealed": _line_of(row, personal).decode("utf-8"),
            "receipt": row.receipt,
            "path": [node.hex() for node in paths[row.position]],
        }
        for row in found.rows
    )
    named, gaps = read_between(connection, end.organisation, found.rows)
    return {
        "entries.jsonl": _spell_lines(entries),
        "witnesses.jsonl": _spell_lines(_prove_witnesses(connection, end, found, public_key)),
        "between.jsonl": _spell_lines(named),
        "gaps.jsonl": _spell_lines(gaps),
    }


def _line_of(row: Row[Any], personal: bool) -> bytes:
    sealed = Sealed(row.sealed)
    return sealed.line if personal else sealed.signed


def _prove_witnesses(connection: Connection, end: Checkpoint, found: Gathered, public_key: bytes) -> Lines:
    """Return that the logs which authors had seen, and job sheets name, are how this log began."""
    seen = {canonical.load(Sealed(row.sealed).payload)["witness"] for row in found.rows} - {""}
    notes = (read_note(note, end.organisation, public_key, verify_signature) for note in checkpoints_on(found.sheets))
    seen |= {note.witness for note in notes if note is not None and note.size}
    sizes = {int(witness.split()[0]): witness.split()[1] for witness in sorted(seen)}
    known = {size: root for size, root in sizes.items() if 0 < size <= end.size}
    paths = prove_prefixes(connection, end.organisation, known, end.size)
    return [{"size": n, "root": known[n], "path": [node.hex() for node in paths[n]]} for n in sorted(known)]


def _spell_timestamp(connection: Connection, end: Checkpoint, stamped: KeptCheckpoint) -> dict[str, bytes]:
    """Return the newest checkpoint that others have put a time to, and the proof that this log begins with it."""
    if not 0 < stamped.size <= end.size:
        return {}
    path = prove_prefixes(connection, end.organisation, [stamped.size], end.size)[stamped.size]
    return {
        "timestamp/checkpoint": stamped.note.encode("utf-8"),
        "timestamp/reply.tsr": b64decode(stamped.timestamp),
        "timestamp/path.json": canonical.dump([node.hex() for node in path]).encode("utf-8"),
    }


def _read_files(
    blobs: BlobDesk, organisation: str, found: Gathered, files: str, personal: bool
) -> tuple[dict[str, bytes], list[dict[str, str]]]:
    """Return the files that the entries name, and what became of each."""
    named: dict[str, int] = {}
    given: set[str] = set()
    for row in found.rows:
        if found.reasons[row.position] != ENROLMENT:
            given |= {sha256 for _, sha256 in files_named(row, personal=personal)}
            for field, sha256 in files_named(row):
                named[sha256] = min(RANKS[field], named.get(sha256, RANKS[field]))
    kept: dict[str, bytes] = {}
    states: dict[str, str] = {}
    room = FILES_BYTES_MAX
    for sha256 in sorted(named, key=lambda name: (named[name], name)):
        states[sha256] = "left_out"
        if sha256 in found.erased:
            states[sha256] = "erased"
        elif sha256 not in given:
            continue
        elif files == "all" or (files == "small" and named[sha256] <= SMALL_RANK):
            content = _read_file(blobs, organisation, sha256, room)
            states[sha256] = "missing" if content is None else "here"
            if content is not None and len(content) > room:
                states[sha256] = "left_out"
            elif content is not None:
                kept[sha256] = content
                room -= len(content)
    return kept, [{"sha256": sha256, "state": states[sha256]} for sha256 in sorted(states)]


def _read_file(blobs: BlobDesk, organisation: str, sha256: str, room: int) -> bytes | None:
    """Return a file, of one larger than `room` only so much as tells that; None when it has not come."""
    try:
        found = blobs.open(organisation, sha256)
    except Refused as refused:
        if refused.code not in ("blob_unknown", "file_erased"):
            raise
        return None
    with found.file as file:
        return file.read(room + 1)


def _spell_lines(documents: Lines) -> bytes:
    return "".join(f"{canonical.dump(document)}\n" for document in documents).encode("utf-8")


def _name_of(subject: Subject, end: Checkpoint) -> str:
    spelled = re.sub(r"[^A-Za-z0-9._-]+", "-", subject.number).strip("-.") or subject.kind
    return f"dossier-{spelled}-{end.size}.zip"
