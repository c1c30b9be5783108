"""The warranty rules, each by an example with the handbook's number, and by what must hold for any history."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import KINDS
from schemas.warranty import verdict_on
from server.domain.warranty import Basis, NewPart, Repair, add_months, work_out

ACCEPTED = date(2026, 2, 18)
PLAIN = Basis(accepted_on=ACCEPTED, model_months=12)
ID = "019a0000-0000-7000-8000-000000000001"


def repair(reported: date, finished: date, **more: Any) -> Repair:
    """Return a repair of a machine that stood still meanwhile."""
    return replace(Repair(ID, "GD-1", reported, finished, was_out_of_use=True), **more)


def ends_of(basis: Basis, about: str = "machine") -> list[str]:
    """Return when the terms of one sort end."""
    return [term["ends_on"] for term in work_out(basis)["terms"] if term["about"] == about]


@pytest.mark.parametrize(
    ("start", "months", "ends"),
    [
        (ACCEPTED, 12, date(2027, 2, 18)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2025, 8, 31), 6, date(2026, 2, 28)),
        (date(2025, 12, 31), 1, date(2026, 1, 31)),
    ],
)
def test_a_term_of_months_ends_on_the_day_of_its_number_or_the_months_last(
    start: date, months: int, ends: date
) -> None:
    assert add_months(start, months) == ends


def test_w1_the_contract_goes_before_the_model() -> None:
    by_contract = work_out(replace(PLAIN, contract_months=24))

    assert ends_of(PLAIN) == ["2027-02-18"]
    assert (by_contract["months"], by_contract["months_from"]) == (24, "contract")
    assert [term["ends_on"] for term in by_contract["terms"]] == ["2028-02-18"]


def test_w1_without_acceptance_or_term_there_is_doubt_and_no_term() -> None:
    nothing, no_term = work_out(Basis(model_months=12)), work_out(Basis(accepted_on=ACCEPTED))

    assert (nothing["terms"], nothing["doubts"]) == ([], ["acceptance_unknown"])
    assert (no_term["terms"], no_term["doubts"]) == ([], ["term_unknown"])


def test_w2_components_have_their_own_terms() -> None:
    basis = replace(PLAIN, component_months={"电机": 36, "电池": 6})

    assert ends_of(basis, "component") == ["2029-02-18", "2026-08-18"]


def test_w4_time_out_of_use_is_added_once_and_only_within_the_term() -> None:
    first = repair(date(2026, 3, 1), date(2026, 3, 11))
    overlapping = repair(date(2026, 3, 5), date(2026, 3, 16))
    running = repair(date(2026, 4, 1), date(2026, 4, 9), was_out_of_use=False)
    late = repair(date(2028, 1, 1), date(2028, 2, 1))

    said = work_out(replace(PLAIN, repairs=[late, overlapping, running, first]))

    assert (said["terms"][0]["ends_on"], said["terms"][0]["added_days"]) == ("2027-03-05", 15)


def test_w4_a_stop_within_the_time_that_a_stop_added_counts_too() -> None:
    stops = [repair(date(2027, 2, 10), date(2027, 2, 20)), repair(date(2027, 2, 25), date(2027, 2, 27))]

    assert ends_of(replace(PLAIN, repairs=stops)) == ["2027-03-02"]


@pytest.mark.parametrize(
    ("finished", "ends"),
    [
        (date(2026, 5, 1), "2026-05-31"),
        (date(2027, 2, 10), "2027-02-18"),
        (date(2027, 6, 1), "2027-07-01"),
    ],
)
def test_w5_a_repair_has_thirty_days_or_until_the_warranty_ends(finished: date, ends: str) -> None:
    done = repair(finished, finished)

    assert ends_of(replace(PLAIN, repairs=[done]), "repair") == [ends]


def test_w5_a_replaced_part_has_its_own_term_from_that_day() -> None:
    part = NewPart(ID, "直流无刷电机", date(2026, 6, 30), 36, "电机")

    (term,) = [term for term in work_out(replace(PLAIN, parts=[part]))["terms"] if term["about"] == "part"]

    assert (term["starts_on"], term["ends_on"], term["component"]) == ("2026-06-30", "2029-06-30", "电机")


def test_w6_the_same_fault_repaired_twice_is_named_with_its_orders() -> None:
    first = repair(date(2026, 3, 1), date(2026, 3, 2), component="电机", alarms=frozenset({"E05"}))
    second = replace(first, number="GD-2", reported_on=date(2026, 9, 1), finished_on=date(2026, 9, 2))
    other = repair(date(2026, 5, 1), date(2026, 5, 2), number="GD-3", alarms=frozenset({"E05"}))
    after = replace(first, number="GD-4", reported_on=date(2029, 9, 1), finished_on=date(2029, 9, 2))

    assert work_out(replace(PLAIN, repairs=[after, second, first, other]))["repeated"] == [
        {"name": "电机", "order_numbers": ["GD-1", "GD-2"]}
    ]


def test_w7_what_is_excluded_adds_nothing_and_a_change_without_authority_leaves_doubt() -> None:
    misused = repair(date(2026, 3, 1), date(2026, 3, 11), exclusion="misuse")
    changed = replace(misused, exclusion="unauthorised_change")

    assert work_out(replace(PLAIN, repairs=[misused])) == work_out(PLAIN)
    assert work_out(replace(PLAIN, repairs=[changed]))["doubts"] == ["changed_without_authority"]


DAYS = st.dates(date(2024, 1, 1), date(2029, 12, 31))
ALARMS = st.frozensets(st.sampled_from(["E1", "E2"]), max_size=2)


@st.composite
def repairs(draw: st.DrawFn) -> Repair:
    """Draw a repair."""
    reported = draw(DAYS)
    return Repair(
        id=f"019a0000-0000-7000-8000-{draw(st.integers(0, 99)):012d}",
        number=f"GD-{draw(st.integers(0, 99))}",
        reported_on=reported,
        finished_on=reported + timedelta(days=draw(st.integers(0, 60))),
        was_out_of_use=draw(st.booleans()),
        component=draw(st.none() | st.sampled_from(["电机", "转子"])),
        alarms=draw(ALARMS),
        exclusion=draw(st.none() | st.sampled_from(["misuse", "unauthorised_change"])),
    )


@st.composite
def histories(draw: st.DrawFn) -> Basis:
    """Draw what a warranty stands on."""
    months = st.none() | st.integers(0, 60)
    terms = st.dictionaries(st.sampled_from(["电机", "转子"]), st.integers(0, 60))
    parts = st.builds(NewPart, st.just(ID), st.just("电机"), DAYS, st.integers(0, 60), st.none() | st.just("电机"))
    return Basis(
        accepted_on=draw(st.none() | DAYS),
        contract_months=draw(months),
        model_months=draw(months),
        component_months=draw(terms),
        repairs=draw(st.lists(repairs(), max_size=6)),
        parts=draw(st.lists(parts, max_size=3)),
    )


@given(histories(), st.randoms())
def test_the_order_of_what_is_known_does_not_matter(basis: Basis, chance: Any) -> None:
    shuffled = list(basis.repairs)
    chance.shuffle(shuffled)

    said, other = work_out(basis), work_out(replace(basis, repairs=shuffled))

    by_date = [(term["about"], term["ends_on"], term["starts_on"]) for term in said["terms"]]
    assert sorted(by_date) == sorted((t["about"], t["ends_on"], t["starts_on"]) for t in other["terms"])
    assert said["downtime_days"] == other["downtime_days"]


@given(histories())
def test_what_is_worked_out_is_a_record_that_can_be_written(basis: Basis) -> None:
    kind = KINDS["warranty"]

    for name, value in work_out(basis).items():
        assert kind.checks[name](value), (name, value)


@given(histories(), repairs())
def test_another_stop_never_shortens_a_term_nor_adds_more_than_it_took(basis: Basis, more: Repair) -> None:
    before = {(t["about"], t["name"]): t for t in work_out(basis)["terms"] if t["about"] in ("machine", "component")}
    after = {
        (t["about"], t["name"]): t
        for t in work_out(replace(basis, repairs=[*basis.repairs, replace(more, exclusion=None)]))["terms"]
        if t["about"] in ("machine", "component")
    }

    assert before.keys() == after.keys()
    for key, term in before.items():
        stops = [(r.finished_on - r.reported_on).days for r in (*basis.repairs, more)]
        assert term["ends_on"] <= after[key]["ends_on"]
        assert 0 <= after[key]["added_days"] <= sum(stops)


@given(histories(), DAYS, DAYS, st.none() | st.sampled_from(["电机", "转子"]))
def test_what_has_ended_never_begins_again(basis: Basis, one: date, other: date, component: str | None) -> None:
    early, late = sorted((max(one, date(2040, 1, 1)), max(other, date(2040, 1, 1))))
    said = work_out(basis)
    order = {"failed_component": component}

    first = verdict_on(said, early.isoformat(), order)
    second = verdict_on(said, late.isoformat(), order)

    assert first.outcome in ("out", "doubtful") and second == first


@given(histories(), DAYS)
def test_the_machines_own_term_decides_and_exclusion_and_wear_go_before_it(basis: Basis, on: date) -> None:
    said, day = work_out(basis), on.isoformat()
    in_term = any(t["about"] == "machine" and t["starts_on"] <= day <= t["ends_on"] for t in said["terms"])
    verdict = verdict_on(said, day)

    if in_term and "changed_without_authority" not in said["doubts"]:
        assert verdict.outcome == "in"
    assert verdict_on(said, day, {"exclusion": "misuse"}).outcome == "out"
    assert verdict_on(said, day, part={"wear_part": True}).outcome == "out"
    assert all(reason.sentence(language) for reason in verdict.reasons for language in ("zh", "en"))
    assert verdict.reasons
