"""Erasing what is known of a person: what would go, the act, and what was erased before."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, render_template, request

from pages.language import gettext
from schemas import KINDS
from schemas.erasure import GROUND_LABELS, GROUNDS
from schemas.problems import Refused
from server.desk.rights import expect_confirmed, needs_proof, take_proof
from server.desk.visit import finish, speech
from server.services import erasing
from server.services.erasing import Preview, Wanted
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("erasures", __name__, url_prefix="/desk/erasures")

HOME: Final = "/desk/erasures"


@blueprint.get("")
def list_erasures() -> Any:
    """Show what was erased, and ask whom to erase."""
    return _show({"words": "", "record": "", "grounds": "asked", "reference": ""})


@blueprint.post("/preview")
def preview() -> Any:
    """Show what would go. The words are in the body: what is asked for here stands in no address and no journal."""
    typed = _read_form()
    try:
        found = erasing.preview(wired().engine, require_person().organisation, _wanted(typed))
    except Refused as refused:
        return _show(typed, problem=speech()(refused.fault.sentence("zh"), refused.fault.sentence("en")))
    return _show(typed, found)


@blueprint.post("")
def erase() -> Any:
    """Erase what was shown."""
    expect_confirmed()
    take_proof()
    who, parts, typed = require_person(), wired(), _read_form()
    if typed["grounds"] not in GROUNDS:
        raise Refused("value_invalid", field="grounds", detail=typed["grounds"][:40])
    reason, seen = (typed["grounds"], typed["reference"][:80]), request.form.get("seen", "")
    done = erasing.erase(parts.engine, parts.office, who.organisation, who.person, _wanted(typed), *reason, seen)
    return finish(HOME, gettext("Erased: %(n)s values. Now run gongdan-server sweep.", n=done.openings))


def _read_form() -> dict[str, str]:
    names = ("words", "record", "grounds", "reference")
    return {name: request.form.get(name, "").replace("\0", "").strip() for name in names}


def _wanted(typed: dict[str, str]) -> Wanted:
    words = tuple(line.strip() for line in typed["words"].splitlines() if line.strip())
    return Wanted(words, (typed["record"],) if typed["record"] else ())


def _show(typed: dict[str, str], found: Preview | None = None, problem: str = "") -> Any:
    with reading(wired().engine) as connection:
        acts = erasing.list_acts(connection, require_person().organisation)
    grounds = {ground: speech()(*GROUND_LABELS[ground]) for ground in GROUNDS}
    return render_template(
        "desk/erasures.html",
        typed=typed,
        found=found,
        problem=problem,
        acts=acts,
        grounds=grounds,
        kinds={name: speech()(*kind.schema.label) for name, kind in KINDS.items()},
        fields={
            (name, field): speech()(rule.label_zh, rule.label_en)
            for name, kind in KINDS.items()
            for field, rule in kind.rules.items()
        },
        needs_proof=needs_proof(),
    )
