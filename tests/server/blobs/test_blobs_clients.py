"""Two tus clients by others upload to a server process, over a link that breaks on the way."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tusclient.client import TusClient

from tests.server.blobs.tus import PREFIX, PROJECT, UPLOADS, Caller, CuttingProxy, Server, hash_of

SIZE_BYTES = 3_000_000
NODE_TIMEOUT_S = 60
# Every client waits before it goes on, as a rule for seconds: by then the server has read what came.
PAUSE_S = 0.1
HEADERS_BYTES = 20_000  # more than all requests of an upload have in heads


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A file nobody has sent before."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(os.urandom(SIZE_BYTES))
    return path


@pytest.fixture
def link(server: Server) -> Iterator[CuttingProxy]:
    """A link that breaks three times."""
    proxy = CuttingProxy(server.port, 400_000, 700_000, 1_000_000)
    yield proxy
    proxy.close()


def assert_arrived(wei: Caller, photo: Path) -> None:
    """Fail unless the server has the file, and hands out the same bytes."""
    data = photo.read_bytes()
    assert wei.states(hash_of(data)) == {hash_of(data): "verified"}
    assert wei.ask("GET", f"{PREFIX}/blobs/{hash_of(data)}").body == data


def upload_with_tuspy(caller: Caller, photo: Path, chunk_bytes: int, **more: object) -> None:
    client = TusClient(f"http://127.0.0.1:{caller.port}{UPLOADS}", {"Authorization": f"Bearer {caller.token}"})
    metadata = {"sha256": hash_of(photo.read_bytes())}
    # A stream of ours, since tuspy never closes the files it opens.
    with photo.open("rb") as stream:
        client.uploader(file_stream=stream, chunk_size=chunk_bytes, metadata=metadata, **more).upload()


def upload_with_javascript(caller: Caller, photo: Path, chunk_bytes: int) -> dict[str, object]:
    sha256, endpoint = hash_of(photo.read_bytes()), f"http://127.0.0.1:{caller.port}{UPLOADS}"
    done = subprocess.run(
        ["node", "upload.mjs", endpoint, str(photo), sha256, caller.token, str(chunk_bytes)],
        cwd=PROJECT / "tests" / "js",
        capture_output=True,
        text=True,
        timeout=NODE_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("checked", [False, True])
def test_tuspy_uploads_in_chunks(wei: Caller, photo: Path, checked: bool) -> None:
    upload_with_tuspy(wei, photo, 500_000, upload_checksum=checked)

    assert_arrived(wei, photo)


def test_tuspy_goes_on_where_a_broken_link_left_it(wei: Caller, photo: Path, link: CuttingProxy) -> None:
    upload_with_tuspy(Caller(link.port, wei.token), photo, SIZE_BYTES, retries=5, retry_delay=PAUSE_S)

    assert link.cuts_left == 0
    assert_arrived(wei, photo)
    # No byte was sent twice.
    assert link.sent_bytes <= SIZE_BYTES + HEADERS_BYTES


def test_tuspy_finds_that_a_file_is_there_already(wei: Caller, photo: Path, link: CuttingProxy) -> None:
    upload_with_tuspy(wei, photo, SIZE_BYTES)

    upload_with_tuspy(wei, photo, 100_000, retries=1, retry_delay=0)

    assert_arrived(wei, photo)


@pytest.mark.parametrize("chunk_bytes", [0, 500_000])
def test_the_javascript_client_uploads(wei: Caller, photo: Path, chunk_bytes: int) -> None:
    answer = upload_with_javascript(wei, photo, chunk_bytes)

    assert answer["retries"] == 0
    assert_arrived(wei, photo)


def test_the_javascript_client_goes_on_where_a_broken_link_left_it(
    wei: Caller, photo: Path, link: CuttingProxy
) -> None:
    answer = upload_with_javascript(Caller(link.port, wei.token), photo, 0)

    assert link.cuts_left == 0
    assert answer["retries"] == 3
    assert_arrived(wei, photo)
    assert link.sent_bytes <= SIZE_BYTES + HEADERS_BYTES
