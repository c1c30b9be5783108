"""Building a checklist: a draft with items in their order, seen as the engineer will see it, then published."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from pages.language import gettext
from schemas.order import SERVICES
from schemas.problems import Refused
from server.desk.record_view import RecordForm, RecordView, read_sent, tell_faults
from server.desk.visit import REFUSAL_HEADER, finish
from server.domain.forms import describe, flatten
from server.services import catalogue_edit, checklists
from server.services.checklists import KIND, Unpublishable
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("checklists", __name__, url_prefix="/desk/checklists")


@blueprint.get("")
def list_drafts() -> Any:
    """Show the drafts."""
    who = require_person()
    catalogue_edit.expect_writer(KIND, who.roles)
    with reading(wired().engine) as connection:
        drafts = checklists.list_drafts(connection, who.organisation)
    return render_template("desk/checklists.html", drafts=drafts, form=None, view=RecordView(KIND))


@blueprint.post("")
def begin() -> Any:
    """Begin a draft, of the next version where one is named."""
    who = require_person()
    catalogue_edit.expect_writer(KIND, who.roles)
    origin = request.form.get("origin") or None
    draft_id = checklists.begin_draft(wired().engine, who.organisation, who.person, origin)
    return finish(f"/desk/checklists/{draft_id}")


@blueprint.get("/<uuid:draft_id>")
def open_draft(draft_id: Any) -> Any:
    """Show a draft."""
    who = require_person()
    catalogue_edit.expect_writer(KIND, who.roles)
    with reading(wired().engine) as connection:
        draft = checklists.read_draft(connection, who.organisation, str(draft_id))
    form = RecordForm(RecordView(KIND), list(describe(KIND)), flatten(describe(KIND), draft.body))
    return _show(str(draft_id), form, draft.body, draft.revision)


@blueprint.post("/<uuid:draft_id>")
def save(draft_id: Any) -> Any:
    """Keep a draft, after an act on its items, before it is published, or just so."""
    who, parts = require_person(), wired()
    catalogue_edit.expect_writer(KIND, who.roles)
    with reading(parts.engine) as connection:
        draft = checklists.read_draft(connection, who.organisation, str(draft_id))
        sent = read_sent(connection, who.organisation, KIND, [])
    body = {"version": draft.body.get("version", 1), **{n: v for n, v in sent.values.items() if v is not None}}
    revision = _revision()
    sent.form.faults = {}
    if not sent.act:
        # Items are numbered anew: what is wrong with one is told by its place among them.
        sent.form.typed = flatten(describe(KIND), body)
    try:
        revision = checklists.save_draft(parts.engine, who.organisation, who.person, str(draft_id), body, revision)
        if request.form.get("_publish"):
            args = (parts.engine, parts.office, who.organisation, who.person, str(draft_id), revision)
            record_id = checklists.publish(*args)
            return finish(f"/desk/catalogue/checklist/{record_id}", gettext("Published."))
    except Unpublishable as refusal:
        sent.form.faults = tell_faults(KIND, refusal.faults)
        return _show(str(draft_id), sent.form, body, revision, refusal)
    except Refused as refusal:
        return _show(str(draft_id), sent.form, body, revision, refusal)
    if sent.act:
        return _show(str(draft_id), sent.form, body, revision)
    return finish(f"/desk/checklists/{draft_id}", gettext("Draft saved."))


@blueprint.post("/<uuid:draft_id>/discard")
def discard(draft_id: Any) -> Any:
    """Throw a draft away."""
    who = require_person()
    catalogue_edit.expect_writer(KIND, who.roles)
    checklists.discard(wired().engine, who.organisation, str(draft_id))
    return finish("/desk/catalogue/checklist", gettext("Draft thrown away."))


def _revision() -> int:
    text = request.form.get("_revision", "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _show(draft_id: str, form: RecordForm, body: dict[str, Any], revision: int, refusal: Refused | None = None) -> Any:
    families = checklists.list_families(wired().engine, require_person().organisation)
    inputs = {asked.name: asked for asked in form.inputs}
    sentence = tell_faults(KIND, {"": refusal.fault})[""] if refusal else ""
    if isinstance(refusal, Unpublishable):
        sentence = gettext("%(count)s things are to be mended before this is published.", count=len(refusal.faults))
    page = render_template(
        "desk/checklists.html", form=form, view=form.view, inputs=inputs, body=body, draft_id=draft_id,
        revision=revision, families=families, services=SERVICES, sentence=sentence,
        code=refusal.code if refusal else "",
    )  # fmt: skip
    return page, refusal.fault.problem.status if refusal else 200, {REFUSAL_HEADER: refusal.code} if refusal else {}
