"""Which parts a recall covers: one rule for the server and the device."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.recall import Covered, Extent, judge, judge_all

NUMBERS = st.one_of(st.none(), st.sampled_from(["", "B1", "b1", "B2", "SN010", "SN020", "sn015", "X"]))
EXTENTS = st.builds(
    Extent,
    st.just("part"),
    st.sampled_from([None, "B1", "B2"]),
    st.sampled_from([None, "SN010", "X"]),
    st.sampled_from([None, "SN020", "X"]),
)


@pytest.mark.parametrize(
    ("extent", "batch", "serial", "cover", "doubt"),
    [
        (Extent("p"), None, None, "hit", None),
        (Extent("p", "B1"), "B1", None, "hit", None),
        (Extent("p", "B1"), "B2", "SN010", "miss", None),
        (Extent("p", "B1"), None, "SN010", "unclear", "no_batch"),
        (Extent("p", "B1"), "", None, "unclear", "no_batch"),
        (Extent("p", "B1"), "b1 ", None, "unclear", "batch_alike"),
        (Extent("p", None, "SN010", "SN020"), None, "SN015", "hit", None),
        (Extent("p", None, "SN010", "SN020"), "B1", "SN021", "miss", None),
        (Extent("p", None, "SN010", "SN020"), "B1", None, "unclear", "no_serial"),
        (Extent("p", None, "SN010", "SN020"), None, "sn015", "unclear", "serial_alike"),
        (Extent("p", None, "SN9", "SN20"), None, "SN10", "unclear", "bad_range"),
        (Extent("p", "B1", "SN010", "SN020"), "B1", "SN015", "hit", None),
        (Extent("p", "B1", "SN010", "SN020"), None, "SN021", "miss", None),
        (Extent("p", "B1", "SN010", "SN020"), None, "SN015", "unclear", "no_batch"),
        (Extent("p", "B1", "SN010", "SN020"), "B2", None, "miss", None),
    ],
)
def test_a_part_is_recalled_excluded_or_looked_at(
    extent: Extent, batch: str | None, serial: str | None, cover: str, doubt: str | None
) -> None:
    found = judge(extent, batch, serial)

    assert (found.cover, found.doubt) == (cover, doubt)


@given(st.lists(EXTENTS, max_size=4), NUMBERS, NUMBERS)
def test_what_one_extent_covers_is_covered_in_any_order(
    extents: list[Extent], batch: str | None, serial: str | None
) -> None:
    covers = {judge(extent, batch, serial).cover for extent in extents}
    expected = next((cover for cover in ("hit", "unclear") if cover in covers), "miss")

    assert {judge_all(some, batch, serial).cover for some in permutations(extents)} == {expected}


@given(EXTENTS, NUMBERS, NUMBERS)
def test_knowing_less_of_a_part_never_clears_it(extent: Extent, batch: str | None, serial: str | None) -> None:
    if judge(extent, batch, serial).cover == "hit":
        assert all(judge(extent, *known).cover != "miss" for known in ((None, serial), (batch, None), (None, None)))


def test_one_end_alone_is_a_range_of_one_number() -> None:
    extent = Extent.read({"part_id": "p", "first_serial": "SN1"})

    assert judge(extent, None, "SN1") == Covered("hit") and judge(extent, None, "SN2") == Covered("miss")
