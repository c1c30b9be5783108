"""Files in a real bucket: several servers, killed servers, a bucket that fails for a while, and what is left behind."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import obstore
import pytest

from server.settings import BucketAddress
from server.store.s3_gathering import SEGMENT_BYTES
from server.web.blob_api import BLOCK_BYTES
from tests.radosgw import Radosgw, list_keys, open_store
from tests.server.blobs.test_blobs_faults import read_peak_kb
from tests.server.blobs.tus import PREFIX, Caller, Server, hash_of, make_server

MEGABYTE = 1_000_000
LARGE_BYTES = 3 * SEGMENT_BYTES + 12_345
# More than the bucket's answers take on a busy machine, and little to wait for one that does not come.
TIMEOUT_S = 2
TRIES = 1000
PAUSE_S = 0.02


@pytest.fixture
def data() -> bytes:
    """A photo's worth of bytes that nobody has sent before."""
    return os.urandom(4 * MEGABYTE)


@pytest.fixture(scope="module")
def address(radosgw: Radosgw) -> BucketAddress:
    """The bucket of this module's servers."""
    return replace(radosgw.create_bucket(), timeout_s=TIMEOUT_S)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, address: BucketAddress) -> Iterator[tuple[Server, Server]]:
    """Two server processes on one database and one bucket; who kills one starts it again."""
    first = make_server(tmp_path_factory.mktemp("pair"), address, LARGE_BYTES)
    second = replace(first, log=[])
    for server in (first, second):
        server.start()
    yield first, second
    for server in (first, second):
        server.stop()


def find_keys(address: BucketAddress, path: str, sha256: str) -> dict[str, int]:
    """Return the objects there are of an upload and of a file, by their keys, with their sizes."""
    upload = path.rpartition("/")[2]
    return {key: size for key, size in list_keys(address).items() if sha256 in key or upload in key}


def assert_arrived(caller: Caller, data: bytes) -> None:
    """Fail unless the server has the file, and hands out the same bytes."""
    assert caller.states(hash_of(data)) == {hash_of(data): "verified"}
    assert caller.ask("GET", f"{PREFIX}/blobs/{hash_of(data)}").body == data


def read_checks(caller: Caller) -> tuple[int, str, str]:
    """Return what a server says of itself, and of files."""
    answer = caller.ask("GET", f"{PREFIX}/health/ready")
    document = json.loads(answer.body)
    return answer.status, document["status"], document["checks"]["files"]


def wait_for_offset(caller: Caller, path: str, offset: int) -> None:
    """Return when a server says that so much of an upload is there."""
    pause = threading.Event()
    for _ in range(TRIES):
        if caller.head(path).offset >= offset:
            return
        pause.wait(PAUSE_S)
    raise AssertionError(caller.head(path))


def test_pieces_of_one_upload_may_come_to_either_server(pair: tuple[Server, Server], data: bytes) -> None:
    callers = [server.caller("wei") for server in pair]
    path = callers[0].begin(data)

    for turn, offset in enumerate(range(0, len(data), 500_000)):
        answer = callers[turn % 2].send(path, offset, data[offset : offset + 500_000])
        assert (answer.status, answer.offset) == (204, offset + 500_000)

    for caller in callers:
        assert_arrived(caller, data)


def test_what_a_silent_sender_brought_to_one_server_is_there_for_the_other(
    pair: tuple[Server, Server], data: bytes
) -> None:
    first, second = (server.caller("wei") for server in pair)
    path = first.begin(data)

    with first.open_patch(path, 0, len(data)) as silent:
        silent.sendall(data[:MEGABYTE])
        wait_for_offset(second, path, MEGABYTE - BLOCK_BYTES)
        kept = second.head(path).offset
        finished = second.send(path, kept, data[kept:])

    assert (finished.status, finished.offset) == (204, len(data))
    assert_arrived(second, data)


def test_where_one_server_was_killed_the_other_goes_on(pair: tuple[Server, Server], data: bytes) -> None:
    first, second = (server.caller("wei") for server in pair)
    path = first.begin(data)
    first.send(path, 0, data[:MEGABYTE])
    connection = first.open_patch(path, MEGABYTE, len(data) - MEGABYTE)
    connection.sendall(data[MEGABYTE : 2 * MEGABYTE])

    pair[0].stop(signal.SIGKILL)
    try:
        connection.close()
        kept = second.head(path).offset
        finished = second.send(path, kept, data[kept:])
    finally:
        pair[0].start()

    assert MEGABYTE <= kept <= 2 * MEGABYTE
    assert finished.status == 204
    assert_arrived(second, data)


def test_a_photo_sent_in_one_request_is_written_once(
    pair: tuple[Server, Server], address: BucketAddress, data: bytes
) -> None:
    wei, sha256 = pair[0].caller("wei"), hash_of(data)

    path = wei.begin(data)
    wei.send(path, 0, data)

    assert find_keys(address, path, sha256) == {f"{pair[0].ours.organisation}/{sha256[:2]}/{sha256}": len(data)}


def test_a_large_file_goes_part_by_part_in_bounded_memory_and_comes_back_in_ranges(
    pair: tuple[Server, Server], address: BucketAddress
) -> None:
    wei, data = pair[0].caller("wei"), os.urandom(LARGE_BYTES)
    before = read_peak_kb(pair[0].worker_pid())

    path = wei.begin(data)
    finished = wei.send(path, 0, data)

    assert finished.status == 204
    assert read_peak_kb(pair[0].worker_pid()) - before < 6 * SEGMENT_BYTES // 1024
    assert_arrived(wei, data)
    for start in (0, 65_000, SEGMENT_BYTES - 5, LARGE_BYTES - 10):
        part = wei.ask("GET", f"{PREFIX}/blobs/{hash_of(data)}", Range=f"bytes={start}-{start + 9}")
        assert (part.status, part.body) == (206, data[start : start + 10])
    ((key, size_bytes),) = find_keys(address, path, hash_of(data)).items()
    assert size_bytes == LARGE_BYTES
    # How an object shows that it came in four parts.
    assert str(obstore.head(open_store(address), key)["e_tag"]).strip('"').endswith("-4")


def test_a_large_file_of_other_bytes_than_named_never_comes_to_be(
    pair: tuple[Server, Server], address: BucketAddress
) -> None:
    wei, data, named = pair[0].caller("wei"), os.urandom(LARGE_BYTES), hash_of(os.urandom(9))

    path = wei.begin(data, sha256=named)
    refused = wei.send(path, 0, data)

    assert (refused.status, refused.code) == (460, "blob_hash_differs")
    assert find_keys(address, path, named) == {}


def test_a_bucket_that_hangs_is_told_and_the_upload_goes_on_when_it_answers(
    pair: tuple[Server, Server], radosgw: Radosgw, data: bytes
) -> None:
    wei = pair[0].caller("wei")
    path = wei.begin(data)
    wei.send(path, 0, data[:MEGABYTE])
    radosgw.pause_gateway()
    try:
        refused = wei.send(path, MEGABYTE, data[MEGABYTE:])
        states = wei.ask(
            "POST", f"{PREFIX}/blobs/states", b'{"sha256":["%b"]}' % (b"0" * 64), Content_Type="application/json"
        )
        is_ready = read_checks(wei)
    finally:
        radosgw.resume_gateway()
    wait_for_offset(wei, path, MEGABYTE)
    kept = wei.head(path).offset
    finished = wei.send(path, kept, data[kept:])

    assert (refused.status, refused.code) == (503, "file_storage_away")
    assert refused.headers["retry-after"] == "5"
    assert states.status == 200
    assert is_ready == (200, "degraded", "file_storage_away")
    assert finished.status == 204
    assert read_checks(wei) == (200, "ok", "ok")
    assert_arrived(wei, data)


def test_while_a_bucket_hangs_one_request_asks_it_and_the_others_are_answered_at_once(
    pair: tuple[Server, Server], radosgw: Radosgw, data: bytes
) -> None:
    wei = pair[0].caller("wei")
    path = wei.begin(data)
    radosgw.pause_gateway()
    try:
        first = wei.head(path)
        # More than the server has threads, and each would wait for the bucket.
        askers = [threading.Thread(target=wei.head, args=(path,)) for _ in range(3 * pair[0].threads)]
        for asker in askers:
            asker.start()
        live = wei.ask("GET", f"{PREFIX}/health/live")
        for asker in askers:
            asker.join()
    finally:
        radosgw.resume_gateway()

    assert (first.status, live.status) == (503, 200)


def test_a_bucket_that_died_mid_upload_is_waited_for(
    pair: tuple[Server, Server], radosgw: Radosgw, data: bytes
) -> None:
    wei = pair[0].caller("wei")
    path = wei.begin(data)
    wei.send(path, 0, data[:MEGABYTE])
    connection = wei.open_patch(path, MEGABYTE, len(data) - MEGABYTE)
    connection.sendall(data[MEGABYTE : 2 * MEGABYTE])
    radosgw.kill_gateway()
    try:
        connection.close()
        refused = wei.head(path)
    finally:
        radosgw.start_gateway()
    kept = wei.head(path).offset
    finished = wei.send(path, kept, data[kept:])

    assert refused.status == 503
    assert MEGABYTE <= kept <= 2 * MEGABYTE
    assert finished.status == 204
    assert_arrived(wei, data)


def test_a_wrong_key_is_told_and_never_shown(tmp_path: Path, bucket: BucketAddress, data: bytes) -> None:
    secret = "no-such-secret-0123456789"
    server = make_server(tmp_path / "data", replace(bucket, secret=secret))
    server.start()
    try:
        wei = server.caller("wei")
        refused = wei.create(data)
        is_ready = read_checks(wei)
    finally:
        server.stop()
    right = replace(server, settings=replace(server.settings, bucket=bucket), log=[])
    right.start()
    try:
        wei = right.caller("wei")
        wei.send(wei.begin(data), 0, data)
        assert_arrived(wei, data)
    finally:
        right.stop()

    assert (refused.status, refused.code) == (503, "file_storage_refused")
    assert is_ready == (200, "degraded", "file_storage_refused")
    told = "".join(server.log) + refused.body.decode() + repr(server.settings)
    assert secret not in told
    assert bucket.key_id not in told
