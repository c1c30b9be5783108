"""Capture times by the server's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.times import correct, milliseconds, spell

RECEIVED = "2026-11-21T02:15:59.123Z"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 4_000_000_000_000_000).map(lambda value: EPOCH + timedelta(microseconds=value))


@pytest.mark.parametrize(
    ("captured", "offset_ms", "corrected"),
    [
        ("2026-11-21T02:00:00Z", 0, "2026-11-21T02:00:00.000Z"),
        ("2026-11-18T02:00:00Z", 3 * 24 * 3_600_000, "2026-11-21T02:00:00.000Z"),
        ("2026-11-24T02:00:00Z", -3 * 24 * 3_600_000, "2026-11-21T02:00:00.000Z"),
        ("2031-01-01T00:00:00Z", 0, RECEIVED),
        ("2026-02-31T00:00:00Z", 0, RECEIVED),
        ("0001-01-01T00:00:00Z", -1, RECEIVED),
        ("9999-12-31T23:59:59Z", 10**12, RECEIVED),
    ],
)
def test_a_capture_time_is_corrected_and_never_after_the_receipt(captured: str, offset_ms: int, corrected: str) -> None:
    assert correct(captured, offset_ms, RECEIVED) == corrected


@given(MOMENTS, st.integers(-(10**12), 10**12))
def test_text_sorts_as_time_does(moment: datetime, offset_ms: int) -> None:
    corrected = correct(spell(moment), offset_ms, RECEIVED)

    assert corrected <= RECEIVED
    shifted = moment.replace(microsecond=moment.microsecond // 1000 * 1000) + timedelta(milliseconds=offset_ms)
    expected = min(shifted, datetime.fromisoformat(RECEIVED))
    assert datetime.fromisoformat(corrected) == expected


@given(st.integers(0, 4_000_000_000_000))
def test_milliseconds_and_spelling_agree(value: int) -> None:
    assert milliseconds(spell(EPOCH + timedelta(milliseconds=value))) == value
