"""What a warranty says of a day, a fault and a part."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.warranty import DOUBTS, REASONS, day_of, verdict_on

PARENT = "019a0000-0000-7000-8000-000000000009"
WARRANTY: dict[str, Any] = {
    "accepted_on": "2025-02-18",
    "terms": [
        {"about": "machine", "name": "", "starts_on": "2025-02-18", "ends_on": "2026-03-01", "added_days": 11},
        {"about": "component", "name": "电机", "starts_on": "2025-02-18", "ends_on": "2028-02-18"},
        {"about": "part", "name": "主控板", "component": "控制板", "starts_on": "2026-01-05", "ends_on": "2027-01-05"},
        {"about": "repair", "name": "GD-7", "subject_id": PARENT, "starts_on": "2026-05-01", "ends_on": "2026-05-31"},
    ],
    "repeated": [{"name": "电机", "order_numbers": ["GD-3", "GD-7"]}],
}


def said(day: str, warranty: dict[str, Any] | None = WARRANTY, **about: Any) -> tuple[str, list[str]]:
    """Return outcome and codes of the reasons."""
    verdict = verdict_on(warranty, day, **about)
    return verdict.outcome, [reason.code for reason in verdict.reasons]


@pytest.mark.parametrize(
    ("day", "about", "outcome", "first"),
    [
        ("2026-03-01", {}, "in", "machine_term"),
        ("2026-03-02", {}, "doubtful", "component_term"),
        ("2026-03-02", {"order": {"failed_component": "电机"}}, "in", "component_term"),
        ("2026-03-02", {"order": {"failed_component": "转子"}}, "out", "machine_term_over"),
        ("2026-03-02", {"part": {"component": "控制板"}}, "in", "part_term"),
        ("2027-01-06", {"part": {"component": "控制板"}}, "out", "machine_term_over"),
        ("2026-05-20", {"order": {"parent_id": PARENT, "failed_component": "转子"}}, "in", "repair_term"),
        ("2026-06-01", {"order": {"parent_id": PARENT, "failed_component": "转子"}}, "out", "machine_term_over"),
        ("2025-03-01", {"order": {"exclusion": "misuse"}}, "out", "excluded"),
        ("2025-03-01", {"part": {"wear_part": True}}, "out", "wear_part"),
        ("2025-03-01", {"part": {"wear_part": True, "warranty_months": 12}}, "in", "machine_term"),
        ("2025-02-17", {}, "doubtful", "acceptance_ahead"),
        ("2030-01-01", {}, "out", "machine_term_over"),
    ],
)
def test_a_verdict_names_what_decides_first(day: str, about: Any, outcome: str, first: str) -> None:
    verdict, codes = said(day, **about)

    assert (verdict, codes[0]) == (outcome, first)


def test_time_added_and_the_same_fault_again_stand_beside_the_term() -> None:
    assert said("2026-03-01", order={"failed_component": "电机"}) == (
        "in",
        ["machine_term", "downtime_added", "component_term", "same_fault_again"],
    )


@pytest.mark.parametrize(
    ("warranty", "code"),
    [
        (None, "not_computed"),
        ({"terms": [], "doubts": ["acceptance_unknown"]}, "acceptance_unknown"),
        ({"terms": [], "doubts": ["term_unknown"], "accepted_on": "2025-01-01"}, "term_unknown"),
        (WARRANTY | {"doubts": ["changed_without_authority"]}, "changed_without_authority"),
    ],
)
def test_what_is_not_known_is_doubtful(warranty: dict[str, Any] | None, code: str) -> None:
    outcome, codes = said("2025-06-01", warranty)

    assert (outcome, codes[0]) == ("doubtful", code)


def test_a_day_is_counted_where_the_machine_stands() -> None:
    assert day_of("2026-11-20T16:00:00Z") == "2026-11-21"
    assert day_of("2026-11-20T15:59:59.999Z") == "2026-11-20"


def test_every_doubt_has_a_sentence_and_every_reason_a_rule() -> None:
    assert set(DOUBTS) <= REASONS.keys()
    assert all(rule in {"W1", "W2", "W3", "W4", "W5", "W6", "W7"} for rule, _, _ in REASONS.values())


def test_a_sentence_has_its_facts_in_both_languages() -> None:
    (reason,) = verdict_on(WARRANTY, "2025-06-01", {"exclusion": "misuse"}).reasons

    assert (reason.rule, reason.sentence("zh"), reason.sentence("en")) == (
        "W7",
        "除外责任：使用不当。",
        "Excluded: Misuse.",
    )
