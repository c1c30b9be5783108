"""Sets written under another schema version: newer ones are kept until they are understood, older ones are upgraded."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import upgrades
from server import intake
from server.reception import Reception
from server.store.tables import HeldSet, KeptAside
from sync.changeset import Change
from tests.cast import Device
from tests.server.builders import Firm, update


def note(firm: Firm, before: str | None, after: str) -> Change:
    return update("work_order", firm.order, diagnosis=(before, after))


def test_a_newer_set_is_held_and_those_behind_it_wait(firm: Firm) -> None:
    newer = firm.wei.seal("order.note", note(firm, None, "from the future"), schema=2)
    behind = firm.wei.seal("order.note", note(firm, "from the future", "and on"))

    answers = firm.push(newer, behind)

    assert [answer.fault.code for answer in answers if answer.fault] == ["schema_unknown", "gap_in_sequence"]
    assert not any(answer.is_final for answer in answers)
    assert len(firm.rows(HeldSet)) == 2
    assert firm.send(firm.dana, update("work_order", firm.order, grade=("important", "urgent"))).verdict == "applied"


def test_a_newer_set_is_taken_in_once_the_server_understands_it(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = firm.wei.seal("order.note", note(firm, None, "from the future"), schema=2)
    behind = firm.wei.seal("order.note", note(firm, "from the future", "and on"), schema=2)
    firm.push(newer, behind)

    monkeypatch.setattr(intake, "SCHEMA_VERSION", 2)
    answers = Reception(firm.engine).submit(firm.id, firm.wei.id, [newer])

    assert '"applied"' in answers[0]
    assert firm.body(firm.order)["diagnosis"] == "and on"
    assert firm.rows(HeldSet) == []


def test_a_newer_set_of_a_revoked_or_frozen_device_is_kept_aside(firm: Firm) -> None:
    firm.ensure(update("device", firm.wei.id, state=("active", "revoked")))

    answer = firm.send(firm.wei, note(firm, None, "from the future"), schema=2)

    assert answer.fault and answer.fault.code == "device_revoked"
    assert firm.rows(HeldSet) == []
    assert len(firm.rows(KeptAside)) == 1


def test_a_newer_set_under_a_number_already_used_is_a_fork(firm: Firm) -> None:
    twin = Device(firm.id, firm.wei.person, firm.wei.id, firm.wei.key)
    firm.send(firm.wei, note(firm, None, "one story"))

    answer = firm.send(twin, note(firm, None, "another story"), schema=2)

    assert answer.fault and answer.fault.code == "sequence_reused"


def test_an_older_set_is_upgraded_through_its_lens_and_logged_as_it_was_signed(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(kind: str, values: dict[str, Any]) -> dict[str, Any]:
        spelled = {"cause": "diagnosis"} if kind == "work_order" else {}
        return {spelled.get(name, name): value for name, value in values.items()}

    monkeypatch.setattr(intake, "SCHEMA_VERSION", 2)
    monkeypatch.setitem(upgrades.LENSES, 1, rename)
    line = firm.wei.seal("order.note", update("work_order", firm.order, cause=(None, "轴承磨损")))

    (answer,) = firm.push(line)
    second = firm.send(firm.wei, update("work_order", firm.order, cause=("轴承磨损", "轴承断裂")))

    assert (answer.verdict, second.verdict) == ("applied", "applied")
    assert firm.body(firm.order)["diagnosis"] == "轴承断裂"
    assert "cause" not in firm.body(firm.order)
    assert firm.log()[-2].sealed == line
