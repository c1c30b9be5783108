"""Marking what differs between two texts: nothing is lost, and what both say is not marked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.domain.text_marks import COMPARED_MOST, mark_differences

TEXTS = st.text(st.sampled_from("ab1 轴承磨损，\n\u202e<"), max_size=30)


@given(TEXTS, TEXTS)
def test_the_pieces_are_the_texts_and_what_is_not_marked_is_the_same(one: str, other: str) -> None:
    here, there = mark_differences(one, other)

    assert "".join(text for text, _ in here) == one and "".join(text for text, _ in there) == other
    alike = ["".join(text for text, is_marked in side if not is_marked) for side in (here, there)]
    assert alike[0] == alike[1]
    assert (one == other) == (not any(is_marked for _, is_marked in (*here, *there)))


def test_words_and_characters_are_marked_as_people_read_them() -> None:
    here, there = mark_differences("更换 bearing 6204，已试机", "更换 bearing 6205，已试机")

    assert here == [("更换 bearing ", False), ("6204", True), ("，已试机", False)]
    assert there == [("更换 bearing ", False), ("6205", True), ("，已试机", False)]


def test_texts_too_long_to_compare_are_marked_between_their_like_ends() -> None:
    long = int(COMPARED_MOST**0.5) + 1

    here, there = mark_differences(f"始{'甲' * long}终", f"始{'乙' * long}终")

    assert here == [("始", False), ("甲" * long, True), ("终", False)]
    assert [text for text, _ in there] == ["始", "乙" * long, "终"]
