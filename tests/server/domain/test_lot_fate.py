"""What became of a lot: nothing is counted twice, and days of service are those between fitting and removal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.domain.lot_fate import Fate, Stay, sum_up
from tests.server.domain.fact_stories import spell_hour


def test_a_lot_is_counted_by_what_became_of_its_parts() -> None:
    stays = [
        Stay(spell_hour(0), None),
        Stay(spell_hour(0), spell_hour(49), 1, "returned"),
        Stay(spell_hour(0), spell_hour(97), 2, "scrapped"),
        Stay(None, spell_hour(9), 1, "unknown"),
    ]

    assert sum_up(stays) == Fate(fitted=4, inside=1, removed=4, returned=1, scrapped=2, median_days=4)
    assert sum_up([]) == Fate()


HOURS = st.one_of(st.none(), st.integers(0, 700).map(spell_hour))


@given(st.lists(st.builds(Stay, HOURS, HOURS, st.integers(1, 5), st.sampled_from([None, "returned", "scrapped"]))))
def test_every_part_is_in_or_out(stays: list[Stay]) -> None:
    fate = sum_up(stays)

    assert fate.inside + fate.removed == sum(stay.quantity for stay in stays)
    assert fate.returned + fate.scrapped <= fate.removed
    assert fate == sum_up(reversed(stays))
    assert (fate.median_days is None) == (not any(stay.begins_at and stay.ends_at for stay in stays))
