"""Who may see which files, and how files and their states are handed out by a server process."""

import os

import pytest

from tests.server.blobs.tus import PREFIX, Caller, Server, hash_of


@pytest.fixture
def data() -> bytes:
    """A file nobody has sent before."""
    return os.urandom(100_000)


def test_without_a_token_nothing_is_taken_or_given(server: Server, wei: Caller, data: bytes) -> None:
    path = wei.begin(data)
    wei.send(path, 0, data)
    nobody = Caller(server.port, "forged")

    answers = [nobody.create(data), nobody.head(path), nobody.send(path, 0, data), nobody.ask("DELETE", path)]
    answers.append(nobody.ask("GET", f"{PREFIX}/blobs/{hash_of(data)}"))

    assert [answer.status for answer in answers] == [401] * 5


def test_organisations_share_no_files(wei: Caller, mallory: Caller, data: bytes) -> None:
    sha256, path = hash_of(data), wei.begin(data)
    wei.send(path, 0, data)

    created = mallory.create(data)

    assert mallory.states(sha256) == {sha256: "missing"}
    assert mallory.ask("GET", f"{PREFIX}/blobs/{sha256}").status == 404
    assert (created.status, created.offset) == (201, 0)
    assert [mallory.head(path).status, mallory.ask("DELETE", path).status] == [404, 404]
    assert wei.states(sha256) == {sha256: "verified"}


def test_another_device_does_not_continue_an_upload(wei: Caller, lin: Caller, data: bytes) -> None:
    path = wei.begin(data)

    answers = [lin.head(path), lin.send(path, 0, data), lin.ask("DELETE", path)]

    assert [answer.status for answer in answers] == [404] * 3
    assert wei.head(path).offset == 0


def test_bytes_of_another_hash_never_count(wei: Caller, data: bytes) -> None:
    sha256 = hash_of(b"something else")
    path = wei.begin(data, sha256=sha256)

    answer = wei.send(path, 0, data)

    assert (answer.status, answer.code) == (460, "blob_hash_differs")
    assert wei.head(path).status == 404
    assert wei.states(sha256, hash_of(data)) == {sha256: "missing", hash_of(data): "missing"}
    assert wei.ask("GET", f"{PREFIX}/blobs/{sha256}").status == 404


def test_a_file_is_sent_whole_or_in_ranges_and_asked_for_anew(wei: Caller, lin: Caller) -> None:
    data = b"\xff\xd8\xff\xe0" + os.urandom(50_000)
    wei.send(wei.begin(data), 0, data)
    path = f"{PREFIX}/blobs/{hash_of(data)}"

    whole, part = lin.ask("GET", path), lin.ask("GET", path, Range="bytes=10-19")
    known = lin.ask("GET", path, If_None_Match=f'"{hash_of(data)}"')
    beyond = lin.ask("GET", path, Range="bytes=60000-")

    assert (whole.status, whole.body) == (200, data)
    assert whole.headers["content-type"] == "image/jpeg"
    assert whole.headers["etag"] == f'"{hash_of(data)}"'
    assert whole.headers["cache-control"] == "private, no-cache"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert (part.status, part.body, part.headers["content-range"]) == (206, data[10:20], "bytes 10-19/50004")
    assert (known.status, known.body) == (304, b"")
    assert beyond.status == 416


def test_what_is_no_image_is_sent_as_mere_bytes(wei: Caller) -> None:
    data = b"<script>alert(1)</script>" + os.urandom(10)
    wei.send(wei.begin(data), 0, data)

    answer = wei.ask("GET", f"{PREFIX}/blobs/{hash_of(data)}")

    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("name", ["0" * 64, "uploads", "A" * 64, "..%2f..%2f..%2fetc%2fpasswd", "0" * 63])
def test_a_file_that_is_not_there_is_not_found(wei: Caller, name: str) -> None:
    answer = wei.ask("GET", f"{PREFIX}/blobs/{name}")

    assert answer.status == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"sha256": "a"}', b'{"sha256": [1]}', b'{"sha256": ["../x"]}'])
def test_a_question_that_cannot_be_read_is_refused(wei: Caller, body: bytes) -> None:
    answer = wei.ask("POST", f"{PREFIX}/blobs/states", body, Content_Type="application/json")

    assert (answer.status, answer.code) == (400, "malformed")


def test_too_many_hashes_are_refused(wei: Caller) -> None:
    hashes = ",".join(f'"{number:064x}"' for number in range(1001))
    body = f'{{"sha256": [{hashes}]}}'.encode()

    answer = wei.ask("POST", f"{PREFIX}/blobs/states", body, Content_Type="application/json")

    assert (answer.status, answer.code) == (400, "malformed")
