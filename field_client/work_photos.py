"""Taking a photo in: the original, a preview, a thumbnail, and the record that names them. Source: handbook V4."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from field_client.evidence import EvidenceFolder
from field_client.imaging import take_in
from field_client.outbox import Edit, parse_instant, spell_instant
from field_client.store import Values
from field_client.work import Workbench, find_order
from schemas.evidence import BLOB_FIELDS
from sync.blobs import RANKS, LocalBlob


@dataclass(frozen=True, slots=True)
class Photographed:
    """A photo taken in: its record's id and values."""

    id: str
    values: Values
    set_id: str | None


def photograph(
    bench: Workbench,
    files: EvidenceFolder,
    original: bytes,
    purpose: str,
    *,
    caption: str | None = None,
    order: str | None = None,
) -> Photographed:
    """Keep a photo for an order; its files are on disk before the record that names them.

    Raises Refused with `photo_not_an_image`, `photo_truncated`, `photo_too_large`, `value_invalid` or `disk_full`.
    """
    found = find_order(bench, order)
    photo = take_in(original, bench.keeps_photo_location)
    pictures = {
        "original_sha256": photo.original,
        "preview_sha256": photo.preview,
        "thumbnail_sha256": photo.thumbnail,
    }
    media = {"original_sha256": photo.media_type}
    names = {name: files.keep(data, media.get(name, "image/jpeg")) for name, data in pictures.items()}
    latitude, longitude = photo.location or (None, None)
    values: Values = {
        "order_id": found.id,
        "machine_id": found.values.get("machine_id"),
        "purpose": purpose,
        "caption": caption,
        **names,
        "media_type": photo.media_type,
        "size_bytes": len(photo.original),
        "width": photo.width,
        "height": photo.height,
        "taken_at": _taken_at(photo.taken_at) or bench.now(),
        "latitude": latitude,
        "longitude": longitude,
    }
    blobs = [LocalBlob(names[n], len(pictures[n]), RANKS[n]) for n in BLOB_FIELDS if n in names]
    photo_id = bench.make_id()
    set_id = bench.outbox.write("photo.add", [Edit("photo", photo_id, values, is_new=True)], blobs)
    return Photographed(photo_id, values, set_id)


def _taken_at(spelling: str | None) -> str | None:
    """Return the camera's time in UTC, or None when the camera did not say in which zone it is."""
    if spelling is None:
        return None
    try:
        is_placed = datetime.fromisoformat(spelling).tzinfo is not None
        return spell_instant(parse_instant(spelling)) if is_placed else None
    except ValueError:
        return None
