"""The machine of an order: its warranty with reasons, what was done to it, what is in it, and its manuals."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from field_client.ui.pages.order import BEFORE_DEPARTURE
from field_client.ui.visit import open_desk
from field_client.work import find_order, machine_of
from field_client.work_machine import read_machine
from field_client.work_manuals import list_manuals
from field_client.work_readiness import check_readiness
from schemas.problems import Refused

blueprint = Blueprint("machine", __name__, url_prefix="/orders/<order_id>/machine")

MANUAL_TYPES = ("application/pdf", "image/jpeg", "image/png")
"""What the browser shows by itself and runs nothing of; all else is saved."""


@blueprint.get("")
def show(order_id: str) -> str:
    """Show the machine's card."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    machine = machine_of(desk.bench, order)
    leaves_yet = order.values["status"] in BEFORE_DEPARTURE
    return render_template(
        "machine.html",
        desk=desk,
        order=order,
        card=read_machine(desk.bench, machine, order),
        manuals=list_manuals(desk.bench, desk.files, machine),
        readiness=check_readiness(desk.bench, desk.files, order.id) if leaves_yet else None,
    )


@blueprint.get("/manuals/<manual_id>")
def open_manual(order_id: str, manual_id: str) -> Response:
    """Open a manual's file."""
    desk = open_desk()
    machine = machine_of(desk.bench, find_order(desk.bench, order_id))
    lines = list_manuals(desk.bench, desk.files, machine)
    line = next((line for line in lines if line.id == manual_id and line.is_here), None)
    if line is None:
        raise Refused("blob_unknown")
    media_type = desk.files.describe(line.manual["file_sha256"]).media_type
    with desk.files.open(line.manual["file_sha256"]) as file:
        answer = Response(file.read(), mimetype=media_type)
    answer.headers["Cache-Control"] = "no-store"
    if media_type not in MANUAL_TYPES:
        answer.mimetype = "application/octet-stream"
        answer.headers["Content-Disposition"] = "attachment"
    return answer
