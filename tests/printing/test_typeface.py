"""Lines break where people expect, fit their width, and lose nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.typeface import Setter

SIZE = 10.0
TEXTS = st.text(st.sampled_from("轴承磨损，（允许）。 abc XY-9\n12.5%「」!?"), max_size=80)


@given(TEXTS, st.floats(40, 400))
def test_lines_fit_and_nothing_is_lost(text: str, width: float) -> None:
    setter = Setter()

    lines = setter.wrap(text, SIZE, width)

    assert all(setter.width(line, SIZE) <= width for line in lines)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("更换主轴电机，重新动平衡。", ["更换主轴电", "机，重新动平", "衡。"]),
        ("replaced the spindle motor", ["replaced the", "spindle", "motor"]),
        ("型号 SN-2026-000123 电机", ["型号", "SN-2026-000", "123 电机"]),
        ("甲\n\n\n\n乙", ["甲", "", "乙"]),
    ],
)
def test_lines_break_where_people_expect(text: str, lines: list[str]) -> None:
    assert Setter().wrap(text, SIZE, 60) == lines


def test_control_characters_are_shown_and_accents_joined() -> None:
    setter = Setter()

    assert setter.spell("e\u0301") == "é"
    assert setter.spell("a\x1bb\u202ec") == "a〔U+241B〕b〔U+FFFD〕c"
    assert setter.lacking == {"\u241b", "\ufffd"}
