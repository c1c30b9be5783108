"""The scribe takes in for others: it answers what they would have answered, and they can do without it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from schemas.problems import Refused
from server.keys import new_id
from server.reception import Batch, Reception
from server.scribe import Scribe
from server.scribe_line import ScribeFailed, ScribeLine, is_ours, spell_address
from server.store.tables import KeptAside, LogEntry
from sync import receipt
from sync.receipt import Receipt
from tests.server.builders import Firm, create, photo, update
from tests.server.test_order_of_the_log import enrol_writers, seal_photos


class Counting(Reception):
    """A reception that counts the batches of each commit."""

    groups: list[int]

    def take_in_together(self, organisation: str, group: Any) -> None:
        """Take in and count."""
        self.groups.append(len(group))
        super().take_in_together(organisation, group)


@pytest.fixture
def writer(firm: Firm) -> Counting:
    """What the scribe takes in with."""
    writer = Counting(firm.engine)
    writer.groups = []
    return writer


@pytest.fixture
def address(writer: Counting) -> Iterator[str]:
    """The address of a scribe at work."""
    name, over = f"@gongdan-test-{new_id()}", threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(spell_address(name))
        listener.listen()
        serving = threading.Thread(target=Scribe(writer, listener).serve, args=(over.is_set,))
        serving.start()
        yield name
        over.set()
        serving.join()


@pytest.fixture
def front(firm: Firm, address: str) -> Iterator[Reception]:
    """A process that answers requests and hands on what it receives."""
    line = ScribeLine(address)
    yield Reception(firm.engine, hand_on=line.hand_on)
    line.close()


def push(front: Reception, firm: Firm, sender: str, *lines: bytes) -> list[Receipt]:
    """Hand sealed lines in and read the receipts."""
    return [receipt.load(answer) for answer in front.submit(firm.id, sender, list(lines))]


def test_it_answers_as_whoever_takes_in_himself(firm: Firm, front: Reception, writer: Counting) -> None:
    good, wrong = firm.wei.seal("a", photo(firm.order)), firm.wei.seal("b", create("photo", new_id(), nothing=1))
    newer = firm.wei.seal("c", update("work_order", firm.order, symptom=(None, "异响")), schema=10_000)

    answers = push(front, firm, firm.wei.id, good, b"what is this", wrong, newer, good)

    assert [answer.verdict for answer in answers] == ["applied", "refused", "refused", "held", "applied"]
    assert [answer.fault and answer.fault.code for answer in answers[1:4]] == [
        "malformed",
        "field_missing",
        "schema_unknown",
    ]
    assert answers[4] == answers[0] and firm.push(good, wrong) == [answers[0], answers[2]]
    assert writer.groups == [1]
    assert [row.sealed for row in firm.rows(KeptAside)] == [b"what is this"]


def test_all_that_waits_goes_into_one_commit(firm: Firm, front: Reception, writer: Counting) -> None:
    lines = {device.id: seal_photos(firm, device) for device in enrol_writers(firm, 12)}

    with ThreadPoolExecutor(len(lines)) as pool:
        answers = list(pool.map(lambda device: push(front, firm, device, *lines[device]), lines))

    assert all(answer.verdict == "applied" for told in answers for answer in told)
    assert sum(writer.groups) == len(lines)
    assert len([row for row in firm.rows(LogEntry) if row.device in lines]) == sum(map(len, lines.values()))


def test_without_a_scribe_everybody_takes_in_himself(firm: Firm) -> None:
    alone = Reception(firm.engine, hand_on=ScribeLine(f"@gongdan-test-{new_id()}").hand_on)

    (answer,) = push(alone, firm, firm.wei.id, firm.wei.seal("a", photo(firm.order)))

    assert answer.verdict == "applied"


def test_a_line_that_breaks_before_the_answer_stores_nothing_twice(firm: Firm) -> None:
    name = f"@gongdan-test-{new_id()}"
    sealed = firm.wei.seal("a", photo(firm.order))
    taken = firm.push(sealed)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(spell_address(name))
        listener.listen()

        def hang_up() -> None:
            line, _ = listener.accept()
            line.recv(1)
            line.close()

        scribe = threading.Thread(target=hang_up)
        scribe.start()
        answers = push(Reception(firm.engine, hand_on=ScribeLine(name).hand_on), firm, firm.wei.id, sealed)
        scribe.join()

    assert answers == taken


def test_nobody_else_is_believed(firm: Firm, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line, other = socket.socketpair()
    with line, other:
        assert is_ours(line)
        stranger = os.getuid() + 1
        monkeypatch.setattr(os, "getuid", lambda: stranger)
        assert not is_ours(line)

    assert not ScribeLine(address).hand_on(firm.id, [Batch(firm.wei.id, [], "")])


def test_what_the_scribe_cannot_take_in_is_refused_or_fails_here_too(
    firm: Firm, front: Reception, writer: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    causes: list[Exception] = [Refused("disk_full"), ZeroDivisionError()]

    def fail(_organisation: str, group: list[Batch]) -> None:
        for batch in group:
            batch.error = causes[0]

    monkeypatch.setattr(writer, "take_in_together", fail)
    sealed = firm.wei.seal("a", photo(firm.order))

    with pytest.raises(Refused) as refused:
        front.submit(firm.id, firm.wei.id, [sealed])
    causes.pop(0)
    with pytest.raises(ScribeFailed):
        front.submit(firm.id, firm.wei.id, [sealed])

    assert refused.value.code == "disk_full"
    assert firm.push(sealed)[0].verdict == "applied"
