"""The form of a record of master data, made of its declaration: to create one, to edit one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from pages.language import choose_language, gettext
from schemas.problems import Refused
from server.desk.record_view import RecordForm, RecordView, entry_of, list_families, read_sent, tell_faults
from server.desk.visit import REFUSAL_HEADER, finish
from server.domain.forms import describe, flatten
from server.services import catalogue, catalogue_edit, checklists
from server.services.catalogue_edit import ChangedMeanwhile
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("record_form", __name__, url_prefix="/desk/catalogue")


@blueprint.get("/<kind>/new")
def begin(kind: str) -> Any:
    """Ask for a record; fields that the address names are filled in."""
    who = require_person()
    _expect_writer(kind, who.roles, is_new=True)
    given = {name: value for name, value in request.args.items() if value}
    with reading(wired().engine) as connection:
        titles = {row.id: row.title for row in catalogue.read_rows(connection, who.organisation, list(given.values()))}
        families = list_families(connection, who.organisation)
    typed = flatten(describe(kind), {}) | given
    return _show(kind, RecordForm(RecordView(kind, titles), list(describe(kind)), typed, families=families))


@blueprint.post("/<kind>/new")
def create(kind: str) -> Any:
    """Create a record."""
    who, parts = require_person(), wired()
    _expect_writer(kind, who.roles, is_new=True)
    with reading(parts.engine) as connection:
        sent = read_sent(connection, who.organisation, kind, list_families(connection, who.organisation))
    begun = dict(entry_of(kind).begins_with)
    sent.form.faults = {place: told for place, told in sent.form.faults.items() if place not in begun}
    if sent.act or sent.form.faults:
        return _show(kind, sent.form)
    try:
        record_id = catalogue_edit.create(parts.engine, parts.office, who.organisation, who.person, kind, sent.values)
    except Refused as refusal:
        return _show(kind, sent.form, refusal=refusal)
    to = f"/desk/catalogue/{kind}/new" if request.form.get("_more") else f"/desk/catalogue/{kind}/{record_id}"
    return finish(to, gettext("Created."))


@blueprint.get("/<kind>/<uuid:record_id>/edit")
def open_form(kind: str, record_id: Any) -> Any:
    """Ask for other values of a record."""
    who = require_person()
    _expect_writer(kind, who.roles)
    with reading(wired().engine) as connection:
        found = catalogue.read_record(connection, who.organisation, kind, str(record_id))
        families = list_families(connection, who.organisation)
    seen = found.row.body
    typed = flatten(describe(kind), seen)
    form = RecordForm(RecordView(kind, found.titles), list(describe(kind)), typed, seen=seen, families=families)
    return _show(kind, form, str(record_id))


@blueprint.post("/<kind>/<uuid:record_id>/edit")
def edit(kind: str, record_id: Any) -> Any:
    """Write the fields that differ from what was seen."""
    who, parts = require_person(), wired()
    _expect_writer(kind, who.roles)
    with reading(parts.engine) as connection:
        sent = read_sent(connection, who.organisation, kind, list_families(connection, who.organisation))
    form = sent.form
    form.faults = {place: told for place, told in form.faults.items() if not _is_kept(form, place)}
    if sent.act or form.faults:
        return _show(kind, form, str(record_id))
    theirs = set(request.form.getlist("_theirs"))
    values = {name: value for name, value in sent.values.items() if name not in theirs}
    args = (parts.engine, parts.office, who.organisation, who.person, kind, str(record_id))
    try:
        answer = catalogue_edit.edit(*args, values, form.seen)
    except ChangedMeanwhile as changed:
        form.seen = changed.standing
        return _show(kind, form, str(record_id), refusal=changed, meanwhile=changed.fields)
    except Refused as refusal:
        return _show(kind, form, str(record_id), refusal=refusal)
    told = gettext("Saved.") if answer else gettext("Nothing was changed.")
    return finish(f"/desk/catalogue/{kind}/{record_id}", told)


def _is_kept(form: RecordForm, place: str) -> bool:
    return any(asked.name == place.split(".")[0] and form.is_shown_only(asked) for asked in form.inputs)


def _expect_writer(kind: str, roles: frozenset[str], is_new: bool = False) -> None:
    if entry_of(kind).stood_in_for_by and is_new:
        raise Refused("not_found", what=f"{kind}/new")
    if kind == checklists.KIND:
        raise Refused("version_published")
    catalogue_edit.expect_writer(kind, roles)


def _show(kind: str, form: RecordForm, record_id: str = "", refusal: Refused | None = None, meanwhile: Any = ()) -> Any:
    sentence = ""
    if isinstance(refusal, ChangedMeanwhile):
        labels = "、".join(form.view.label_of(moved.field) for moved in refusal.fields)
        sentence = tell_faults(kind, {"": type(refusal.fault)("changed_meanwhile", {"fields": labels})})[""]
    elif refusal is not None:
        sentence = catalogue.tell_fault(kind, refusal.fault, choose_language())
    page = render_template(
        "desk/record_form.html", form=form, view=form.view, record_id=record_id, sentence=sentence,
        code=refusal.code if refusal else "", meanwhile=meanwhile,
    )  # fmt: skip
    status = refusal.fault.problem.status if refusal else 422 if form.faults else 200
    code = refusal.code if refusal else "value_invalid" if form.faults else ""
    return page, status, {REFUSAL_HEADER: code} if code else {}
