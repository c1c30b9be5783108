"""The audit desk: one search, the life of a part as a picture and a table, where a lot went, what a machine held."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request

from pages.language import choose_language
from schemas.problems import Refused
from server.clock import utc_now
from server.desk.trace_view import address_of, choose_name, name_hit_kind, read_asked, zone
from server.services import audit, audit_export
from server.services.audit import Asked
from server.services.audit_export import FORMS, About
from server.services.audit_search import search
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("trace", __name__, url_prefix="/desk/trace")


@blueprint.get("")
def find() -> Any:
    """Show the search; go to the one thing that a text means, or offer the several."""
    who, typed = require_person(), request.args.get("q", "")
    if not typed.strip(" \t\r\n\0\x1d\u3000"):
        return render_template("desk/trace.html", typed="", hits=None)
    with reading(wired().engine) as connection:
        hits = search(connection, who.organisation, typed, int(utc_now()[:4]))
    if len(hits) == 1:
        return redirect(address_of(hits[0]), 303)
    return render_template(
        "desk/trace.html", typed=typed, hits=hits, address=address_of, kind_name=name_hit_kind, choose=choose_name()
    )


@blueprint.get("/serial")
def show_serial() -> Any:
    """Show the life of a part by its serial number."""
    who, number, maker = require_person(), request.args.get("q", ""), request.args.get("maker", "")
    if not number.strip():
        return redirect("/desk/trace", 303)
    with reading(wired().engine) as connection:
        asked = read_asked(connection, who.organisation)
        choose = choose_name()
        try:
            life = audit.view_life(connection, who.organisation, number, maker, asked, zone(), choose)
        except Refused as refused:
            return _show_unknown(refused, asked, {"q": number, "maker": maker})
    return render_template("desk/trace_serial.html", life=life, asked=asked, choose=choose)


@blueprint.get("/batch")
def show_batch() -> Any:
    """Show where a lot went, a page at a time."""
    who, number, lot = require_person(), request.args.get("q", ""), request.args.get("lot", "")
    start = request.args.get("after", 0, type=int)
    with reading(wired().engine) as connection:
        asked = read_asked(connection, who.organisation)
        choose = choose_name()
        try:
            view = audit.view_lot(connection, who.organisation, number, lot, asked, max(0, start), choose)
        except Refused as refused:
            return _show_unknown(refused, asked, {"q": number, "lot": lot})
    return render_template("desk/trace_batch.html", view=view, lot=lot, asked=asked, choose=choose, start=max(0, start))


@blueprint.get("/machine/<uuid:machine>")
def show_machine(machine: Any) -> Any:
    """Show the parts of a machine: all that were ever in it, or those of a day."""
    who = require_person()
    with reading(wired().engine) as connection:
        asked = read_asked(connection, who.organisation)
        choose = choose_name()
        view = audit.view_machine(connection, who.organisation, str(machine), asked, zone(), choose)
    return render_template("desk/trace_machine.html", view=view, asked=asked, choose=choose)


@blueprint.get("/supplier/<uuid:supplier>")
def show_supplier(supplier: Any) -> Any:
    """Show the lots of a supplier."""
    return _show_lots("supplier", str(supplier))


@blueprint.get("/part/<uuid:part>")
def show_part(part: Any) -> Any:
    """Show the lots of a part."""
    return _show_lots("part", str(part))


@blueprint.get("/customer/<uuid:customer>")
def show_customer(customer: Any) -> Any:
    """Show the machines of a customer."""
    who = require_person()
    with reading(wired().engine) as connection:
        body, machines = audit.view_machines_of(connection, who.organisation, str(customer))
    return render_template("desk/trace_customer.html", body=body, machines=machines, choose=choose_name())


@blueprint.get("/serial/export")
def export_serial() -> Any:
    """Give the life of a part to take away."""
    return _export("serial", request.args.get("q", ""), request.args.get("maker", ""))


@blueprint.get("/batch/export")
def export_batch() -> Any:
    """Give where a lot went to take away."""
    return _export("batch", request.args.get("q", ""), request.args.get("lot", ""))


@blueprint.get("/machine/<uuid:machine>/export")
def export_machine(machine: Any) -> Any:
    """Give the parts of a machine to take away."""
    return _export("machine", str(machine), "")


def _export(about: About, number: str, apart_by: str) -> Response:
    who, parts, form = require_person(), wired(), request.args.get("form", "csv")
    if form not in FORMS:
        raise Refused("value_invalid", field="form", detail=", ".join(FORMS))
    with reading(parts.engine) as connection:
        asked = read_asked(connection, who.organisation)
        question = audit_export.Question(about, number, apart_by, asked)
        steps = audit_export.read_steps(connection, who.organisation, question)
        if form == "pdf":
            data = audit_export.write_pack(
                connection, parts.blobs, parts.key, who.organisation, question, steps, zone()
            )
        elif form == "epcis":
            data = audit_export.write_epcis(steps, who.organisation, question, zone())
        else:
            data = audit_export.write_table(steps, form, choose_language(), about, zone())
    answer = Response(data, mimetype=audit_export.TYPES[form])
    ending = "jsonld" if form == "epcis" else form
    answer.headers["Content-Disposition"] = f'attachment; filename="trace-{about}.{ending}"'
    return answer


def _show_unknown(refused: Refused, asked: Asked, told: dict[str, str]) -> str:
    """Say that nothing was known by then, where an earlier day is asked for; else raise what was refused."""
    if not asked.known.day:
        raise refused
    return render_template("desk/trace_unknown.html", asked=asked, told=told)


def _show_lots(kind: str, record_id: str) -> Any:
    who = require_person()
    with reading(wired().engine) as connection:
        body, lots = audit.view_lots_of(connection, who.organisation, kind, record_id)
    return render_template("desk/trace_lots.html", kind=kind, body=body, lots=lots, choose=choose_name())
