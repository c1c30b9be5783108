"""Spreadsheets that are handed in: looked at with all their faults, then written as far as one page's patience."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from pages.language import gettext
from schemas.problems import Refused
from server.desk.record_view import RecordView, entry_of, tell_faults
from server.desk.visit import finish
from server.services import catalogue_edit, importing
from server.services.import_plan import ACTIONS
from server.services.naming import name_targets
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("imports", __name__, url_prefix="/desk/imports")

ROWS_SHOWN = 200
"""Of one sort: who has more faults mends these first."""


@blueprint.get("/<kind>")
def ask(kind: str) -> Any:
    """Ask for a spreadsheet, and show those of the last weeks."""
    who = require_person()
    _expect_writer(kind, who.roles)
    with reading(wired().engine) as connection:
        handed = importing.list_imports(connection, who.organisation, kind)
    return render_template("desk/imports.html", view=RecordView(kind), handed=handed, found=None)


@blueprint.post("/<kind>")
def hand_in(kind: str) -> Any:
    """Take a spreadsheet and show what it would do."""
    who = require_person()
    _expect_writer(kind, who.roles)
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Refused("field_missing", field=gettext("file"))
    import_id = importing.hand_in(wired().engine, who.organisation, who.person, kind, file.filename, file.stream.read())
    return finish(f"/desk/imports/{kind}/{import_id}")


@blueprint.get("/<kind>/<uuid:import_id>")
def look(kind: str, import_id: Any) -> Any:
    """Show what a spreadsheet would do, row by row."""
    who = require_person()
    _expect_writer(kind, who.roles)
    found = importing.preview(wired().engine, who.organisation, str(import_id))
    chosen = request.args.get("show") or next((action for action in ACTIONS if found.counts[action]), "same")
    rows = [row for row in found.rows if row.action == chosen]
    with reading(wired().engine) as connection:
        moved = [dict(side) for row in rows[:ROWS_SHOWN] for side in _sides(row.moves)]
        titles = name_targets(connection, who.organisation, kind, moved)
    view = RecordView(kind, titles)
    told = [(row, tell_faults(kind, row.faults)) for row in rows[:ROWS_SHOWN]]
    headers = [
        (found.headers[number], tell_faults(kind, {"": fault})[""]) for number, fault in found.header_faults.items()
    ]
    return render_template(
        "desk/imports.html", view=view, found=found, chosen=chosen, told=told, headers=headers, actions=ACTIONS,
        left_out=max(0, len(rows) - ROWS_SHOWN), names=_names(),
    )  # fmt: skip


@blueprint.post("/<kind>/<uuid:import_id>/begin")
def begin(kind: str, import_id: Any) -> Any:
    """Let a spreadsheet be written."""
    who = require_person()
    _expect_writer(kind, who.roles)
    importing.begin(wired().engine, who.organisation, str(import_id))
    return finish(f"/desk/imports/{kind}/{import_id}")


@blueprint.post("/<kind>/<uuid:import_id>/go-on")
def go_on(kind: str, import_id: Any) -> Any:
    """Write the next rows of a spreadsheet and tell how far it has come; the page asks again until it is done."""
    who, parts = require_person(), wired()
    _expect_writer(kind, who.roles)
    handed = importing.go_on(parts.engine, parts.office, who.organisation, who.person, str(import_id))
    if handed.state == "done":
        return finish(f"/desk/catalogue/{kind}", gettext("%(rows)s rows are imported.", rows=handed.rows))
    return render_template("desk/_imports.html", handed=handed)


@blueprint.post("/<kind>/<uuid:import_id>/again")
def look_again(kind: str, import_id: Any) -> Any:
    """Look at the records as they stand by now."""
    who = require_person()
    _expect_writer(kind, who.roles)
    importing.look_again(wired().engine, who.organisation, str(import_id))
    return finish(f"/desk/imports/{kind}/{import_id}")


@blueprint.post("/<kind>/<uuid:import_id>/forget")
def forget(kind: str, import_id: Any) -> Any:
    """Forget a spreadsheet."""
    who = require_person()
    _expect_writer(kind, who.roles)
    importing.forget(wired().engine, who.organisation, str(import_id))
    return finish(f"/desk/imports/{kind}", gettext("Forgotten. What was written stays."))


def _names() -> dict[str, str]:
    return {
        "fault": gettext("With faults"),
        "create": gettext("Created"),
        "change": gettext("Changed"),
        "same": gettext("As they are"),
    }


def _sides(moves: list[tuple[str, Any, Any]]) -> list[list[tuple[str, Any]]]:
    return [[(name, before) for name, before, _ in moves], [(name, after) for name, _, after in moves]]


def _expect_writer(kind: str, roles: frozenset[str]) -> None:
    if not entry_of(kind).is_imported:
        raise Refused("not_found", what=kind)
    catalogue_edit.expect_writer(kind, roles)
