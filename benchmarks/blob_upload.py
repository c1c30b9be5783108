"""Photo upload, MB/s: a server process and one device, against the raw floor of the same bytes in the same run.

The device uploads as a tus client would over one kept connection: it creates each upload, then sends the
photo. `python -m benchmarks.blob_upload` prints both figures and their ratio.
"""

import contextlib
import hashlib
import http.client
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import floors, measure
from benchmarks.measure import FLOOR, Figure, Options, print_table
from benchmarks.workload import SEED
from tests.server.blobs.tus import BYTES_TYPE, UPLOADS, Caller, name_hash, running_server

ROUNDS = 3  # floor and server take turns, so that what else the machine does meets both
SUBJECT = "gongdan"
TOGETHER = "gongdan, sent with the creation"


def run(options: Options) -> list[Figure]:
    """Measure the floor, and uploads in two requests and in one."""
    best = dict.fromkeys((FLOOR, SUBJECT, TOGETHER), 0.0)
    with (
        tempfile.TemporaryDirectory(prefix="uploads-", dir=options.folder) as name,
        running_server(Path(name) / "data") as server,
    ):
        wei = server.caller("wei")
        for turn in range(ROUNDS):
            floor = Path(name) / f"floor-{turn}"
            floor.mkdir()
            best[FLOOR] = max(best[FLOOR], floors.upload_photos(floor))
            for subject in (SUBJECT, TOGETHER):
                best[subject] = max(best[subject], upload_photos(wei, together=subject == TOGETHER))
    return [Figure(measure.PHOTO_UPLOAD, subject, value) for subject, value in best.items()]


def upload_photos(caller: Caller, together: bool) -> float:
    """Upload photos one after another over one connection; give MB a second."""
    photos = [os.urandom(floors.PHOTO_BYTES) for _ in range(floors.PHOTOS)]
    named = [(photo, hashlib.sha256(photo).hexdigest()) for photo in photos]
    with connected(caller.port) as connection:
        began = time.perf_counter()
        for photo, sha256 in named:
            _upload(connection, caller.headers, photo, sha256, together)
        took_s = time.perf_counter() - began
    assert set(caller.states(*(sha256 for _, sha256 in named)).values()) == {"verified"}
    return floors.PHOTOS * floors.PHOTO_BYTES / 1e6 / took_s


def _upload(
    connection: http.client.HTTPConnection, headers: dict[str, str], photo: bytes, sha256: str, together: bool
) -> None:
    creation = {**headers, "Upload-Length": str(len(photo)), "Upload-Metadata": name_hash(sha256)}
    if together:
        ask(connection, "POST", UPLOADS, photo, {**creation, "Content-Type": BYTES_TYPE})
        return
    path = ask(connection, "POST", UPLOADS, b"", creation)
    ask(connection, "PATCH", path, photo, {**headers, "Upload-Offset": "0", "Content-Type": BYTES_TYPE})


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]) -> str:
    """Make one request over a kept connection; return the address the answer names, if any."""
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {said!r}")
    return answer.headers.get("Location", "")


@contextlib.contextmanager
def connected(port: int) -> Iterator[http.client.HTTPConnection]:
    """Yield a connection that is kept for many requests."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        yield connection
    finally:
        connection.close()


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        print(print_table(run(Options(Path(name), SEED, 0, 0))))


if __name__ == "__main__":
    main()
