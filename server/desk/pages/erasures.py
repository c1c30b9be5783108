"""Erasing what is known of a person: what would go, the act, and what was erased before."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, render_template, request

from pages.language import gettext
from schemas import KINDS
from schemas.erasure import ASKED_GROUNDS, GROUND_LABELS, GROUNDS
from schemas.problems import Refused
from server.desk.rights import expect_confirmed, needs_proof, take_proof
from server.desk.visit import REFUSAL_HEADER, finish, is_by_script, speech
from server.domain.erasure import Wanted
from server.services import erasing
from server.services.erasing import Means, Preview
from server.services.erasing_files import FoundFile
from server.services.erasing_ledger import FOLDER
from server.store.database import reading
from server.web.auth import require_person
from server.web.notes import notes
from server.web.wiring import wired

blueprint = Blueprint("erasures", __name__, url_prefix="/desk/erasures")

HOME: Final = "/desk/erasures"

_TYPED: Final = {"words": "", "record": "", "photos": "", "grounds": "asked", "reference": ""}


@blueprint.get("")
def list_erasures() -> Any:
    """Show what was erased, and ask whom to erase."""
    return _show(_TYPED)


@blueprint.post("/preview")
def preview() -> Any:
    """Show what would go. The words are in the body: what is asked for here stands in no address and no journal."""
    typed = _read_form()
    return _answer(typed, *_look(typed))


@blueprint.post("")
def erase() -> Any:
    """Erase what was shown."""
    who, parts, typed = require_person(), wired(), _read_form()
    if typed["grounds"] not in ASKED_GROUNDS:
        raise Refused("value_invalid", field="grounds", detail=typed["grounds"][:40])
    try:
        expect_confirmed()
        take_proof()
        reason, seen = (typed["grounds"], typed["reference"][:80]), request.form.get("seen", "")
        means = Means(parts.engine, parts.office, parts.files, parts.settings.data / FOLDER)
        done = erasing.erase(means, who.organisation, who.person, _wanted(typed), *reason, seen)
    except Refused as refused:
        if is_by_script():
            # The script puts the sentence into the form, where all that was typed stays.
            raise
        return _answer(typed, _look(typed)[0], refused)
    said = gettext(
        "Erased: %(n)s values, %(files)s files. Now run gongdan-server sweep.", n=done.openings, files=done.going
    )
    if done.waits_for_files:
        said += " " + gettext("The storage of files is away; their bytes go as soon as it answers.")
    return finish(HOME, said)


def _read_form() -> dict[str, str]:
    return {name: request.form.get(name, "").replace("\0", "").strip() for name in _TYPED}


def _wanted(typed: dict[str, str]) -> Wanted:
    words = tuple(line.strip() for line in typed["words"].splitlines() if line.strip())
    return Wanted(words, (typed["record"],) if typed["record"] else (), bool(typed["photos"]))


def _look(typed: dict[str, str]) -> tuple[Preview | None, Refused | None]:
    """Return what would go, or why nothing can."""
    try:
        return erasing.preview(wired().engine, require_person().organisation, _wanted(typed)), None
    except Refused as refused:
        return None, refused


def _answer(typed: dict[str, str], found: Preview | None, refused: Refused | None) -> Any:
    """Show the form with what was typed, what would go, and why something was refused."""
    if refused is None:
        return _show(typed, found)
    notes().problem = refused.code
    page = _show(typed, found, speech()(refused.fault.sentence("zh"), refused.fault.sentence("en")))
    return page, refused.fault.problem.status, {REFUSAL_HEADER: refused.code}


def _group(files: list[FoundFile]) -> list[dict[str, Any]]:
    """Return files by the record that names them, with a small picture where there is one."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        group = found.setdefault(file.id, {"kind": file.kind, "fields": [], "picture": "", "keeper": "", "others": 0})
        group["fields"].append(file.field)
        group["keeper"] = group["keeper"] or file.keeper
        group["others"] = max(group["others"], file.others)
        if file.is_picture:
            group["picture"] = file.sha256
    return list(found.values())


def _show(typed: dict[str, str], found: Preview | None = None, problem: str = "") -> Any:
    with reading(wired().engine) as connection:
        acts = erasing.list_acts(connection, require_person().organisation)
    grounds = {ground: speech()(*GROUND_LABELS[ground]) for ground in GROUNDS}
    return render_template(
        "desk/erasures.html",
        typed=typed,
        found=found,
        files=_group(found.files) if found else [],
        problem=problem,
        acts=acts,
        grounds=grounds,
        asked_grounds=ASKED_GROUNDS,
        kinds={name: speech()(*kind.schema.label) for name, kind in KINDS.items()},
        fields={
            (name, field): speech()(rule.label_zh, rule.label_en)
            for name, kind in KINDS.items()
            for field, rule in kind.rules.items()
        },
        needs_proof=needs_proof(),
    )
