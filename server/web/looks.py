"""Noting who looked at what: after each answer that showed a person a record, a file or a search.

Rule 1: an address that names a record is noted unless NOT_NOTED has it: a page that is added is noted too.
Rule 2: a search is noted with its words, a list without any is not: it says nothing about whom it was about.
Rule 3: what cannot be noted is not shown.
"""

from __future__ import annotations

from typing import Final

from flask import Response, g, request

from schemas.problems import Refused
from server.services.journal import Deed
from server.web.access import PREFIX
from server.web.auth import PersonIdentity, caller_address
from server.web.errors import render_problem
from server.web.wiring import wired

SEARCHES: Final[dict[str, str]] = {
    "/trace": "search",
    "/desk/trace": "search",
    "/desk/journal": "journal",
    "/desk/search": "search",
}
"""Addresses whose query says what was looked for -> the act."""

NOT_NOTED: Final = frozenset({"/static/<path:name>"})
"""Addresses with a parameter that is no record."""

FILES: Final = ("/blobs/", ".pdf", ".csv", ".xlsx", ".zip")
EXPORTS: Final = ("export", "/exports/")


def note_look(answer: Response) -> Response:
    """Note what this answer shows a person; where that cannot be done, answer that instead."""
    person: PersonIdentity | None = g.get("person")
    if person is None or request.method != "GET" or answer.status_code not in (200, 206, 302) or not request.url_rule:
        return answer
    rule = request.url_rule.rule.removeprefix(PREFIX)
    act = _act_of(rule)
    if act is None:
        return answer
    named = request.view_args or {}
    subject = str(next(iter(named.values()), ""))
    detail = request.query_string.decode("utf-8", "replace") if act in ("search", "journal", "export") else ""
    deed = Deed(person.person, act, _kind_of(rule), subject, detail, caller_address())
    try:
        wired().journal.note(person.organisation, deed)
    except Refused as refused:
        return render_problem(refused.fault)
    return answer


def _act_of(rule: str) -> str | None:
    if rule in SEARCHES:
        return SEARCHES[rule] if request.query_string or SEARCHES[rule] == "journal" else None
    if any(part in rule for part in EXPORTS):
        return "export"
    if rule in NOT_NOTED or not request.view_args:
        return None
    return "download" if any(part in rule for part in FILES) else "read"


def _kind_of(rule: str) -> str:
    """Return the noun before the first parameter of an address, or its last."""
    return rule.split("/<")[0].rpartition("/")[2][:40]
