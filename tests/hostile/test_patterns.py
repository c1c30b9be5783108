"""No pattern can be made to take for ever: none repeats what repeats, so ways of matching do not multiply.

Source: the cases of catastrophic backtracking in OWASP's page on regular-expression denial of service.
"""

from __future__ import annotations

import ast
import importlib
import re
import warnings
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.source_tree import PACKAGES, Source, read_sources

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import re._constants as constants
    import re._parser as parser

REPEATS: Final = {constants.MAX_REPEAT, constants.MIN_REPEAT}
MANY: Final = 16
"""A repetition of fewer is bounded work, even inside another."""

COMPILES: Final = re.compile(r"\bre\.(compile|match|fullmatch|search|sub|split|findall|finditer)\b")


def patterns_of(module: Any) -> Iterator[re.Pattern[Any]]:
    """Yield the patterns a module keeps, also as bound methods such as `match`."""
    # A proxy of the request at hand can only be looked at while there is one.
    for value in (value for value in vars(module).values() if type(value).__module__ != "werkzeug.local"):
        owner = getattr(value, "__self__", value)
        found = owner if isinstance(owner, re.Pattern) else None
        if isinstance(value, str) and value.endswith(r"\Z"):
            found = re.compile(value)
        if found is not None:
            yield found


def worst_of(pattern: re.Pattern[Any]) -> str | None:
    """Return what is wrong with a pattern, or None."""
    return find_nested(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE), inside=False)


def find_nested(parsed: Any, inside: bool) -> str | None:
    """Look for an unbounded repetition within another."""
    for operator, argument in parsed:
        if operator in REPEATS:
            _, most, inner = argument
            if most is constants.MAXREPEAT or most >= MANY:
                if inside:
                    return f"{operator} within a repetition"
                if (found := find_nested(inner, inside=True)) is not None:
                    return found
                continue
        for part in parts_of(argument):
            if (found := find_nested(part, inside)) is not None:
                return found
    return None


def parts_of(argument: Any) -> Iterator[Any]:
    """Yield the patterns inside an operator's argument."""
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for item in argument:
            yield from parts_of(item)


def modules_with_patterns() -> list[str]:
    """Return the modules of the product that use patterns."""
    return [source.module for source in read_sources() if source.package in PACKAGES and COMPILES.search(source.text)]


def inline_patterns(source: Source) -> Iterator[str]:
    """Yield patterns written where they are used."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and COMPILES.match(ast.unparse(node.func)) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


@pytest.mark.parametrize("name", modules_with_patterns())
def test_no_pattern_can_be_made_to_take_for_ever(name: str) -> None:
    source = next(source for source in read_sources() if source.module == name)
    kept = list(patterns_of(importlib.import_module(name)))
    inline = [re.compile(pattern) for pattern in inline_patterns(source)]

    assert {pattern.pattern: worst for pattern in (*kept, *inline) if (worst := worst_of(pattern))} == {}


@pytest.mark.parametrize("bad", [r"(a+)+\Z", r"(a*)*b", r"(?:[a-z]+,?)+x", r"((ab)*c*)*d", r"(.*a){20}"])
def test_a_pattern_that_can_is_noticed(bad: str) -> None:
    assert worst_of(re.compile(bad)) is not None


@pytest.mark.parametrize("good", [r"[a-z]{1,64}(?:\.[0-9]{3})?\Z", r"(?:ab){2}c+", r"a+b+c+"])
def test_a_pattern_that_cannot_is_let_pass(good: str) -> None:
    assert worst_of(re.compile(good)) is None
