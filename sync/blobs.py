"""Which files are missing where: planning uploads and knowing when a local copy may go.

Rule 1: thumbnails go before previews, previews before originals; small before large within one rank.
Rule 2: the device frees a file only after the server has named its hash as verified.
Rule 3: a file that was erased is dropped wherever it is, and never sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemas.evidence import BLOB_FIELDS

BlobState = Literal["missing", "received", "verified", "erased"]
"""What the server has: nothing, some bytes, all bytes with the right hash; or it takes the file no more."""

RANKS = {
    "thumbnail_sha256": 0,
    "strokes_sha256": 0,
    "certificate_sha256": 1,
    "inspection_sha256": 1,
    "preview_sha256": 1,
    "original_sha256": 2,
    "file_sha256": 3,
}


@dataclass(frozen=True, slots=True)
class LocalBlob:
    """A file on the device: its name, size and how early it should go."""

    sha256: str
    size_bytes: int
    rank: int


def blobs_named(values: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return (sha256, rank) of each file that the values of a record name."""
    return [(values[name], RANKS[name]) for name in BLOB_FIELDS if values.get(name)]


def plan_uploads(local: Iterable[LocalBlob], server: Mapping[str, BlobState]) -> list[LocalBlob]:
    """Return the files to send, in order; those the server has verified, or takes no more, are left out."""
    missing = [b for b in local if not may_free(b.sha256, server) and server.get(b.sha256) != "erased"]
    return sorted(missing, key=lambda blob: (blob.rank, blob.size_bytes, blob.sha256))


def may_free(sha256: str, server: Mapping[str, BlobState]) -> bool:
    """Tell whether the device may let go of its copy of a file."""
    return server.get(sha256) == "verified"
