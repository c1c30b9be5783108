"""Which disagreements need nobody's look: never what identifies or was signed, and nothing is lost by any of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import KINDS, MergeRule
from schemas.job_sheet import SIGNED_ORDER_FIELDS
from server.domain.disagreement import SECONDS_APART, fold_spelling, suggest
from sync.merge import WHOLE_RECORD
from tests.schemas.values import right_values

WEI, DANA = "0190a000-0000-7000-8000-000000000001", "0190a000-0000-7000-8000-000000000002"
FIELDS = [(kind.name, name) for kind in KINDS.values() for name in kind.fields]
TEXTS = [
    ("work_order", name)
    for name in ("symptom", "hold_reason", "appointment_note", "diagnosis", "remedy", "site_address")
]
SAYINGS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)


def conflict(kind: str, field: str, office: Any, incoming: Any, **more: Any) -> dict[str, Any]:
    """Return a conflict between Dana and Wei."""
    sides = {
        "office_provenance": {"actor_id": DANA, "corrected_at": "2026-11-21T02:00:00Z"},
        "incoming_provenance": {"actor_id": WEI, "corrected_at": "2026-11-21T03:00:00Z"},
    }
    return {"subject_kind": kind, "field": field, "office": office, "incoming": incoming, **sides, **more}


def told(
    kind: str, field: str, office: Any, incoming: Any, signed: bool = False, **more: Any
) -> tuple[str, str] | None:
    """Return side and reason of the suggestion, or None."""
    found = suggest(conflict(kind, field, office, incoming, **more), signed)
    return (found.side, found.why) if found else None


@pytest.mark.parametrize(
    ("office", "incoming", "expected"),
    [
        ("轴承磨损", " 轴承磨损。", ("office", "same_spelling")),
        ("Bearing  worn", "bearing worn.", ("office", "same_spelling")),
        ("轴承 7号", "轴承７号", ("office", "same_spelling")),
        (None, "轴承磨损", ("incoming", "one_side_empty")),
        ("轴承磨损", "  ", ("office", "one_side_empty")),
        ("轴承磨损", "轴承磨损，已更换", ("incoming", "goes_on")),
        ("漏油", "不漏油", None),
        ("leak", "no leak", None),
        ("1 2", "12", None),
        ("A", "Ab", None),
        ("轴承磨损", "皮带断裂", None),
    ],
)
def test_a_text_is_safe_when_nothing_is_lost(office: Any, incoming: Any, expected: Any) -> None:
    assert told("work_order", "diagnosis", office, incoming) == expected


def test_times_of_one_minute_are_one_time() -> None:
    begun = "2026-11-21T02:15:00Z"

    assert told("work_order", "arrived_at", begun, "2026-11-21T02:15:00.000Z") == ("office", "same_spelling")
    assert told("work_order", "arrived_at", begun, "2026-11-21T02:15:59Z") == ("office", "seconds_apart")
    assert told("work_order", "arrived_at", begun, "2026-11-21T02:16:00Z") is None
    assert SECONDS_APART == 60


def test_who_contradicts_himself_is_taken_at_his_last_word() -> None:
    by_wei = {"office_provenance": {"actor_id": WEI, "corrected_at": "2026-11-21T02:59:59.5Z"}}

    assert told("work_order", "grade", "urgent", "general", **by_wei) == ("incoming", "same_author")
    assert told("work_order", "grade", "urgent", "general") is None
    assert told("work_order", "status", "on_hold", "finished", **by_wei) is None, "a state is no spelling"


@pytest.mark.parametrize("field", SIGNED_ORDER_FIELDS)
def test_what_a_customer_signed_is_never_safe(field: str) -> None:
    assert told("work_order", field, None, "solved", signed=True) is None


@given(st.sampled_from(FIELDS), st.data(), st.booleans())
def test_what_identifies_is_never_safe(of: tuple[str, str], data: st.DataObject, signed: bool) -> None:
    kind, field = of
    value = right_values(KINDS[kind].fields[field])
    found = told(kind, field, data.draw(value), data.draw(value), signed)

    rule = KINDS[kind].rules[field]
    if rule.merge is MergeRule.FROZEN or rule.refers_to or KINDS[kind].is_fact or "serial" in field or "batch" in field:
        assert found is None
    if signed and kind == "work_order" and field in SIGNED_ORDER_FIELDS:
        assert found is None


@given(st.sampled_from(TEXTS), SAYINGS, SAYINGS)
def test_what_is_taken_says_all_that_the_other_says(of: tuple[str, str], office: str, incoming: str) -> None:
    found = suggest(conflict(*of, office, incoming), is_signed=False)

    if found is not None:
        taken, left = (office, incoming) if found.side == "office" else (incoming, office)
        assert fold_spelling(taken).startswith(fold_spelling(left))


@given(st.sampled_from(TEXTS), SAYINGS, SAYINGS)
def test_it_does_not_matter_which_side_said_it(of: tuple[str, str], one: str, other: str) -> None:
    here, there = (suggest(conflict(*of, *pair), is_signed=False) for pair in ((one, other), (other, one)))

    assert (here is None) == (there is None)
    if here is not None and there is not None and here.why != "same_spelling" and one != other:
        assert here.side != there.side, "the same text is taken, wherever it stands"


@pytest.mark.parametrize("of", [("work_order", WHOLE_RECORD), ("work_order", "of_tomorrow"), ("of_tomorrow", "name")])
def test_what_nobody_here_knows_is_for_a_person(of: tuple[str, str]) -> None:
    assert told(*of, "a", "A") is None
