"""Master data: all its kinds, and the list of one, searched and narrowed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request

from pages.language import choose_language
from server.desk.record_view import RecordView, entry_of, label_kind
from server.desk.visit import speech
from server.domain.catalogue import ENTRIES, GROUPS, may_write
from server.services import catalogue, exporting, spreadsheets
from server.store.catalogue import count_kind
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("catalogue", __name__, url_prefix="/desk/catalogue")

ASKED_OF_LISTS = frozenset({"q", "after", "form", "empty"})


@blueprint.get("")
def show_kinds() -> Any:
    """Show what master data there is."""
    who = require_person()
    with reading(wired().engine) as connection:
        counts = {kind: count_kind(connection, who.organisation, kind) for kind in ENTRIES}
    groups = [
        (
            speech()(*labels),
            [
                (kind, label_kind(kind), counts[kind])
                for kind, entry in ENTRIES.items()
                if entry.group == group and (counts[kind] or not entry.stood_in_for_by)
            ],
        )
        for group, labels in GROUPS.items()
    ]
    return render_template("desk/catalogue.html", groups=groups, view=None)


@blueprint.get("/<kind>")
def list_kind(kind: str) -> Any:
    """Show a page of the records of a kind."""
    who, entry = require_person(), entry_of(kind)
    query, facets = request.args.get("q", ""), _facets(kind)
    with reading(wired().engine) as connection:
        page = catalogue.list_records(
            connection, who.organisation, kind, query, facets, request.args.get("after") or None
        )
        named = {row.id: row.title for row in catalogue.read_rows(connection, who.organisation, list(facets.values()))}
    return render_template(
        "desk/catalogue.html",
        view=RecordView(kind, page.titles),
        entry=entry,
        page=page,
        query=query,
        facets=facets,
        named=named,
        may_write=may_write(kind, who.roles),
    )


@blueprint.get("/<kind>/suggest")
def suggest(kind: str) -> Any:
    """Return the records that a few typed letters may mean, for a field that names one."""
    who = require_person()
    entry_of(kind)
    with reading(wired().engine) as connection:
        rows = catalogue.suggest(connection, who.organisation, kind, request.args.get("q", ""))
        titles = catalogue.name_referred(connection, who.organisation, [(row.kind, row.body) for row in rows])
    return render_template("desk/_catalogue.html", rows=rows, view=RecordView(kind, titles))


@blueprint.get("/<kind>/export")
def export(kind: str) -> Any:
    """Give the records of a kind as a spreadsheet."""
    who = require_person()
    form = request.args.get("form", "xlsx")
    asked = (kind, form, choose_language(), request.args.get("q", ""), _facets(kind), "empty" in request.args)
    data = exporting.export(wired().engine, who.organisation, *asked)
    answer = Response(data, mimetype=spreadsheets.TYPES[form].split(";")[0])
    answer.headers["Content-Disposition"] = f'attachment; filename="{kind}.{form}"'
    return answer


def _facets(kind: str) -> dict[str, str]:
    entry_of(kind)
    return {name: value for name, value in request.args.items() if name not in ASKED_OF_LISTS and value}
