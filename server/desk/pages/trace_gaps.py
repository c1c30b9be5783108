"""What is missing of the evidence: counted by customer, engineer or month, listed, and given to take away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from pages.language import choose_language, gettext
from schemas.problems import Refused
from server.desk.trace_view import choose_name, say_name, spell_at
from server.services import gaps, spreadsheets
from server.store import records
from server.store.database import reading
from server.store.gap_rows import NARROWED_BY
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("trace_gaps", __name__, url_prefix="/desk/trace/gaps")

FORMS: Final = ("csv", "xlsx")


@blueprint.get("")
def show_gaps() -> Any:
    """Show how much is missing, by whom or when, and the list of one kind."""
    who = require_person()
    by, gap, narrowed = request.args.get("by") or "customer", request.args.get("gap", ""), _narrowed()
    found = gaps.report(wired().engine, who.organisation, by, gap, narrowed, request.args.get("after"))
    with reading(wired().engine) as connection:
        ids = [value for name, value in narrowed.items() if name != "month"]
        names = {key: body for key, (_, body) in records.bodies_of(connection, who.organisation, ids).items()}
    return render_template(
        "desk/trace_gaps.html",
        report=found,
        by=by,
        gap=gap,
        narrowed=narrowed,
        names=names,
        choose=choose_name(),
        kinds=_name_gaps(),
        ways={"customer": gettext("Customer"), "engineer": gettext("Engineer"), "month": gettext("Month")},
    )


@blueprint.get("/export")
def export_gaps() -> Any:
    """Give the list of what is missing to take away."""
    who, form, gap = require_person(), request.args.get("form", "csv"), request.args.get("gap", "")
    if form not in FORMS or gap not in ("", *gaps.GAPS):
        raise Refused("value_invalid", field="form", detail=", ".join(FORMS))
    headers = [
        *(gettext("Gap"), gettext("When"), gettext("Part"), gettext("Serial number"), gettext("Lot")),
        *(gettext("Machine"), gettext("Customer"), gettext("Engineer"), gettext("Order"), "id"),
    ]
    with reading(wired().engine) as connection:
        rows = _spell_rows(gaps.list_all(connection, who.organisation, gap, _narrowed()), choose_name())
        if form == "csv":
            data = b"".join(spreadsheets.write_csv(headers, rows))
        else:
            listed = list(_first(rows, spreadsheets.ROWS_MAX + 1))
            if len(listed) > spreadsheets.ROWS_MAX:
                raise Refused("table_too_large", limit=f"{spreadsheets.ROWS_MAX} (CSV: more)")
            data = spreadsheets.write_xlsx(gettext("What is missing"), headers, listed)
    answer = Response(data, mimetype=spreadsheets.TYPES[form].split(";")[0])
    answer.headers["Content-Disposition"] = f'attachment; filename="gaps.{form}"'
    answer.headers["Content-Language"] = choose_language()
    return answer


def _narrowed() -> dict[str, str]:
    return {name: value for name in NARROWED_BY if (value := request.args.get(name, "").replace("\0", ""))}


def _first(rows: Iterator[list[str]], most: int) -> Iterator[list[str]]:
    for number, row in enumerate(rows):
        if number == most:
            return
        yield row


def _spell_rows(lines: Iterator[gaps.Line], choose: int) -> Iterator[list[str]]:
    names = _name_gaps()
    for line in lines:
        part = line.part
        what = part.get("part_name") or part.get("purpose") or ""
        numbers = (part.get("serial") or "", part.get("batch") or "")
        where = (line.machine.get("serial") or "", say_name(line.customer, choose), say_name(line.engineer, choose))
        yield [
            names[line.gap.gap],
            spell_at(line.gap.at),
            what,
            *numbers,
            *where,
            line.order.get("number") or "",
            line.gap.fact,
        ]


def _name_gaps() -> dict[str, str]:
    return {
        "batch": gettext("No lot"),
        "serial": gettext("No serial number"),
        "certificate": gettext("No certificate for the lot"),
        "supplier": gettext("Supplier unknown"),
        "photo": gettext("No photo"),
        "signature": gettext("Order not signed"),
        "file": gettext("File not arrived"),
    }
