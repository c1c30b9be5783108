"""Uploads through broken links, killed servers, full disks and two requests at once: nothing is lost or mixed."""

import os
import resource
import signal
import socket
import threading
from pathlib import Path

import pytest

from server.store.s3_gathering import SEGMENT_BYTES
from server.web.blob_api import BLOCK_BYTES
from tests.server.blobs.tus import PREFIX, UPLOADS, Caller, Server, hash_of, make_server

MEGABYTE = 1_000_000
WAIT_TRIES = 1000
WAIT_PAUSE_S = 0.01


@pytest.fixture
def data() -> bytes:
    """A photo's worth of bytes that nobody has sent before."""
    return os.urandom(4 * MEGABYTE)


def read_status(connection: socket.socket) -> int:
    """Return the status of the answer on a connection, 0 when there is none."""
    with connection:
        head = connection.recv(64 * 1024)
    return int(head.split(b" ", 2)[1]) if head else 0


def wait_for_bytes(server: Server, path: str, size_bytes: int) -> None:
    """Return when the server has stored at least so many bytes of an upload; fail when they do not come."""
    pause = threading.Event()
    for _ in range(WAIT_TRIES):
        if count_bytes(server, path) >= size_bytes:
            return
        pause.wait(WAIT_PAUSE_S)
    raise AssertionError(f"{count_bytes(server, path)} of {size_bytes} bytes came")


def count_bytes(server: Server, path: str) -> int:
    """Return how many bytes of an upload are on disk, or after asking how far it is, in the bucket."""
    if server.settings.bucket:
        return server.caller("wei").head(path).offset
    name = path.rsplit("/", 1)[1]
    return (server.settings.blob_folder / server.ours.organisation / "uploads" / name).stat().st_size


def test_what_came_before_the_link_broke_is_kept(server: Server, wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    connection = wei.open_patch(path, 0, len(data))

    connection.sendall(data[:1_234_567])
    wait_for_bytes(server, path, 1)
    connection.close()
    kept = wei.head(path).offset
    finished = wei.send(path, kept, data[kept:])

    assert kept == 1_234_567
    assert finished.offset == len(data)
    assert wei.states(hash_of(data)) == {hash_of(data): "verified"}


def test_a_body_that_just_ends_is_kept_and_answered(wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    connection = wei.open_patch(path, 0, len(data))

    connection.sendall(data[:MEGABYTE])
    connection.shutdown(socket.SHUT_WR)
    read_status(connection)

    assert wei.head(path).offset == MEGABYTE


def test_part_of_a_checked_chunk_does_not_count(wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    checked = Caller(wei.port, wei.token + "\r\nUpload-Checksum: sha1 " + "A" * 27 + "=")

    connection = checked.open_patch(path, 0, len(data))
    connection.sendall(data[:MEGABYTE])
    connection.close()

    assert wei.head(path).offset == 0


def test_a_silent_client_does_not_hold_up_the_next(server: Server, wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    with wei.open_patch(path, 0, len(data)) as silent:
        silent.sendall(data[:MEGABYTE])
        wait_for_bytes(server, path, MEGABYTE - BLOCK_BYTES)

        kept = wei.head(path).offset
        finished = wei.send(path, kept, data[kept:])
        silent.sendall(data[MEGABYTE:])

        # In a bucket the same bytes may come twice; what counts is that the second time changes nothing.
        assert read_status(silent) in ({204, 409} if server.settings.bucket else {409})
    assert (finished.status, finished.offset) == (204, len(data))
    assert wei.ask("GET", f"{PREFIX}/blobs/{hash_of(data)}").body == data


def test_of_two_requests_for_the_same_bytes_one_goes_on(server: Server, wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    connections = [wei.open_patch(path, 0, len(data)) for _ in range(2)]
    senders = [threading.Thread(target=send_all, args=(connection, data)) for connection in connections]

    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    statuses = sorted(read_status(connection) for connection in connections)

    # In a bucket pieces may lie over each other; on disk there is one end, and one request at it.
    assert statuses in ([204, 409], [0, 204], *([[204, 204]] if server.settings.bucket else []))
    assert wei.head(path).offset == len(data)
    assert wei.ask("GET", f"{PREFIX}/blobs/{hash_of(data)}").body == data


def send_all(connection: socket.socket, data: bytes) -> None:
    """Send until the other side has had enough."""
    try:
        connection.sendall(data)
    except OSError:
        return


def test_after_a_kill_an_upload_goes_on_at_the_kept_byte(own_server: Server, data: bytes) -> None:
    wei = own_server.caller("wei")
    path = wei.begin(data)
    connection = wei.open_patch(path, 0, len(data))
    connection.sendall(data[: 3 * MEGABYTE])
    wait_for_bytes(own_server, path, MEGABYTE)

    own_server.stop(signal.SIGKILL)
    connection.close()
    own_server.start()
    wei = own_server.caller("wei")
    kept = wei.head(path).offset
    finished = wei.send(path, kept, data[kept:])

    assert MEGABYTE <= kept <= 3 * MEGABYTE
    assert (finished.status, finished.offset) == (204, len(data))
    assert wei.ask("GET", f"{PREFIX}/blobs/{hash_of(data)}").body == data


def test_a_full_disk_is_told_and_the_upload_goes_on_when_there_is_room(tmp_path: Path, data: bytes) -> None:
    server = make_server(tmp_path / "data")
    server.start()
    try:
        wei, limit = server.caller("wei"), 2 * MEGABYTE
        path = wei.begin(data)
        # The kernel lets the process write no file longer than this, as it would on a disk that is full.
        resource.prlimit(server.worker_pid(), resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        refused = wei.send(path, 0, data)
        kept = wei.head(path)

        assert (refused.status, refused.code) == (507, "disk_full")
        assert (kept.status, kept.offset) == (200, limit)

        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(server.worker_pid(), resource.RLIMIT_FSIZE, unlimited)
        finished = wei.send(path, limit, data[limit:])

        assert finished.status == 204
        assert wei.ask("GET", f"{PREFIX}/blobs/{hash_of(data)}").body == data
    finally:
        server.stop()


def test_memory_does_not_grow_with_the_file(own_server: Server) -> None:
    wei = own_server.caller("wei")
    wei.send(wei.begin(b"x" * 100_000), 0, b"x" * 100_000)
    before = read_peak_kb(own_server.worker_pid())

    data = os.urandom(8 * MEGABYTE)
    wei.send(wei.begin(data), 0, data)

    assert wei.states(hash_of(data)) == {hash_of(data): "verified"}
    held_kb = SEGMENT_BYTES * 2 // 1024 if own_server.settings.bucket else 0
    assert read_peak_kb(own_server.worker_pid()) - before < 4_000 + held_kb


def read_peak_kb(pid: int) -> int:
    """Return the most memory a process has had, in KB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def test_a_chunked_body_without_a_length_is_taken_up_to_the_size(wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    fields = {**wei.headers, "Host": "test", "Content-Type": "application/offset+octet-stream"}
    fields |= {"Upload-Offset": "0", "Transfer-Encoding": "chunked"}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection = socket.create_connection(("127.0.0.1", wei.port), timeout=30)
    body = data + b"surplus"

    connection.sendall(f"PATCH {path} HTTP/1.1\r\n{head}\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
    status = read_status(connection)
    kept = wei.head(path).offset
    finished = wei.send(path, kept, data[kept:])

    assert status == 413
    assert kept < len(data)
    assert (finished.status, finished.offset) == (204, len(data))


def test_a_device_may_not_leave_too_many_uploads_unfinished(own_server: Server) -> None:
    wei, lin = own_server.caller("wei"), own_server.caller("lin")
    first = wei.begin(b"first file", sha256=f"{0:064x}")
    for number in range(1, 100):
        wei.begin(b"other file", sha256=f"{number:064x}")

    refused = wei.ask("POST", UPLOADS, Upload_Length="10")
    others = lin.ask("POST", UPLOADS, Upload_Length="10")
    wei.ask("DELETE", first)
    allowed = wei.ask("POST", UPLOADS, Upload_Length="10")

    assert (refused.status, refused.code) == (429, "upload_quota_reached")
    assert others.status == 201
    assert allowed.status == 201
