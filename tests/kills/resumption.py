"""Whether uploads go on where they were: no byte that a killed server had on its disk may be sent to it again.

What the server had is read from its disk after its death and before its next start, what was sent is noted by the
devices as they send it; the product is asked for neither.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, select

from server.store.database import reading
from server.store.tables import Upload


@dataclass(frozen=True)
class Sending:
    """A request with bytes of a file. `name` is the upload's id, or the file's hash where the device knew no id."""

    name: str
    offset: int
    begun_s: float
    """by the machine's monotonic clock, which all its processes share"""


@dataclass(frozen=True)
class Death:
    """When the server was dead, and how many bytes of each upload were on its disk then."""

    at_s: float
    kept: Mapping[str, int]


@dataclass
class Resumption:
    """How many uploads were cut off with a part at the server and gone on with, and what of them was sent again."""

    resumed: int = 0
    spared_bytes: int = 0
    """What the server had of them and was not sent again."""
    faults: list[str] = field(default_factory=list)


def read_kept(uploads: Path) -> dict[str, int]:
    """Return the sizes of the parts in a server's folder of uploads; notes and locks beside them have a suffix."""
    return {path.name: path.stat().st_size for path in uploads.glob("*") if not path.suffix}


def note_death(uploads: Path) -> Death:
    """Return the death of a server that has just been killed."""
    return Death(time.monotonic(), {name: size for name, size in read_kept(uploads).items() if size})


def read_hashes(engine: Engine) -> dict[str, str]:
    """Return which file each upload is, by its id; a server remembers them for a day."""
    with reading(engine) as connection:
        rows = connection.execute(select(Upload.upload, Upload.sha256).where(Upload.sha256.is_not(None)))
        return {row.upload: row.sha256 or "" for row in rows}


def follow(deaths: Iterable[Death], sendings: Iterable[Sending], hashes: Mapping[str, str]) -> Resumption:
    """Hold what was sent to what was there at each death; `hashes` tells which file an upload is."""
    of_file: dict[str, list[Sending]] = {}
    for sending in sendings:
        of_file.setdefault(hashes.get(sending.name, sending.name), []).append(sending)
    came = Resumption()
    for death in deaths:
        for upload, size in death.kept.items():
            after = [sent for sent in of_file.get(hashes.get(upload, upload), ()) if sent.begun_s >= death.at_s]
            again = [sent.offset for sent in after if sent.offset < size]
            if again:
                came.faults.append(
                    f"of upload {upload[-8:]} {size} bytes were there, and it was sent from {again[0]} on"
                )
            elif after:
                came.resumed += 1
                came.spared_bytes += size
    return came
