"""Acts of erasing kept beside the database, so that a backup from before does not bring back what they took away.

Rule 1: a folder of the data folder has a file for each act, as the record says it, and one with all marks. Nothing in
        them says of whom they are: hashes, stand-ins, ids of records, and hashes under the server's key.
Rule 2: the files are written from the database whenever one is missing, and never deleted. Each machine has its own.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from schemas.base import UUID_PATTERN
from server.durable import make_folder, sync_folder
from server.services.log_following import read_positions
from server.store import erased_marks, erasing, records
from server.store.database import reading
from server.store.erased_marks import Mark
from sync import canonical

FORMAT: Final = "gongdan-erasure/1"
FOLDER: Final = "erasures"
MARKS: Final = "marks.json"

_UUID: Final = re.compile(UUID_PATTERN).match


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is kept of an organisation's acts: the records by id, and by what is known again what was erased."""

    acts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()


def keep_acts(engine: Engine, folder: Path) -> int:
    """Write what is not kept yet of the acts of all organisations; return how many acts. Raises OSError."""
    kept = 0
    for organisation in read_positions(engine):
        with reading(engine) as connection:
            ids = erasing.list_acts(connection, organisation)
            missing = [act for act in ids if not (folder / organisation / f"{act}.json").exists()]
            bodies = records.bodies_of(connection, organisation, missing)
            # What devices brought late says something of this log alone.
            marks = [mark for mark in erased_marks.read(connection, organisation) if mark.what != "device"]
        for act, (_, body) in sorted(bodies.items()):
            _write(folder / organisation / f"{act}.json", {"format": FORMAT, "id": act, "act": body})
            kept += 1
        known = set(_read_marks(folder / organisation))
        if not known.issuperset(marks):
            _write(folder / organisation / MARKS, {"format": FORMAT, "marks": _spell_marks(known | set(marks))})
    return kept


def read_ledger(folder: Path, organisation: str) -> Ledger:
    """Return what is kept of an organisation's acts. Raises OSError, and ValueError for a file that is damaged."""
    acts = {}
    for path in sorted((folder / organisation).glob("*.json")):
        if _UUID(path.stem):
            acts[path.stem] = _read(path)["act"]
    return Ledger(acts, tuple(_read_marks(folder / organisation)))


def _read_marks(folder: Path) -> list[Mark]:
    path = folder / MARKS
    return [Mark(*mark) for mark in _read(path)["marks"]] if path.exists() else []


def _spell_marks(marks: Iterable[Mark]) -> list[list[Any]]:
    return [[m.position, m.what, m.mark, m.length, m.seed] for m in sorted(marks, key=lambda m: (m.position, m.mark))]


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if document.get("format") != FORMAT:
        raise ValueError(f"{path}: not of the format {FORMAT}")
    return document


def _write(path: Path, document: dict[str, Any]) -> None:
    """Put a file in place whole, so that it is there after a power cut."""
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(canonical.dump(document))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)
