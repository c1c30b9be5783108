"""Each rule of tus 1.0 that the server promises, against a server process."""

import base64
import hashlib
import os
from email.utils import parsedate_to_datetime

import pytest

from server.clock import unix_now
from tests.server.blobs.tus import (
    BLOB_BYTES_MAX,
    BYTES_TYPE,
    UPLOADS,
    Caller,
    Server,
    ask,
    hash_of,
    name_hash,
)


@pytest.fixture
def data() -> bytes:
    """A file nobody has sent before."""
    return os.urandom(100_000)


def test_options_tells_what_the_server_can_do_without_a_token(server: Server) -> None:
    answer = ask(server.port, "OPTIONS", UPLOADS, b"", {"Tus-Resumable": "9.9.9"})

    assert answer.status == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"].split(",") == [
        "creation",
        "creation-with-upload",
        "checksum",
        "expiration",
        "termination",
    ]
    assert answer.headers["tus-max-size"] == str(BLOB_BYTES_MAX)
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"


@pytest.mark.parametrize("version", ["", "0.2.2", "1.0"])
def test_another_version_is_refused_before_anything_is_done(wei: Caller, data: bytes, version: str) -> None:
    path = wei.begin(data)

    refused = wei.ask("POST", UPLOADS, Upload_Length="10", Tus_Resumable=version)
    patched = wei.send(path, 0, data, Tus_Resumable=version)

    assert (refused.status, patched.status) == (412, 412)
    assert refused.headers["tus-version"] == "1.0.0"
    assert "location" not in refused.headers
    assert wei.head(path).offset == 0


def test_an_upload_in_pieces_is_verified_at_its_end(wei: Caller, data: bytes) -> None:
    sha256 = hash_of(data)

    created = wei.create(data)
    path = created.headers["location"]
    first = wei.send(path, 0, data[:40_000])
    between = wei.head(path), wei.states(sha256)
    last = wei.send(path, 40_000, data[40_000:])

    assert (created.status, created.offset) == (201, 0)
    assert (first.status, first.offset) == (204, 40_000)
    assert (between[0].status, between[0].offset, between[1][sha256]) == (200, 40_000, "received")
    assert between[0].headers["upload-length"] == "100000"
    assert between[0].headers["cache-control"] == "no-store"
    assert between[0].headers["upload-metadata"] == name_hash(sha256)
    assert (last.status, last.offset) == (204, 100_000)
    assert wei.states(sha256, "0" * 64) == {sha256: "verified", "0" * 64: "missing"}
    assert {answer.headers["tus-resumable"] for answer in (created, first, between[0], last)} == {"1.0.0"}


def test_a_finished_upload_still_tells_its_offset(wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    wei.send(path, 0, data)

    again, empty = wei.head(path), wei.send(path, len(data), b"")

    assert (again.status, again.offset) == (200, len(data))
    assert "upload-expires" not in again.headers
    assert (empty.status, empty.offset) == (204, len(data))


def test_the_first_bytes_may_come_with_the_creation(wei: Caller, data: bytes) -> None:
    metadata = name_hash(hash_of(data))

    created = wei.ask(
        "POST", UPLOADS, data[:60_000], Upload_Length="100000", Upload_Metadata=metadata, Content_Type=BYTES_TYPE
    )
    finished = wei.send(created.headers["location"], 60_000, data[60_000:])

    assert (created.status, created.offset) == (201, 60_000)
    assert (finished.status, finished.offset) == (204, 100_000)


def test_an_upload_without_a_hash_is_told_the_hash_of_what_came(wei: Caller, data: bytes) -> None:
    path = wei.begin(data, Upload_Metadata="")

    finished = wei.send(path, 0, data)

    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert finished.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert wei.head(path).headers["repr-digest"] == f"sha-256=:{digest}:"
    assert wei.states(hash_of(data)) == {hash_of(data): "verified"}


def test_an_empty_file_is_complete_when_created(wei: Caller) -> None:
    created = wei.create(b"")

    assert (created.status, created.offset) == (201, 0)
    assert wei.head(created.headers["location"]).offset == 0
    assert wei.states(hash_of(b"")) == {hash_of(b""): "verified"}


def test_a_file_that_is_there_is_not_sent_twice(wei: Caller, lin: Caller, data: bytes) -> None:
    wei.send(wei.begin(data), 0, data)

    answer = lin.create(data)

    assert (answer.status, answer.offset) == (201, len(data))
    assert lin.head(answer.headers["location"]).offset == len(data)


def test_creating_an_upload_again_finds_what_was_begun(wei: Caller, lin: Caller, data: bytes) -> None:
    path = wei.begin(data)
    wei.send(path, 0, data[:30_000])

    again, other_device = wei.create(data), lin.create(data)

    assert (again.status, again.headers["location"], again.offset) == (201, path, 30_000)
    assert other_device.headers["location"] != path
    assert other_device.offset == 0


def test_a_wrong_offset_changes_nothing(wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    wei.send(path, 0, data[:10])

    answers = [wei.send(path, offset, b"x" * 10) for offset in (0, 9, 11, 50_000)]

    assert [(answer.status, answer.code) for answer in answers] == [(409, "upload_offset_differs")] * 4
    assert wei.head(path).offset == 10


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "text/plain"])
def test_another_content_type_is_refused(wei: Caller, data: bytes, content_type: str) -> None:
    path = wei.begin(data)

    patched = wei.ask("PATCH", path, b"x", Upload_Offset="0", Content_Type=content_type)
    created = wei.ask("POST", UPLOADS, b"x", Upload_Length="10", Content_Type=content_type)

    assert (patched.status, created.status) == (415, 415)
    assert wei.head(path).offset == 0


def test_more_bytes_than_announced_are_refused(wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    wei.send(path, 0, data[:99_999])

    patched = wei.send(path, 99_999, b"xy")
    created = wei.ask("POST", UPLOADS, b"x" * 20, Upload_Length="10", Content_Type=BYTES_TYPE)

    assert (patched.status, patched.code) == (413, "blob_too_large")
    assert (created.status, created.code) == (413, "blob_too_large")
    assert wei.head(path).offset == 99_999


def test_a_file_over_the_limit_is_refused(wei: Caller) -> None:
    refused = wei.ask("POST", UPLOADS, Upload_Length=str(BLOB_BYTES_MAX + 1))
    allowed = wei.ask("POST", UPLOADS, Upload_Length=str(BLOB_BYTES_MAX))

    assert (refused.status, refused.code) == (413, "blob_too_large")
    assert allowed.status == 201


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_chunk_with_its_checksum_is_taken(wei: Caller, data: bytes, algorithm: str) -> None:
    digest = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()

    answer = wei.send(wei.begin(data), 0, data, Upload_Checksum=f"{algorithm} {digest}")

    assert (answer.status, answer.offset) == (204, len(data))
    assert wei.states(hash_of(data)) == {hash_of(data): "verified"}


def test_a_chunk_with_a_wrong_checksum_is_dropped(wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    wei.send(path, 0, data[:10])
    wrong = base64.b64encode(bytes(20)).decode()

    answer = wei.send(path, 10, data[10:], Upload_Checksum=f"sha1 {wrong}")

    assert (answer.status, answer.code) == (460, "blob_hash_differs")
    assert wei.head(path).offset == 10


@pytest.mark.parametrize("checksum", ["md5 AAAA", "sha1", "sha1 ?", "crc32 AAAA"])
def test_a_checksum_that_cannot_be_read_is_refused(wei: Caller, data: bytes, checksum: str) -> None:
    path = wei.begin(data)

    answer = wei.send(path, 0, data, Upload_Checksum=checksum)

    assert answer.status in (400, 460)
    assert wei.head(path).offset == 0


def test_an_unfinished_upload_tells_when_it_expires(wei: Caller, data: bytes) -> None:
    created = wei.create(data)
    patched = wei.send(created.headers["location"], 0, data[:10])

    for answer in (created, patched, wei.head(created.headers["location"])):
        expires = parsedate_to_datetime(answer.headers["upload-expires"]).timestamp()
        assert 167 < (expires - unix_now()) / 3600 <= 168


def test_a_terminated_upload_is_gone(wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    wei.send(path, 0, data[:10])

    answer = wei.ask("DELETE", path)

    assert answer.status == 204
    assert [wei.head(path).status, wei.send(path, 10, b"x").status, wei.ask("DELETE", path).status] == [404] * 3
    assert wei.states(hash_of(data)) == {hash_of(data): "missing"}


def test_terminating_a_finished_upload_leaves_the_file(wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    wei.send(path, 0, data)

    answer = wei.ask("DELETE", path)

    assert (answer.status, wei.head(path).status) == (204, 404)
    assert wei.states(hash_of(data)) == {hash_of(data): "verified"}


def test_other_metadata_is_given_back_as_it_came(wei: Caller, data: bytes) -> None:
    metadata = f"filename {base64.b64encode('铭牌.jpg'.encode()).decode()},is_private,{name_hash(hash_of(data))}"

    path = wei.begin(data, Upload_Metadata=metadata)

    assert wei.head(path).headers["upload-metadata"] == metadata


def test_a_method_may_be_named_in_a_header(wei: Caller, data: bytes) -> None:
    path = wei.begin(data)

    patched = wei.ask(
        "POST", path, data[:10], X_HTTP_Method_Override="PATCH", Upload_Offset="0", Content_Type=BYTES_TYPE
    )
    shown = wei.ask("POST", path, X_HTTP_Method_Override="HEAD")
    unknown = wei.ask("POST", path, X_HTTP_Method_Override="PUT")
    deleted = wei.ask("POST", path, X_HTTP_Method_Override="DELETE")

    assert (patched.status, patched.offset) == (204, 10)
    assert (shown.status, shown.offset) == (200, 10)
    assert unknown.status == 405
    assert (deleted.status, wei.head(path).status) == (204, 404)


@pytest.mark.parametrize("length", ["", "-1", "ten", "1.5", "1e3", "9" * 40, "１０"])
def test_a_length_that_is_no_number_is_refused(wei: Caller, length: str) -> None:
    answer = wei.ask("POST", UPLOADS, Upload_Length=length.encode().decode("latin-1"))

    assert (answer.status, answer.code) == (400, "malformed")


def test_a_length_to_be_told_later_is_refused(wei: Caller) -> None:
    answer = wei.ask("POST", UPLOADS, Upload_Defer_Length="1")

    assert (answer.status, answer.code) == (400, "malformed")


@pytest.mark.parametrize(
    "metadata",
    [
        "sha256 ?",
        "sha256",
        name_hash("A" * 64),
        name_hash("../" * 21 + "a"),
        name_hash("a" * 63),
        name_hash("a" * 64 + "\n"),
        f"{name_hash('a' * 64)},{name_hash('b' * 64)}",
        ",",
        "filename " + "A" * 8000,
    ],
)
def test_metadata_that_cannot_be_read_is_refused(wei: Caller, metadata: str) -> None:
    answer = wei.ask("POST", UPLOADS, Upload_Length="10", Upload_Metadata=metadata)

    assert (answer.status, answer.code) == (400, "malformed")


@pytest.mark.parametrize(
    "name",
    [
        "definitely-not-there",
        "0190a000-0000-7000-8000-000000000001",
        "..%2f..%2fkeys%2foffice.key",
        "%2e%2e",
        "0190a000-0000-7000-8000-000000000001.note",
        "0190A000-0000-7000-8000-000000000001",
    ],
)
def test_an_upload_that_is_not_there_is_not_found(wei: Caller, name: str) -> None:
    answers = [wei.head(f"{UPLOADS}/{name}"), wei.send(f"{UPLOADS}/{name}", 0, b"x")]
    answers.append(wei.ask("DELETE", f"{UPLOADS}/{name}"))

    assert [answer.status for answer in answers] == [404] * 3
    assert "upload-offset" not in answers[0].headers
