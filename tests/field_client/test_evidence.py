"""A file is on the device whole or not at all, enciphered, and read back only as what its name says."""

import contextlib
import hashlib
import io
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_client.evidence import CHUNK_BYTES, EvidenceFolder, StoredFile
from field_client.keys import Keyring
from field_client.problems import MediaProblem

KEYRING = Keyring(bytes(range(32)))
PHOTO = random.Random(5).randbytes(3 * CHUNK_BYTES + 1234)
PHOTO_SHA256 = hashlib.sha256(PHOTO).hexdigest()
PROJECT = Path(__file__).resolve().parents[2]

# Runs in a process of its own, which kills itself at the n-th thing it does to the file system.
KEEP_AND_DIE = """
import os, signal, sys
from pathlib import Path
from field_client.evidence import EvidenceFolder
from field_client.keys import Keyring

root, photo, step = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), int(sys.argv[3])
folder = EvidenceFolder(root, Keyring(bytes(range(32))))
seen = 0

def count(*_):
    global seen
    seen += 1
    if seen == step:
        os.kill(os.getpid(), signal.SIGKILL)

plain_fsync, plain_write = os.fsync, Keyring.seal_chunk
os.fsync = lambda descriptor: (count(), plain_fsync(descriptor), count())
Keyring.seal_chunk = lambda *arguments: (count(), plain_write(*arguments))[1]
sys.addaudithook(lambda event, _: count() if event in ("open", "os.rename", "os.remove", "fcntl.flock") else None)
folder.keep(photo, "image/jpeg")
"""


@pytest.fixture
def folder(tmp_path: Path) -> EvidenceFolder:
    return EvidenceFolder(tmp_path / "evidence", KEYRING)


@contextlib.contextmanager
def files_limited_to(size_bytes: int) -> Iterator[None]:
    """Let the system refuse to let any file grow beyond a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def list_files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def path_of(tmp_path: Path, sha256: str) -> Path:
    return tmp_path / "evidence" / sha256


def test_a_photo_is_kept_by_its_hash_and_read_back(folder: EvidenceFolder) -> None:
    sha256 = folder.keep(PHOTO, "image/jpeg")

    assert sha256 == PHOTO_SHA256
    with folder.open(sha256) as stream:
        assert stream.read() == PHOTO
    assert folder.size(sha256) == len(PHOTO)
    assert folder.stored() == [StoredFile(PHOTO_SHA256, "image/jpeg", len(PHOTO))]


def test_a_stream_is_kept_like_bytes(folder: EvidenceFolder) -> None:
    class Dribble(io.RawIOBase):
        """Gives at most 1,000 bytes at a time, as a socket does."""

        def __init__(self) -> None:
            self.rest = PHOTO

        def read(self, size: int = -1) -> bytes:
            part, self.rest = self.rest[: min(size, 1000)], self.rest[min(size, 1000) :]
            return part

    assert folder.keep(Dribble(), "image/jpeg") == PHOTO_SHA256  # type: ignore[arg-type]
    with folder.open(PHOTO_SHA256) as stream:
        assert stream.read() == PHOTO


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_every_size_comes_back_whole(folder: EvidenceFolder, size: int) -> None:
    sha256 = folder.keep(PHOTO[:size], "application/octet-stream")

    with folder.open(sha256) as stream:
        assert stream.read() == PHOTO[:size]
    assert folder.size(sha256) == size


@given(offset=st.integers(0, len(PHOTO) + 10), step=st.integers(1, CHUNK_BYTES * 2))
def test_reading_may_begin_at_any_byte(tmp_path_factory: pytest.TempPathFactory, offset: int, step: int) -> None:
    folder = EvidenceFolder(tmp_path_factory.getbasetemp() / "shared", KEYRING)
    if not folder.holds(PHOTO_SHA256):
        folder.keep(PHOTO, "image/jpeg")

    with folder.read_from(PHOTO_SHA256, offset) as stream:
        first = stream.read(step)
        rest = stream.read()

    assert first + rest == PHOTO[offset:]
    assert len(first) <= step


def test_reading_from_the_middle_deciphers_no_chunk_before_it(
    folder: EvidenceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.keep(PHOTO, "image/jpeg")
    opened: list[int] = []
    open_chunk = Keyring.open_chunk

    def open_and_note(self: Keyring, nonce: bytes, number: int, last: bool, sealed: bytes, bound: bytes) -> bytes:
        opened.append(number)
        return open_chunk(self, nonce, number, last, sealed, bound)

    monkeypatch.setattr(Keyring, "open_chunk", open_and_note)

    with folder.read_from(PHOTO_SHA256, 2 * CHUNK_BYTES + 5) as stream:
        stream.read()

    assert opened == [2, 3]


def test_nothing_of_a_photo_lies_open_on_the_disk(folder: EvidenceFolder, tmp_path: Path) -> None:
    secret = b"the customer's control cabinet " * 500

    sha256 = folder.keep(secret, "image/jpeg")

    assert b"control cabinet" not in path_of(tmp_path, sha256).read_bytes()
    with pytest.raises(MediaProblem), EvidenceFolder(tmp_path / "evidence", Keyring(bytes(32))).open(sha256) as stream:
        stream.read()


def test_keeping_the_same_photo_twice_keeps_one_and_heals_a_damaged_one(folder: EvidenceFolder, tmp_path: Path) -> None:
    folder.keep(PHOTO, "image/jpeg")
    path_of(tmp_path, PHOTO_SHA256).write_bytes(b"damaged")

    folder.keep(PHOTO, "image/jpeg")

    assert list_files(tmp_path / "evidence") == [PHOTO_SHA256]
    with folder.open(PHOTO_SHA256) as stream:
        assert stream.read() == PHOTO


@given(place=st.integers(0, len(PHOTO) + 100), bit=st.integers(0, 7))
def test_any_altered_bit_is_noticed(tmp_path_factory: pytest.TempPathFactory, place: int, bit: int) -> None:
    root = tmp_path_factory.getbasetemp() / "altered"
    folder = EvidenceFolder(root, KEYRING)
    folder.keep(PHOTO, "image/jpeg")
    altered = bytearray((root / PHOTO_SHA256).read_bytes())
    altered[place % len(altered)] ^= 1 << bit
    (root / PHOTO_SHA256).write_bytes(altered)

    with pytest.raises(MediaProblem) as refusal, folder.open(PHOTO_SHA256) as stream:
        stream.read()

    assert refusal.value.code == "evidence_damaged"


@pytest.mark.parametrize("kept_bytes", [0, 3, 40, CHUNK_BYTES // 2, CHUNK_BYTES + 54, 2 * CHUNK_BYTES + 70])
def test_a_file_cut_short_is_noticed(folder: EvidenceFolder, tmp_path: Path, kept_bytes: int) -> None:
    folder.keep(PHOTO, "image/jpeg")
    os.truncate(path_of(tmp_path, PHOTO_SHA256), kept_bytes)

    with pytest.raises(MediaProblem) as refusal, folder.open(PHOTO_SHA256) as stream:
        stream.read()

    assert refusal.value.code == "evidence_damaged"


def test_a_file_under_another_files_name_is_noticed_even_from_the_middle(
    folder: EvidenceFolder, tmp_path: Path
) -> None:
    folder.keep(PHOTO, "image/jpeg")
    other = folder.keep(PHOTO[::-1], "image/jpeg")
    path_of(tmp_path, other).replace(path_of(tmp_path, PHOTO_SHA256))

    with pytest.raises(MediaProblem) as refusal, folder.read_from(PHOTO_SHA256, CHUNK_BYTES) as stream:
        stream.read()

    assert refusal.value.code == "evidence_damaged"


def test_a_freed_photo_is_gone_and_may_be_freed_again(folder: EvidenceFolder) -> None:
    folder.keep(PHOTO, "image/jpeg")

    folder.free(PHOTO_SHA256)
    folder.free(PHOTO_SHA256)

    assert not folder.holds(PHOTO_SHA256)
    assert folder.stored() == []


@pytest.mark.parametrize("name", ["0" * 64, "../keyring.json", "", PHOTO_SHA256.upper()])
def test_a_name_that_is_not_held_is_unknown(folder: EvidenceFolder, name: str) -> None:
    folder.keep(PHOTO, "image/jpeg")

    with pytest.raises(MediaProblem) as refusal:
        folder.open(name)

    assert refusal.value.code == "blob_unknown"


@pytest.mark.parametrize("room_bytes", [0, 10, CHUNK_BYTES + 1000, len(PHOTO)])
def test_a_full_disk_is_told_and_nothing_half_kept(folder: EvidenceFolder, tmp_path: Path, room_bytes: int) -> None:
    signature = folder.keep(b"strokes", "application/json")

    with pytest.raises(MediaProblem) as refusal, files_limited_to(room_bytes):
        folder.keep(PHOTO, "image/jpeg")

    assert refusal.value.code == "disk_full"
    assert list_files(tmp_path / "evidence") == [signature]
    assert folder.keep(PHOTO, "image/jpeg") == PHOTO_SHA256


def test_a_process_killed_at_any_step_leaves_the_whole_photo_or_nothing(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(PHOTO)
    outcomes = []

    for step in range(1, 40):
        root = tmp_path / f"evidence-{step}"
        command = [sys.executable, "-c", KEEP_AND_DIE, str(root), str(photo), str(step)]
        ended = subprocess.run(command, cwd=PROJECT, check=False)
        folder = EvidenceFolder(root, KEYRING)
        outcomes.append(len(folder.stored()))
        assert list_files(root) == [file.sha256 for file in folder.stored()]
        for file in folder.stored():
            with folder.open(file.sha256) as stream:
                assert stream.read() == PHOTO
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL

    assert ended.returncode == 0
    assert outcomes == sorted(outcomes)
    assert outcomes.count(0) > 5
    assert outcomes.count(1) > 1


def test_a_file_being_written_is_not_taken_for_a_leftover(folder: EvidenceFolder, tmp_path: Path) -> None:
    class Interrupted(io.BytesIO):
        """Opens the folder a second time in the middle of being read."""

        def read(self, size: int | None = -1, /) -> bytes:
            EvidenceFolder(tmp_path / "evidence", KEYRING)
            return super().read(size)

    assert folder.keep(Interrupted(PHOTO), "image/jpeg") == PHOTO_SHA256
    with folder.open(PHOTO_SHA256) as stream:
        assert stream.read() == PHOTO
