"""Booking what comes in and what moves: deliveries with their papers, moves of scanned lines, refurbished parts."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from pages.language import gettext
from schemas.problems import Refused
from server.desk.stock_view import (
    FROM_OUTSIDE,
    HOME,
    TO_OUTSIDE,
    find_desk,
    may_keep,
    read_end,
    read_lines,
    read_names,
    read_quantity,
    refuse_nul,
)
from server.desk.visit import finish, say, speech
from server.domain.stock import read_serials
from server.services import stock_acts
from server.services.blobs import media_type_of
from server.services.catalogue import find_called
from server.services.purchases import lacks_approval
from server.services.request_files import keep_bytes
from server.services.stock_acts import Delivery, Line, Lot
from server.store import records, stock_read
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("stock_booking", __name__, url_prefix="/desk/stock")
blueprint.before_request(refuse_nul)

PAPER_BYTES_MAX: Final = 12 * 1024 * 1024
"""A scanned certificate has 1 to 3 MB."""

PICTURE_TYPES: Final = ("image/jpeg", "image/png", "image/webp")
TEXTS: Final = ("certificate", "inspection_report")
DAYS: Final = ("produced_on", "expires_on")


@blueprint.get("/receive")
def ask_receive() -> Any:
    """Ask for a delivery; the centre and the supplier of the one before stand in the address."""
    with reading(wired().engine) as connection:
        names = read_names(connection)
        suppliers = _list_suppliers(connection)
    told = {name: request.args.get(name, "") for name in ("centre", "supplier", "note")}
    return render_template(
        "desk/stock_receive.html", names=names, suppliers=suppliers, told=told, may_keep=may_keep(), tab="receive"
    )


@blueprint.post("/receive")
def receive() -> Any:
    """Book a delivery: batch, papers and moves in one change-set."""
    form, who = request.form, require_person()
    part = _find_part(form.get("part", ""))
    centre = form.get("centre", "")
    with reading(wired().engine) as connection:
        if centre not in {place.id for place in read_names(connection).of_kind("centre")}:
            raise Refused("field_missing", field=gettext("Centre"))
    serials = read_serials(form.get("serials", ""))
    quantity = 0 if serials else read_quantity(form.get("quantity", ""))
    lot = Lot(part, form.get("batch", "").strip(), form.get("supplier") or None, _read_papers())
    note = form.get("note", "").strip()
    with reading(wired().engine) as connection:
        is_unapproved = lacks_approval(connection, who.organisation, part, centre)
    stock_acts.receive(find_desk(), Delivery(lot, centre, quantity, serials, note))
    with reading(wired().engine) as connection:
        batch = stock_read.find_batch(connection, who.organisation, part, lot.number) if lot.number else None
        body = records.bodies_of(connection, who.organisation, [part, batch or part])
    if is_unapproved:
        say(gettext("This part is bought on approval, and no purchase of it was approved for this centre."), "warning")
    if batch is None:
        say(gettext("Booked without a batch number: this delivery cannot be traced to a lot."), "warning")
    elif not (body[batch][1].get("certificate") or body[batch][1].get("certificate_sha256")):
        say(gettext("Batch %(number)s has no certificate of conformity yet.", number=lot.number), "warning")
    count = len(serials) or quantity
    told = gettext("%(count)s × %(part)s taken in.", count=count, part=body[part][1]["part_number"])
    query = urlencode({"centre": centre, "supplier": lot.supplier or "", "note": note})
    return finish(f"{HOME}/receive?{query}", told)


@blueprint.get("/move")
def ask_move() -> Any:
    """Ask for the lines of a move."""
    with reading(wired().engine) as connection:
        names = read_names(connection)
    told = {"from": request.args.get("from", ""), "to": request.args.get("to", "")}
    return render_template(
        "desk/stock_move.html",
        names=names,
        told=told,
        outside=(FROM_OUTSIDE, TO_OUTSIDE),
        may_keep=may_keep(),
        tab="move",
    )


@blueprint.post("/move")
def move() -> Any:
    """Book a move of one or more lines."""
    with reading(wired().engine) as connection:
        names = read_names(connection)
    ends = read_end("from", names, FROM_OUTSIDE) | read_end("to", names, TO_OUTSIDE)
    lines = read_lines()
    stock_acts.move(find_desk(), lines, ends, request.form.get("reason", "").strip())
    count = sum(line.quantity for line in lines)
    _tell_below(lines, ends)
    here, there = request.form["from"], request.form["to"]
    told = gettext("%(count)s pieces moved to %(place)s.", count=count, place=names.place(there))
    return finish(f"{HOME}/move?from={here}&to={there}", told)


@blueprint.get("/refurbish")
def ask_refurbish() -> Any:
    """Ask what came back refurbished."""
    with reading(wired().engine) as connection:
        names, suppliers = read_names(connection), _list_suppliers(connection)
    return render_template(
        "desk/stock_refurbish.html", names=names, suppliers=suppliers, may_keep=may_keep(), tab="move"
    )


@blueprint.post("/refurbish")
def refurbish() -> Any:
    """Put what was refurbished on a shelf, as a batch of its own."""
    form = request.form
    part, number = _find_part(form.get("part", "")), form.get("batch", "").strip()
    if not number:
        raise Refused("field_missing", field=gettext("Batch after refurbishing"))
    serial = form.get("serial", "").strip()
    line = Line(part, form.get("origin", "").strip(), serial, 1 if serial else read_quantity(form.get("quantity", "")))
    lot = Lot(part, number, form.get("supplier") or None, _read_papers())
    with reading(wired().engine) as connection:
        centres = {place.id for place in read_names(connection).of_kind("centre")}
    if form.get("centre") not in centres:
        raise Refused("field_missing", field=gettext("Centre"))
    stock_acts.refurbish(find_desk(), line, lot, form["centre"], form.get("reason", "").strip())
    return finish(f"{HOME}/refurbish", gettext("Back on the shelf as batch %(number)s, refurbished.", number=number))


def _read_papers() -> dict[str, Any]:
    """Return what a form says of a batch's papers, its files kept. Raises Refused with `paper_not_accepted`."""
    who, parts = require_person(), wired()
    papers: dict[str, Any] = {name: request.form.get(name, "").strip() or None for name in (*TEXTS, *DAYS)}
    for name, field in (("certificate_file", "certificate_sha256"), ("inspection_file", "inspection_sha256")):
        file = request.files.get(name)
        if file is None or not file.filename:
            continue
        data = file.stream.read()
        if not data or len(data) > PAPER_BYTES_MAX or not _is_paper(data):
            raise Refused("paper_not_accepted", name=file.filename[-80:], limit=PAPER_BYTES_MAX // (1024 * 1024))
        papers[field] = keep_bytes(parts.engine, parts.blobs, who.organisation, data)
    return papers


def _is_paper(data: bytes) -> bool:
    """Tell whether bytes are a PDF or a picture: a browser says of a file's type what its name does."""
    return data.startswith(b"%PDF-") or media_type_of(data[:12]) in PICTURE_TYPES


def _find_part(typed: str) -> str:
    """Return the id of the part a form names. Raises Refused with `field_missing`, `part_not_known`."""
    text = typed.strip()
    if not text:
        raise Refused("field_missing", field=speech()("备件", "Part"))
    with reading(wired().engine) as connection:
        found = find_called(connection, require_person().organisation, "part", [text])[text]
    if len(found) != 1:
        raise Refused("part_not_known", what=text[:60])
    return found[0]


def _tell_below(lines: list[Line], ends: dict[str, Any]) -> None:
    """Say which balances are below zero after a move."""
    place = ends.get(f"from_{ends['from_place']}_id")
    if place is None:
        return
    parts = {line.part for line in lines}
    with reading(wired().engine) as connection:
        who = require_person()
        rows = stock_read.list_at(connection, who.organisation, place, sorted(parts))
        bodies = records.bodies_of(connection, who.organisation, parts)
    for row in rows:
        if row.quantity < 0 and any(
            (line.part, line.batch, line.serial) == (row.part, row.batch, row.serial) for line in lines
        ):
            what = " ".join(filter(None, (bodies[row.part][1]["part_number"], row.batch, row.serial)))
            told = gettext("%(what)s is below zero there by the books: %(count)s.", what=what, count=row.quantity)
            say(told, "warning")


def _list_suppliers(connection: Any) -> list[tuple[str, dict[str, Any]]]:
    found = records.bodies_of_kind(connection, require_person().organisation, "supplier")
    return sorted(found, key=lambda one: str(one[1].get("name")))
