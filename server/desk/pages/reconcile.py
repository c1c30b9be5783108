"""The reconciliation inbox: disagreements of office and field, exceptions, and what was decided of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, render_template, request

from pages.language import gettext, ngettext
from schemas.inquiry import ANSWER_LABELS
from schemas.problems import Refused
from schemas.review import REMEDY_LABELS
from server.clock import unix_now, utc_now
from server.desk.reconcile_evidence import read_evidence
from server.desk.reconcile_view import (
    call,
    cells_of,
    describe_input,
    list_engineers,
    mark_of,
    name_field,
    name_kind,
    read_moment,
    read_typed,
    spell_detail,
    spell_value,
)
from server.desk.stock_view import read_names
from server.desk.visit import finish, is_local, speech
from server.domain.disagreement import WHY_LABELS
from server.domain.remedies import BY_CAUSE
from server.domain.same_serial import CAUSE_LABELS, SIGNS, Sign
from server.services import decisions, inbox, inquiries
from server.services.decisions import Desk
from server.services.inbox import PAGE_REVIEWS, Inbox
from server.services.remedies import apply_remedy, move_left_orders
from server.services.reviews import CHOICE_LABELS, CHOICES, Choice
from server.store import records
from server.store.database import reading, writing
from server.store.inbox import Choice as Which
from server.store.inbox import forget_looker, note_looker
from server.web.auth import require_person
from server.web.wiring import wired

HERE: Final = "/desk/reconcile"
SHOWS: Final = ("open", "later", "settled")
KINDS_SHOWN: Final = ("conflict", "exception")
READERS: Final = frozenset({"dispatcher", "manager", "admin", "auditor"})
"""An auditor looks on."""

WORKDAY_BEGINS_H: Final = 9

SHOWN_SIGNS: Final = ("like_taken", "like_in_stock", "like_known", "batches_differ", "delivered_twice")
"""Signs whose detail says something to a person; of the others it is an id or a moment."""

blueprint = Blueprint("reconcile", __name__, url_prefix=HERE)


@blueprint.get("")
def show() -> str:
    """Show what waits, what is put off, or what was decided."""
    return render_template("desk/reconcile.html", **_read_page())


@blueprint.get("/list")
def show_list() -> str:
    """Show the list alone, for a page that is open."""
    return render_template("desk/_reconcile_list.html", **_read_page())


@blueprint.get("/<review_id>/evidence")
def show_evidence(review_id: str) -> str:
    """Show what speaks for and against an exception: its facts, where the part was, photos."""
    who = require_person()
    with reading(wired().engine) as connection:
        evidence = read_evidence(connection, who.organisation, review_id)
        places = read_names(connection)
    words = {
        "cause_name": lambda cause: speech()(*CAUSE_LABELS[cause]),
        "sign_words": _spell_sign,
        "settled_by": lambda cause: speech()(*REMEDY_LABELS[BY_CAUSE[cause]]),
    }
    return render_template(
        "desk/_reconcile_evidence.html", evidence=evidence, places=places, call=call, spell_value=spell_value, **words
    )


def _spell_sign(sign: Sign) -> str:
    """Return what speaks for a cause, with the number it is about where it is about one."""
    said = speech()(*SIGNS[sign.code][2:])
    return f"{said} ({sign.detail})" if sign.code in SHOWN_SIGNS and sign.detail else said


@blueprint.post("/<review_id>/decision")
def settle(review_id: str) -> Response:
    """Settle a conflict by what the page showed."""
    form, desk = request.form, _desk()
    choice = form.get("choice", "")
    if choice not in CHOICES:
        raise Refused("field_missing", field=gettext("Result"))
    value = _read_other(desk, review_id) if choice == "other" else None
    decisions.decide(desk, review_id, cast(Choice, choice), value, form.get("note", ""), form.get("seen", ""))
    told = gettext("Settled: %(choice)s.", choice=speech()(*CHOICE_LABELS[choice]))
    return finish(_back(), told, f"{HERE}/{review_id}/undo")


@blueprint.post("/safe")
def accept_safe() -> Response:
    """Settle all safe ones that the page showed."""
    shown = dict(pair.split(":", 1) for pair in request.form.getlist("shown") if ":" in pair)
    batch = decisions.accept_safe(_desk(), dict(list(shown.items())[:PAGE_REVIEWS]))
    told = ngettext("%(num)s safe one is settled.", "%(num)s safe ones are settled.", len(batch.done))
    if batch.refused:
        told += " " + ngettext("%(num)s has moved on and waits.", "%(num)s have moved on and wait.", len(batch.refused))
    return finish(_back(), told)


@blueprint.post("/<review_id>/undo")
def undo(review_id: str) -> Response:
    """Take a decision back."""
    decisions.undo(_desk(), review_id)
    return finish(_back(), gettext("The decision is undone; it waits again."))


@blueprint.post("/<review_id>/later")
def postpone(review_id: str) -> Response:
    """Put it off until a time, or until somebody's device has synced; or take it up again."""
    form = request.form
    until, person = form.get("until", ""), None
    if until.startswith("sync:"):
        person, until = until.removeprefix("sync:"), ""
    instant = _read_until(until, form.get("at", "")) if until else None
    decisions.postpone(_desk(), review_id, instant, person, form.get("why", ""))
    return finish(_back(), gettext("Put off.") if instant or person else gettext("It waits again."))


@blueprint.post("/<review_id>/question")
def ask(review_id: str) -> Response:
    """Ask an engineer; the question goes out with his device's next sync."""
    inquiries.ask(_desk(), review_id, request.form.get("person", ""), request.form.get("question", ""))
    return finish(_back(), gettext("Asked. The question reaches the device at its next sync."))


@blueprint.post("/<review_id>/remedy")
def remedy(review_id: str) -> Response:
    """Do something about an exception."""
    form = request.form
    counted = form.get("counted", "").strip()
    given = {"counted": int(counted) if counted.isascii() and counted.isdigit() else None, "keep": form.get("keep")}
    chosen = form.get("remedy", "")
    if chosen not in REMEDY_LABELS:
        raise Refused("field_missing", field=gettext("What is to be done"))
    apply_remedy(_desk(), review_id, chosen, form.get("note", ""), given)
    told = gettext("Settled: %(choice)s.", choice=speech()(*REMEDY_LABELS[chosen]))
    if chosen == "merge_machines" and (left := move_left_orders(_desk(), review_id)):
        told += " " + ngettext(
            "%(num)s more order went over in further change-sets; undoing leaves it there.",
            "%(num)s more orders went over in further change-sets; undoing leaves them there.",
            left,
        )
    return finish(_back(), told, f"{HERE}/{review_id}/undo" if chosen != "renew_signature" else None)


@blueprint.post("/looking")
def look() -> Response:
    """Note which case somebody looks at, none when he leaves; tell who else looks at which."""
    who, parts = require_person(), wired()
    case = request.form.get("case", "")
    with writing(parts.engine) as connection:
        if len(case) == 36:
            note_looker(connection, who.organisation, who.person, case, utc_now())
        else:
            forget_looker(connection, who.organisation, who.person)
    with reading(parts.engine) as connection:
        found = inbox.list_lookers(connection, who.organisation, who.person)
        people = {person for looking in found.values() for person in looking}
        names = {key: call(body) for key, (_, body) in records.bodies_of(connection, who.organisation, people).items()}
    told = {case: tell_lookers([names.get(person, "?") for person in looking]) for case, looking in found.items()}
    return jsonify({case: words for case, words in told.items() if words})


def tell_lookers(names: list[str]) -> str:
    """Return who looks at a case, empty when nobody else does."""
    return gettext("%(names)s is looking at this", names="、".join(names)) if names else ""


def _read_page() -> dict[str, Any]:
    who, args = require_person(), request.args
    show = args.get("show") if args.get("show") in SHOWS else "open"
    kind = args.get("kind") if args.get("kind") in KINDS_SHOWN else None
    which = Which(kind, args.get("case") or None, show == "later")
    number = args.get("page", "1")
    first = (int(number) - 1) * PAGE_REVIEWS if number.isascii() and number.isdigit() and 0 < len(number) < 7 else 0
    with reading(wired().engine) as connection:
        if show == "settled":
            found = inbox.read_decided(connection, who.organisation, which, who.person, PAGE_REVIEWS)
        else:
            found = inbox.read_inbox(connection, who.organisation, which, who.person, max(first, 0))
    return {**_words(found), "inbox": found, "show": show, "kind": kind, "case_id": which.case, "back": _here()}


def _words(found: Inbox) -> dict[str, Any]:
    """Return what the templates say things with."""
    return {
        "page_size": PAGE_REVIEWS,
        "page_address": lambda page: f"{HERE}?{urlencode({**request.args, 'page': page})}",
        "may_decide": bool(require_person().roles & {"dispatcher", "manager", "admin"}),
        "cells_of": cells_of,
        "name_field": name_field,
        "name_kind": name_kind,
        "named": lambda record_id: call(found.names.get(record_id or "")),
        "spell": lambda kind, field, value: spell_value(kind, field, value, found.names),
        "detail": lambda entry: spell_detail(entry.body.get("detail"), found.names),
        "describe_input": describe_input,
        "engineers": lambda entry, case: list_engineers(entry, case, found),
        "mark_of": mark_of,
        "tell_lookers": lambda people: tell_lookers([call(found.names.get(who)) for who in people]),
        "why": lambda safe: speech()(*WHY_LABELS[safe.why]),
        "side": lambda choice: speech()(*CHOICE_LABELS[choice]),
        "answer": lambda says: speech()(*ANSWER_LABELS[says]),
        "remedy_name": lambda chosen: speech()(*REMEDY_LABELS[chosen]),
    }


def _read_other(desk: Desk, review_id: str) -> Any:
    with reading(wired().engine) as connection:
        found = records.body_of(connection, desk.organisation, review_id)
    if found is None or found[0] != "conflict":
        raise Refused("not_found", what=review_id)
    return read_typed(found[1]["subject_kind"], found[1]["field"], request.form.get("value", ""))


def _read_until(until: str, at: str) -> str:
    """Return the instant that something is put off until. Raises Refused with `value_invalid`."""
    now = datetime.fromtimestamp(unix_now(), wired().settings.zone)
    if until == "at":
        return read_moment("later_until", at)
    times = {
        "hour": now + timedelta(hours=1),
        "tomorrow": (now + timedelta(days=1)).replace(hour=WORKDAY_BEGINS_H, minute=0, second=0),
    }
    if until not in times:
        raise Refused("field_missing", field="later_until")
    return read_moment("later_until", times[until].isoformat())


def _desk() -> Desk:
    who = require_person()
    return Desk(wired().office, who.organisation, who.person)


def _here() -> str:
    return request.full_path.rstrip("?").replace("/list", "", 1)


def _back() -> str:
    back = request.form.get("back", "")
    return back if is_local(back) else HERE
