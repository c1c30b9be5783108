"""Noting who looked at what: after each answer that showed a person a record, a file or a search.

Rule 1: an address that names a record is noted unless NOT_NOTED has it: a page that is added is noted too.
Rule 2: a search (the query's `q`) is noted with its words, a list without any is not: it is about nobody.
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

JOURNAL: Final = "/desk/journal"
TRACE: Final = "/trace"

NOT_NOTED: Final = frozenset({"/static/<path:name>", "/desk/catalogue/<kind>/suggest", "/desk/orders/find"})
"""Addresses that show no record: what they find is noted where it is opened."""

FILES: Final = ("/blobs/", ".pdf", ".csv", ".xlsx", ".zip")
EXPORTS: Final = ("export", "/exports/", "/epcis")


def look_at(record_id: str) -> None:
    """Say which record this request shows, where its address names it otherwise, as by its number."""
    g.looked_at = record_id


def note_look(answer: Response) -> Response:
    """Note what this answer shows a person; where that cannot be done, answer that instead."""
    person: PersonIdentity | None = g.get("person")
    if person is None or request.method != "GET" or answer.status_code not in (200, 206, 302) or not request.url_rule:
        return answer
    rule = request.url_rule.rule.removeprefix(PREFIX)
    named = {name: str(value) for name, value in (request.view_args or {}).items()}
    kind = named.pop("kind", None) or _kind_of(rule)
    act = _act_of(rule, is_named=bool(named))
    if act is None:
        return answer
    subject = g.get("looked_at") or (list(named.values())[-1] if named else "")
    detail = request.query_string.decode("utf-8", "replace") if act in ("search", "journal", "export") else ""
    try:
        wired().journal.note(person.organisation, Deed(person.person, act, kind, subject, detail, caller_address()))
    except Refused as refused:
        return render_problem(refused.fault)
    return answer


def _act_of(rule: str, *, is_named: bool) -> str | None:
    if rule in NOT_NOTED:
        return None
    if rule == JOURNAL:
        return "journal"
    if any(part in rule for part in EXPORTS):
        return "export"
    if rule == TRACE or (request.args.get("q") and not is_named):
        return "search"
    if not is_named:
        return None
    return "download" if any(part in rule for part in FILES) else "read"


def _kind_of(rule: str) -> str:
    """Return the noun before the first parameter of an address, or its last."""
    return rule.split("/<")[0].rpartition("/")[2][:40]
