"""Change-sets and files carried by hand: one file out, one file back, in any order and any number of times.

The sets are signed and chained, so whoever carries the bundle need not be trusted and it may go to the server
by any way, also a second time: the server answers a set it has with the receipt it gave then.

A bundle is a plain ZIP file. Entries:

- ``manifest``: one JSON object ``{"format": "gongdan-bundle/1", "organisation", "device", "made_at"}``.
- ``change-sets``: sealed lines as in a push body, each ended by a line break, in the order of their numbers.
- ``blobs/<sha256>``: the plain bytes of a file, named by its hash.
- ``receipts``: receipts as in the answer to a push, one JSON object a line; the way back.

Each entry but the manifest may be absent, and entries of other names are passed over.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from field_client.durable import sync_folder
from field_client.evidence import EvidenceFolder
from field_client.outbox import Outbox, spell_instant
from field_client.store import Store
from field_client.uploads import read_pieces
from schemas.problems import Refused
from sync import canonical, receipt

FORMAT: Final = "gongdan-bundle/1"

RECEIPTS_BYTES_MAX: Final = 64 * 1024 * 1024
"""Receipts of some 100,000 sets; a device has a thousand at most."""


PACKINGS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""What bundles are packed with; the others ZIP knows may ask for gigabytes to unpack a few bytes."""

_BROKEN: Final = (OSError, EOFError, ValueError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile)
"""What reading a damaged, encrypted or oddly packed ZIP file raises."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What went into a bundle."""

    sets: int
    files: int
    size_bytes: int


def export_bundle(path: Path, store: Store, outbox: Outbox, files: EvidenceFolder) -> Exported:
    """Write all sets without a final receipt, and all files the server has not verified, into one file.

    The file appears under `path` only when it is complete, and is there after a power cut. Raises Refused with
    `disk_full`.
    """
    unfinished = path.with_name(f"{path.name}.part")
    names = [name for (name,) in store.rows("SELECT sha256 FROM blobs WHERE state = 'kept' ORDER BY rank, size_bytes")]
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as bundle:
            identity = outbox.identity
            manifest = {"format": FORMAT, "organisation": identity.organisation, "device": identity.device}
            bundle.writestr("manifest", canonical.dump(manifest | {"made_at": spell_instant(outbox.now())}))
            sets = _write_sets(bundle, outbox)
            for name in names:
                with bundle.open(f"blobs/{name}", "w", force_zip64=True) as target:
                    for piece in read_pieces(files, name):
                        target.write(piece)
        _flush(unfinished)
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise Refused("disk_full") from None
    return Exported(sets, len(names), path.stat().st_size)


def import_receipts(path: Path, outbox: Outbox) -> int:
    """Settle sets by the receipts of a file: a bundle, or receipts alone, one a line.

    Returns how many sets it settled. Raises Refused with `bundle_invalid`.
    """
    try:
        receipts = [receipt.load(line) for line in _read_receipts(path).split(b"\n") if line.strip()]
    except Refused as refusal:
        raise Refused("bundle_invalid", detail=refusal.fault.facts.get("detail")) from None
    return outbox.settle(receipts)


def _write_sets(bundle: zipfile.ZipFile, outbox: Outbox) -> int:
    count = 0
    with bundle.open("change-sets", "w", force_zip64=True) as target:
        for outgoing in outbox.waiting():
            target.write(outgoing.line + b"\n")
            count += 1
    return count


def _read_receipts(path: Path) -> bytes:
    try:
        if not zipfile.is_zipfile(path):
            return _read_plain(path)
        with zipfile.ZipFile(path) as bundle:
            entry = bundle.getinfo("receipts")
            if entry.file_size > RECEIPTS_BYTES_MAX or entry.compress_type not in PACKINGS:
                raise Refused("bundle_invalid", detail="receipts too large, or packed in another way")
            return bundle.read(entry)
    except KeyError:
        raise Refused("bundle_invalid", detail="no receipts") from None
    except _BROKEN as error:
        raise Refused("bundle_invalid", detail=str(error)) from None


def _read_plain(path: Path) -> bytes:
    if path.stat().st_size > RECEIPTS_BYTES_MAX:
        raise Refused("bundle_invalid", detail="receipts too large")
    return path.read_bytes()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
