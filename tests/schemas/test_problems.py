"""The catalogue of problems: every code has a status, two sentences, and says whether to try again."""

from __future__ import annotations

import re
import string
from typing import get_args

import pytest

from schemas.problems import PROBLEMS, Fault, Problem, Refused, Retry, _catalogue
from tests.documents import read_document

ALL = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=list(PROBLEMS))
CHINESE = re.compile("[\u4e00-\u9fff]")


def facts_named(sentence: str) -> set[str]:
    """Return the facts a sentence names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@ALL
def test_a_problem_is_told_in_chinese_and_in_english(problem: Problem) -> None:
    assert CHINESE.search(problem.zh) and not CHINESE.search(problem.en)
    assert problem.en[0].isupper() or problem.en.startswith(("{", "'{"))
    assert problem.zh[-1] in "。}" and problem.en[-1] in ".}"


@ALL
def test_both_sentences_name_the_same_facts(problem: Problem) -> None:
    assert facts_named(problem.zh) == facts_named(problem.en)
    assert all(name.isidentifier() for name in facts_named(problem.en))


@ALL
def test_a_problem_is_listed_under_its_code_with_a_status_and_a_way_on(problem: Problem) -> None:
    assert PROBLEMS[problem.code] is problem
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", problem.code)
    assert problem.status == 202 or 400 <= problem.status <= 599
    assert problem.retry in get_args(Retry)


@ALL
def test_what_is_only_temporary_may_be_tried_again(problem: Problem) -> None:
    if problem.status in (202, 429) or problem.status >= 500:
        # Before a network that wants a sign-in (RFC 6585, 511) a person has to act first.
        assert problem.retry == ("ask_person" if problem.status == 511 else "later")


@ALL
def test_a_sentence_is_whole_even_when_facts_are_missing(problem: Problem) -> None:
    facts = dict.fromkeys(facts_named(problem.en), "{surprise}")

    assert "{" not in Fault(problem.code).sentence("zh") + Fault(problem.code).sentence("en")
    assert all(
        Fault(problem.code, facts).sentence(language).count("{surprise}") >= len(facts) for language in ("zh", "en")
    )


def test_a_code_is_declared_once() -> None:
    twice = PROBLEMS["malformed"]

    with pytest.raises(AssertionError, match="declared twice"):
        _catalogue(twice, twice)


def test_a_refusal_carries_its_facts_and_speaks_english_in_logs() -> None:
    refusal = Refused("value_invalid", field="serial", detail="too long.")

    assert refusal.code == "value_invalid"
    assert refusal.fault.facts == {"field": "serial", "detail": "too long."}
    assert str(refusal) == "value_invalid: The value of 'serial' is not acceptable: too long."


@pytest.mark.parametrize("language", ["zh", "zh-CN", "zh-Hant"])
def test_every_chinese_reads_the_chinese_sentence(language: str) -> None:
    assert Fault("pin_wrong").sentence(language) == "PIN 不正确。"


@pytest.mark.parametrize("language", ["en", "de", ""])
def test_everybody_else_reads_english(language: str) -> None:
    assert Fault("pin_wrong").sentence(language) == "The PIN is wrong."


def test_what_was_looked_for_is_named_in_the_reader_s_language() -> None:
    fault = Fault("not_found", {"what": "work_order GD269999"})

    assert fault.sentence("zh") == "没有找到 工单 GD269999。"
    assert fault.sentence("en") == "Order GD269999 was not found."
    assert Fault("not_found", {"what": "GD269999"}).sentence("en") == "GD269999 was not found."


def test_a_code_outside_the_catalogue_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(KeyError):
        Refused("no_such_code")


@ALL
def test_the_page_for_people_says_what_the_catalogue_says(problem: Problem) -> None:
    row = f"| `{problem.code}` | {problem.status} | {problem.retry} | {problem.zh} | {problem.en} |"

    assert row in read_document("docs/problems.md").text.splitlines(), f"docs/problems.md wants the row\n{row}"
