"""No sentence of the pages is left untranslated, and none stands in a template without being marked for it."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import polib
import pytest

from pages.language import load_catalogue
from scripts.catalogue import SHARED, TREES, Sentence, read_sentences

LETTERS = re.compile(r"[A-Za-z\u4e00-\u9fff]{2,}")
JINJA = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}", re.DOTALL)
TAG = re.compile(r"<[^>]+>", re.DOTALL)
SPOKEN = re.compile(r"""\b(?:aria-label|title|alt|placeholder)=(["'])(.*?)\1""", re.DOTALL)
PLACE = re.compile(r"%\((\w+)\)s")

FIELD = TREES[1]

OWN_NAMES = {"English", "中文", "gongdan", "enrol", "https"}
"""A language is named in itself, and an invitation is spelled as it is."""

TREES_THERE = [tree for tree in TREES if tree.is_dir()]
TEMPLATES = sorted(path for tree in TREES_THERE for path in (tree / "templates").rglob("*.html"))
each_tree = pytest.mark.parametrize("tree", TREES_THERE, ids=lambda tree: "-".join(tree.parts[-2:]))


def entries(tree: Path) -> list[polib.POEntry]:
    """Return every entry of a tree's Chinese catalogue."""
    return [entry for path in sorted((tree / "catalogue" / "zh").glob("*.po")) for entry in polib.pofile(str(path))]


@each_tree
def test_every_sentence_is_translated_and_no_other(tree: Path) -> None:
    translated = {Sentence(entry.msgid, entry.msgid_plural) for entry in entries(tree) if entry.translated()}

    assert translated == read_sentences(tree)
    assert len(entries(tree)) == len(translated), "a sentence stands in two files"


@each_tree
def test_every_translation_keeps_the_places_of_its_facts(tree: Path) -> None:
    wrong = [
        entry.msgid
        for entry in entries(tree)
        for said in (entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr])
        if set(PLACE.findall(said)) != set(PLACE.findall(entry.msgid_plural or entry.msgid))
    ]

    assert wrong == []


def bare_words(template: str) -> list[str]:
    """Return the words of a template that a person reads and that are not marked for translation."""
    plain = JINJA.sub(" ", template)
    seen = [TAG.sub(" ", plain), *(found[1] for found in SPOKEN.findall(plain))]
    return [word for text in seen for word in LETTERS.findall(text) if word not in OWN_NAMES]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_words_of_its_own(path: Path) -> None:
    assert bare_words(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("bad", ["<p>Hello</p>", '<a aria-label="Back">{{ x }}</a>', "<b>你好</b>"])
def test_a_bare_word_is_found(bad: str) -> None:
    assert bare_words(bad)


def test_chinese_is_spoken_and_english_is_the_source() -> None:
    chinese, english = (load_catalogue(language, FIELD / "catalogue") for language in ("zh", "en"))

    assert (chinese.gettext("Today"), english.gettext("Today")) == ("今天", "Today")
    assert chinese.ngettext("%(num)s file", "%(num)s files", 1) == "%(num)s 个文件"
    assert load_catalogue("zh", SHARED / "catalogue").gettext("Photo taken") == "拍照"


def test_no_script_holds_words_for_people() -> None:
    """What a script says comes from its page, in the person's language."""
    quoted = re.compile(r"""(["'`])((?:\\.|(?!\1).)*)\1""")
    sentence = re.compile(r"[A-Za-z]{2,} +[A-Za-z]{2,}")
    found = [
        (path.name, words)
        for path in sorted(path for tree in TREES_THERE for path in (tree / "static").glob("*.js"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.strip().startswith("//")
        for _, words in quoted.findall(line)
        if sentence.search(words) and words != "use strict"
    ]

    assert found == []


def test_facts_are_named_and_not_counted() -> None:
    """Translations move words about, so a fact is found by its name."""
    counted = [
        entry.msgid
        for tree in TREES_THERE
        for entry in entries(tree)
        if any(name == "" for _, name, _, _ in Formatter().parse(entry.msgid))
    ]

    assert counted == []
