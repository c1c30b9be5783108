"""What the commands say: two languages, local times, columns that line up with Chinese in them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

import click

from schemas import kind_of
from schemas.lifecycle import STATE_LABELS
from schemas.order import GRADE_LABELS
from schemas.problems import Fault
from schemas.shown_text import show_text

CELL_WIDTH_MAX: Final = 40
"""Five columns of this width still fit a wide terminal."""

_VALUE_LABELS: Final = {"status": STATE_LABELS, "grade": GRADE_LABELS}


@dataclass(frozen=True, slots=True)
class Voice:
    """Speaks Chinese (``zh``) or English (``en``) on standard output, and tells times by the office's clock."""

    language: str
    zone: tzinfo

    def choose(self, chinese: str, english: str) -> str:
        """Return the sentence in the language spoken."""
        return chinese if self.language == "zh" else english

    def say(self, chinese: str, english: str) -> None:
        """Print the sentence in the language spoken."""
        click.echo(show_text(self.choose(chinese, english)))

    def explain(self, fault: Fault) -> None:
        """Print a problem on standard error: its sentence and its code."""
        click.echo(show_text(f"{fault.sentence(self.language)} [{fault.code}]"), err=True)

    def name_of(self, body: dict[str, Any]) -> str:
        """Return a record's name, in English where it has one and English is spoken."""
        english = body.get("name_en") if self.language == "en" else None
        return str(english or body.get("name") or "")

    def field_name(self, kind: str, name: str) -> str:
        """Return what a field is called, with its name in the data."""
        known = kind_of(kind)
        rule = known.rules.get(name) if known else None
        return f"{self.choose(rule.label_zh, rule.label_en)} ({name})" if rule else name

    def value(self, name: str, value: Any) -> str:
        """Return a field's value for the eye."""
        if value is None:
            return "—"
        labels = _VALUE_LABELS.get(name, {}).get(value) if isinstance(value, str) else None
        if labels:
            return f"{self.choose(*labels)} ({value})"
        if isinstance(value, str) and name.endswith("_at"):
            return self.local_time(value)
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def local_time(self, instant: str | None) -> str:
        """Return an instant as the office's clock shows it, to the second."""
        if not instant:
            return "—"
        return datetime.fromisoformat(instant).astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def table(self, titles: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]) -> None:
        """Print rows under their titles, each column as wide as its widest cell."""
        head = [self.choose(*title) for title in titles]
        lines = [head, *([_cut(cell) for cell in row] for row in rows)]
        widths = [max(width_of(line[column]) for line in lines) for column in range(len(head))]
        for line in lines:
            cells = (pad(cell, width) for cell, width in zip(line, widths, strict=True))
            click.echo(show_text("  ".join(cells).rstrip()))


def print_json(value: Any) -> None:
    """Print a value for another program."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes; Chinese characters take two each."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def pad(text: str, width: int) -> str:
    """Return a text with spaces up to a width in columns."""
    return text + " " * (width - width_of(text))


def _cut(text: str) -> str:
    text = " ".join(text.split())
    if width_of(text) <= CELL_WIDTH_MAX:
        return text
    while width_of(text) > CELL_WIDTH_MAX - 1:
        text = text[:-1]
    return f"{text}…"
