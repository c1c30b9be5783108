"""The real folders of files, on the device and at the server, whose owner may die at every step that leaves a trace.

Where within a write a process dies is drawn, not timed: how the server cuts a body into blocks depends on how quick it
is. Halves of the device's own writes, and what was not flushed, are the business of `tests/kills`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from field_client.evidence import EvidenceFolder
from field_client.keys import Keyring
from server.store.blob_files import Checksum, Kept, Part, Place
from server.store.disk_files import DiskFiles
from tests.simulation.world import Died

Meet = Callable[[str], bool]
"""called with a moment; tells whether the process dies there"""


class FragileFolder(EvidenceFolder):
    """A device's folder of files."""

    def __init__(self, root: Path, keyring: Keyring, dies: Meet) -> None:
        """Open the folder in `root`."""
        super().__init__(root, keyring)
        self._dies = dies

    def keep(self, data: bytes | IO[bytes], media_type: str) -> str:
        """Do what the real one does, with a fate."""
        _pass(self._dies, "before a file is kept")
        sha256 = super().keep(data, media_type)
        _pass(self._dies, "after a file is kept")
        return sha256

    def free(self, sha256: str) -> None:
        """Do what the real one does, with a fate."""
        _pass(self._dies, "before a file goes")
        super().free(sha256)
        _pass(self._dies, "after a file has gone")


class FragileFiles(DiskFiles):
    """The server's folder of files."""

    def __init__(self, root: Path, dies: Meet, draw_cut: Callable[[int], int]) -> None:
        """Keep files below `root`; `draw_cut` chooses how many of so many bytes come before a death."""
        super().__init__(root)
        self._dies, self._draw_cut = dies, draw_cut

    def begin(self, place: Place, note: str) -> None:
        """Do what the real one does, with a fate."""
        super().begin(place, note)
        _pass(self._dies, "after an upload is begun")

    def append(self, part: Part, blocks: Iterable[bytes], checksum: Checksum | None) -> Kept:
        """Do what the real one does, with a fate."""
        kept = super().append(part, self._cut_off(blocks), checksum)
        _pass(self._dies, "after bytes are added")
        return kept

    def finish(self, place: Place, size_bytes: int, named: str | None, known: str | None) -> str | None:
        """Do what the real one does, with a fate."""
        _pass(self._dies, "before a file is finished")
        sha256 = super().finish(place, size_bytes, named, known)
        _pass(self._dies, "after a file is finished")
        return sha256

    def _cut_off(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        body = b"".join(blocks)
        if self._dies("amid bytes"):
            yield body[: self._draw_cut(len(body) + 1)]
            raise Died
        yield body


def _pass(dies: Meet, moment: str) -> None:
    if dies(moment):
        raise Died
