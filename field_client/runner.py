"""One sync run: push everything, pull everything, then files, out and in. This is the only driver of `sync.session`.

Before anything is handed in the server shows, once a day, that its log begins as it was (`field_client.log_watch`).

Rule 1: a fault stops the run where it stands; what was reached is stored and the next run goes on from there.
Rule 2: nothing that is unsent is touched by anything but its own receipt.
Rule 3: a file leaves the device only when the server has verified it and the setting says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal, TypeVar

from field_client.downloads import Downloads
from field_client.evidence import EvidenceFolder
from field_client.log_watch import look_ahead, watch
from field_client.outbox import Outbox, parse_instant, spell_instant
from field_client.patience import Pace
from field_client.store import Store
from field_client.store_erasing import drop_files
from field_client.store_feed import Feed
from field_client.transport import Traffic, Transport
from field_client.upload_lanes import Lanes, Turn
from field_client.uploads import Uploads
from field_client.wiping import ask_for_order
from schemas.problems import Fault, Refused
from sync import canonical, checksum
from sync.session import PAGE_OPS_MAX, PUSH_BYTES_MAX, Cursor, Op, PageHead, PullSession, PushSession

FETCH_AT_ONCE: Final = 500
"""Records asked for in one repair request: about 600 KB."""

BUCKETS_AT_ONCE: Final = 32
"""Buckets compared in one request: with 100,000 records about 12,500 digests, 1 MB."""

PUSH_FIRST_BYTES: Final = 64 * 1024
PUSH_LEAST_BYTES: Final = 4 * 1024
PUSH_S: Final = 8.0
"""A push counts whole or not at all, so on a bad line it is small: 64 KB pack to about 3 s of a 2G line."""

PAGE_LEAST_OPS: Final = 25
PAGE_S: Final = 10.0
"""A page counts whole or not at all, so on a bad line it is small."""

RESTARTS_MAX: Final = 3
"""A server is restored once in years; more restarts in one run are a fault of the server's."""

Key = TypeVar("Key", int, str)

NOT_TO_BE_HAD: Final = ("blob_unknown", "file_erased", "blob_too_large", "blob_hash_differs")
"""What concerns one file alone. One that the server does not have yet is asked for again at the next sync."""

Step = Literal["push", "pull", "repair", "files", "fetch"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: sets sent, records received or bytes of files sent, of how many where that is known."""

    step: Step
    done: int
    of: int | None = None


@dataclass(slots=True)
class SyncReport:
    """What one run did; `fault` is what stopped it, None when it came to its end."""

    settled: int = 0
    records: int = 0
    repaired: int = 0
    files: int = 0
    file_bytes: int = 0
    fetched: int = 0
    fetched_bytes: int = 0
    is_consistent: bool | None = None
    """Whether the device holds exactly what the server says; None when that was not compared."""
    fault: Fault | None = None
    wipe_ordered_at: str | None = None
    """When the office ordered this device destroyed; whoever began the run closes the device and does it."""
    traffic: Traffic = field(default_factory=Traffic)


class SyncRun:
    """One run of one device against its server."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        transport: Transport,
        files: EvidenceFolder,
        *,
        sends_files: bool = True,
        frees_files: bool = False,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        """Bring `store` and `outbox` up to date over `transport`; `progress` is told how far it is.

        Files stay here for another run unless `sends_files`: the network at hand may be paid by the byte.
        """
        self.report = SyncReport(traffic=transport.traffic)
        self._store, self._outbox, self._transport, self._files = store, outbox, transport, files
        self._feed = Feed(store)
        self._sends_files, self._frees_files = sends_files, frees_files
        self._progress = progress
        clock = transport.patience.clock
        self._push_pace = Pace(PUSH_FIRST_BYTES, PUSH_LEAST_BYTES, PUSH_BYTES_MAX, PUSH_S, clock)
        self._page_pace = Pace(PAGE_OPS_MAX, PAGE_LEAST_OPS, PAGE_OPS_MAX, PAGE_S, clock)

    def run(self) -> SyncReport:
        """Do everything that can be done and return what was; a refusal ends up in the report."""
        started_at = self._outbox.now()
        prove = self._transport.prove_prefix
        try:
            if not look_ahead(self._store, prove, started_at):
                self.pull()
                watch(self._store, prove, started_at)
            self.push()
            self.pull()
            drop_files(self._store, self._files)
            watch(self._store, prove, started_at)
            self._store.remember(synced_at=spell_instant(self._outbox.now()), revoked=None)
            if self._sends_files:
                self.send_files()
                self.fetch_files()
        except Refused as refusal:
            self.report.fault = refusal.fault
            if refusal.code == "device_revoked":
                self._store.remember(revoked=spell_instant(started_at))
                self.report.wipe_ordered_at = ask_for_order(self._store, self._outbox, self._transport)
        self._store.remember(
            offset_ms=self._transport.offset_ms, tried_at=spell_instant(started_at), fault=_spell(self.report.fault)
        )
        return self.report

    def push(self) -> None:
        """Send every set that has no final receipt, oldest first, and settle by the receipts."""
        counts = self._outbox.counts()
        waiting, sent = counts.get("sealed", 0) + counts.get("held", 0), 0
        pace, patience = self._push_pace, self._transport.patience
        session = PushSession(self._outbox.waiting(), pace.size)
        while (body := session.next_body()) is not None:
            pace.begin()
            try:
                answer = self._transport.push(body)
            except Refused as refusal:
                pace.shrink()
                with self._transport.away():
                    patience.bear(refusal)
                session, sent = PushSession(self._outbox.waiting(), pace.size), 0
                continue
            pace.note(len(body), self._transport.line.round_trip_s)
            session.bytes_max = pace.size
            self.report.settled += self._outbox.settle(session.receive(answer))
            sent += body.count(b"\n")
            self._progress(Progress("push", sent, max(sent, waiting)))

    def pull(self) -> None:
        """Bring the records up to date; begin anew when the server was restored from a backup."""
        for _ in range(RESTARTS_MAX):
            try:
                head = self._pull_pages(PullSession(self._feed.cursor))
            except Refused as refusal:
                if refusal.code != "feed_epoch_changed":
                    raise
                self._feed.restart(Cursor(str(refusal.fault.facts.get("epoch", ""))))
                # The backup may be older than what was settled: sets it still has are answered with their receipts.
                self._outbox.reopen()
                self.push()
                continue
            self._compare(head)
            self._outbox.close_disputes()
            return
        raise Refused("feed_epoch_changed")

    def send_files(self) -> None:
        """Send the files the server does not have, thumbnails first, and free those it has verified."""
        total = 0

        def count(size: int) -> None:
            self.report.file_bytes += size
            self._progress(Progress("files", self.report.file_bytes, max(total, self.report.file_bytes)))

        turn = Turn()
        self._transport.away = turn.away

        def look_around() -> None:
            self._push_news()
            if uploads.is_strained:
                lanes.widen()

        uploads = Uploads(self._store, self._transport, self._files, count, look_around, turn)
        with turn:
            planned = uploads.plan()
            total = sum(blob.size_bytes for blob in planned)
            lanes = Lanes(planned, turn, lambda: uploads.beside().send)
            try:
                lanes.bring(uploads.send, look_around)
            finally:
                self.report.files += lanes.brought
            if planned:
                uploads.plan()
            drop_files(self._store, self._files)
            if self._frees_files:
                self._free_files()
        if lanes.unwanted is not None:
            raise lanes.unwanted

    def fetch_files(self) -> None:
        """Fetch the manuals of the machines one goes to; one that cannot be had holds up no other."""
        downloads = Downloads(self._store, self._transport, self._files, self._count_fetched, self._push_news)
        unwanted: Refused | None = None
        for file in downloads.plan():
            try:
                downloads.fetch(file)
                self.report.fetched += 1
            except Refused as refusal:
                if refusal.code not in NOT_TO_BE_HAD:
                    raise
                unwanted = unwanted or refusal
        if unwanted is not None and unwanted.code not in ("blob_unknown", "file_erased"):
            raise unwanted

    def _count_fetched(self, size: int) -> None:
        self.report.fetched_bytes += size
        self._progress(Progress("fetch", self.report.fetched_bytes))

    def _push_news(self) -> None:
        """Send what was done since the run began: a change-set never waits for the photos before it."""
        if self._outbox.counts().get("sealed"):
            self.push()

    def _pull_pages(self, session: PullSession) -> PageHead:
        head: PageHead | None = None
        pace = self._page_pace
        while (query := session.next_query()) is not None:
            if pace.size < PAGE_OPS_MAX:
                query["most"] = str(pace.size)
            asked_at = self._outbox.now()
            pace.begin()
            try:
                head = self._feed.stage(session, self._transport.pull(query))
            except Refused as refusal:
                pace.shrink()
                self._transport.patience.bear(refusal)
                continue
            pace.note(head.ops, self._transport.line.round_trip_s)
            if self.report.records == 0:
                self._measure_clock(head.server_time, asked_at)
            self.report.records += head.ops
            self._progress(Progress("pull", self.report.records))
        assert head is not None
        return head

    def _measure_clock(self, server_time: str, asked_at: int) -> None:
        """Note how far the device's clock is behind; the answer was written about half-way between."""
        try:
            self._transport.offset_ms = parse_instant(server_time) - (asked_at + self._outbox.now()) // 2
        except ValueError:
            raise Refused("answer_not_understood") from None

    def _compare(self, head: PageHead) -> None:
        """Compare what is held with what the server says is held, and repair the difference."""
        if head.checksum is None:
            return
        if self._is_as(head):
            self.report.is_consistent = True
            return
        self._feed.recount()
        self._repair()
        # Others may have written meanwhile; the next run compares again.
        self.report.is_consistent = self._is_as(head)

    def _is_as(self, head: PageHead) -> bool:
        total, held = self._feed.total
        return checksum.spell(total) == head.checksum and held == head.count

    def _repair(self) -> None:
        answer = self._transport.ask("/scope/buckets", {}, {"sums": list})
        theirs = _parse_digests(dict(enumerate(answer["sums"])))
        if len(theirs) != checksum.BUCKETS:
            raise Refused("answer_not_understood")
        ours = checksum.bucket_sums(self._feed.digests())
        differing = checksum.differing_buckets(ours, list(theirs.values()))
        for start in range(0, len(differing), BUCKETS_AT_ONCE):
            buckets = differing[start : start + BUCKETS_AT_ONCE]
            answer = self._transport.ask("/scope/records", {"buckets": buckets}, {"digests": dict})
            digests = _parse_digests(answer["digests"])
            fetch, let_go = checksum.differing_records(dict(self._feed.digests(buckets)), digests)
            self._feed.evict(let_go)
            wanted = iter(sorted(fetch))
            while ids := list(islice(wanted, min(FETCH_AT_ONCE, self._page_pace.size))):
                self._feed.apply(_read_lines(self._transport.fetch_records(ids)))
                self.report.repaired += len(ids)
                self._progress(Progress("repair", self.report.repaired))

    def _free_files(self) -> None:
        """Note which files may go before they go: one that is gone must never be taken for one still to be sent.

        Thumbnails and signatures stay: they are small, and a job sheet is printed with them.
        """
        with self._store.transaction():
            self._store.db.execute("UPDATE blobs SET state = 'freed' WHERE state = 'verified' AND rank > 0")
        freed = {name for (name,) in self._store.rows("SELECT sha256 FROM blobs WHERE state = 'freed'")}
        for name in self._files.names() & freed:
            self._files.free(name)


def _read_lines(lines: Iterator[bytes]) -> list[tuple[Op, bytes]]:
    try:
        return [(Op(*canonical.load(line)), line) for line in lines]
    except (ValueError, TypeError):
        raise Refused("answer_not_understood") from None


def _parse_digests(spelled: dict[Key, Any]) -> dict[Key, int]:
    try:
        return {name: checksum.parse(digest) for name, digest in spelled.items()}
    except (ValueError, TypeError):
        raise Refused("answer_not_understood") from None


def _spell(fault: Fault | None) -> str | None:
    return None if fault is None else canonical.dump({"code": fault.code, "facts": _plain(fault.facts)})


def _plain(facts: dict[str, object]) -> dict[str, object]:
    return {name: value if isinstance(value, int | str) else str(value) for name, value in facts.items()}
