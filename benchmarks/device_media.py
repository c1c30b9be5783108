"""Device media: how long a scan and the taking in of a photo last, beside the floor in the same run.

`python -m benchmarks.device_media` prints the table. The floor of a scan is decoding the JPEG at full size and
nothing else; that of taking a photo in is hashing its bytes, writing them and forcing them to disk.
"""

import hashlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from benchmarks.measure import FLOOR, Figure, Options, print_table
from field_client.codes import read_photo
from field_client.evidence import EvidenceFolder
from field_client.imaging import take_in
from field_client.keys import Keyring
from scanning.scan import parse
from tests.pictures import MACHINE_URI, machine_photo

SCAN = "scan of a 12 MP photo, ms"
TAKE_IN = "a 12 MP photo taken in, ms"
SUBJECT = "gongdan"
TRIES = 15
THIS_YEAR = 2026
PROJECT = Path(__file__).resolve().parents[1]


def run(options: Options) -> list[Figure]:
    """Measure a scan and the taking in of a photo, each with its floor; medians of several tries."""
    photo = machine_photo()
    with tempfile.TemporaryDirectory(prefix="device-media-", dir=options.folder) as name:
        folder = EvidenceFolder(Path(name) / "evidence", Keyring(os.urandom(32)))
        beside = Path(name) / "floor"
        return [
            Figure(SCAN, SUBJECT, _time_ms(lambda: scan(photo)), f"a JPEG of {len(photo):,} bytes"),
            Figure(SCAN, FLOOR, _time_ms(lambda: decode(photo)), "JPEG decoded at full size"),
            Figure(TAKE_IN, SUBJECT, _time_ms(lambda: keep_photo(folder, photo)), "original, preview, thumbnail"),
            Figure(TAKE_IN, FLOOR, _time_ms(lambda: hash_and_write(beside, photo)), "SHA-256, write, fsync"),
        ]


def scan(photo: bytes) -> None:
    """Read the code in the photo and what it stands for."""
    (code,) = read_photo(photo)
    read = parse(code.raw, code.symbology, THIS_YEAR)
    assert read.raw == MACHINE_URI.encode()


def keep_photo(folder: EvidenceFolder, photo: bytes) -> None:
    """Take a photo in without its place, and keep all three files durably."""
    taken = take_in(photo, keep_location=False)
    for data in (taken.original, taken.preview, taken.thumbnail):
        folder.keep(data, "image/jpeg")


def decode(photo: bytes) -> None:
    """Decode the photo at full size."""
    with Image.open(io.BytesIO(photo)) as image:
        image.load()


def hash_and_write(path: Path, photo: bytes) -> None:
    """Hash the photo and write it durably."""
    hashlib.sha256(photo).digest()
    with path.open("wb") as file:
        file.write(photo)
        file.flush()
        os.fsync(file.fileno())


def _time_ms(act: Callable[[], None]) -> float:
    act()  # the first run pays for what is loaded once
    taken = []
    for _ in range(TRIES):
        started = time.perf_counter()
        act()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def main() -> None:
    """Measure and print the table."""
    folder = PROJECT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    print(print_table(run(Options(folder, seed=0, records=0, sets_per_client=0))))


if __name__ == "__main__":
    main()
