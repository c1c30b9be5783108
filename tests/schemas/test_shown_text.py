"""What strangers write is shown, and not obeyed."""

from __future__ import annotations

import unicodedata
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.speech import Speech
from schemas.shown_text import show_text
from server.commands.voice import Voice

ESCAPES = ["\x1b]0;pwned\x07", "\x1b[2J", "\x9b31m", "a\rb", "\x08", "\u202etxt.exe", "\u2066a\u2069", "\U000e0041"]


@pytest.mark.parametrize("text", ESCAPES)
def test_what_a_terminal_would_obey_is_shown_and_not_obeyed(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice("en", UTC)

    voice.say(text, text)
    voice.table((("名称", "Name"),), [[text]])
    said = [*capsys.readouterr().out.splitlines(), Speech("en")(text, text), Speech("en").value("name", text)]

    for line in said:
        assert not any(unicodedata.category(sign) in ("Cc", "Cf") for sign in line), line


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_what_people_write_is_shown_as_they_wrote_it(text: str) -> None:
    assert show_text(text) == text


def test_lines_and_columns_stay() -> None:
    assert show_text("a\n\tb 👨‍👩‍👧 工单") == "a\n\tb 👨‍👩‍👧 工单"
