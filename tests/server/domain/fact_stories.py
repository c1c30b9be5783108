"""Stories that engineers tell of a few parts in a few machines, for properties: any facts, in any order of arrival."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from server.domain.trace import Fact

MAKER = "09506000134352"
_NUMBERS = ("SN-1", "sn-1", "ＳＮ-1", "\U0001f9f0" * 30, "0" * 60, None)
_BATCHES = ("L1", "l1", "批号·" * 15, None)


def spell_hour(hour: int) -> str:
    """Return an instant, of either precision."""
    return f"2026-03-{1 + hour // 24:02d}T{hour % 24:02d}:00:00{'Z' if hour % 2 else '.000Z'}"


@st.composite
def stories(draw: st.DrawFn, most: int = 8, *, in_order: bool = False) -> list[Fact]:
    """Draw facts, each with a place of its own in the log or sharing one, those that are about others among them.

    What withdraws or corrects a fact may come before it, unless the story is told `in_order`, as intake demands.
    """
    facts: list[Fact] = []
    count = draw(st.integers(1, most))
    positions = draw(st.lists(st.integers(1, most), min_size=count, max_size=count))
    positions = sorted(positions) if in_order else positions
    for number, position in enumerate(positions):
        name, about = f"fact-{number}", draw(st.sampled_from([None, *facts]))
        at = spell_hour(draw(st.integers(0, 60)))
        clock = draw(st.sampled_from([None, None, spell_hour(draw(st.integers(0, 60)))]))
        if about is not None and about.act != "struck" and draw(st.booleans()):
            subject = replace(about, id=name, act="struck", at=at, position=position, corrects=about.id)
            facts.append(replace(subject, corrected_at=clock))
            continue
        act = draw(st.sampled_from(["fitted", "fitted", "removed"]))
        corrects = about.id if about is not None and about.act == act == "fitted" and draw(st.booleans()) else None
        maker = draw(st.sampled_from([MAKER, MAKER, "09506000134369", ""]))
        numbers = (draw(st.sampled_from(_NUMBERS)), draw(st.sampled_from(_BATCHES)))
        where = (draw(st.sampled_from(["M1", "M2", "M3"])), f"order-{number % 3}")
        facts.append(Fact(name, act, maker, *numbers, *where, at, position, corrects, clock))
    return facts
