"""What pages say, in the person's language: English stands in the source, Chinese in the folder `zh` of a catalogue.

An application has a catalogue of its own beside the one for what all pages say (`pages/catalogue`). One file for each
page keeps them small; all of one language are read as one.
"""

from __future__ import annotations

import gettext as standard
import io
from functools import cache
from pathlib import Path
from typing import Any, Final

import polib
from flask import current_app, g, request

LANGUAGES: Final = {"zh": "zh-Hans", "en": "en"}
"""What is offered, and how HTML names it (BCP 47)."""

CATALOGUE: Final = Path(__file__).parent / "catalogue"
CATALOGUE_CONFIG: Final = "CATALOGUE"
"""Where an application leaves the folders of its own catalogues."""

COOKIE: Final = "gongdan_language"


def choose_language() -> str:
    """Return the language of this request: the one chosen here, that of the settings, else the browser's."""
    if "language" not in g:
        chosen = request.cookies.get(COOKIE, "")
        if chosen not in LANGUAGES:
            chosen = current_app.config.get("LANGUAGE") or request.accept_languages.best_match(LANGUAGES) or "zh"
        g.language = chosen
    return str(g.language)


def gettext(message: str, **facts: Any) -> str:
    """Return a sentence in the language of this request, with the facts named in it as ``%(name)s``."""
    said = _load_ours().gettext(message)
    return said % facts if facts else said


def ngettext(singular: str, plural: str, count: int, **facts: Any) -> str:
    """Return a sentence about `count` things; ``%(num)s`` in it is the count."""
    return _load_ours().ngettext(singular, plural, count) % {"num": count, **facts}


def speak_from(catalogue: Path) -> None:
    """Let the pages of this request speak as a catalogue of their own does, wherever others say the same otherwise."""
    g.own_catalogue = catalogue


def _load_ours() -> standard.NullTranslations:
    first = (g.own_catalogue,) if "own_catalogue" in g else ()
    return load_catalogue(choose_language(), *first, *current_app.config.get(CATALOGUE_CONFIG, ()))


@cache
def load_catalogue(language: str, *own: Path) -> standard.NullTranslations:
    """Return the sentences of a language, those in `own` and those of all pages; English is what the source says."""
    files = [file for folder in (*own, CATALOGUE) for file in sorted((folder / language).glob("*.po"))]
    if not files:
        return standard.NullTranslations()
    whole = polib.POFile()
    whole.metadata = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    seen = set()
    for file in files:
        for entry in polib.pofile(str(file), encoding="utf-8"):
            key = (entry.msgid, entry.msgid_plural)
            if key not in seen and not entry.obsolete:
                seen.add(key)
                whole.append(entry)
    return standard.GNUTranslations(io.BytesIO(whole.to_binary()))
