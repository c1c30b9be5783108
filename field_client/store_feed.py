"""Taking in a pull: pages are staged one by one and take effect together; differences are repaired.

Rule 1: a page and the cursor that says it was stored are one transaction, so a run that was cut off goes on
        with the next page.
Rule 2: the staged pages and the final cursor are one transaction, so a set of changes is never seen in half.
Rule 3: an edit that the server has not answered for is put on top of whatever comes.
Rule 4: nothing here touches the outbox but the marks of edits that have come back in the feed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from typing import Final

from field_client.device_log import tell
from field_client.keys import verify
from field_client.store import Store
from field_client.store_apply import apply_incoming, digest_of
from field_client.store_erasing import list_acts, take_out
from schemas.base import UUID_PATTERN
from schemas.problems import Refused
from sync import checksum
from sync.checkpoint import read_checkpoint
from sync.session import Cursor, Op, PageHead, PullSession

ROWS_AT_ONCE: Final = 500
"""Rows handed to SQLite together: about 600 KB of text."""

SETTLED_KEPT: Final = 500
"""Settled sets kept to be sent again to a server restored from an older backup: about a week of work."""

_COME_BACK: Final = (
    "FROM edits WHERE seq IN (SELECT seq FROM outbox WHERE state IN ('settled', 'contested') AND position <= ?)"
)

_UUID: Final = re.compile(UUID_PATTERN).match

Staged = tuple[str, str, str, str | None, bytes | None]


class Feed:
    """The receiving side of one device's store."""

    def __init__(self, store: Store) -> None:
        """Take in for `store`."""
        self.store = store

    @property
    def cursor(self) -> Cursor:
        """How far the feed was followed."""
        recall = self.store.recall
        return Cursor(recall("epoch", ""), recall("position", 0), recall("after"))

    @property
    def total(self) -> tuple[int, int]:
        """The checksum and count of the server's records held here."""
        return checksum.parse(self.store.recall("checksum", "0")), self.store.recall("held", 0)

    def stage(self, session: PullSession, lines: Iterable[bytes]) -> PageHead:
        """Store one page; with the last one, make the whole run take effect.

        A run from position 0 is all there is: what it does not name is let go with it.
        Raises Refused with `answer_not_understood`, and then nothing of the page is stored.
        """
        # Read to its end first: a slow link must not hold the database against the person at work.
        source = _Remembering(list(lines))
        with self.store.transaction():
            head, ops = session.receive(source)
            if session.cursor.after is None:
                self.store.db.execute("DELETE FROM incoming")
            self._insert(_read_staged(op, source.last) for op in ops)
            before = session.cursor
            cursor = session.advance(head)
            try:
                if session.done:
                    unnamed = self._find_unnamed() if before.position == 0 else []
                    acts = list_acts(self.store)
                    self._remember_total(*apply_incoming(self.store, *self.total))
                    take_out(self.store, acts)
                    self.evict(unnamed)
                    self._forget_settled(head.until)
                    self.store.remember(witness=head.witness)
                    self._keep_checkpoint(head)
                self._remember(cursor)
            except BaseException:
                session.cursor, session.done = before, False
                raise
        return head

    def restart(self, cursor: Cursor) -> None:
        """Begin again from a snapshot; what was held stays to be seen until it is complete."""
        with self.store.transaction():
            self.store.db.execute("DELETE FROM incoming")
            # Files may be missing from the backup too: the next run asks for each again.
            self.store.db.execute("UPDATE blobs SET state = 'kept' WHERE state = 'verified'")
            self._remember(cursor)

    def apply(self, ops: Iterable[tuple[Op, bytes]]) -> None:
        """Make some ops take effect at once, as a repair does; each comes with the line it was read from."""
        with self.store.transaction():
            self.store.db.execute("DELETE FROM incoming")
            self._insert(_read_staged(op, line) for op, line in ops)
            acts = list_acts(self.store)
            self._remember_total(*apply_incoming(self.store, *self.total))
            take_out(self.store, acts)

    def digests(self, buckets: Iterable[int] | None = None) -> Iterator[tuple[str, int]]:
        """Yield id and digest of the server's records held here, of all buckets or of some."""
        wanted = None if buckets is None else set(buckets)
        for record_id, digest in self.store.rows("SELECT id, digest FROM records WHERE base IS NOT NULL"):
            if wanted is None or checksum.bucket_of(record_id) in wanted:
                yield record_id, int.from_bytes(digest, "big")

    def evict(self, record_ids: Iterable[str]) -> None:
        """Let go of records that the server does not hold for this device."""
        with self.store.transaction():
            total, held = self.total
            for record_id in record_ids:
                total, held = checksum.add(total, self.store.evict(record_id)), held - 1
            self._remember_total(total, held)

    def recount(self) -> None:
        """Work out the checksum and count anew from the records."""
        with self.store.transaction():
            digests = [digest for _, digest in self.digests()]
            self._remember_total(checksum.add(0, *digests), len(digests))

    def _keep_checkpoint(self, head: PageHead) -> None:
        """Keep the office's signature on the log's size and root; a job sheet carries it, so a wrong one is left."""
        if head.checkpoint is None:
            return
        organisation, key = self.store.recall("organisation", ""), bytes.fromhex(self.store.recall("server_key", ""))
        found = read_checkpoint(head.checkpoint, organisation, key, verify)
        if found is None or found.witness != head.witness:
            tell("checkpoint_not_signed", logging.WARNING, witness=head.witness)
            return
        self.store.remember(checkpoint=head.checkpoint)

    def _find_unnamed(self) -> list[str]:
        sql = "SELECT id FROM records WHERE base IS NOT NULL AND id NOT IN (SELECT id FROM incoming WHERE name = 'put')"
        return [found for (found,) in self.store.rows(sql)]

    def _insert(self, staged: Iterable[Staged]) -> None:
        rows: list[Staged] = []
        sql = "INSERT INTO incoming (name, id, kind, body, digest) VALUES (?, ?, ?, ?, ?)"
        for row in staged:
            rows.append(row)
            if len(rows) == ROWS_AT_ONCE:
                self.store.db.executemany(sql, rows)
                rows.clear()
        self.store.db.executemany(sql, rows)

    def _forget_settled(self, until: int) -> None:
        """Take back the marks of edits whose outcome has come with the feed, and prune old settled sets."""
        ids = [found for (found,) in self.store.rows(f"SELECT DISTINCT id {_COME_BACK}", until)]
        self.store.db.execute(f"DELETE {_COME_BACK}", (until,))
        self.store.refresh(ids)
        parked = [found for (found,) in self.store.rows("SELECT id FROM records WHERE parked = 1")]
        self.store.refresh(parked)
        self.store.db.execute(
            "DELETE FROM outbox WHERE state = 'settled' AND seq NOT IN (SELECT seq FROM edits)"
            " AND seq <= (SELECT max(seq) FROM outbox) - ?",
            (SETTLED_KEPT,),
        )

    def _remember(self, cursor: Cursor) -> None:
        self.store.remember(epoch=cursor.epoch, position=cursor.position, after=cursor.after)

    def _remember_total(self, total: int, held: int) -> None:
        self.store.remember(checksum=checksum.spell(total), held=held)


class _Remembering:
    """Lines as they are read, keeping the last: its bytes hold the body exactly as the server spells it."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self.last = b""

    def __iter__(self) -> _Remembering:
        return self

    def __next__(self) -> bytes:
        self.last = next(self._lines)
        return self.last


def _read_staged(op: Op, line: bytes) -> Staged:
    if not isinstance(op.id, str) or _UUID(op.id) is None:
        raise Refused("answer_not_understood")
    if op.name == "evict":
        return op.name, op.id, "", None, None
    prefix = f'["{op.name}","{op.id}","{op.kind}",'.encode()
    if op.name not in ("put", "patch") or not isinstance(op.values, dict) or not line.startswith(prefix):
        raise Refused("answer_not_understood")
    body = line[len(prefix) : line.rindex(b"]")].decode()
    return op.name, op.id, op.kind, body, digest_of(op.kind, op.id, body) if op.name == "put" else None
