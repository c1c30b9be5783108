"""Loading `file_watch.c` into a process, telling it where to die, and reading the trace it writes."""

from __future__ import annotations

import ctypes
import enum
import hashlib
import os
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final

SOURCE: Final = Path(__file__).with_name("file_watch.c")
HEAD: Final = struct.Struct("<IIQQII")
MAGIC: Final = 0x4C4C494B


class Kind(enum.IntEnum):
    """What was done; `SYNC` is where a flush begins and `SYNCED` where it ends."""

    CREATE = 1
    WRITE = 2
    RESIZE = 3
    SYNC = 4
    SYNCED = 5
    RENAME = 6
    LINK = 7
    UNLINK = 8
    MAKE_FOLDER = 9
    REMOVE_FOLDER = 10
    ACT = 11
    MARK = 12


class How(enum.IntEnum):
    """When to die at an operation; halfway is for writes, of which the first half is done."""

    BEFORE = 0
    AFTER = 1
    HALFWAY = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation: paths begin at the watched folder, which is the empty path.

    `number` is a write's offset, a new size, or what joins the two ends of a flush; `data` is what was written, or
    the second path of a rename or link.
    """

    kind: Kind
    node: int
    number: int
    path: str
    data: bytes

    @property
    def target(self) -> str:
        """The path after a rename or link."""
        return self.data.decode()


def build(folder: Path) -> Path:
    """Compile the watcher into a folder and return the library."""
    compiler = shutil.which("gcc")
    assert compiler is not None, "No C compiler: run `scripts/system-packages tests`."
    library = folder / "file_watch.so"
    strict = ["-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    subprocess.run([compiler, *strict, "-o", library, SOURCE], check=True)
    return library


def environment(library: Path, folder: Path, trace: Path | None = None) -> dict[str, str]:
    """Return the environment under which a process is watched."""
    watched = {"LD_PRELOAD": str(library), "KILLS_FOLDER": str(folder.resolve())}
    return {**os.environ, **watched, **({} if trace is None else {"KILLS_TRACE": str(trace)})}


@cache
def _watcher() -> ctypes.CDLL:
    return ctypes.CDLL(os.environ["LD_PRELOAD"])


def enter(act: str) -> None:
    """Say what this process is about to do."""
    _watcher().kills_enter(act.encode())


def aim(act: str, kind: Kind, pattern: str, times: int, how: How) -> None:
    """Let this process die at the nth operation of a kind, on a path that fits the pattern, during an act."""
    _watcher().kills_aim(act.encode(), int(kind), pattern.encode(), times, int(how))


def spell_aim(kind: Kind, pattern: str, times: int, how: How) -> str:
    """Return what `KILLS_AIM` must be for a process to die at an operation, whatever act it is in."""
    return f"{int(kind)} {times} {int(how)} {pattern}"


def record(trace: Path) -> None:
    """Write down what this process does from here on."""
    _watcher().kills_record(str(trace).encode())


def mark(said: bytes) -> None:
    """Write down that something was said, which must be kept from here on."""
    _watcher().kills_mark(said, ctypes.c_size_t(len(said)))


def read_trace(path: Path) -> Iterator[Entry]:
    """Yield the entries of a trace; a last one that was cut off is left out."""
    data, at = path.read_bytes(), 0
    while at + HEAD.size <= len(data):
        magic, kind, node, number, path_bytes, data_bytes = HEAD.unpack_from(data, at)
        assert magic == MAGIC, "the trace is damaged"
        middle = at + HEAD.size + path_bytes
        at, start = middle + data_bytes, at + HEAD.size
        if at > len(data):
            return
        yield Entry(Kind(kind), node, number, data[start:middle].decode(), data[middle:at])


def hash_of(file: IO[bytes]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(file.read()).hexdigest()


def read_carried(path: Path) -> list[bytes]:
    """Return the lines of receipts in a file that is carried by hand; none when it cannot be read."""
    try:
        with zipfile.ZipFile(path) as bundle:
            return bundle.read("receipts").splitlines()
    except (KeyError, zipfile.BadZipFile):
        return []
