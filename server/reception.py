"""Where change-sets wait to be taken in together: many requests, one transaction, one flush to disk.

Whoever finds nobody at work takes in all that waits, for everybody, or hands it on together, and then calls the
first of those who came meanwhile to do the same. So a lone request is answered at once, and under load the cost of a
durable commit is shared. Nobody waits for a lock that a crowd wants: each waits to be called. There is no thread
and no timer of its own.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine, Table, select

from schemas.problems import Fault, Refused
from server.clock import utc_now
from server.domain.arrival import Arrival
from server.intake import accept, examine, screen_aside
from server.keys import verify_signature
from server.request_trace import current_trace_id
from server.store.database import glimpsing, transact
from server.store.kept import Shelf
from server.store.tables import DeviceHead
from server.store.workspace import Workspace, open_workspace
from sync import receipt
from sync.chain import digest_of
from sync.receipt import Receipt

GROUP_SETS_MAX: Final = 1000
"""Sets taken in by one transaction: bounds its memory (about 2 MB) and how long others wait (about a second)."""

DATABASE_FAULTS: Final = ("database_busy", "disk_full")
"""What says nothing of a line, only that it cannot be taken in at the moment."""

_DEVICES: Table = DeviceHead.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that has no place in any chain: not a sealed set, or not one of this organisation's devices."""

    line: bytes
    fault: Fault
    received_at: str


Item = Arrival | Unreadable


def _shut_gate() -> threading.Lock:
    """Return a lock that is held: who acquires it waits until it is released. An Event costs ten times as much."""
    gate = threading.Lock()
    gate.acquire()
    return gate


@dataclass(slots=True)
class Batch:
    """What one request hands in; once it was taken in, its receipts or why there are none."""

    sender: str
    items: list[Item]
    trace_id: str
    answers: list[str] = field(default_factory=list)
    error: BaseException | None = None


HandOn = Callable[[str, Sequence[Batch]], bool]
"""Lets the process that writes for all others take in batches of an organisation; False when there is none."""


@dataclass(slots=True)
class _Ticket(Batch):
    """One request that waits. `gate` opens when it is done, or when it is its turn to take in all that waits."""

    done: bool = False
    gate: threading.Lock = field(default_factory=_shut_gate)


@dataclass(slots=True)
class _Lane:
    """Where the requests of one organisation wait; the first one waiting is the one that works."""

    guard: threading.Lock = field(default_factory=threading.Lock)
    waiting: deque[_Ticket] = field(default_factory=deque)
    is_busy: bool = False

    def enter(self, ticket: _Ticket) -> bool:
        """Let a request wait; tell whether it is its turn at once."""
        with self.guard:
            self.waiting.append(ticket)
            if self.is_busy:
                return False
            self.is_busy = True
            return True

    def next_group(self) -> list[_Ticket]:
        """Take the tickets that go together next; the first one waiting is always among them."""
        group: list[_Ticket] = []
        size = 0
        while self.waiting and (not group or size + len(self.waiting[0].items) <= GROUP_SETS_MAX):
            ticket = self.waiting.popleft()
            group.append(ticket)
            size += len(ticket.items)
        return group

    def leave(self, group: list[_Ticket]) -> None:
        """Let those who are done go, and call the next to work."""
        with self.guard:
            following = self.waiting[0] if self.waiting else None
            self.is_busy = following is not None
        if following is not None:
            following.gate.release()
        for ticket in group:
            ticket.done = True
            ticket.gate.release()


class Reception:
    """Takes in change-sets from many threads, in groups."""

    def __init__(
        self,
        engine: Engine,
        tell_size: Callable[[int], None] = lambda _: None,
        shelf: Shelf | None = None,
        hand_on: HandOn | None = None,
        erasure_secret: bytes = b"",
    ) -> None:
        """Receive into the database of `engine`; `tell_size` is told how many lines each commit took in.

        Whoever else writes there in this process shares its `shelf`. What `hand_on` does not take is taken in here.
        By `erasure_secret` what was erased is known again when it comes late.
        """
        self._engine = engine
        self._tell_size = tell_size
        self._shelf = shelf or Shelf()
        self._hand_on = hand_on
        self._erasure_secret = erasure_secret
        self._keys: dict[tuple[str, str], bytes] = {}
        self._lanes: defaultdict[str, _Lane] = defaultdict(_Lane)

    def submit(self, organisation: str, device: str, lines: list[bytes]) -> list[str]:
        """Take in sealed lines handed in by a device; return a receipt for each, in their order.

        The receipts are durable when this returns. Raises Refused with `database_busy` or `disk_full`;
        then nothing was taken in and the lines may be handed in again.
        """
        received_at = utc_now()
        ticket = _Ticket(device, [self.read(organisation, line, received_at) for line in lines], current_trace_id())
        self._wait_for_turn(organisation, ticket)
        if ticket.error is not None:
            raise ticket.error
        assert len(ticket.answers) == len(lines), "every set is answered, or none"
        return ticket.answers

    def read(self, organisation: str, line: bytes, received_at: str) -> Item:
        """Read and verify one line, outside any transaction."""
        find_key = partial(self._find_key, organisation)
        try:
            return examine(line, organisation, find_key, verify_signature, received_at)
        except Refused as refused:
            if refused.code in DATABASE_FAULTS:
                raise
            return Unreadable(line, refused.fault, received_at)

    def _find_key(self, organisation: str, device: str) -> bytes | None:
        """Return a device's public key; a key never changes, so one that was found is remembered."""
        known = self._keys.get((organisation, device))
        if known is not None:
            return known
        where = (_DEVICES.c.organisation == organisation, _DEVICES.c.device == device)
        with glimpsing(self._engine) as connection:
            spelled = connection.execute(select(_DEVICES.c.public_key).where(*where)).scalar()
        if spelled is None:
            return None
        self._keys[organisation, device] = key = bytes.fromhex(spelled)
        return key

    def take_in_together(self, organisation: str, group: Sequence[Batch]) -> None:
        """Take in batches with one commit, and tell each its receipts or its error."""
        try:
            self._commit(organisation, group)
        except Refused as refused:
            # The database is away for all of them: were each to try alone, the last would wait for all the others.
            for batch in group:
                batch.error = refused
        except Exception:
            # One request must not fail because of another it happened to travel with.
            for batch in group:
                self._commit_alone(organisation, batch)

    def _wait_for_turn(self, organisation: str, ticket: _Ticket) -> None:
        lane = self._lanes[organisation]
        if not lane.enter(ticket):
            ticket.gate.acquire()
        if not ticket.done:
            group = lane.next_group()
            try:
                if self._hand_on is None or not self._hand_on(organisation, group):
                    self.take_in_together(organisation, group)
            finally:
                lane.leave(group)

    def _commit(self, organisation: str, group: Sequence[Batch]) -> None:
        def work(connection: Connection) -> tuple[Workspace, list[list[str]]]:
            store = open_workspace(connection, organisation, self._shelf)
            store.erasure_secret = self._erasure_secret
            store.load([item for batch in group for item in batch.items if isinstance(item, Arrival)])
            answers = [_take_in_batch(store, batch) for batch in group]
            store.flush()
            return store, answers

        # A set that an earlier run has stored is answered with its stored receipt.
        store, answers = transact(self._engine, work, is_repeatable=True)
        self._shelf.put(organisation, store.leave())
        for batch, answered in zip(group, answers, strict=True):
            batch.answers = answered
        self._tell_size(sum(len(batch.items) for batch in group))

    def _commit_alone(self, organisation: str, batch: Batch) -> None:
        try:
            self._commit(organisation, [batch])
        except BaseException as error:
            batch.error = error


def _take_in_batch(store: Workspace, batch: Batch) -> list[str]:
    store.trace_id = batch.trace_id
    return take_in(store, batch.sender, batch.items)


def take_in(store: Workspace, sender: str, items: Iterable[Item]) -> list[str]:
    """Take in what was read, in order, within one open workspace; return the receipts.

    A set that closes a gap lets in the sets that were held behind it.
    """
    answers = []
    for item in items:
        if isinstance(item, Unreadable):
            answers.append(_keep_unreadable(store, sender, item))
            continue
        answers.append(accept(store, item))
        let_in_held(store, item.changeset.device, item.received_at)
    return answers


def let_in_held(store: Workspace, device: str, received_at: str) -> None:
    """Take in the sets of a device that were held, as far as they follow the end of its chain."""
    public_key = bytes.fromhex(store.devices[device].public_key)
    while (line := store.held_line(device)) is not None:
        held = examine(
            line, store.organisation, lambda _device: public_key, verify_signature, received_at, at_door=False
        )
        store.load([held])
        seq = store.devices[device].seq
        accept(store, held)
        if store.devices[device].seq == seq:
            # It is kept again, until the server knows its schema version, or aside.
            return


def _keep_unreadable(store: Workspace, sender: str, item: Unreadable) -> str:
    digest = digest_of(item.line)
    line = screen_aside(store, item.line, digest, item.received_at)
    store.keep_aside(digest, sender, line, item.fault, item.received_at)
    return receipt.dump(
        Receipt(
            set_id="",
            device=sender,
            seq=0,
            digest=digest,
            verdict="refused",
            received_at=item.received_at,
            fault=item.fault,
        )
    )
