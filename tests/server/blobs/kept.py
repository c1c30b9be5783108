"""Looking past the server at what a store of files keeps, and spoiling it: a folder or a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import obstore

from server.settings import BucketAddress
from server.store.blob_files import BlobFiles
from server.store.disk_files import DiskFiles
from server.store.s3_bucket import Bucket
from server.store.s3_files import S3Files
from server.store.s3_incomplete import IncompleteParts
from tests.radosgw import list_keys, open_store


class Keeping(Protocol):
    """Where files are kept, under whatever names."""

    def open(self) -> BlobFiles:
        """Return a store of files, as a server process that has just started has it."""
        ...

    def names(self) -> list[str]:
        """Return the names of all that is kept, without the folders they are in."""
        ...

    def spoil(self, named: str) -> None:
        """Change a byte of the one thing that has this in its path."""
        ...

    def lose(self, named: str) -> None:
        """Delete the one thing that has this in its path."""
        ...


@dataclass(frozen=True)
class InFolder:
    """Files in a folder."""

    folder: Path

    def open(self) -> BlobFiles:
        """Return a store of files."""
        return DiskFiles(self.folder)

    def names(self) -> list[str]:
        """Return the names of all files."""
        return [path.name for path in self.folder.rglob("*") if path.is_file()]

    def spoil(self, named: str) -> None:
        """Change the first byte of a file."""
        path = self._find(named)
        path.write_bytes(b"x" + path.read_bytes()[1:])

    def lose(self, named: str) -> None:
        """Delete a file."""
        self._find(named).unlink()

    def _find(self, named: str) -> Path:
        (path,) = [path for path in self.folder.rglob(f"{named}*") if path.suffix != ".busy"]
        return path


@dataclass(frozen=True)
class InBucket:
    """Files in a bucket."""

    address: BucketAddress

    def open(self) -> BlobFiles:
        """Return a store of files."""
        return S3Files(Bucket(self.address), IncompleteParts(self.address))

    def names(self) -> list[str]:
        """Return the names of all objects."""
        return [key.rpartition("/")[2] for key in list_keys(self.address)]

    def spoil(self, named: str) -> None:
        """Change the first byte of an object."""
        store, key = open_store(self.address), self._find(named)
        obstore.put(store, key, b"x" + bytes(obstore.get(store, key).bytes())[1:])

    def lose(self, named: str) -> None:
        """Delete an object."""
        obstore.delete(open_store(self.address), self._find(named))

    def _find(self, named: str) -> str:
        (key,) = [key for key in list_keys(self.address) if named in key]
        return key
