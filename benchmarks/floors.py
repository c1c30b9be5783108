"""The raw floors: what this machine does at best with the same bytes and none of our code.

Everything is durable as the store would have it: SQLite in WAL mode with synchronous=FULL, PostgreSQL with
its default commit, files with fsync.
"""

import hashlib
import multiprocessing
import os
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
from nacl.signing import SigningKey

from benchmarks import measure
from benchmarks.measure import FLOOR, Figure, Options
from benchmarks.workload import encode_json, make_catalogue, make_orders
from tests.postgres import running_postgres

ROWS_PER_COMMIT = 100
SIGNATURES = 10_000
SIGNED_BYTES = 1_500  # a change-set of three edits
PHOTO_BYTES = 4_000_000  # a 12-megapixel JPEG
PHOTOS = 40
READ_SIZE_BYTES = 256 * 1024
LENGTH_BYTES = 8
TRIES = 3  # the best of a few tries is the floor: others may be using the machine

Row = tuple[str, bytes]


def run(options: Options) -> list[Figure]:
    """Measure all floors."""
    orders = make_orders(make_catalogue(options.seed), options.records, options.seed)
    rows = [(order.id, encode_json(order.values)) for order in orders]
    with tempfile.TemporaryDirectory(prefix="floors-", dir=options.folder) as name:
        folder = Path(name)
        figures = [
            (measure.INSERT_SQLITE, _best(lambda: insert_sqlite(folder, rows))),
            *_measure_postgresql(rows),
            (measure.VERIFY, _best(verify_signatures)),
            (measure.HASH_AND_SYNC, _best(lambda: _in_new_folder(folder, hash_and_sync))),
            (measure.PHOTO_UPLOAD, _best(lambda: _in_new_folder(folder, upload_photos))),
        ]
    return [Figure(what, FLOOR, value) for what, value in figures]


def insert_sqlite(folder: Path, rows: Sequence[Row]) -> float:
    """Insert the rows into an empty database, durable; give rows a second."""
    path = folder / "floor.sqlite"
    for part in folder.glob("floor.sqlite*"):
        part.unlink()
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE records (id TEXT PRIMARY KEY, body BLOB NOT NULL)")
        began = time.perf_counter()
        for batch in _split(rows):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO records VALUES (?, ?)", batch)
            connection.execute("COMMIT")
        return len(rows) / (time.perf_counter() - began)
    finally:
        connection.close()


def insert_postgresql(connection: psycopg.Connection, rows: Sequence[Row]) -> float:
    """Insert the rows into an empty table, one statement and one commit a batch; give rows a second."""
    _empty_table(connection)
    began = time.perf_counter()
    for batch in _split(rows):
        places = ",".join(["(%s,%b)"] * len(batch))
        connection.execute(f"INSERT INTO records VALUES {places}", [value for row in batch for value in row])
        connection.commit()
    return len(rows) / (time.perf_counter() - began)


def copy_postgresql(connection: psycopg.Connection, rows: Sequence[Row]) -> float:
    """Copy the rows into an empty table, one COPY and one commit for each batch; give rows a second."""
    _empty_table(connection)
    began = time.perf_counter()
    for batch in _split(rows):
        with connection.cursor() as cursor, cursor.copy("COPY records FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "bytea"])
            for row in batch:
                copy.write_row(row)
        connection.commit()
    return len(rows) / (time.perf_counter() - began)


def verify_signatures() -> float:
    """Verify Ed25519 signatures over messages of a change-set's size, on one core; give the rate a second."""
    signer = SigningKey.generate()
    message = os.urandom(SIGNED_BYTES)
    signature = signer.sign(message).signature
    verify = signer.verify_key.verify
    began = time.perf_counter()
    for _ in range(SIGNATURES):
        verify(message, signature)
    return SIGNATURES / (time.perf_counter() - began)


def hash_and_sync(folder: Path) -> float:
    """Hash, write and fsync photos one after another; give MB a second."""
    photo = os.urandom(PHOTO_BYTES)
    began = time.perf_counter()
    for turn in range(PHOTOS):
        digest = hashlib.sha256(photo).hexdigest()
        with (folder / f"{digest}-{turn}").open("wb", buffering=0) as file:
            file.write(photo)
            os.fsync(file.fileno())
    return PHOTOS * PHOTO_BYTES / 1e6 / (time.perf_counter() - began)


def upload_photos(folder: Path) -> float:
    """Send photos over loopback to a process that hashes and fsyncs each before it answers; give MB/s."""
    photo = os.urandom(PHOTO_BYTES)
    expected = hashlib.sha256(photo).digest()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = multiprocessing.Process(target=_receive_photos, args=(listener, folder))
        receiver.start()
        with socket.create_connection(listener.getsockname()) as sender:
            began = time.perf_counter()
            for _ in range(PHOTOS):
                sender.sendall(len(photo).to_bytes(LENGTH_BYTES, "big"))
                sender.sendall(photo)
                if sender.recv(len(expected), socket.MSG_WAITALL) != expected:
                    raise RuntimeError("the photo arrived altered")
            took_s = time.perf_counter() - began
        receiver.join()
    return PHOTOS * PHOTO_BYTES / 1e6 / took_s


def _receive_photos(listener: socket.socket, folder: Path) -> None:
    connection, _ = listener.accept()
    buffer = memoryview(bytearray(READ_SIZE_BYTES))
    with connection:
        for turn in range(PHOTOS):
            left = int.from_bytes(connection.recv(LENGTH_BYTES, socket.MSG_WAITALL), "big")
            digest = hashlib.sha256()
            with (folder / f"upload-{turn}").open("wb", buffering=0) as file:
                while left:
                    size = connection.recv_into(buffer, min(left, READ_SIZE_BYTES))
                    digest.update(buffer[:size])
                    file.write(buffer[:size])
                    left -= size
                os.fsync(file.fileno())
            connection.sendall(digest.digest())


def _measure_postgresql(rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
    with running_postgres(durable=True) as server:
        place = f"host={server.folder} user=postgres dbname=postgres"
        with psycopg.connect(place) as connection:
            yield measure.INSERT_POSTGRESQL, _best(lambda: insert_postgresql(connection, rows))
            yield measure.COPY_POSTGRESQL, _best(lambda: copy_postgresql(connection, rows))


def _empty_table(connection: psycopg.Connection) -> None:
    connection.execute("DROP TABLE IF EXISTS records")
    connection.execute("CREATE TABLE records (id text PRIMARY KEY, body bytea NOT NULL)")
    connection.commit()


def _split(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[at : at + ROWS_PER_COMMIT] for at in range(0, len(rows), ROWS_PER_COMMIT))


def _in_new_folder(parent: Path, attempt: Callable[[Path], float]) -> float:
    """Run the attempt in a folder of its own: writing over a file that exists costs something else."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        return attempt(Path(name))


def _best(attempt: Callable[[], float]) -> float:
    return max(attempt() for _ in range(TRIES))
