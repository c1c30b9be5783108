"""Change-sets and files that come in one file by hand, and receipts that go back the same way.

Rule 1: the sets are signed and chained, so the file may come from anybody, in any order, any number of times.
Rule 2: each set is answered with its receipt; one that was held and let in by a later set of the same file is
        answered with its final receipt.
Rule 3: a file counts only after its bytes were found to have the hash it is named by.

The format is a ZIP file with the entries ``manifest`` (JSON: format, organisation, device), ``change-sets``
(sealed lines, each ended by a line break), ``blobs/<sha256>`` and, on the way back, ``receipts`` (JSON lines).
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Connection, Engine

from schemas.base import SHA256_PATTERN
from schemas.problems import Refused
from server.clock import utc_now
from server.durable import sync_folder
from server.reception import Reception
from server.services.blobs import BlobDesk, Owner
from server.services.devices import RECEIPTS_MAX, find_device, read_receipts
from server.store.database import reading
from sync import canonical, receipt
from sync.chain import LINE_BYTES_MAX
from sync.session import PUSH_BYTES_MAX, PUSH_SETS_MAX

FORMAT: Final = "gongdan-bundle/1"
MANIFEST_BYTES_MAX: Final = 64 * 1024
"""A manifest has four short values."""

FILES_MAX: Final = 10_000
"""A month of one engineer's photos in three sizes is about 3,000 files."""

BLOCK_BYTES: Final = 1024 * 1024

STORE_FAILS: Final = frozenset({"disk_full", "file_storage_away", "file_storage_refused"})
"""What ends the import of a bundle's files: the next one would fare no better."""

PACKINGS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""What bundles are packed with; the others ZIP knows may ask for gigabytes to unpack a few bytes."""

_BROKEN: Final = (OSError, EOFError, ValueError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile)
"""What reading a damaged, encrypted or oddly packed ZIP file raises."""

Read = Callable[[IO[bytes]], bytes]
"""How to read from an open entry."""

_BLOB_NAME = re.compile(r"blobs/(" + SHA256_PATTERN[: -len(r"\Z")] + r")\Z").match


@dataclass(slots=True)
class Imported:
    """What a bundle brought: receipts in the order of its sets, files taken in, files refused by name."""

    organisation: str
    device: str
    receipts: list[str] = field(default_factory=list)
    files: int = 0
    refused_files: dict[str, str] = field(default_factory=dict)

    @property
    def verdicts(self) -> Counter[str]:
        """How many sets met each verdict."""
        return Counter(receipt.load(line).verdict for line in self.receipts)


def import_bundle(engine: Engine, desk: BlobDesk, path: Path, erasure_secret: bytes = b"") -> Imported:
    """Take in the change-sets and files of a bundle.

    Raises Refused with `bundle_invalid`, `device_unknown` when its device is not one of the organisation, or
    `database_busy` or one of STORE_FAILS; it may then be imported again.
    """
    with _open(path) as bundle:
        manifest = _read_manifest(bundle)
        organisation, device = manifest["organisation"], manifest["device"]
        with reading(engine) as connection:
            known = find_device(connection, organisation, device)
        if known is None:
            raise Refused("device_unknown")
        imported = Imported(organisation, device)
        if "change-sets" in bundle.namelist():
            imported.receipts = _take_in_sets(Reception(engine, erasure_secret=erasure_secret), imported, bundle)
        if known.state == "active":
            _take_in_files(desk, imported, bundle)
    return imported


def write_answer(path: Path, organisation: str, device: str, receipts: list[str]) -> None:
    """Write receipts as a bundle that the device imports.

    Raises Refused with `disk_full` when the file cannot be written.
    """
    manifest = {"format": FORMAT, "organisation": organisation, "device": device, "made_at": utc_now()}
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr("manifest", canonical.dump(manifest))
            bundle.writestr("receipts", "".join(f"{line}\n" for line in receipts))
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise Refused("disk_full") from None


def list_receipts(connection: Connection, organisation: str, device: str, from_seq: int = 1) -> list[str]:
    """Return all stored receipts of a device from a number on. Raises Refused with `device_unknown`."""
    if find_device(connection, organisation, device) is None:
        raise Refused("device_unknown")
    found: list[str] = []
    while page := read_receipts(connection, organisation, device, from_seq):
        found += page
        if len(page) < RECEIPTS_MAX:
            break
        from_seq = receipt.load(page[-1]).seq + 1
    return found


def _take_in_sets(reception: Reception, imported: Imported, bundle: zipfile.ZipFile) -> list[str]:
    answers: list[str] = []
    held: dict[int, bytes] = {}
    for lines in _read_groups(bundle):
        for line, answer in zip(lines, reception.submit(imported.organisation, imported.device, lines), strict=True):
            if receipt.load(answer).verdict == "held":
                held[len(answers)] = line
            answers.append(answer)
    # A set that came later in the file may have closed the gap; asking again brings the stored receipt.
    places = list(held)
    for start in range(0, len(places), PUSH_SETS_MAX):
        part = places[start : start + PUSH_SETS_MAX]
        again = reception.submit(imported.organisation, imported.device, [held[place] for place in part])
        for place, answer in zip(part, again, strict=True):
            answers[place] = answer
    return answers


def _read_groups(bundle: zipfile.ZipFile) -> Iterator[list[bytes]]:
    """Yield sealed lines in groups no larger than a push."""
    group: list[bytes] = []
    size = 0
    with _open_entry(bundle, "change-sets") as read:
        while line := read(lambda source: source.readline(LINE_BYTES_MAX + 2)):
            if len(line) > LINE_BYTES_MAX + 1:
                raise Refused("bundle_invalid", detail=f"a line longer than {LINE_BYTES_MAX} bytes")
            line = line.rstrip(b"\n")
            if group and (size + len(line) > PUSH_BYTES_MAX or len(group) == PUSH_SETS_MAX):
                yield group
                group, size = [], 0
            if line:
                group.append(line)
                size += len(line)
    if group:
        yield group


def _take_in_files(desk: BlobDesk, imported: Imported, bundle: zipfile.ZipFile) -> None:
    entries = [(name[1], entry) for entry in bundle.infolist() if (name := _BLOB_NAME(entry.filename))]
    if len(entries) > FILES_MAX:
        raise Refused("bundle_invalid", detail=f"more than {FILES_MAX} files")
    for sha256, entry in entries:
        try:
            _take_in_file(desk, Owner(imported.organisation, imported.device), sha256, bundle, entry)
            imported.files += 1
        except Refused as refused:
            if refused.code in STORE_FAILS:
                raise
            imported.refused_files[sha256] = refused.code


def _take_in_file(desk: BlobDesk, owner: Owner, sha256: str, bundle: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    state = desk.create(owner, entry.file_size, sha256)
    if not state.is_finished:
        # What an earlier, interrupted import kept of the file is passed over.
        with _open_entry(bundle, entry, state.offset) as read:
            blocks = iter(lambda: read(lambda source: source.read(BLOCK_BYTES)), b"")
            desk.receive(owner, state.upload, state.offset, blocks, entry.file_size - state.offset)


def _read_manifest(bundle: zipfile.ZipFile) -> dict[str, Any]:
    entry = next((entry for entry in bundle.infolist() if entry.filename == "manifest"), None)
    if entry is None or entry.file_size > MANIFEST_BYTES_MAX:
        raise Refused("bundle_invalid", detail="no manifest")
    try:
        with _open_entry(bundle, entry) as read:
            manifest = canonical.load(read(lambda source: source.read()))
    except ValueError as error:
        raise Refused("bundle_invalid", detail=f"manifest: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise Refused("bundle_invalid", detail=f"not of the format {FORMAT}")
    if not all(isinstance(manifest.get(name), str) for name in ("organisation", "device")):
        raise Refused("bundle_invalid", detail="the manifest names no organisation and device")
    return manifest


@contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    with _reading():
        bundle = zipfile.ZipFile(path)
    if any(entry.compress_type not in PACKINGS for entry in bundle.infolist()):
        bundle.close()
        raise Refused("bundle_invalid", detail="an entry is packed in another way than bundles are")
    with bundle:
        yield bundle


@contextmanager
def _open_entry(
    bundle: zipfile.ZipFile, entry: str | zipfile.ZipInfo, start: int = 0
) -> Iterator[Callable[[Read], bytes]]:
    """Open an entry at a byte and give a function that reads from it."""
    with _reading():
        source = bundle.open(entry)
        source.seek(start)

    def read(how: Read) -> bytes:
        with _reading():
            return how(source)

    with source:
        yield read


@contextmanager
def _reading() -> Iterator[None]:
    """Turn whatever is wrong with a ZIP file into a refusal: damaged, encrypted, or packed in an unknown way."""
    try:
        yield
    except _BROKEN as error:
        raise Refused("bundle_invalid", detail=str(error)[:200]) from None
