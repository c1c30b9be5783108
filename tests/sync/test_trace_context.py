"""A trace id is taken over from a caller exactly when his header is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.trace_context import TraceContext, read_header, shorten

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

HEX = st.text("0123456789abcdef", min_size=16, max_size=16).filter(lambda digits: digits.strip("0"))


@given(HEX, HEX, HEX)
def test_what_is_spelled_is_read(first: str, second: str, span: str) -> None:
    context = TraceContext(first + second, span)

    assert read_header(context.header) == context


def test_the_example_of_the_standard_is_read() -> None:
    assert read_header(f"00-{TRACE}-{SPAN}-00") == TraceContext(TRACE, SPAN)


def test_a_later_version_may_say_more() -> None:
    assert read_header(f"01-{TRACE}-{SPAN}-01-what-comes-later") == TraceContext(TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
    ],
)
def test_anything_else_is_not_taken_over(header: str) -> None:
    assert read_header(header) is None


def test_people_read_out_eight_digits() -> None:
    assert shorten(TRACE) == "4bf92f35"
