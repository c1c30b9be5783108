"""One order: what to do next, the steps of the visit with their counts, the machine, and what is disputed."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from field_client.store_erasing import refuse_erased
from field_client.ui.pages.sheet import describe_sheet
from field_client.ui.visit import finish, open_desk
from field_client.work import find_missing, find_order, find_pauses, record_findings, start
from field_client.work import finish as finish_order
from field_client.work_choices import list_components
from field_client.work_escalate import escalate, line_of
from field_client.work_inquiries import list_inquiries
from field_client.work_machine import read_machine
from field_client.work_moves import arrive, hold, put_back, travel
from field_client.work_page import read_page
from field_client.work_readiness import check_readiness
from field_client.work_request import NOTE_PHOTOS, SHEET, find_note, list_requests
from field_client.work_undo import find_undoable, undo
from pages.language import choose_language, gettext
from pages.wording import name_intent
from schemas.clocks import LINES, PAUSE_REASONS
from schemas.lifecycle import ENGINEER, next_states
from schemas.problems import Refused
from schemas.warranty import EXCLUSION_LABELS

blueprint = Blueprint("order", __name__, url_prefix="/orders")

FINDINGS: Final = ("diagnosis", "remedy", "result")

CHOSEN_FINDINGS: Final = ("failed_component", "exclusion")
"""What the warranty asks of the fault; choosing nothing takes back what was chosen. Source: handbook W2, W7."""

MOVES: Final = {
    "travelling": travel,
    "on_site": arrive,
    "in_progress": start,
    "finished": finish_order,
    "assigned": put_back,
}
"""The acts that lead to a state and ask for nothing more."""

NEXT: Final = {
    "received": "in_progress",
    "assigned": "travelling",
    "travelling": "on_site",
    "on_site": "in_progress",
    "in_progress": "finished",
    "on_hold": "in_progress",
    "sent_back": "in_progress",
}
"""The one next action of a visit that goes as visits go; the other moves stay at hand. Source: handbook V1-V6."""


BEFORE_DEPARTURE: Final = ("received", "assigned")
"""While an order is in one of these, what is missing can still be fetched. Source: handbook D2."""


@blueprint.get("/<order_id>")
def show(order_id: str) -> str:
    """Show an order with all that is known of it here."""
    desk = open_desk()
    page = read_page(desk.bench, order_id)
    status = page.line.status
    moves = next_states(status, ENGINEER)
    machine = desk.store.find(page.order.get("machine_id"))
    return render_template(
        "order.html",
        desk=desk,
        page=page,
        card=read_machine(desk.bench, machine, find_order(desk.bench, order_id)) if machine else None,
        readiness=check_readiness(desk.bench, desk.files, order_id) if status in BEFORE_DEPARTURE else None,
        sheet=describe_sheet(desk, find_order(desk.bench, order_id)),
        next_state=NEXT.get(status),
        others=[state for state in moves if state in MOVES and state != NEXT.get(status)],
        can_hold="on_hold" in moves,
        pauses=find_pauses(desk.bench, find_order(desk.bench, order_id)),
        pause_reasons=PAUSE_REASONS,
        support=line_of(desk.bench, find_order(desk.bench, order_id)),
        lines=LINES,
        missing=find_missing(desk.bench, order_id) if status == "in_progress" else (),
        inquiries=list_inquiries(desk.bench, order_id),
        requests=list_requests(desk.bench, desk.files, find_order(desk.bench, order_id).id),
        sheet_fields=SHEET,
        latest=find_undoable(desk.bench, order_id),
        name_act=name_act,
        name_intent=name_intent,
    )


@blueprint.get("/<order_id>/notes/<note_id>")
def open_note(order_id: str, note_id: str) -> Response:
    """Open a file that the customer sent; what is no photo is saved and not shown."""
    desk = open_desk()
    find_order(desk.bench, order_id)
    name = find_note(desk.bench, note_id)["file_sha256"]
    refuse_erased(desk.store, name)
    if not desk.files.holds(name):
        raise Refused("blob_unknown")
    kind = desk.files.describe(name).media_type
    with desk.files.open(name) as stream:
        answer = Response(stream.read(), mimetype=kind if kind in NOTE_PHOTOS else "application/octet-stream")
    answer.headers["Cache-Control"] = "no-store"
    if kind not in NOTE_PHOTOS:
        answer.headers["Content-Disposition"] = "attachment"
    return answer


@blueprint.post("/<order_id>/move")
def move(order_id: str) -> Any:
    """Take a step of the order's life: ``to`` is the state."""
    state = request.form.get("to", "")
    if state not in MOVES:
        raise Refused("value_invalid", field="to", detail=" / ".join(MOVES))
    done = MOVES[state](open_desk().bench, order_id)
    return _finish(done.order.id, _tell_status(done.order.values), done.notices)


@blueprint.post("/<order_id>/hold")
def put_on_hold(order_id: str) -> Any:
    """Put the order on hold, for a reason."""
    waits_for = request.form.get("waits_for") or None
    done = hold(open_desk().bench, request.form.get("reason", ""), order_id, waits_for)
    return _finish(done.order.id, _tell_status(done.order.values), done.notices)


@blueprint.post("/<order_id>/escalate")
def ask_support(order_id: str) -> Any:
    """Ask another line of support to take the order over."""
    done = escalate(open_desk().bench, request.form.get("to_line", ""), request.form.get("why", ""), order_id)
    return _finish(
        done.order.id, gettext("Support is asked for; the office hears of it at the next sync."), done.notices
    )


@blueprint.post("/<order_id>/undo")
def take_back(order_id: str) -> Any:
    """Take the latest act back; ``seq`` is the act the person saw."""
    seq = request.args.get("seq", "")
    if not seq.isdecimal():
        raise Refused("value_invalid", field="seq", detail="1, 2, …")
    undo(open_desk().bench, int(seq), order_id, choose_language())
    return finish(f"/orders/{order_id}", gettext("Taken back."))


@blueprint.get("/<order_id>/findings")
def show_findings(order_id: str) -> str:
    """Show the form of fault, remedy and result."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    components = list_components(desk.bench, order.id) if desk.store.find(order.values.get("machine_id")) else []
    return render_template("findings.html", desk=desk, order=order, components=components, exclusions=EXCLUSION_LABELS)


@blueprint.post("/<order_id>/findings")
def save_findings(order_id: str) -> Any:
    """Record fault, remedy and result."""
    said = {name: request.form.get(name, "").strip() or None for name in (*FINDINGS, *CHOSEN_FINDINGS)}
    clears = [name for name in CHOSEN_FINDINGS if name in request.form and said[name] is None]
    done = record_findings(open_desk().bench, order_id, clears, **said)
    return _finish(done.order.id, gettext("Recorded."), done.notices)


def name_act(state: str) -> str:
    """Return what a person does to bring an order into a state."""
    return {
        "travelling": gettext("Set out"),
        "on_site": gettext("I have arrived"),
        "in_progress": gettext("Start work"),
        "finished": gettext("Finish"),
        "assigned": gettext("Back to planned"),
    }[state]


def _finish(order_id: str, text: str, notices: Any) -> Any:
    return finish(f"/orders/{order_id}", text, notices, order_id=order_id)


def _tell_status(values: dict[str, Any]) -> str:
    return gettext(
        "%(number)s: %(status)s", number=values["number"], status=open_desk().say.value("status", values["status"])
    )
