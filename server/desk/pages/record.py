"""One record of master data: what it says, what refers to it, what was done to it by whom."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from pages.language import gettext
from server.desk.record_view import RecordView, entry_of, label_kind
from server.desk.visit import finish
from server.domain.catalogue import may_write
from server.services import catalogue, catalogue_edit, checklists
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("record", __name__, url_prefix="/desk/catalogue")


@blueprint.get("/<kind>/<uuid:record_id>")
def show(kind: str, record_id: Any) -> Any:
    """Show a record."""
    who, entry = require_person(), entry_of(kind)
    with reading(wired().engine) as connection:
        found = catalogue.read_record(connection, who.organisation, kind, str(record_id))
        history = catalogue.read_history(connection, who.organisation, str(record_id))
        is_list = kind == checklists.KIND
        versions = checklists.list_versions(connection, who.organisation, found.row.body) if is_list else []
    titles = dict(found.titles)
    for step in history:
        titles |= step.titles
    near = [(group, RecordView(group.kind, found.titles), label_kind(group.kind)) for group in found.referring]
    return render_template(
        "desk/record.html",
        view=RecordView(kind, titles),
        entry=entry,
        row=found.row,
        near=near,
        history=history,
        versions=versions,
        may_write=may_write(kind, who.roles),
    )


@blueprint.post("/<kind>/<uuid:record_id>/withdraw")
def withdraw(kind: str, record_id: Any) -> Any:
    """Take a record out of use."""
    who, parts = require_person(), wired()
    entry_of(kind)
    catalogue_edit.expect_writer(kind, who.roles)
    catalogue_edit.withdraw(parts.engine, parts.office, who.organisation, who.person, kind, str(record_id))
    return finish(f"/desk/catalogue/{kind}", gettext("Withdrawn."))


@blueprint.post("/checklist/<uuid:record_id>/retire")
def retire(record_id: Any) -> Any:
    """Let new orders take a checklist no more, or again."""
    who, parts = require_person(), wired()
    catalogue_edit.expect_writer(checklists.KIND, who.roles)
    standing = catalogue_edit.read_seen(parts.engine, who.organisation, checklists.KIND, str(record_id))
    is_retired = not standing.get("retired")
    checklists.retire(parts.engine, parts.office, who.organisation, who.person, str(record_id), is_retired)
    told = gettext("New orders take it no more.") if is_retired else gettext("New orders take it again.")
    return finish(f"/desk/catalogue/checklist/{record_id}", told)
