"""The verifier under fire: an auditor opens files of people he does not trust."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from server.services.dossier_archive import write_archive
from sync import receipt
from sync.chain import Sealed
from sync.checkpoint import Checkpoint, write_checkpoint
from sync.receipt import ChangeVerdict, Receipt
from sync.transparency import leaf_hash, log_entry
from tests.hostile.mutation import mutate_json
from tests.hostile.target import Target
from tests.sync.made_up import FIRST, WEI_PUBLIC, seal, sign
from verifier.dossier import Dossier
from verifier.exported_log import LogReader
from verifier.findings import Outcome
from verifier.report import describe_dossier, describe_log, spell
from verifier.sheet import read_code

PARTS: Final = ("manifest.json", "checkpoint", "entries.jsonl", "witnesses.jsonl", "between.jsonl", "gaps.jsonl")
SPLIT: Final = b"\0"
HASH: Final = "ab" * 32


def feed(data: bytes) -> None:
    """Read some bytes as the parts of a dossier, as an exported log, and as the code on a job sheet."""
    dossier, reader = Dossier(Outcome("dossier")), LogReader(Outcome("log"))
    dossier.read(data)
    dossier.read(write_archive(dict(zip(PARTS, data.split(SPLIT), strict=False))))
    describe_dossier(dossier)
    reader.read(data.splitlines(keepends=True))
    describe_log(reader)
    read_code(data.decode("utf-8", "replace"))
    for outcome in (dossier.outcome, reader.outcome):
        assert outcome.status != 0
        assert all(line.isprintable() for language in ("zh", "en") for line in spell(outcome, language))
        json.dumps(outcome.facts)


@cache
def make_seeds() -> tuple[bytes, ...]:
    """Return an exported log of one entry and the parts of a dossier of it."""
    sealed: Sealed = seal(FIRST)
    verdicts = (ChangeVerdict(FIRST.changes[0].id, "applied"),)
    when = "2026-11-21T02:16:04.500Z"
    told = Receipt(FIRST.id, FIRST.device, 1, sealed.digest, "applied", when, position=1, changes=verdicts)
    answer = receipt.dump(told)
    leaf = leaf_hash(log_entry(sealed.digest, answer))
    note = write_checkpoint(Checkpoint(FIRST.organisation, 1, leaf), WEI_PUBLIC, sign)
    office = {"organisation": FIRST.organisation, "organisation_name": "x", "office_device": FIRST.device}
    office |= {"office_key": WEI_PUBLIC.hex()}
    entry = {"position": 1, "sealed": sealed.line.decode(), "receipt": answer}
    log = [{"format": "gongdan-log/1", **office}, entry, {"checkpoint": note}]
    manifest = {"format": "gongdan-dossier/1", **office, "size": 1, "evidence": [{"sha256": HASH, "state": "missing"}]}
    manifest |= {"subject": {"kind": "serial", "number": "in_progress"}, "files": {"checkpoint": HASH}}
    shown = entry | {"about": "fact", "path": []}
    older = {"size": 1, "root": leaf.hex(), "path": []}
    named = {"device": FIRST.device, "seq": 2, "position": 2, "digest": HASH, "receipt_sha256": HASH}
    gap = {"device": FIRST.device, "after": 1, "before": 9}
    parts = [_spell(manifest), note.encode(), *(_spell(part) + b"\n" for part in (shown, older, named, gap))]
    return b"".join(_spell(line) + b"\n" for line in log), SPLIT.join(parts)


def _spell(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def mutate(data: bytes, seed: int) -> bytes | None:
    """Change one line of JSON within its format."""
    lines = data.replace(SPLIT, b"\n").splitlines()
    at = int.from_bytes(hashlib.sha256(seed.to_bytes(8, "big")).digest()[:4], "big") % max(1, len(lines))
    if not lines:
        return None
    changed = mutate_json(lines[at], seed)
    return data.replace(lines[at], changed) if changed is not None else None


def seeds() -> Iterable[bytes]:
    """Return honest inputs."""
    return make_seeds()


VERIFIER: Final = Target(feed, seeds, 20_000, 600, mutate)
