"""What a power cut may leave on a disk, worked out from a trace of file operations.

The disk promises only what POSIX does. Rule 1: what was written to a file is kept once a flush of the file that began
afterwards has ended. Rule 2: a name in a folder is kept or gone once a flush of the folder has ended; flushing the
file does not keep its name. Rule 3: of all else any part may be there: writes in another order, by sectors, a name
without its bytes, bytes without their name.

Where the operations are recorded once and every crash is worked out, as ALICE does (Pillai et al., OSDI 2014), a
thousand crashes cost one run of the program and need neither a kernel module nor a mounted file system.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from tests.kills.file_watch import Entry, Kind

SECTOR_BYTES: Final = 512
"""A disk writes a sector whole or not at all."""

STYLES: Final = ("nothing", "all", "names", "data", "in_order", "all_but_one", "only_one", "torn")
"""Which of the unflushed operations are there after the cut."""

Tree = dict[str, bytes | None]
"""path -> bytes of a file, None for a folder"""


@dataclass(slots=True)
class File:
    """A file: the bytes that are kept for certain, and what was done since."""

    kept: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, Entry]] = field(default_factory=list)


@dataclass(slots=True)
class Folder:
    """A folder: the names that are kept for certain, and the changes since; None takes a name away."""

    kept: dict[str, int] = field(default_factory=dict)
    pending: list[tuple[int, dict[str, int | None]]] = field(default_factory=list)


@dataclass(frozen=True)
class Start:
    """What a folder holds before a trace begins: the tree, and the inodes, that of the folder itself under ""."""

    tree: Tree
    nodes: dict[str, int]


class Disk:
    """A disk on which a trace is played, operation by operation."""

    def __init__(self, before: Start) -> None:
        """Begin with what was there, all of it kept."""
        self._nodes: dict[int, File | Folder] = {before.nodes[""]: Folder()}
        self._root = before.nodes[""]
        self._flushes: dict[int, int] = {}
        self._played = 0
        for path, data in sorted(before.tree.items()):
            self._nodes[before.nodes[path]] = Folder() if data is None else File(bytearray(data))
            folder, name = self._split(path)
            folder.kept[name] = before.nodes[path]

    def play(self, entry: Entry) -> None:
        """Do one operation."""
        self._played += 1
        now = self._played
        match entry.kind:
            case Kind.CREATE | Kind.MAKE_FOLDER:
                self._nodes[entry.node] = File() if entry.kind is Kind.CREATE else Folder()
                self._rename(now, None, entry.path, entry.node)
            case Kind.WRITE | Kind.RESIZE:
                self._file(entry.node).pending.append((now, entry))
            case Kind.SYNC:
                self._flushes[entry.number] = now
            case Kind.SYNCED:
                self._flush(self._nodes[entry.node], self._flushes.pop(entry.number))
            case Kind.RENAME:
                self._rename(now, entry.path, entry.target, entry.node)
            case Kind.LINK:
                self._rename(now, None, entry.target, entry.node)
            case Kind.UNLINK | Kind.REMOVE_FOLDER:
                folder, name = self._split(entry.path)
                folder.pending.append((now, {name: None}))

    def cut(self, style: str, chance: random.Random) -> Tree:
        """Return what is there when the power goes at this moment."""
        names = {now for node in self._nodes.values() if isinstance(node, Folder) for now, _ in node.pending}
        data = {now for node in self._nodes.values() if isinstance(node, File) for now, _ in node.pending}
        done = _choose(style, sorted(names), sorted(data), chance)
        return dict(self._walk(self._root, "", done, chance if style == "torn" else None))

    def _walk(
        self, node: int, path: str, done: set[int], torn: random.Random | None
    ) -> Iterator[tuple[str, bytes | None]]:
        folder = self._nodes[node]
        assert isinstance(folder, Folder)
        for name, inside in sorted(_names_in(folder, done).items()):
            found = self._nodes[inside]
            if isinstance(found, File):
                yield f"{path}/{name}", _bytes_in(found, done, torn)
            else:
                yield f"{path}/{name}", None
                yield from self._walk(inside, f"{path}/{name}", done, torn)

    def _rename(self, now: int, old: str | None, new: str, node: int) -> None:
        target, name = self._split(new)
        changes: dict[str, int | None] = {name: node}
        if old is not None:
            source, old_name = self._split(old)
            if source is target:
                # Within one folder POSIX promises that a rename is seen whole.
                changes = {old_name: None, **changes}
            else:
                source.pending.append((now, {old_name: None}))
        target.pending.append((now, changes))

    def _split(self, path: str) -> tuple[Folder, str]:
        *above, name = path.strip("/").split("/")
        folder = self._nodes[self._root]
        for part in above:
            assert isinstance(folder, Folder)
            folder = self._nodes[_names_in(folder, None)[part]]
        assert isinstance(folder, Folder)
        return folder, name

    def _file(self, node: int) -> File:
        found = self._nodes[node]
        assert isinstance(found, File)
        return found

    @staticmethod
    def _flush(node: File | Folder, since: int) -> None:
        before = [(now, done) for now, done in node.pending if now < since]
        node.pending = [(now, done) for now, done in node.pending if now >= since]  # type: ignore[assignment]
        for _, done in before:
            if isinstance(node, File):
                assert isinstance(done, Entry)
                _apply(node.kept, done, None)
            else:
                assert isinstance(done, dict)
                _rename_in(node.kept, done)


def _names_in(folder: Folder, done: set[int] | None) -> dict[str, int]:
    names = dict(folder.kept)
    for now, changes in folder.pending:
        if done is None or now in done:
            _rename_in(names, changes)
    return names


def _rename_in(names: dict[str, int], changes: dict[str, int | None]) -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _bytes_in(file: File, done: set[int], torn: random.Random | None) -> bytes:
    if not file.pending:
        return bytes(file.kept)
    data = bytearray(file.kept)
    for now, entry in file.pending:
        if now in done:
            _apply(data, entry, torn)
    return bytes(data)


def _apply(data: bytearray, entry: Entry, torn: random.Random | None) -> None:
    if entry.kind is Kind.RESIZE:
        del data[entry.number :]
        data.extend(bytes(entry.number - len(data)))
        return
    at, end = entry.number, entry.number + len(entry.data)
    while at < end:
        following = end if torn is None else min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if torn is None or torn.random() < 0.5:
            data.extend(bytes(max(0, following - len(data))))
            data[at:following] = entry.data[at - entry.number : following - entry.number]
        at = following


def _choose(style: str, names: Sequence[int], data: Sequence[int], chance: random.Random) -> set[int]:
    pending = sorted({*names, *data})
    one = {chance.choice(pending)} if pending else set()
    match style:
        case "nothing":
            return set()
        case "names":
            return set(names)
        case "data":
            return set(data)
        case "in_order":
            return {now for now in pending if now <= min(one, default=0)}
        case "all_but_one":
            return set(pending) - one
        case "only_one":
            return one
        case "torn":
            return {now for now in pending if chance.random() < 0.7}
    assert style == "all", style
    return set(pending)


@dataclass(frozen=True)
class Crash:
    """One state of the disk after a cut, and what had been said to somebody before it."""

    after: int
    style: str
    tree: Tree
    said: tuple[bytes, ...]


def crashes(
    trace: Sequence[Entry], before: Start, count: int, seed: int, styles: Sequence[str] = STYLES
) -> Iterator[Crash]:
    """Yield `count` different states: at the moments just after something was said, and at any others.

    Half of them are taken at each, in every style by turns.
    """
    chance = random.Random(seed)
    marks = [at for at, entry in enumerate(trace, start=1) if entry.kind is Kind.MARK]
    moments = [(chance.choice(marks) if turn % 2 else chance.randint(1, len(trace)), turn) for turn in range(count)]
    disk, played = Disk(before), 0
    said: list[bytes] = []
    seen: set[bytes] = set()
    for after, turn in sorted(moments):
        for entry in trace[played:after]:
            disk.play(entry)
            if entry.kind is Kind.MARK:
                said.append(entry.data)
        played = after
        style = styles[turn // 2 % len(styles)]
        tree = disk.cut(style, chance)
        if (name := _name_of(tree, len(said))) not in seen:
            seen.add(name)
            yield Crash(after, style, tree, tuple(said))


def play_all(trace: Iterable[Entry], before: Start) -> Tree:
    """Return the tree after every operation, as it is when the power stays on."""
    disk = Disk(before)
    for entry in trace:
        disk.play(entry)
    return disk.cut("all", random.Random(0))


def without_flushes(trace: Iterable[Entry], pattern: str) -> list[Entry]:
    """Return the trace of a program that does not flush what fits the pattern."""
    flushing = (Kind.SYNC, Kind.SYNCED)
    return [entry for entry in trace if entry.kind not in flushing or not fnmatch(entry.path, pattern)]


def read_start(folder: Path) -> Start:
    """Return what a folder holds, to play a trace on."""
    nodes = {f"/{path.relative_to(folder)}": path.stat().st_ino for path in folder.rglob("*")}
    return Start(read_tree(folder), {"": folder.stat().st_ino, **nodes})


def read_tree(folder: Path) -> Tree:
    """Return what a folder holds."""
    found = sorted(folder.rglob("*"))
    return {f"/{path.relative_to(folder)}": None if path.is_dir() else path.read_bytes() for path in found}


def write_tree(tree: Tree, folder: Path) -> None:
    """Let a folder hold a tree and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, data in tree.items():
        if data is None:
            (folder / path[1:]).mkdir(mode=0o700)
        else:
            with open(folder / path[1:], "wb", opener=_open_private) as file:
                file.write(data)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def without_mapped(tree: Tree) -> Tree:
    """Leave out what is written in mapped memory: SQLite's index beside its log, and counts of requests."""
    mapped = ("*-shm", "/data/metrics/*.db")
    return {path: data for path, data in tree.items() if not any(fnmatch(path, pattern) for pattern in mapped)}


def _name_of(tree: Tree, said: int) -> bytes:
    digest = hashlib.sha256(str(said).encode())
    for path, data in tree.items():
        digest.update(path.encode() + b"\0" + (b"/" if data is None else hashlib.sha256(data).digest()))
    return digest.digest()


Check = Callable[[Path, Sequence[bytes]], list[str]]
"""What is wrong with a folder after a crash, given what was said before."""


@dataclass(frozen=True)
class Loss:
    """A crash after which something that was said is not there."""

    after: int
    style: str
    faults: list[str]


def find_losses(states: Iterable[Crash], folder: Path, check: Check) -> Iterator[Loss]:
    """Check each state in a folder; yield those with faults."""
    for crash in states:
        write_tree(crash.tree, folder)
        if faults := check(folder, crash.said):
            yield Loss(crash.after, crash.style, faults)
