"""Sheets of labels for chosen machines and parts."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template, request, send_file

from pages.language import choose_language
from printing.label_sheets import LABEL_PAPERS
from schemas.problems import Refused
from server.clock import unix_now
from server.desk.record_view import RecordView, entry_of
from server.services import catalogue, label_sheets
from server.services.label_sheets import LabelOrder
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("labels", __name__, url_prefix="/desk/labels")


@blueprint.get("/<kind>")
def ask(kind: str) -> Any:
    """Ask for paper and position."""
    who = require_person()
    if not entry_of(kind).labelled:
        raise Refused("not_found", what=kind)
    with reading(wired().engine) as connection:
        rows = catalogue.read_rows(connection, who.organisation, request.args.getlist("id"))
        titles = catalogue.name_referred(connection, who.organisation, [(row.kind, row.body) for row in rows])
    rows = [row for row in rows if row.kind == kind]
    return render_template("desk/labels.html", rows=rows, view=RecordView(kind, titles), papers=LABEL_PAPERS.values())


@blueprint.post("/<kind>")
def print_sheet(kind: str) -> Any:
    """Give the labels as PDF."""
    who, parts = require_person(), wired()
    form = request.form
    order = LabelOrder(
        kind, form.getlist("id"), form.get("paper", ""), _number("start"), _number("copies"), "framed" in form
    )
    made_at = datetime.fromtimestamp(unix_now(), parts.settings.zone)
    pdf = label_sheets.print_sheet(
        parts.engine, parts.key, who.organisation, parts.settings.base_url, order, choose_language(), made_at
    )
    return send_file(io.BytesIO(pdf), mimetype="application/pdf", download_name=f"labels-{order.paper}.pdf")


def _number(name: str) -> int:
    text = request.form.get(name, "1").strip()
    if not text.isdecimal() or len(text) > 6:
        raise Refused("value_invalid", field=name, detail="1, 2, 3 ...")
    return int(text)
