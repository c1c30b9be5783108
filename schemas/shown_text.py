"""Text by strangers, as a terminal may be given it: nothing in it is obeyed, turned round or hidden.

Records keep every character, for what was written is evidence; only what is shown is made harmless.
Source: Unicode Technical Report 36 section 2.4 (bidirectional spoofing), ECMA-48 (control sequences).
"""

from __future__ import annotations

from typing import Final

_PICTURES: Final = 0x2400
"""U+2400 and the following are pictures of the control characters from U+0000 on."""

_UNSEEN: Final = "\ufffd"

_HARMLESS: Final = {
    **{code: chr(_PICTURES + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), _UNSEEN),
    # What turns the direction of writing, and what parts lines without being a line break.
    **dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), _UNSEEN),
    **dict.fromkeys((0x2028, 0x2029, 0xFEFF), _UNSEEN),
    # Letters that are not seen at all, with which text can be smuggled (U+E0000 to U+E007F).
    **dict.fromkeys(range(0xE0000, 0xE0080), _UNSEEN),
}


class Title(str):
    """What a record is called, as it stands, and in English where that is known."""

    english: str

    def __new__(cls, text: str, english: str = "") -> Title:
        """Keep both; without an English one the same."""
        title = super().__new__(cls, text)
        title.english = english or text
        return title

    def spell(self, language: str) -> str:
        """Return it in Chinese (``zh``) or English."""
        return str(self) if language.startswith("zh") else self.english


def show_text(text: str) -> str:
    """Return a text with a visible sign for each character that a terminal would act upon."""
    return text.translate(_HARMLESS)
