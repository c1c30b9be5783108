"""What the pages of the audit desk share: for which day is asked, where a hit leads, what kinds are called."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, Final
from urllib.parse import urlencode

from flask import request
from jinja2 import Undefined
from sqlalchemy import Connection

from pages.language import choose_language, gettext
from schemas.shown_text import show_text
from server.domain.life import Step
from server.services import audit
from server.services.audit import Asked
from server.services.audit_search import Hit
from server.web.access import PAGE_EXPORTERS, PAGE_STOCK
from server.web.auth import find_person
from server.web.wiring import wired

_BY_RECORD: Final = {"machine": "/desk/trace/machine/", "part": "/desk/trace/part/", "order": "/desk/orders/",
                     "customer": "/desk/trace/customer/", "supplier": "/desk/trace/supplier/"}  # fmt: skip


def zone() -> tzinfo:
    """Return the zone whose days are meant: the office's."""
    return wired().settings.zone


def choose_name() -> int:
    """Return which of a pair of names is shown: 0 the Chinese one, 1 the English one."""
    return 0 if choose_language() == "zh" else 1


def read_asked(connection: Connection, organisation: str) -> Asked:
    """Return for which day and as known on which this request asks. Raises Refused with `value_invalid`."""
    on, known = (request.args.get(name, "").strip() for name in ("on", "known"))
    return audit.ask(connection, organisation, on, known, zone())


def address_of(hit: Hit) -> str:
    """Return where a hit leads."""
    if hit.kind in _BY_RECORD:
        return _BY_RECORD[hit.kind] + hit.id
    told = {"q": hit.id, "maker" if hit.kind == "serial" else "lot": hit.apart_by}
    return f"/desk/trace/{hit.kind}?{urlencode({name: value for name, value in told.items() if value})}"


def name_hit_kind(kind: str) -> str:
    """Return what a kind of hit is called."""
    return {
        "serial": gettext("Serial number"),
        "batch": gettext("Lot"),
        "machine": gettext("Machine"),
        "part": gettext("Part"),
        "order": gettext("Order"),
        "customer": gettext("Customer"),
        "supplier": gettext("Supplier"),
    }[kind]


def name_place_kind(kind: str) -> str:
    """Return what a kind of place is called."""
    return {
        "supplier": gettext("Supplier"),
        "centre": gettext("Shelf"),
        "van": gettext("Van"),
        "machine": gettext("Machine"),
        "customer": gettext("Left with the customer"),
        "returned": gettext("Returned"),
        "scrapped": gettext("Scrapped"),
        "difference": gettext("Count difference"),
    }.get(kind, kind)


def name_act(step: Step) -> str:
    """Return what happened at a step."""
    if step.act == "fitted":
        return gettext("Put into a machine")
    if step.act == "removed":
        return gettext("Taken out of a machine")
    ends = (step.source.kind if step.source else "", step.target.kind if step.target else "")
    if ends[0] == "returned" and step.lot.get("condition") == "refurbished":
        return gettext("Refurbished, back on a shelf")
    if ends[0] == "supplier":
        return gettext("Received from the supplier")
    if ends[1] == "van":
        return gettext("Loaded on a van")
    if ends == ("van", "machine"):
        return gettext("Drawn from the van")
    if ends[1] == "centre":
        return gettext("Put on a shelf")
    if "difference" in ends:
        return gettext("Found different in a count")
    return name_place_kind(ends[1])


def say_name(body: Mapping[str, Any] | Undefined | None, choose: int) -> str:
    """Return what a record is called in the reader's language, a dash where nothing is known."""
    if not body:
        return "—"
    name = body.get("name") or body.get("serial") or body.get("number") or ""
    return show_text(str((body.get("name_en") if choose else None) or name or "—"))


def fit(text: str, halves: int) -> str:
    """Return a text cut to so many half widths, as a Latin letter takes; a Chinese character takes two."""
    kept, room = "", halves
    for character in show_text(text):
        room -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if room < 0:
            return f"{kept}…"
        kept += character
    return kept


def spell_at(instant: str | Undefined | None) -> str:
    """Return a moment with its whole date in the office's zone, to the minute."""
    return f"{datetime.fromisoformat(instant).astimezone(zone()):%Y-%m-%d %H:%M}" if instant else "—"


def spell_day(instant: str | Undefined | None) -> str:
    """Return the day of a moment in the office's zone."""
    return f"{datetime.fromisoformat(instant).astimezone(zone()):%Y-%m-%d}" if instant else ""


def spell_query(told: Mapping[str, Any]) -> str:
    """Return a query of what has a value."""
    return urlencode({name: value for name, value in told.items() if value not in ("", None)})


def may_export() -> bool:
    """Tell whether whoever is asking may take answers away."""
    who = find_person()
    return who is not None and bool(who.roles & PAGE_EXPORTERS.roles)


def may_recall() -> bool:
    """Tell whether whoever is asking may open a recall."""
    who = find_person()
    return who is not None and bool(who.roles & PAGE_STOCK.roles)


FILTERS: Final = {
    "place_kind": name_place_kind,
    "act_name": name_act,
    "named": say_name,
    "fitted": fit,
    "at": spell_at,
    "day": spell_day,
    "query_of": spell_query,
}
