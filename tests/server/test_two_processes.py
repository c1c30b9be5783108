"""Two server processes on one database: no edit that was acknowledged is ever lost."""

from __future__ import annotations

import signal

import pytest

from sync import receipt
from sync.changeset import Change
from tests.cast import Device
from tests.server.builders import Firm, create, photo, update
from tests.server.pusher import Death, Pusher, start_pusher

PAIRS = 40


def go_together(pushers: list[Pusher]) -> None:
    """Let all begin at the same moment."""
    for pusher in pushers:
        pusher.await_ready()
    for pusher in pushers:
        pusher.go()


def give_orders_to_both(firm: Firm) -> list[str]:
    """Return orders that Wei and Lin both have on their devices."""
    orders = [f"00000000-0000-7000-8000-{number:012d}" for number in range(PAIRS)]
    least = {"status": "assigned", "service": "repair", "grade": "general", "customer_id": firm.company.chen}
    firm.ensure(*(create("work_order", key, number=key[-4:], engineer_id=firm.lin.person, **least) for key in orders))
    firm.ensure(*(update("work_order", key, engineer_id=(firm.lin.person, firm.wei.person)) for key in orders))
    firm.catch_up(firm.wei, firm.lin)
    return orders


def edits(device: Device, orders: list[str], name: str) -> list[bytes]:
    """Return a device's edit of each order, all from the same base."""
    return [device.seal("order.note", update("work_order", key, **{name: (None, f"by {device.id}")})) for key in orders]


def test_of_two_edits_from_one_base_neither_is_lost(firm: Firm, database_url: str) -> None:
    orders = give_orders_to_both(firm)
    same, apart = orders[: PAIRS // 2], orders[PAIRS // 2 :]
    devices = [firm.wei, firm.lin]
    lines = [
        edits(firm.wei, same, "diagnosis") + edits(firm.wei, apart, "diagnosis"),
        edits(firm.lin, same, "diagnosis") + edits(firm.lin, apart, "remedy"),
    ]
    pushers = [
        start_pusher(database_url, firm.id, device.id, sealed) for device, sealed in zip(devices, lines, strict=True)
    ]

    go_together(pushers)
    verdicts = [[receipt.load(answer).verdict for answer in pusher.answers()] for pusher in pushers]

    conflicts = {conflict["subject_id"]: conflict for conflict in firm.bodies("conflict")}
    for index, order in enumerate(same):
        both = {device.id: given[index] for device, given in zip(devices, verdicts, strict=True)}
        (winner,) = [device for device, verdict in both.items() if verdict == "applied"]
        (loser,) = [device for device, verdict in both.items() if verdict == "contested"]
        assert firm.body(order)["diagnosis"] == conflicts[order]["office"] == f"by {winner}"
        assert conflicts[order]["incoming"] == f"by {loser}"
    for index, order in enumerate(apart, len(same)):
        assert sorted(given[index] for given in verdicts) == ["applied", "merged"]
        body = firm.body(order)
        assert (body["diagnosis"], body["remedy"]) == (f"by {firm.wei.id}", f"by {firm.lin.id}")
    assert len(conflicts) == len(same)
    assert {verdict for given in verdicts for verdict in given} <= {"applied", "merged", "contested"}


def test_one_set_handed_in_by_two_processes_is_taken_in_once(firm: Firm, database_url: str) -> None:
    changes: list[Change] = [photo(firm.order) for _ in range(10)]
    lines = [firm.wei.seal("photo.take", change) for change in changes]
    pushers = [start_pusher(database_url, firm.id, firm.wei.id, lines) for _ in range(2)]

    go_together(pushers)
    first, second = (pusher.answers() for pusher in pushers)

    assert first == second == [row.receipt for row in firm.log()[-10:]]


@pytest.mark.parametrize("death", ["before_commit", "before_answer"])
def test_a_process_killed_around_the_commit_loses_and_doubles_nothing(
    firm: Firm, database_url: str, death: Death
) -> None:
    taken = photo(firm.order)
    line = firm.wei.seal("photo.take", taken)
    size = len(firm.log())
    pusher = start_pusher(database_url, firm.id, firm.wei.id, [line], death)
    go_together([pusher])

    assert pusher.answers() == []
    assert pusher.process.returncode == -signal.SIGKILL
    assert firm.has(taken.id) == (death == "before_answer")
    stored = [row.receipt for row in firm.log()[size:]]

    (answer,) = firm.push_raw(line)

    assert stored == ([answer] if death == "before_answer" else [])
    assert receipt.load(answer).verdict == "applied"
    assert len(firm.log()) == size + 1
