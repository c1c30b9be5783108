"""Brings the catalogues of the engineer's pages up to date with the sentences in the source.

    .venv/bin/python scripts/catalogue.py

Sentences without a translation are added to the file of the page they stand on, with an empty one for a person to
fill; those that stand nowhere are removed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polib
from babel.messages.extract import extract

ROOT: Final = Path(__file__).resolve().parent.parent
UI: Final = ROOT / "field_client" / "ui"
CATALOGUE: Final = UI / "catalogue"

SHELL: Final = "shell"
KEYWORDS: Final = {"gettext": None, "ngettext": (1, 2), "_": None}


@dataclass(frozen=True)
class Sentence:
    """A sentence of the source: singular, plural where it counts something, and the page it first stands on."""

    singular: str
    plural: str = ""
    page: str = field(default="", compare=False)


def read_sentences() -> set[Sentence]:
    """Return every sentence in the templates and modules of the pages."""
    found: dict[Sentence, None] = {}
    files = [(path, "python") for path in sorted(UI.rglob("*.py"))]
    files += [(path, "jinja2.ext:babel_extract") for path in sorted((UI / "templates").rglob("*.html"))]
    options = {"trimmed": "true", "silent": "false"}
    for path, method in files:
        with io.BytesIO(path.read_bytes()) as file:
            for _, message, _, _ in extract(method, file, keywords=KEYWORDS, options=options):
                said = (message,) if isinstance(message, str) else tuple(message)
                found.setdefault(Sentence(*said[:2], page=_name_page(path)))
    return set(found)


def _name_page(path: Path) -> str:
    """Return the page that a file belongs to: every page has a module; the rest is the shell around them."""
    stem = path.stem.lstrip("_")
    return stem if (UI / "pages" / f"{stem}.py").exists() else SHELL


def update(folder: Path) -> int:
    """Bring the files of one language up to date; return how many sentences wait for a translation."""
    known = {
        Sentence(entry.msgid, entry.msgid_plural): entry
        for path in sorted(folder.glob("*.po"))
        for entry in polib.pofile(str(path), encoding="utf-8")
    }
    home = {
        Sentence(e.msgid, e.msgid_plural): p.stem for p in sorted(folder.glob("*.po")) for e in polib.pofile(str(p))
    }
    pages: dict[str, list[polib.POEntry]] = {}
    for sentence in sorted(read_sentences(), key=lambda found: (found.singular, found.plural)):
        entry = known.get(sentence)
        if entry is None:
            plural = {"msgid_plural": sentence.plural, "msgstr_plural": {0: ""}} if sentence.plural else {}
            entry = polib.POEntry(msgid=sentence.singular, **plural)
        pages.setdefault(home.get(sentence, sentence.page), []).append(entry)
    for path in folder.glob("*.po"):
        if path.stem not in pages:
            path.unlink()
    for page, entries in pages.items():
        file = polib.POFile(wrapwidth=118)
        file.metadata = {"Content-Type": "text/plain; charset=UTF-8", "Plural-Forms": "nplurals=1; plural=0;"}
        file.extend(entries)
        file.save(str(folder / f"{page}.po"))
    return sum(not entry.translated() for entries in pages.values() for entry in entries)


if __name__ == "__main__":
    for language in sorted(path for path in CATALOGUE.iterdir() if path.is_dir()):
        print(f"{language.name}: {update(language)} to be translated")
