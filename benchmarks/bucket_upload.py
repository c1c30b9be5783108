"""Photo upload into a bucket, MB/s: a server before Ceph's S3 gateway, against obstore writing there itself.

One device uploads over one kept connection: creation and photo in two requests, in one, and the photo in pieces as a
bad line would bring it. The floor writes the same number of photos one after another with obstore alone.
`python -m benchmarks.bucket_upload` prints the figures and their ratios.
"""

import hashlib
import os
import tempfile
import time
from pathlib import Path

import obstore
from obstore.store import S3Store

from benchmarks import floors, measure
from benchmarks.blob_upload import SUBJECT, TOGETHER, ask, connected, upload_photos
from benchmarks.measure import FLOOR, Figure, Options, print_table
from benchmarks.workload import SEED
from tests.radosgw import open_store, running_radosgw
from tests.server.blobs.tus import BYTES_TYPE, UPLOADS, Caller, name_hash, running_server

ROUNDS = 3  # all take turns, so that what else the machine does meets each
PIECES = 8
IN_PIECES = f"gongdan, in {PIECES} pieces"


def run(options: Options) -> list[Figure]:
    """Measure the floor and the three ways of uploading."""
    best = dict.fromkeys((FLOOR, SUBJECT, TOGETHER, IN_PIECES), 0.0)
    with running_radosgw() as gateway, tempfile.TemporaryDirectory(prefix="bucket-", dir=options.folder) as name:
        address = gateway.create_bucket()
        with running_server(Path(name) / "data", address) as server:
            wei, store = server.caller("wei"), open_store(address)
            for turn in range(ROUNDS):
                best[FLOOR] = max(best[FLOOR], put_photos(store, turn))
                for subject in (SUBJECT, TOGETHER):
                    best[subject] = max(best[subject], upload_photos(wei, together=subject == TOGETHER))
                best[IN_PIECES] = max(best[IN_PIECES], upload_pieces(wei))
    return [Figure(measure.BUCKET_UPLOAD, subject, value) for subject, value in best.items()]


def put_photos(store: S3Store, turn: int) -> float:
    """Write photos one after another with obstore; give MB a second."""
    photos = [os.urandom(floors.PHOTO_BYTES) for _ in range(floors.PHOTOS)]
    began = time.perf_counter()
    for number, photo in enumerate(photos):
        obstore.put(store, f"floor/{turn}-{number}", photo, use_multipart=False)
    return floors.PHOTOS * floors.PHOTO_BYTES / 1e6 / (time.perf_counter() - began)


def upload_pieces(caller: Caller) -> float:
    """Upload photos one after another, each in pieces; give MB a second."""
    photos = [os.urandom(floors.PHOTO_BYTES) for _ in range(floors.PHOTOS)]
    named = [(photo, hashlib.sha256(photo).hexdigest()) for photo in photos]
    piece_bytes = floors.PHOTO_BYTES // PIECES
    with connected(caller.port) as connection:
        began = time.perf_counter()
        for photo, sha256 in named:
            creation = {**caller.headers, "Upload-Length": str(len(photo)), "Upload-Metadata": name_hash(sha256)}
            path = ask(connection, "POST", UPLOADS, b"", creation)
            for offset in range(0, len(photo), piece_bytes):
                headers = {**caller.headers, "Upload-Offset": str(offset), "Content-Type": BYTES_TYPE}
                ask(connection, "PATCH", path, photo[offset : offset + piece_bytes], headers)
        took_s = time.perf_counter() - began
    assert set(caller.states(*(sha256 for _, sha256 in named)).values()) == {"verified"}
    return floors.PHOTOS * floors.PHOTO_BYTES / 1e6 / took_s


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        print(print_table(run(Options(Path(name), SEED, 0, 0))))


if __name__ == "__main__":
    main()
