"""Values no honest client writes: each set gets its answer, and the sets behind it go on.

A set that made the server fail would never be answered, so its device would send it for ever and nothing
after it would arrive.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schemas import KINDS
from server.keys import new_id
from sync import canonical, chain
from sync.changeset import Change
from sync.receipt import Receipt
from tests.server.builders import Firm, create, delete, faults_of, fitted, photo, update

ODD_VALUES: list[Any] = [None, [], {}, [[]], {"a": 1}, 5, -1, 2**53 - 1, True, "", "\x00", "x\x00y", "é" * 5000]
ODD_VALUES.append("٢٠٢٦-01-01")
HOSTILE = ["", "\x00", "*", "a" * 200, "Name", "order id", "键"]


def survive(firm: Firm, *sets: Change | list[Change]) -> list[Receipt]:
    """Send sets, and one behind them; the one behind must come through whatever became of the others."""
    lines = [firm.wei.seal("hostile.act", *(changes if isinstance(changes, list) else [changes])) for changes in sets]
    behind = photo(firm.order)
    *answers, after = firm.push(*lines, firm.wei.seal("photo.take", behind))
    assert after.verdict in ("applied", "merged"), answers
    assert firm.has(behind.id)
    return answers


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
def test_a_was_of_any_type_is_answered(firm: Firm, value: Any) -> None:
    wishes = {"alarms": ["E-1"], "status": "in_progress", "contact": "陈", "symptom": "quiet"}

    answers = survive(
        firm, *(Change("work_order", firm.order, "update", {name: to}, {name: value}) for name, to in wishes.items())
    )

    assert len(answers) == len(wishes)


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
def test_any_value_of_any_field_is_answered(firm: Firm, value: Any) -> None:
    body = firm.body(firm.order)
    updates = [
        Change("work_order", firm.order, "update", {name: value}, {name: body.get(name)})
        for name in KINDS["work_order"].fields
    ]
    facts = [fitted(firm.order, firm.company.machine, "S1", **{name: value}) for name in KINDS["part_fitted"].fields]

    answers = survive(firm, *updates, *facts)

    assert len({answer.position for answer in answers}) == len(updates) + len(facts)


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
def test_a_field_of_another_kind_is_only_kept(firm: Firm, value: Any) -> None:
    site = firm.bodies("site")[0]["id"]
    names = ["order_id", "original_sha256", "serial", "machine_id", "number"]

    answer, again = survive(
        firm,
        Change("site", site, "update", dict.fromkeys(names, value), dict.fromkeys(names)),
        Change("site", site, "update", dict.fromkeys(names, "other"), dict.fromkeys(names, "never so")),
    )

    assert answer.verdict in ("applied", "merged")
    assert [firm.body(site).get(name) for name in names] == [value] * len(names)
    assert again.changes[0].contested == tuple(sorted(names))


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_a_field_that_is_not_named_like_one_is_refused(firm: Firm, name: str) -> None:
    (answer,) = survive(firm, Change("work_order", firm.order, "update", {name: 1}, {name: 2}))

    assert faults_of(answer) == ["value_invalid"]


@pytest.mark.parametrize("text", ["\x00", "GD\x00"])
def test_text_that_a_database_cannot_hold_is_refused(firm: Firm, text: str) -> None:
    answers = survive(
        firm,
        update("work_order", firm.order, diagnosis=(None, text)),
        fitted(firm.order, firm.company.machine, text),
        photo(text),
    )

    assert [faults_of(answer) for answer in answers] == [["value_invalid"]] * 3


def test_settling_a_record_that_is_no_conflict_is_refused(firm: Firm) -> None:
    change = update("conflict", firm.company.machine, state=("open", "settled"))

    assert [answer.verdict for answer in survive(firm, change)] == ["refused"]
    assert firm.send(firm.dana, change).verdict == "refused"
    assert firm.send(firm.dana, update("work_order", firm.order, grade=("important", "urgent"))).verdict == "applied"


def test_two_changes_of_one_record_in_one_set_meet_each_other(firm: Firm) -> None:
    twice = [
        update("work_order", firm.order, contact=(None, "first")),
        update("work_order", firm.order, contact=("never so", "second")),
        update("work_order", firm.order, diagnosis=(None, "first")),
        update("work_order", firm.order, diagnosis=("never so", "second")),
    ]

    (answer,) = survive(firm, twice)

    assert [verdict.verdict for verdict in answer.changes][:3] == ["applied", "merged", "applied"]
    (conflict,) = firm.bodies("conflict")
    assert (conflict["office"], conflict["incoming"]) == ("first", "second")
    assert conflict["office_provenance"]["position"] == answer.position


def test_a_record_created_changed_and_deleted_in_one_set(firm: Firm) -> None:
    order = new_id()
    body = {"number": "N-1", "status": "in_progress", "service": "repair", "grade": "general"}
    made = create("work_order", order, **body, customer_id=firm.company.chen, symptom="quiet")

    contest = update("work_order", order, symptom=("never so", "noise"))
    (answer,) = survive(firm, [made, contest, photo(order), delete("work_order", order, symptom="quiet"), photo(order)])

    assert [verdict.verdict for verdict in answer.changes] == ["applied", "contested", "applied", "applied", "applied"]
    assert not firm.has(order)


@pytest.mark.parametrize("lists", [100, 100_000])
def test_deep_nesting_is_refused(firm: Firm, lists: int) -> None:
    payload = firm.wei.seal("a", photo(firm.order, caption="X"))[chain.SIGNATURE_DIGITS + 1 :]
    deep = payload.replace(b'"X"', b"[" * lists + b"]" * lists)

    (answer,) = firm.push(chain.seal(deep, firm.wei.sign).line)

    assert answer.fault and answer.fault.code == "malformed"


LEAVES = st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8) | st.sampled_from(ODD_VALUES)
GROUPS = st.dictionaries(st.text(max_size=4), LEAVES | st.lists(LEAVES, max_size=2), max_size=3)
VALUES: st.SearchStrategy[Any] = LEAVES | st.lists(LEAVES | GROUPS, max_size=3) | GROUPS
NAMES = st.sampled_from(sorted({name for kind in KINDS.values() for name in kind.fields})) | st.text(max_size=5)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_is_left_without_an_answer(firm: Firm, data: st.DataObject) -> None:
    records = [firm.order, firm.company.machine, firm.company.chen, firm.wei.person, firm.wei.id, new_id()]
    kind = data.draw(st.sampled_from([*KINDS, "unheard_of"]))
    op = data.draw(st.sampled_from(["create", "update", "delete"]))
    values = data.draw(st.dictionaries(NAMES, VALUES | st.sampled_from(records), max_size=4))
    seen = data.draw(st.fixed_dictionaries(dict.fromkeys(values, VALUES)))
    change = Change(
        kind,
        data.draw(st.sampled_from(records)),
        op,  # type: ignore[arg-type]
        {} if op == "delete" else values,
        {} if op == "create" else seen,
    )

    assume(_can_be_signed(change))
    device = data.draw(st.sampled_from([firm.wei, firm.dana]))
    line = device.seal("hostile.act", change)
    (answer,) = firm.push(line)

    assert answer.verdict in ("applied", "merged", "contested", "refused")
    assert answer.position is not None


def _can_be_signed(change: Change) -> bool:
    try:
        return bool(canonical.dump([dict(change.set), dict(change.was)]).encode())
    except UnicodeEncodeError:
        return False
