"""Faults that a device might have, planted to see whether the kills find them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from unittest.mock import patch

from field_client.evidence import EvidenceFolder
from field_client.keys import save_keyring
from field_client.outbox import Outbox
from field_client.runner import SyncRun
from field_client.store import Store
from tests.kills import engineer, file_watch


def commit_late() -> None:
    """Leave each transaction open until the next one begins."""

    @contextmanager
    def transaction(store: Store) -> Iterator[None]:
        if store._depth:
            yield
            return
        if store.db.in_transaction:
            store.db.execute("COMMIT")
        store.db.execute("BEGIN IMMEDIATE")
        store._depth = 1
        try:
            yield
        finally:
            store._depth = 0

    replace(Store, "transaction", transaction)


def seal_apart() -> None:
    """Commit what the person sees before the set that records it is sealed."""
    seal = Outbox._seal

    def seal_later(outbox: Outbox, *what: Any) -> str:
        outbox.store.db.execute("COMMIT")
        outbox.store.db.execute("BEGIN IMMEDIATE")
        return seal(outbox, *what)

    replace(Outbox, "_seal", seal_later)


def keep_photos_last() -> None:
    """Write a photo's files after the set that names them."""
    keep, write, waiting = EvidenceFolder.keep, Outbox.write, list[tuple[EvidenceFolder, bytes, str]]()

    def keep_later(folder: EvidenceFolder, data: bytes | IO[bytes], media_type: str) -> str:
        plain = data if isinstance(data, bytes) else data.read()
        waiting.append((folder, plain, media_type))
        return file_watch.hash_of(io.BytesIO(plain))

    def write_first(outbox: Outbox, *what: Any) -> str | None:
        set_id = write(outbox, *what)
        while waiting:
            keep(*waiting.pop())
        return set_id

    replace(EvidenceFolder, "keep", keep_later)
    replace(Outbox, "write", write_first)


def remove_keyring_first() -> None:
    """Take the keyring away before the one that follows it is written."""
    save = save_keyring

    def save_later(path: Path, sealed: bytes) -> None:
        path.unlink()
        save(path, sealed)

    replace(engineer, "save_keyring", save_later)


def note_freed_last() -> None:
    """Let files go before it is noted that they may."""

    def free_files(run: SyncRun) -> None:
        for (name,) in list(run._store.rows("SELECT sha256 FROM blobs WHERE state = 'verified'")):
            run._files.free(name)
            with run._store.transaction():
                run._store.db.execute("UPDATE blobs SET state = 'freed' WHERE sha256 = ?", (name,))

    replace(SyncRun, "_free_files", free_files)


def replace(owner: Any, name: str, by: Callable[..., Any]) -> None:
    """Put a faulty function into the place of a good one, for the rest of this process."""
    patch.object(owner, name, by).start()


PLANTS: dict[str, tuple[Callable[[], None], list[str], str]] = {
    "commits late": (commit_late, ["create", "check"], "is lost"),
    "seals apart": (seal_apart, ["create", "fit"], "nothing made the record"),
    "keeps photos last": (keep_photos_last, ["photograph"], "cannot be read: blob_unknown"),
    "removes the keyring first": (remove_keyring_first, ["change PIN"], "not_enrolled"),
    "notes last what it freed": (note_freed_last, ["free"], "gone before it was let go of"),
}
"""what a faulty device does -> how to make it do so, the acts in which it does, what is found then"""


def plant(name: str | None) -> None:
    """Make this process do wrong."""
    if name is not None:
        PLANTS[name][0]()
