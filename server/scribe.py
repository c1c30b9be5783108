"""The scribe: the one process of a server that takes in what devices push, for all that answer requests.

They read and verify on the other cores; this one judges, merges, writes and commits, alone with its interpreter and
with what it knows of the records from the commit before. Nothing depends on it: the organisation's lock is what
makes two writers safe, and without a scribe each process takes in what it receives (`server/reception.py`).

`python -m server.scribe` runs it until it is told to stop, or the process that started it is gone.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from server.event_log import EVENTS, open_event_log
from server.garbage import spare_the_collector
from server.keys import open_office_key
from server.metrics import Metrics, share_counts
from server.reception import GROUP_SETS_MAX, Batch, Reception
from server.scribe_line import (
    ADDRESS_VARIABLE,
    READ_BYTES,
    Inbox,
    ScribeFailed,
    is_ours,
    read_batches,
    spell_address,
    write_answers,
)
from server.settings import read_settings
from server.store.database import moving_pages, open_engine

LOOK_EVERY_S: Final = 1.0
ORGANISATIONS_AT_ONCE: Final = 8
"""Organisations whose sets are taken in side by side; on PostgreSQL each needs a connection."""


@dataclass(frozen=True, slots=True)
class _Call:
    """Batches and the line on which their answer is awaited."""

    batches: list[Batch]
    line: socket.socket

    @property
    def size(self) -> int:
        """How many lines they bring."""
        return sum(len(batch.items) for batch in self.batches)

    def answer(self) -> None:
        """Tell what became of the batches; who has hung up meanwhile sends them again."""
        for batch in self.batches:
            if batch.error is None and len(batch.answers) != len(batch.items):
                batch.error = ScribeFailed()
        with contextlib.suppress(OSError):
            self.line.sendall(write_answers(self.batches))


class Scribe:
    """Takes in what comes on any line, all that waits of one organisation with one commit."""

    def __init__(self, reception: Reception, listener: socket.socket) -> None:
        """Take in with `reception` what those say who call at `listener`."""
        self._reception = reception
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._pool = ThreadPoolExecutor(ORGANISATIONS_AT_ONCE, "scribe")
        self._guard = threading.Lock()
        self._waiting: defaultdict[str, deque[_Call]] = defaultdict(deque)
        self._at_work: set[str] = set()

    def serve(self, is_over: Callable[[], bool]) -> None:
        """Take in until it is over; what has come by then is still answered."""
        try:
            while not is_over():
                for key, _ in self._selector.select(LOOK_EVERY_S):
                    if key.fileobj is self._listener:
                        self._accept()
                    else:
                        self._read(key.fileobj, key.data)
        finally:
            self._pool.shutdown()
            for key in list(self._selector.get_map().values()):
                if key.fileobj is not self._listener:
                    self._hang_up(key.fileobj)
            self._selector.close()

    def _accept(self) -> None:
        line, _ = self._listener.accept()
        if is_ours(line):
            self._selector.register(line, selectors.EVENT_READ, Inbox())
        else:
            line.close()

    def _read(self, line: Any, inbox: Inbox) -> None:
        try:
            received = line.recv(READ_BYTES)
        except OSError:
            received = b""
        if not received:
            self._hang_up(line)
            return
        message = inbox.take(received)
        if message is not None:
            organisation, batches = read_batches(message)
            self._let_wait(organisation, _Call(batches, line))

    def _hang_up(self, line: Any) -> None:
        self._selector.unregister(line)
        line.close()

    def _let_wait(self, organisation: str, call: _Call) -> None:
        with self._guard:
            self._waiting[organisation].append(call)
            if organisation not in self._at_work:
                self._at_work.add(organisation)
                self._pool.submit(self._work, organisation)

    def _work(self, organisation: str) -> None:
        for group in iter(lambda: self._next_group(organisation), []):
            try:
                self._reception.take_in_together(organisation, [batch for call in group for batch in call.batches])
            finally:
                for call in group:
                    call.answer()
            for error, trace in _unexpected(group):
                EVENTS.error("failed", exc_info=error, extra={"facts": {"trace": trace}})

    def _next_group(self, organisation: str) -> list[_Call]:
        """Return the calls that go together next; when there are none, nobody is at work any more."""
        group: list[_Call] = []
        size = 0
        with self._guard:
            waiting = self._waiting[organisation]
            while waiting and (not group or size + waiting[0].size <= GROUP_SETS_MAX):
                call = waiting.popleft()
                group.append(call)
                size += call.size
            if not group:
                self._at_work.discard(organisation)
        return group


def _unexpected(group: list[_Call]) -> Iterator[tuple[BaseException, str]]:
    for batch in (batch for call in group for batch in call.batches):
        if batch.error is not None and not hasattr(batch.error, "fault"):
            yield batch.error, batch.trace_id


def main() -> None:
    """Run until told to stop, or until the process that started this one is gone."""
    settings, starter = read_settings(), os.getppid()
    open_event_log(settings.log_level, settings.log_format)
    share_counts(settings.data)
    # An interrupt from the keyboard reaches all processes: this one ends after those that need it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())
    engine, secret = open_engine(settings.database_url), open_office_key(settings).token_secret
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(spell_address(os.environ[ADDRESS_VARIABLE]))
        listener.listen(settings.workers * settings.threads)
        spare_the_collector()
        with moving_pages(engine):
            Scribe(Reception(engine, Metrics().commit_sets.observe, erasure_secret=secret), listener).serve(
                lambda: os.getppid() != starter
            )


if __name__ == "__main__":
    main()
