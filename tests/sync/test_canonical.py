"""The one spelling of a JSON value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from sync import canonical
from tests.sync.made_up import WIRE_VALUES


@given(WIRE_VALUES)
def test_a_value_has_one_spelling_and_is_read_back(value: Any) -> None:
    spelling = canonical.dump(value)

    assert canonical.load(spelling) == canonical.load(spelling.encode()) == value
    assert canonical.dump(canonical.load(spelling)) == spelling


def test_the_order_in_which_a_group_was_written_leaves_no_trace() -> None:
    assert canonical.dump({"b": 1, "a": {"d": 2, "c": 3}}) == canonical.dump({"a": {"c": 3, "d": 2}, "b": 1})


def test_characters_are_written_as_rfc_8785_has_them() -> None:
    # RFC 8785 section 3.2.2.2, and its example of section 3.2.3 with the whole numbers left in.
    value = {"string": '€$\u000f\nA\'B"\\\\"/', "literals": [None, True, False], "numbers": [333333333, 4, -2, 0]}

    assert canonical.dump(value) == (
        '{"literals":[null,true,false],"numbers":[333333333,4,-2,0],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_keys_are_sorted_as_rfc_8785_sorts_them_within_the_basic_plane() -> None:
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 6, "1": 3, "\u0080": 4, "\u00f6": 5}

    assert list(canonical.load(canonical.dump(value))) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\ufb33"]


def test_a_fraction_cannot_be_written_as_not_a_number() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical.dump({"n": float("nan")})


@pytest.mark.parametrize(
    "data", [b"", b" ", b"{", b"\xff", b"1.0", b"1e2", b"NaN", b"9007199254740992", b"[" * 100_000]
)
def test_what_has_no_place_here_raises_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical.load(data)


def test_depth_is_counted_and_no_further_than_asked() -> None:
    assert [canonical.depth(value) for value in (0, "x", [], {}, [[1]], {"a": {"b": []}})] == [0, 0, 1, 1, 2, 3]
    assert canonical.depth([[[[[]]]]], most=3) > 3
    assert canonical.depth([[[]]], most=3) == 3


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\uDFFF":1}', '["\\ud83d\\u0041"]', '"\\ud83d"'])
def test_half_of_a_surrogate_pair_is_no_text(text: str) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        canonical.load(text)


def test_a_pair_of_surrogates_and_a_backslash_before_a_letter_are_text() -> None:
    assert canonical.load('["\\ud83d\\ude00","\\\\ud800"]') == ["\U0001f600", "\\ud800"]
