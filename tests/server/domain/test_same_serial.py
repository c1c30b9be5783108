"""One serial number in two places: which of four things happened, by what speaks for each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.part import SERIAL_MOST
from server.domain.same_serial import (
    CAUSE_LABELS,
    CAUSES,
    SIGNS,
    Neighbour,
    Placing,
    Surroundings,
    are_like,
    classify,
    distance,
)
from server.domain.trace import Fact, Span
from tests.server.domain.fact_stories import MAKER, spell_hour

SERIAL = "SN-10042"
NOTHING = Surroundings()


def placing(machine: str, hour: int | None, **others: Any) -> Placing:
    """Return a part recorded in a machine, from an hour on, or from before records began."""
    named = {"order": f"order-{machine}", "batch": None} | {
        name: others.pop(name) for name in ("order", "batch") if name in others
    }
    act = "fitted" if hour is not None else "removed"
    fact = Fact(
        f"{act}-{machine}", act, MAKER, SERIAL, named["batch"], machine, named["order"], spell_hour(hour or 60), 1
    )
    return Placing(Span(fact) if hour is not None else Span(None, fact), **others)


def causes(one: Placing, other: Placing, around: Surroundings = NOTHING) -> list[str]:
    return [suspicion.cause for suspicion in classify(one, other, around)]


def signs(one: Placing, other: Placing, around: Surroundings = NOTHING) -> set[str]:
    return {sign.code for suspicion in classify(one, other, around) for sign in suspicion.signs}


def test_two_records_of_one_machine_are_an_echo() -> None:
    first, second = placing("M1", 8), placing("M2", 40, same_as=frozenset({"M1"}))

    assert causes(first, second)[0] == "echo"


def test_the_same_person_within_minutes_is_an_echo_and_somebody_else_is_not() -> None:
    first, second = placing("M1", 8, actor="wei"), placing("M2", 8, actor="wei")

    assert causes(first, second) == ["echo"]
    assert "minutes_apart" not in signs(first, replace(second, actor="lin"))


def test_a_part_that_came_back_between_lacks_its_removal() -> None:
    first, second = placing("M1", 8), placing("M2", 40)

    between, later = (Surroundings(back_at=(spell_hour(hour),)) for hour in (20, 50))

    assert causes(first, second, between)[0] == "missing_removal"
    assert "came_back" in signs(first, second, between)
    assert "came_back" not in signs(first, second, later)


def test_another_part_put_in_where_it_was_speaks_for_a_missing_removal() -> None:
    first, second = placing("M1", 8), placing("M2", 12)

    assert signs(first, second, Surroundings(replaced_at=(spell_hour(10),))) == {"replaced_there"}
    assert signs(first, second, Surroundings(unnumbered_at=(spell_hour(10),))) == {"removed_unnumbered"}


def test_a_like_number_taken_for_that_machine_is_a_typo_and_names_the_number_meant() -> None:
    first, second = placing("M1", 8), placing("M2", 12)
    near = Neighbour("SN-10024", in_stock=False, in_machine=False, taken_for=frozenset({"M2"}))
    far = Neighbour("SN-10043", in_stock=True, in_machine=False)

    likeliest = classify(first, second, Surroundings(neighbours=(far, near)))[0]

    assert (likeliest.cause, likeliest.likely, likeliest.signs[0].code) == ("typo", "SN-10024", "like_taken")


@pytest.mark.parametrize("unfit", [{"in_machine": True}, {"serial": "SN-99999"}, {"serial": SERIAL}])
def test_a_number_that_is_taken_or_unlike_is_no_typo(unfit: dict[str, Any]) -> None:
    neighbour = replace(Neighbour("SN-10024", in_stock=True, in_machine=False), **unfit)

    assert "typo" not in causes(placing("M1", 8), placing("M2", 12), Surroundings(neighbours=(neighbour,)))


def test_what_was_scanned_in_both_places_is_not_mistyped() -> None:
    near = Neighbour("SN-10024", in_stock=True, in_machine=False)
    first, second = placing("M1", 8, scanned=True), placing("M2", 12, scanned=True)

    assert "typo" not in causes(first, second, Surroundings(neighbours=(near,)))
    assert "typo" in causes(first, replace(second, scanned=False), Surroundings(neighbours=(near,)))


def test_a_part_seen_again_in_both_machines_is_two_parts() -> None:
    first, second = placing("M1", 8, seen_at=(spell_hour(50),)), placing("M2", 12, seen_at=(spell_hour(55),))

    assert causes(first, second)[0] == "clone"
    assert "seen_in_both" not in signs(replace(first, seen_at=(spell_hour(9),)), second)


def test_two_deliveries_and_two_batches_speak_for_a_clone() -> None:
    first, second = placing("M1", 8, batch="L1"), placing("M2", 12, batch="L2")

    assert signs(first, second, Surroundings(deliveries=2)) == {"delivered_twice", "batches_differ"}
    assert "batches_differ" not in signs(first, placing("M2", 12))


@st.composite
def clashes(draw: st.DrawFn) -> tuple[Placing, Placing, Surroundings]:
    """Draw two places of one part and whatever else may be known."""
    hours = st.integers(0, 60)
    moments = st.lists(hours.map(spell_hour), max_size=2).map(tuple)
    both = [
        placing(
            machine,
            draw(st.one_of(st.none(), hours)),
            order=draw(st.sampled_from(["order-1", f"order-{machine}"])),
            batch=draw(st.sampled_from([None, "L1", "L2"])),
            actor=draw(st.sampled_from(["", "wei", "lin"])),
            scanned=draw(st.booleans()),
            same_as=draw(st.sampled_from([frozenset(), frozenset({"M1"}), frozenset({"M2"})])),
            seen_at=draw(moments),
        )
        for machine in ("M1", "M2")
    ]
    neighbour = st.builds(
        Neighbour,
        st.sampled_from(["SN-10024", "SN-1042", "sn-10042", "ＳＮ-10043", "\U0001f9f0" * 15, ""]),
        st.booleans(),
        st.booleans(),
        st.sampled_from([frozenset(), frozenset({"M1"})]),
    )
    around = Surroundings(
        tuple(draw(st.lists(neighbour, max_size=3))),
        draw(moments),
        draw(moments),
        draw(moments),
        draw(st.integers(0, 3)),
    )
    return both[0], both[1], around


@given(clashes())
def test_a_clash_is_always_classified_and_whoever_is_named_first_changes_nothing(
    clash: tuple[Placing, Placing, Surroundings],
) -> None:
    one, other, around = clash

    found = classify(one, other, around)

    assert found and found == classify(other, one, replace(around, neighbours=around.neighbours[::-1]))
    assert len({suspicion.cause for suspicion in found}) == len(found)
    assert [suspicion.weight for suspicion in found] == sorted((s.weight for s in found), reverse=True)
    for suspicion in found:
        assert suspicion.weight == sum(SIGNS[sign.code][1] for sign in suspicion.signs)
        assert {SIGNS[sign.code][0] for sign in suspicion.signs} <= {suspicion.cause}
        assert (suspicion.likely is not None) == (suspicion.cause == "typo")


@given(clashes(), st.sampled_from(["came_back", "delivered_twice"]))
def test_more_evidence_never_speaks_against_its_cause(clash: tuple[Placing, Placing, Surroundings], code: str) -> None:
    one, other, around = clash
    later = max(one.began_at, other.began_at)
    more = replace(around, back_at=(*around.back_at, later)) if code == "came_back" else replace(around, deliveries=5)

    def weight(found: Surroundings) -> int:
        return {s.cause: s.weight for s in classify(one, other, found)}.get(SIGNS[code][0], 0)

    assert weight(more) >= weight(around)


@given(st.text(max_size=SERIAL_MOST), st.text(max_size=SERIAL_MOST))
def test_distance_is_that_of_two_texts_whichever_comes_first(one: str, other: str) -> None:
    apart = distance(one, other)

    assert apart == distance(other, one)
    assert (apart == 0) == (one == other)
    assert abs(len(one) - len(other)) <= apart <= max(len(one), len(other))
    assert are_like(one, other) == are_like(other, one)
    assert not are_like(one, one)


@pytest.mark.parametrize(
    ("one", "other", "apart"), [("10042", "10024", 1), ("1042", "10042", 1), ("10O42", "10042", 1), ("", "ab", 2)]
)
def test_slips_count_one_each(one: str, other: str, apart: int) -> None:
    assert distance(one, other) == apart


def test_every_cause_and_sign_has_words() -> None:
    assert set(CAUSE_LABELS) == set(CAUSES) == {cause for cause, *_ in SIGNS.values()}
    assert all(zh and en for _, _, zh, en in SIGNS.values())
