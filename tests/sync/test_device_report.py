"""A device's report is read as it was spelled, and nothing a caller can write does more than be passed over."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import WHOLE_NUMBER_MAX
from sync.device_report import QUERY_NAME, REPORT_CHARACTERS_MAX, DeviceReport, read_report, spell_report

COUNTS = st.none() | st.integers(0, WHOLE_NUMBER_MAX)
REPORTS = st.builds(
    DeviceReport,
    waiting_sets=COUNTS,
    oldest_at=st.sampled_from([None, "2026-11-20T08:00:00.000Z", "2026-11-20T08:00:00Z"]),
    waiting_files=COUNTS,
    waiting_bytes=COUNTS,
    offset_ms=st.none() | st.integers(-WHOLE_NUMBER_MAX, WHOLE_NUMBER_MAX),
    schema_version=COUNTS,
    client=st.sampled_from([None, "gongdan-field/0.1.0", "another+1"]),
    free_bytes=COUNTS,
)


@given(REPORTS)
def test_what_is_spelled_is_read_also_out_of_a_query(report: DeviceReport) -> None:
    spelled = spell_report(report)
    query = urlencode({QUERY_NAME: spelled}, safe=":,/")

    assert read_report(spelled) == (report if spelled else None)
    assert parse_qs(query).get(QUERY_NAME, [""]) == [spelled]
    assert len(spelled) <= REPORT_CHARACTERS_MAX // 1.8


@given(st.text(max_size=2 * REPORT_CHARACTERS_MAX))
def test_any_text_is_read_or_passed_over(text: str) -> None:
    read_report(text)


def test_what_a_later_version_tells_is_passed_over() -> None:
    assert read_report("sets:3,mood:fine,files:1") == DeviceReport(waiting_sets=3, waiting_files=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sets",
        "sets:-1",
        "sets:1.5",
        "sets:٣",
        f"sets:{WHOLE_NUMBER_MAX + 1}",
        "sets:99999999999999999",
        "oldest:yesterday",
        "oldest:2026-02-31T00:00:00Z",
        "client:<script>",
        f"client:{'a' * 41}",
        "sets:1\n",
        "sets:1," + "x" * REPORT_CHARACTERS_MAX,
    ],
)
def test_a_report_that_cannot_be_true_is_no_report(text: str) -> None:
    assert read_report(text) is None
