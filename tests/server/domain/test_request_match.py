"""What is offered for a request: the same fault told twice and fixes that are known, each with its reasons."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.request import MATCH_REASONS, MatchReason, read_back
from server.domain.request_match import (
    OFFERED_MAX,
    Fix,
    Told,
    find_duplicates,
    find_fixes,
    fold_alarm,
    fold_phone,
    likeness,
    told_of,
)

NOON = "2026-11-20T12:00:00.000Z"
TOLD = Told(
    "new", "request", "RQ1", NOON, True, machine="m", serial="HC20-0045", customer="c", phone="138 0013 8000",
    email="chen@lab.example", alarms=frozenset({"E07"}), symptom="离心机启动后有异响，振动大",
)  # fmt: skip
STRANGER = Told("old", "request", "RQ0", "2026-11-20T03:00:00Z", True, symptom="显示屏不亮")


def codes(told: Told, other: Told) -> list[str]:
    """Return the codes of the reasons for which one is offered for the other."""
    return [reason.code for offer in find_duplicates(told, [other]) for reason in offer.reasons]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (replace(STRANGER, machine="m"), ["same_machine", "hours_apart"]),
        (replace(STRANGER, serial="hc20 0045"), []),
        (replace(STRANGER, serial="ｈｃ２０-０045"), ["same_serial", "hours_apart"]),
        (replace(STRANGER, serial="HC20-0045", machine="another maker's"), []),
        (
            replace(STRANGER, phone="+86 13800138000", alarms=frozenset({"e-07"})),
            ["same_phone", "same_alarm", "hours_apart"],
        ),
        (replace(STRANGER, phone="+86 13800138000"), []),
        (
            replace(STRANGER, email="Chen@Lab.example", symptom="启动后异响，振动很大"),
            ["same_email", "similar_symptom", "hours_apart"],
        ),
        (replace(STRANGER, customer="c", alarms=frozenset({"E07"}), machine="next door"), []),
        (replace(STRANGER, symptom=TOLD.symptom), []),
        (replace(STRANGER, machine="m", is_open=False, reported_at="2026-11-05T12:00:00Z"), []),
        (
            replace(STRANGER, machine="m", is_open=False, reported_at="2026-11-10T12:00:00Z"),
            ["same_machine", "days_apart"],
        ),
        (replace(STRANGER, machine="m", reported_at="2026-01-05T12:00:00Z"), ["same_machine", "days_apart"]),
        (replace(STRANGER, machine="m", reported_at="no time"), []),
    ],
)
def test_what_may_be_the_same_fault_is_offered_with_its_reasons(other: Told, expected: list[str]) -> None:
    assert codes(TOLD, other) == expected


def test_the_best_comes_first_and_nobody_repeats_himself() -> None:
    near = replace(STRANGER, id="near", machine="m", alarms=frozenset({"E07"}), symptom=TOLD.symptom)
    far = replace(STRANGER, id="far", machine="m", reported_at="2026-10-01T00:00:00Z")
    many = [replace(far, id=str(index)) for index in range(20)]

    offers = find_duplicates(TOLD, [*many, far, replace(near, id="new"), near])

    assert offers[0].id == "near" and len(offers) == OFFERED_MAX
    assert "new" not in {offer.id for offer in offers}


@given(st.text(max_size=300), st.text(max_size=300))
def test_likeness_is_the_same_from_either_side(first: str, second: str) -> None:
    percent = likeness(first, second)

    assert percent == likeness(second, first)
    assert 0 <= percent <= 100
    assert likeness(first, first) in (0, 100)


@given(st.text(max_size=100))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold_phone(fold_phone(text)) == fold_phone(text)
    assert fold_alarm(fold_alarm(text)) == fold_alarm(text)


def test_words_for_one_fault_are_more_alike_than_words_for_two() -> None:
    same = likeness("离心机启动后有异响，振动大", "启动就异响，而且振动很大")
    other = likeness("离心机启动后有异响，振动大", "显示屏不亮，按键没有反应")

    assert same >= 25 > other
    assert likeness("The rotor makes a loud noise", "loud noise from rotor") > 25
    assert likeness("The display stays dark", "loud noise from rotor") < 25


def test_fixes_are_found_by_alarm_by_word_and_never_for_another_model() -> None:
    shaky = Fix("1", "转子不平衡", model="hc20", alarms=frozenset({"E-07"}), words=("振动", "异响"))
    family = Fix("2", "盖锁", family="high_speed", words=("异响",))
    unlike = Fix("3", "屏", words=("显示屏",))

    found = find_fixes(TOLD, "hc20", "high_speed", [unlike, family, shaky])
    elsewhere = find_fixes(TOLD, "tl360", "reactor", [shaky, family])
    untold = find_fixes(TOLD, None, None, [shaky])
    spoken = find_fixes(replace(STRANGER, symptom="屏幕上出现 E07"), None, None, [shaky])
    longer = find_fixes(replace(STRANGER, symptom="屏幕上出现 E071"), None, None, [shaky])

    assert [offer.id for offer in found] == ["1", "2"]
    assert [reason.code for reason in found[0].reasons] == ["same_alarm", "word_met", "same_model"]
    assert (elsewhere, longer) == ([], [])
    assert [offer.id for offer in untold] == ["1"] and [offer.id for offer in spoken] == ["1"]


def test_every_reason_is_said_in_two_languages() -> None:
    facts = {"serial": "S", "alarms": "E1", "percent": 50, "hours": 1, "days": 2, "words": "振动"}

    said = {MatchReason(code, facts).sentence(language) for code in MATCH_REASONS for language in ("zh", "en")}

    assert len(said) == 2 * len(MATCH_REASONS)


def test_what_was_told_is_read_back_line_by_line() -> None:
    values = {"number": "RQ260007", "customer_name": "陈氏实验室", "grade": "urgent", "alarms": ["E07", "E08"]}

    chinese, english = read_back(values, "zh"), read_back(values, "en")

    assert chinese.splitlines()[1:] == [
        *("客户名称：陈氏实验室", "故障等级：紧急", "报警代码：E07、E08", "以上是否正确？请求号是 RQ260007。"),
    ]
    assert "Fault grade: Urgent" in english and "E07, E08" in english


def test_what_an_order_tells_is_compared_like_a_request() -> None:
    order = {"number": "GD1", "status": "on_hold", "machine_id": "m", "reported_at": NOON, "symptom": "异响"}

    told = told_of("o", "work_order", order, "HC20-0045")

    assert told.is_open and codes(TOLD, told)[0] == "same_machine"
    assert not told_of("o", "work_order", order | {"status": "closed"}).is_open
