"""Brings the catalogues of the pages up to date with the sentences in the source.

    .venv/bin/python scripts/catalogue.py

Sentences without a translation are added to the file of the page they stand on, with an empty one for a person to
fill; those that stand nowhere are removed. What all pages say stands in `pages/` alone.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polib
from babel.messages.extract import extract

ROOT: Final = Path(__file__).resolve().parent.parent
SHARED: Final = ROOT / "pages"
TREES: Final = (SHARED, *(ROOT / name for name in ("field_client/ui", "server/desk", "server/portal")))
"""Each has its sentences in its modules and `templates/`, and its translations in `catalogue/`."""

LANGUAGES: Final = ("zh",)
SHELL: Final = "shell"
KEYWORDS: Final = {"gettext": None, "ngettext": (1, 2), "_": None}


@dataclass(frozen=True)
class Sentence:
    """A sentence of the source: singular, plural where it counts something, and the page it first stands on."""

    singular: str
    plural: str = ""
    page: str = field(default="", compare=False)


def read_sentences(tree: Path) -> set[Sentence]:
    """Return every sentence in the templates and modules of a tree, but for what all pages say."""
    found: dict[Sentence, None] = {}
    files = [(path, "python") for path in sorted(tree.rglob("*.py"))]
    files += [(path, "jinja2.ext:babel_extract") for path in sorted((tree / "templates").rglob("*.html"))]
    options = {"trimmed": "true", "silent": "false"}
    for path, method in files:
        with io.BytesIO(path.read_bytes()) as file:
            for _, message, _, _ in extract(method, file, keywords=KEYWORDS, options=options):
                said = (message,) if isinstance(message, str) else tuple(message)
                found.setdefault(Sentence(*said[:2], page=_name_page(tree, path)))
    return set(found) - (set() if tree == SHARED else read_sentences(SHARED))


def _name_page(tree: Path, path: Path) -> str:
    """Return the page that a file belongs to: every page has a module, and its name begins those of its other files.

    The rest is the shell around them.
    """
    stem = path.stem.lstrip("_")
    pages = sorted((page.stem for page in (tree / "pages").glob("*.py")), key=len, reverse=True)
    return next((page for page in pages if stem == page or stem.startswith(f"{page}_")), SHELL)


def update(tree: Path, language: str) -> int:
    """Bring a tree's files of one language up to date; return how many sentences wait for a translation."""
    folder = tree / "catalogue" / language
    read = [(path.stem, entry) for path in sorted(folder.glob("*.po")) for entry in polib.pofile(str(path))]
    known = {Sentence(entry.msgid, entry.msgid_plural): (page, entry) for page, entry in read}
    pages: dict[str, list[polib.POEntry]] = {}
    for sentence in sorted(read_sentences(tree), key=lambda found: (found.singular, found.plural)):
        page, entry = known.get(sentence, (sentence.page, None))
        if entry is None:
            plural = {"msgid_plural": sentence.plural, "msgstr_plural": {0: ""}} if sentence.plural else {}
            entry = polib.POEntry(msgid=sentence.singular, **plural)
        pages.setdefault(page, []).append(entry)
    for path in folder.glob("*.po"):
        if path.stem not in pages:
            path.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for page, entries in pages.items():
        file = polib.POFile(wrapwidth=118)
        file.metadata = {"Content-Type": "text/plain; charset=UTF-8", "Plural-Forms": "nplurals=1; plural=0;"}
        file.extend(entries)
        file.save(str(folder / f"{page}.po"))
    return sum(not entry.translated() for entries in pages.values() for entry in entries)


if __name__ == "__main__":
    for tree in filter(Path.is_dir, TREES):
        for language in LANGUAGES:
            print(f"{tree.relative_to(ROOT)} {language}: {update(tree, language)} to be translated")
