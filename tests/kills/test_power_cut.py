"""The power goes at any moment, and all that was not forced to disk is there in part or not at all."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kills import device_scene, server_scene
from tests.kills.conftest import Recording, record
from tests.kills.file_watch import Entry, Kind
from tests.kills.power_cut import (
    STYLES,
    Disk,
    Start,
    crashes,
    find_losses,
    play_all,
    read_tree,
    without_flushes,
    without_mapped,
)

DEVICE_CRASHES = 240
SERVER_CRASHES = 60
"""Both are chosen so that each takes some seconds; `make kills` tries thousands."""

PROOF_CRASHES = 120


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """A folder in memory: what is checked there is forced to no disk."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        yield Path(name) / "after"


@pytest.fixture(autouse=True)
def quick_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretch PINs as little as the scenes do."""
    monkeypatch.setattr("field_client.keys.ARGON2_TIME_COST", 1)
    monkeypatch.setattr("field_client.keys.ARGON2_MEMORY_KIB", 64)


@pytest.mark.parametrize("day", ["device_day", "server_day"])
def test_nothing_goes_past_the_watcher(day: str, request: pytest.FixtureRequest) -> None:
    recorded: Recording = request.getfixturevalue(day)

    played = play_all(recorded.trace, recorded.before)

    assert without_mapped(played) == without_mapped(read_tree(recorded.folder))


def test_a_device_keeps_all_it_acknowledged_through_any_power_cut(device_day: Recording, quick_folder: Path) -> None:
    states = list(crashes(device_day.trace, device_day.before, DEVICE_CRASHES, seed=1))

    losses = list(find_losses(states, quick_folder, device_scene.find_faults))

    assert len(states) > DEVICE_CRASHES / 3
    assert losses == []


def test_a_server_keeps_all_it_acknowledged_through_any_power_cut(server_day: Recording, quick_folder: Path) -> None:
    states = list(crashes(server_day.trace, server_day.before, SERVER_CRASHES, seed=1))

    losses = list(find_losses(states, quick_folder, server_scene.find_faults))

    assert len(states) > SERVER_CRASHES / 3
    assert losses == []


@pytest.mark.parametrize(
    ("pattern", "lost"),
    [
        ("*.sqlite-wal", "acknowledged set"),
        ("/device/evidence/incoming/*", "cannot be read"),
        ("/device/evidence", "cannot be read"),
        ("/device", "not_enrolled"),
        ("", "not_enrolled"),
        ("/device/.keyring*", "keyring_damaged"),
        ("/usb", "bundle cannot be read"),
        ("/usb/*", "bundle cannot be read"),
    ],
)
def test_a_flush_that_a_device_leaves_out_is_found(
    device_day: Recording, quick_folder: Path, pattern: str, lost: str
) -> None:
    trace = without_flushes(device_day.trace, pattern)

    assert lost in Losses(device_day, trace, quick_folder, device_scene.find_faults)


@pytest.mark.parametrize(
    ("pattern", "lost"),
    [
        ("*.sqlite-wal", "was answered"),
        ("/data/keys", "another key"),
        ("/data/blobs/*/uploads/*", "the verified file"),
        ("/data/blobs/*/uploads", "bytes were acknowledged"),
        ("/data/blobs/*/[0-9a-f][0-9a-f]", "the verified file"),
        ("/receipts.part", "receipts is lost"),
    ],
)
def test_a_flush_that_a_server_leaves_out_is_found(
    server_day: Recording, quick_folder: Path, pattern: str, lost: str
) -> None:
    trace = without_flushes(server_day.trace, pattern)

    assert lost in Losses(server_day, trace, quick_folder, server_scene.find_faults)


def test_a_device_that_does_not_wait_for_its_disk_is_found(watcher: Path, tmp_path: Path, quick_folder: Path) -> None:
    careless = record(watcher, tmp_path, "tests.kills.device_scene", "--synchronous-off")

    assert "not_enrolled" in Losses(careless, careless.trace, quick_folder, device_scene.find_faults)


@dataclass(frozen=True)
class Losses:
    """What is lost when nothing that is not flushed is there, or only names or only bytes are."""

    recorded: Recording
    trace: list[Entry]
    folder: Path
    check: Callable[[Path, Sequence[bytes]], list[str]]

    def __contains__(self, words: str) -> bool:
        """Tell whether a loss is told in these words; nothing is tried after the first."""
        states = crashes(self.trace, self.recorded.before, PROOF_CRASHES, 1, ("nothing", "names", "data"))
        losses = find_losses(states, self.folder, self.check)
        return any(words in fault for loss in losses for fault in loss.faults)


def entry(kind: Kind, node: int, path: str, data: bytes = b"", number: int = 0) -> Entry:
    """Return one operation."""
    return Entry(kind, node, number, path, data)


def flush(node: int) -> list[Entry]:
    """Return both ends of a flush."""
    return [entry(Kind.SYNC, node, "", number=node), entry(Kind.SYNCED, node, "", number=node)]


def cut(*trace: Entry, style: str = "nothing", seed: int = 0) -> dict[str, bytes | None]:
    """Return what is there after a cut at the end of a trace that began with an empty folder."""
    disk = Disk(Start({}, {"": 1}))
    for done in trace:
        disk.play(done)
    return disk.cut(style, random.Random(seed))


WRITTEN = [entry(Kind.CREATE, 2, "/a"), entry(Kind.WRITE, 2, "/a", b"x" * 1024)]
RENAMED = entry(Kind.RENAME, 2, "/a", b"/b")


def test_bytes_and_names_are_kept_by_flushes_of_their_own() -> None:
    assert cut(*WRITTEN) == {}
    assert cut(*WRITTEN, *flush(2)) == {}
    assert cut(*WRITTEN, *flush(1)) == {"/a": b""}
    assert cut(*WRITTEN, *flush(2), *flush(1)) == {"/a": b"x" * 1024}


def test_a_flush_keeps_nothing_written_after_it_began() -> None:
    began, ended = flush(2)

    assert cut(WRITTEN[0], began, WRITTEN[1], ended, *flush(1)) == {"/a": b""}


def test_a_rename_that_was_not_flushed_may_be_there_before_its_bytes() -> None:
    assert cut(*WRITTEN, *flush(1), *flush(2), RENAMED) == {"/a": b"x" * 1024}
    assert cut(*WRITTEN, RENAMED, style="names") == {"/b": b""}


def test_a_torn_write_is_there_by_sectors() -> None:
    torn = {cut(*WRITTEN, *flush(1), style="torn", seed=seed)["/a"] for seed in range(40)}

    assert torn == {b"", b"x" * 512, bytes(512) + b"x" * 512, b"x" * 1024}


def test_every_style_leaves_a_tree() -> None:
    for style in STYLES:
        assert set(cut(*WRITTEN, RENAMED, style=style)) <= {"/a", "/b"}
