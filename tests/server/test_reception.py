"""Many requests at once: each gets its own answers, in its own order, and lone ones do not wait."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from server import reception
from server.store.database import writing
from server.store.tables import KeptAside
from server.store.workspace import open_workspace
from sync import receipt
from sync.chain import digest_of
from tests.server.builders import Firm, photo
from tests.server.test_order_of_the_log import enrol_writers, seal_photos


def push_while_locked(firm: Firm, lines: dict[str, list[bytes]]) -> dict[str, list[receipt.Receipt]]:
    """Let all requests come while the organisation is locked, so that they go on together."""
    started = threading.Barrier(len(lines) + 1)

    def push(device: str) -> list[receipt.Receipt]:
        started.wait()
        return firm.push(*lines[device], sender=device)

    with ThreadPoolExecutor(len(lines)) as pool:
        with writing(firm.engine) as connection:
            open_workspace(connection, firm.id)
            futures = {device: pool.submit(push, device) for device in lines}
            started.wait()
        return {device: future.result() for device, future in futures.items()}


def digests(lines: list[bytes]) -> list[str]:
    """Return the digests of sealed lines."""
    return [digest_of(line) for line in lines]


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_everybody_gets_his_own_receipts_whatever_the_size_of_groups(
    firm: Firm, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "GROUP_SETS_MAX", most)
    lines = {device.id: seal_photos(firm, device) for device in enrol_writers(firm, 6)}

    answers = push_while_locked(firm, lines)

    for device, sealed in lines.items():
        assert [answer.digest for answer in answers[device]] == digests(sealed)
        assert [answer.seq for answer in answers[device]] == list(range(1, len(sealed) + 1))
        positions = [answer.position or 0 for answer in answers[device]]
        assert positions == sorted(positions)


def test_requests_that_wait_together_share_commits(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {device.id: seal_photos(firm, device) for device in enrol_writers(firm, 12)}

    commit, groups = firm.reception._commit, []

    def count(organisation: str, group: list[Any]) -> None:
        groups.append(len(group))
        commit(organisation, group)

    monkeypatch.setattr(firm.reception, "_commit", count)
    push_while_locked(firm, lines)

    assert sum(groups) == len(lines)
    assert len(groups) < len(lines)


def test_no_lines_are_no_receipts(firm: Firm) -> None:
    assert firm.push() == []


def test_an_unreadable_line_is_answered_in_its_place(firm: Firm) -> None:
    first, second = seal_photos(firm, firm.wei)[:2]

    answers = firm.push(first, b"what is this", second, sender=firm.lin.id)

    assert [answer.verdict for answer in answers] == ["applied", "refused", "applied"]
    assert answers[1].device == firm.lin.id and answers[1].digest == digests([b"what is this"])[0]
    assert [(row.device, row.sealed) for row in firm.rows(KeptAside)] == [(firm.lin.id, b"what is this")]


def test_one_device_may_carry_the_sets_of_another(firm: Firm) -> None:
    answers = firm.push(*seal_photos(firm, firm.wei), sender=firm.lin.id)

    assert {answer.verdict for answer in answers} == {"applied"}
    assert {answer.device for answer in answers} == {firm.wei.id}


def test_companies_do_not_wait_for_each_other_in_one_process(firm: Firm, other_firm: Firm) -> None:
    lanes = firm.reception
    mine, theirs = firm.wei.seal("photo.take", photo(firm.order)), other_firm.wei.seal("a", photo(other_firm.order))

    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lanes.submit, [firm.id, other_firm.id], [firm.wei.id, other_firm.wei.id], [[mine], [theirs]])

    assert [receipt.load(answer).verdict for (answer,) in answers] == ["applied", "applied"]
