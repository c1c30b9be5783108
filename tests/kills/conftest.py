"""The watcher, compiled once; and traces of a device's and a server's day, recorded once and crashed many times."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kills import file_watch, power_cut
from tests.kills.file_watch import Entry
from tests.kills.power_cut import Start
from tests.server.blobs.tus import PROJECT


@dataclass(frozen=True)
class Recording:
    """What a program did to a folder, from what was there before to what was there after."""

    before: Start
    trace: list[Entry]
    folder: Path


def record(library: Path, folder: Path, scene: str, *options: str) -> Recording:
    """Play a scene in a folder of its own and return what it did."""
    watched, trace = folder / "watched", folder / "trace"
    (watched / "usb").mkdir(parents=True)
    before = power_cut.read_start(watched)
    command = [sys.executable, "-m", scene, str(watched), *options]
    subprocess.run(command, cwd=PROJECT, env=file_watch.environment(library, watched, trace), check=True)
    return Recording(before, list(file_watch.read_trace(trace)), watched)


@pytest.fixture(scope="session")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that watches a process."""
    return file_watch.build(tmp_path_factory.mktemp("watcher"))


@pytest.fixture(scope="session")
def device_day(watcher: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A day of a device."""
    return record(watcher, tmp_path_factory.mktemp("device"), "tests.kills.device_scene")


@pytest.fixture(scope="session")
def server_day(watcher: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A day of a server."""
    return record(watcher, tmp_path_factory.mktemp("server"), "tests.kills.server_scene")
