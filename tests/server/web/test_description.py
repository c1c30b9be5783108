"""The description of the interface is valid, whole, and readable."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from openapi_spec_validator import validate
from werkzeug.routing import Rule

import schemas
from schemas.journal import KINDS
from schemas.people import ROLES
from server.web.access import ACCESS, access_of
from server.web.docs_page import DOCUMENT_CONFIG
from server.web.looks import NOT_NOTED, _kind_of
from tests.server.web.conftest import PREFIX, House


def routes_of(house: House) -> set[tuple[str, str]]:
    """Return (method, path) of everything the application answers, without what comes with every route."""
    return {(method, _spell(rule.rule)) for method, rule in _rules_of(house)}


def _rules_of(house: House) -> Iterator[tuple[str, Rule]]:
    for rule in house.app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield method, rule


def _spell(rule: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


def test_whatever_a_person_looks_at_at_the_desk_has_words_in_the_journal(house: House) -> None:
    without_a_person = ("/desk/oidc/", "/desk/password/", "/desk/calendar/")
    looked_at = {
        _kind_of(rule.rule)
        for method, rule in _rules_of(house)
        if method == "GET" and rule.rule.startswith("/desk/") and not rule.rule.startswith(without_a_person)
        if rule.arguments and "kind" not in rule.arguments and rule.rule not in NOT_NOTED
    }

    assert "recalls" in looked_at
    assert looked_at - KINDS.keys() - schemas.KINDS.keys() == set()


def test_the_description_is_valid_openapi(house: House) -> None:
    document = house.client().get(f"{PREFIX}/openapi.json").json

    validate(document)
    assert document["openapi"].startswith("3.1")


def test_every_route_is_described_and_every_description_is_a_route(house: House) -> None:
    paths = house.app.config[DOCUMENT_CONFIG]["paths"]
    described = {(method.upper(), path) for path, operations in paths.items() for method in operations}

    programs = {route for route in routes_of(house) if route[1].startswith(PREFIX)}

    assert {route for route in described if route[0] not in ("PARAMETERS", "HEAD", "OPTIONS")} == programs


def test_every_route_says_who_may_call_it(house: House) -> None:
    for method, rule in _rules_of(house):
        assert access_of(method, rule.rule) is not None, (method, rule.rule)


def test_no_rule_is_left_of_a_route_that_is_gone(house: House) -> None:
    routes = {f"{method} {path.removeprefix(PREFIX)}" for method, path in routes_of(house)}
    ruled = {_spell(row) for row in ACCESS}

    assert {row for row in ruled if row.split()[0] not in ("HEAD", "OPTIONS")} == routes


def test_only_people_have_roles_and_every_role_exists() -> None:
    for row, access in ACCESS.items():
        assert access.roles <= set(ROLES), row
        assert bool(access.roles) == ("person" in access.caller), row


def test_every_operation_has_titles_in_two_languages_and_problems(house: House) -> None:
    for operations in house.app.config[DOCUMENT_CONFIG]["paths"].values():
        for method, operation in operations.items():
            if method != "parameters":
                assert operation["summary"] and operation["x-title-zh"]
                assert "application/problem+json" in operation["responses"]["500"]["content"]


def test_the_page_shows_every_operation_without_script_or_outside_address(house: House) -> None:
    answer = house.client().get(f"{PREFIX}/docs")

    for path in house.app.config[DOCUMENT_CONFIG]["paths"]:
        assert path in answer.text
    assert "<script" not in answer.text
    assert not re.search(r"(src|href)=\"?https?:", answer.text)
    assert "style-src 'sha256-" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/health/live", "/nowhere", "/orders"])
def test_every_answer_carries_the_security_headers(house: House, path: str) -> None:
    answer = house.client().get(PREFIX + path)

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
