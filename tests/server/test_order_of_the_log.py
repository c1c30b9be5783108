"""Whoever follows the log by position misses nothing, however long somebody's transaction stays open."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Table, select

from server.clock import utc_now
from server.keys import new_id
from server.reception import take_in
from server.store.database import reading, writing
from server.store.tables import LogEntry
from server.store.workspace import open_workspace
from tests.cast import Device
from tests.server.builders import Firm, Handset, device_record, handset, photo
from tests.server.pusher import start_pusher

WRITERS = 8
SETS_EACH = 5

LOG: Table = LogEntry.__table__


@dataclass
class Reader:
    """Follows the log and the feed by position until told to stop, and then once more to the end."""

    firm: Firm
    device: Handset
    stop: threading.Event = field(default_factory=threading.Event)
    digests: list[str] = field(default_factory=list)
    polls: int = 0

    def follow(self) -> None:
        """Poll; fail at the first gap."""
        while not self.stop.is_set():
            self.poll()
        self.poll()

    def poll(self) -> None:
        """Read what is new once."""
        with reading(self.firm.engine) as connection:
            for position, digest in self._read_after(connection, len(self.digests)):
                assert position == len(self.digests) + 1, "a gap in the log"
                self.digests.append(digest)
        self.device.sync(50)
        self.polls += 1

    def _read_after(self, connection: Connection, position: int) -> list[tuple[int, str]]:
        statement = select(LOG.c.position, LOG.c.digest).where(
            LOG.c.organisation == self.firm.id, LOG.c.position > position
        )
        return [(row.position, row.digest) for row in connection.execute(statement.order_by(LOG.c.position))]


@contextmanager
def stopping(reader: Reader) -> Iterator[None]:
    """Let a reader come to its end, whatever becomes of the test."""
    try:
        yield
    finally:
        reader.stop.set()


@contextmanager
def open_transaction(firm: Firm, line: bytes) -> Iterator[None]:
    """Take a set in, and keep the transaction open until the end of the block."""
    with writing(firm.engine) as connection:
        store = open_workspace(connection, firm.id)
        item = firm.reception.read(firm.id, line, utc_now())
        store.load([item])  # type: ignore[list-item]
        take_in(store, firm.wei.id, [item])
        store.flush()
        yield


def enrol_writers(firm: Firm, count: int) -> list[Device]:
    """Return further devices of Wei's."""
    devices = [Device(firm.id, firm.wei.person, new_id()) for _ in range(count)]
    firm.ensure(*(device_record(device) for device in devices))
    return devices


def seal_photos(firm: Firm, device: Device) -> list[bytes]:
    """Return a device's next sets, each with a photo."""
    return [device.seal("photo.take", photo(firm.order)) for _ in range(SETS_EACH)]


def test_a_reader_by_position_sees_no_gap_and_misses_nothing(firm: Firm, other_firm: Firm, database_url: str) -> None:
    devices = enrol_writers(firm, WRITERS + 2)
    sealed = {device.id: seal_photos(firm, device) for device in devices}
    first = firm.wei.seal("photo.take", photo(firm.order))
    threads, processes = devices[:WRITERS], devices[WRITERS:]
    reader = Reader(firm, handset(firm, firm.wei.person))
    pushers = [start_pusher(database_url, firm.id, device.id, sealed[device.id]) for device in processes]
    started = threading.Barrier(WRITERS + 1)
    for pusher in pushers:
        pusher.await_ready()

    def write(device: Device) -> list[str]:
        started.wait()
        return [answer for line in sealed[device.id] for answer in firm.push_raw(line, sender=device.id)]

    with ThreadPoolExecutor(WRITERS + 1) as pool, stopping(reader):
        following = pool.submit(reader.follow)
        with open_transaction(firm, first):
            writing_threads = [pool.submit(write, device) for device in threads]
            started.wait()
            for pusher in pushers:
                pusher.go()
            if firm.engine.dialect.name == "postgresql":
                assert other_firm.send(other_firm.wei, photo(other_firm.order)).verdict == "applied"
            polled = reader.polls
            while reader.polls < polled + 3 and not following.done():
                done, _ = wait(writing_threads, timeout=0.05)
                assert not done, "a writer passed a transaction that is still open"
            seen_meanwhile = list(reader.digests)
        answers = {device.id: future.result() for device, future in zip(threads, writing_threads, strict=True)}
        answers |= {device.id: pusher.answers() for device, pusher in zip(processes, pushers, strict=True)}
        reader.stop.set()
        following.result()

    log = firm.log()
    assert seen_meanwhile == [row.digest for row in log[: len(seen_meanwhile)]]
    assert log[len(seen_meanwhile)].sealed == first
    assert reader.digests == [row.digest for row in log]
    assert [row.position for row in log] == list(range(1, len(log) + 1))
    for device in devices:
        mine = [row for row in log if row.device == device.id]
        assert [row.sealed for row in mine] == sealed[device.id]
        assert [row.receipt for row in mine] == answers[device.id]
    held = [kind for kind, _ in reader.device.held.values()]
    assert held.count("photo") == 1 + SETS_EACH * len(devices)
