"""Scanning: the live camera, a photo, or typing; and where what was read leads to."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request

from field_client.codes import read_frame, read_photo
from field_client.desk import Desk
from field_client.store import Record
from field_client.ui.keeper import Stage
from field_client.ui.leads import ReadAgain, fill_lead, name_lead, open_code, spell_code
from field_client.ui.visit import is_by_script, is_local, open_desk, shared
from field_client.work import OPEN_STATES, open_order
from field_client.work_label import Lead
from pages.language import gettext
from scanning.scan import ENROLMENT_PREFIX
from schemas.problems import Refused

FITTED: Final = ("gtin", "part_number", "serial", "batch", "part_name", "scanned")
"""What the form of fitting a part takes over from an address."""

blueprint = Blueprint("scan", __name__, url_prefix="/scan")

FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
"""Ten times a frame of 1280 pixels; a frame is read up to eight times a second."""


@blueprint.get("")
def show() -> str:
    """Show the camera, with the other ways below it."""
    return render_template("scan.html", came_from=_back())


@blueprint.get("/panel")
def show_panel() -> str:
    """Give the camera alone, for a form that wants a label read into its fields."""
    return render_template("_scanner.html", wanted=request.args.get("wanted", ""))


@blueprint.post("/frame")
def look_at_frame() -> Any:
    """Read one frame of the camera (JPEG): the codes in it, or what to change.

    It needs no open device: before the first enrolment there is none, and a frame says nothing of what is kept.
    """
    frame = request.get_data()
    if len(frame) > FRAME_BYTES_MAX:
        raise Refused("photo_too_large", limit=f"{FRAME_BYTES_MAX // 1024**2} MB")
    glance = read_frame(frame, request.args.get("number", 0, int))
    is_sure = all(code.is_sure for code in glance.codes)
    return {"codes": [spell_code(code) for code in glance.codes], "is_sure": is_sure, "advice": glance.advice}


@blueprint.post("/photo")
def read_gallery() -> Any:
    """Read the label in a photo."""
    photo = request.files.get("photo")
    codes = read_photo(photo.read()) if photo else []
    if not codes:
        raise Refused("code_not_found")
    return _lead_on(ReadAgain(codes=tuple(spell_code(code) for code in codes)))


@blueprint.post("/typed")
def read_typed_label() -> Any:
    """Read what was typed from a label."""
    typed = request.form.get("label", "").strip()
    if not typed:
        raise Refused("field_missing", field=gettext("What stands on the label"))
    return _lead_on(ReadAgain(typed=typed))


@blueprint.get("/found")
def follow() -> Any:
    """Go where a label leads, or let the person choose; ``pick`` is the choice."""
    desk, again = open_desk(), _read_again()
    read = again.lead(desk)
    picked = request.args.get("pick", type=int)
    lead = read.sole if picked is None else read.leads[picked] if 0 <= picked < len(read.leads) else None
    if lead is None:
        offers = [
            (again.address("/scan/found", pick=str(n), **{"from": _back()}), *name_lead(found, desk), found)
            for n, found in enumerate(read.leads)
        ]
        return render_template("scan_choice.html", offers=offers, came_from=_back())
    if lead.machine is not None and (order := _open_order_of(lead)):
        return redirect(f"/orders/{order}", 303)
    title, numbers = name_lead(lead, desk)
    fields = fill_lead(lead)
    shown = {"title": title, "numbers": numbers, "fields": fields, "current": _find_current(desk)}
    fit = urlencode({name: fields[name] for name in FITTED if name in fields})
    return render_template("scan_found.html", desk=desk, lead=lead, came_from=_back(), fit=fit, **shown)


@blueprint.get("/label")
def tell_label() -> Any:
    """Tell a form's script what a label leads to: JSON ``{"leads": [{title, detail, fields}], "sole": number}``."""
    again = _read_again()
    if shared().keeper.stage is Stage.FIRST:
        return _tell_invitation(again)
    desk = open_desk()
    read = again.lead(desk)
    leads = []
    for lead in read.leads:
        title, detail = name_lead(lead, desk)
        leads.append({"kind": lead.kind, "title": title, "detail": detail, "fields": fill_lead(lead)})
    return {"leads": leads, "sole": read.leads.index(read.sole) if read.sole else None}


def _tell_invitation(again: ReadAgain) -> Any:
    """Tell what a device that is not enrolled may take: an enrolment code."""
    texts = [again.typed] if again.typed else [open_code(word).raw.decode("utf-8", "replace") for word in again.codes]
    found = next((text for text in texts if text.startswith(ENROLMENT_PREFIX)), None)
    if found is None:
        raise Refused("enrolment_code_invalid")
    lead = {"kind": "enrolment", "title": gettext("Enrolment code"), "detail": "", "fields": {"invitation": found}}
    return {"leads": [lead], "sole": 0}


def _find_current(desk: Desk) -> Record | None:
    """Return the order that is being worked on, where it has a machine that a part can go into."""
    order = desk.store.find(desk.store.recall("current_order"))
    if order is None or order.values.get("status") not in OPEN_STATES or not order.values.get("machine_id"):
        return None
    return order


def _lead_on(again: ReadAgain) -> Any:
    """Answer a form with the page that follows; a script with its address."""
    if is_by_script():
        return {"codes": again.codes, "typed": again.typed}
    return redirect(again.address("/scan/found", **{"from": _back()}), 303)


def _open_order_of(lead: Lead) -> str | None:
    """Open the one order of a machine that is meant, and return its id; None when the person must choose."""
    bench = open_desk().bench
    if len(lead.orders) == 1:
        return open_order(bench, lead.orders[0].id).id
    under_way = [line for line in lead.orders if line.status == "in_progress"]
    return open_order(bench, under_way[0].id).id if len(under_way) == 1 else None


def _read_again() -> ReadAgain:
    again = ReadAgain(tuple(request.args.getlist("code")), request.args.get("typed", ""))
    if not again.codes and not again.typed:
        raise Refused("code_not_found")
    return again


def _back() -> str:
    """Return the page that scanning began at."""
    back = request.values.get("from", "/")
    return back if is_local(back) else "/"
