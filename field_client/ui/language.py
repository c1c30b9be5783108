"""What the pages say, in the person's language: English stands in the source, Chinese in `catalogue/zh/`.

One catalogue file for each page keeps them small; all of one language are read as one.
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
COOKIE: Final = "gongdan_language"


def choose_language() -> str:
    """Return the language of this request: the one chosen here, else that of the settings."""
    if "language" not in g:
        chosen = request.cookies.get(COOKIE, "")
        g.language = chosen if chosen in LANGUAGES else current_app.config["LANGUAGE"]
    return str(g.language)


def gettext(message: str, **facts: Any) -> str:
    """Return a sentence in the language of this request, with the facts named in it as ``%(name)s``."""
    said = load_catalogue(choose_language()).gettext(message)
    return said % facts if facts else said


def ngettext(singular: str, plural: str, count: int, **facts: Any) -> str:
    """Return a sentence about `count` things; ``%(num)s`` in it is the count."""
    return load_catalogue(choose_language()).ngettext(singular, plural, count) % {"num": count, **facts}


@cache
def load_catalogue(language: str) -> standard.NullTranslations:
    """Return the sentences of a language; English is what the source says."""
    files = sorted((CATALOGUE / language).glob("*.po"))
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
