"""Serial numbers: which lie between two others, and what they are searched by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.serials import count_between, fault_of_range, fold, lies_between

BEGINNINGS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
WIDTHS = st.integers(1, 9)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[str, int, int, int]:
    """Return a beginning, the width of the tail, and two numbers, the smaller first."""
    width = draw(WIDTHS)
    low, high = sorted((draw(st.integers(0, 10**width - 1)), draw(st.integers(0, 10**width - 1))))
    return draw(BEGINNINGS), width, low, high


@given(ranges(), st.integers(0, 10**9 - 1))
def test_a_range_holds_the_numbers_between_its_ends_and_no_other(made: tuple[str, int, int, int], number: int) -> None:
    beginning, width, low, high = made
    first, last = (f"{beginning}{end:0{width}d}" for end in (low, high))
    asked = f"{beginning}{number % 10**width:0{width}d}"

    assert fault_of_range(first, last) is None
    assert lies_between(asked, first, last) == (low <= number % 10**width <= high)
    assert lies_between(first, first, last) and lies_between(last, first, last)
    assert count_between(first, last) == high - low + 1


@given(ranges(), st.text(max_size=12))
def test_what_has_another_length_or_beginning_lies_in_no_range(made: tuple[str, int, int, int], other: str) -> None:
    beginning, width, low, high = made
    first, last = (f"{beginning}{end:0{width}d}" for end in (low, high))
    within = {f"{beginning}{number:0{width}d}" for number in (low, high, (low + high) // 2)}

    if lies_between(other, first, last):
        assert len(other) == len(first) and other.startswith(beginning) and other[len(beginning) :].isdecimal()
    for serial in within:
        assert not lies_between(f"{serial}0", first, last) and not lies_between(f"0{serial}", first, last)


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_nothing_lies_in_what_is_no_range(serial: str, first: str, last: str) -> None:
    if fault_of_range(first, last) is not None:
        assert not lies_between(serial, first, last) and count_between(first, last) == 0
    elif first == last:
        assert lies_between(serial, first, last) == (serial == first)


@pytest.mark.parametrize(
    ("first", "last", "fault"),
    [
        ("SN0098", "SN0112", None),
        ("SN-A", "SN-A", None),
        ("SN98", "SN112", "lengths_differ"),
        ("SNA", "SNB", "no_numeric_tail"),
        ("A100", "B199", "beginnings_differ"),
        ("A10", "A1B", "no_numeric_tail"),
        ("A199", "A100", "ends_swapped"),
        ("A1٠", "A1٩", "no_numeric_tail"),
    ],
)
def test_what_is_no_range_says_why(first: str, last: str, fault: str | None) -> None:
    assert fault_of_range(first, last) == fault


@pytest.mark.parametrize("stranger", ["SN100", "sn0100", "SN0100A", "SN010０", "SN 0100", "SN0113", "SN0097", ""])
def test_a_serial_number_is_what_its_characters_are(stranger: str) -> None:
    assert lies_between("SN0100", "SN0098", "SN0112")
    assert not lies_between(stranger, "SN0098", "SN0112")


def test_folding_tells_what_may_be_the_same_number_mistyped() -> None:
    assert fold(" sn 0100 ") == fold("ＳＮ０１００") == "sn0100"
