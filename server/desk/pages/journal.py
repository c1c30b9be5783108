"""The journal: who looked at what, signed in, or changed who may do what. Looking at it is noted as well."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, render_template, request
from sqlalchemy import Connection

import schemas
from pages.language import gettext
from schemas.base import UUID_PATTERN
from schemas.journal import ACTS, KINDS
from schemas.problems import Refused
from server.desk.visit import speech
from server.domain.access_rules import METHOD_LABELS
from server.domain.catalogue import title_of
from server.services import orders_read
from server.services.journal import ENTRIES_MAX, search_journal
from server.store import records
from server.store.database import reading
from server.store.journal import Search
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("journal", __name__, url_prefix="/desk/journal")

_ID: Final = re.compile(UUID_PATTERN).match


@blueprint.get("")
def show_journal() -> Any:
    """Search the journal by person, record, act and day."""
    who, parts = require_person(), wired()
    asked = {name: request.args.get(name, "").strip() for name in ("person", "subject", "act", "since", "before")}
    since_ms = _read_day(asked["since"])
    # What this process has noted and not written is part of what is asked for.
    parts.journal.write()
    with reading(parts.engine) as connection:
        subject = _find_subject(connection, who.organisation, asked["subject"])
        search = Search(asked["person"], subject, asked["act"], before=asked["before"])
        entries = search_journal(connection, who.organisation, search, since_ms)
        wanted = {name for entry in entries for name in (entry.person, entry.subject) if _ID(name)}
        bodies = records.bodies_of(connection, who.organisation, wanted)
        people = sorted(
            (str(body["name"]), person)
            for person, body in records.bodies_of_kind(connection, who.organisation, "person")
        )
    names = {record: speech().value("", title_of(*found)) for record, found in bodies.items()}
    acts = {act: speech()(*words) for act, words in ACTS.items()}
    after = entries[-1].id if len(entries) == ENTRIES_MAX else None
    more = {**asked, "before": after} if after else None
    return render_template(
        "desk/journal.html",
        entries=entries,
        names=names,
        acts=acts,
        methods={method: speech()(*words) for method, words in METHOD_LABELS.items()},
        kinds=_name_kinds(),
        asked=asked,
        people=people,
        more=more,
        is_id=_ID,
        days=parts.settings.journal_days,
    )


def _find_subject(connection: Connection, organisation: str, called: str) -> str:
    """Return the id of the order of a number; anything else is taken as it is."""
    if not called or _ID(called):
        return called
    try:
        return orders_read.find_order(connection, organisation, called)[0]
    except Refused:
        return called


def _name_kinds() -> dict[str, str]:
    """Return what people call what was looked at: kinds of records, and what addresses call them."""
    labels = {name: kind.schema.label for name, kind in schemas.KINDS.items()}
    return {kind: speech()(*words) for kind, words in {**labels, **KINDS}.items()}


def _read_day(day: str) -> int:
    """Return the beginning of a day in the office's zone, in milliseconds since 1970; 0 for none."""
    if not day:
        return 0
    try:
        at = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=wired().settings.zone)
    except ValueError:
        raise Refused("value_invalid", field=gettext("Since"), detail="YYYY-MM-DD") from None
    return max(0, round(at.timestamp() * 1000))
