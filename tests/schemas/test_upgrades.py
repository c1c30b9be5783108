"""Changes written under an older schema version read as the present one spells them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import SCHEMA_VERSION
from schemas.upgrades import LENSES, OLDEST_VERSION, Lens, Values, upgrade


def name_fault_symptom(kind: str, values: Values) -> Values:
    """Stand for a version that renamed a field of one kind."""
    if kind != "work_order" or "fault" not in values:
        return values
    return {("symptom" if name == "fault" else name): value for name, value in values.items()}


def count_minutes(_kind: str, values: Values) -> Values:
    """Stand for a version that counts minutes where the older one counted hours."""
    return {
        ("answer_minutes" if name == "answer_hours" else name): value * 60 if name == "answer_hours" else value
        for name, value in values.items()
    }


def join_names(_kind: str, values: Values) -> Values:
    """Stand for a version that needs what the one before it has made."""
    return {**values, "symptom": f"[{values['symptom']}]"} if "symptom" in values else values


TABLE: dict[int, Lens] = {1: name_fault_symptom, 2: count_minutes, 3: join_names}
"""Three made-up versions before the present one, which is the fourth."""

VALUES = st.dictionaries(st.sampled_from(["fault", "symptom", "answer_hours", "grade"]), st.integers(0, 9))


def test_a_change_goes_through_every_later_version_in_order() -> None:
    written = {"fault": "异响", "answer_hours": 4, "grade": "urgent"}

    upgraded = upgrade("work_order", written, 1, TABLE)

    assert upgraded == {"symptom": "[异响]", "answer_minutes": 240, "grade": "urgent"}
    assert written == {"fault": "异响", "answer_hours": 4, "grade": "urgent"}


def test_a_change_enters_the_chain_at_its_own_version() -> None:
    assert upgrade("work_order", {"fault": "x", "answer_hours": 4}, 2, TABLE) == {"fault": "x", "answer_minutes": 240}
    assert upgrade("work_order", {"symptom": "x"}, 3, TABLE) == {"symptom": "[x]"}


def test_a_lens_leaves_other_kinds_alone() -> None:
    assert upgrade("site", {"fault": "x"}, 1, TABLE) == {"fault": "x"}


@given(st.sampled_from(["work_order", "sla_term"]), VALUES)
def test_the_present_version_is_left_as_it_came(kind: str, values: dict[str, Any]) -> None:
    assert upgrade(kind, values, 4, TABLE) == values
    assert upgrade(kind, values, SCHEMA_VERSION) == values


@given(st.sampled_from(["work_order", "sla_term"]), VALUES, st.integers(1, 3))
def test_one_step_and_then_the_rest_is_the_whole_way(kind: str, values: dict[str, Any], version: int) -> None:
    one_step_on = TABLE[version](kind, values)

    assert upgrade(kind, one_step_on, version + 1, TABLE) == upgrade(kind, values, version, TABLE)


def test_every_released_version_has_its_lens() -> None:
    assert set(LENSES) == set(range(OLDEST_VERSION, SCHEMA_VERSION))
