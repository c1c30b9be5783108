"""One order: what to do next, the steps of the visit with their counts, the machine, and what is disputed."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, render_template, request

from field_client.ui.language import gettext
from field_client.ui.visit import finish, open_desk
from field_client.work import find_order, record_findings, start
from field_client.work import finish as finish_order
from field_client.work_page import read_page
from schemas.lifecycle import ENGINEER, next_states
from schemas.problems import Refused

blueprint = Blueprint("order", __name__, url_prefix="/orders")

FINDINGS: Final = ("diagnosis", "remedy", "result")

MOVES: Final = {"in_progress": start, "finished": finish_order}
"""The acts that lead to a state."""


@blueprint.get("/<order_id>")
def show(order_id: str) -> str:
    """Show an order with all that is known of it here."""
    desk = open_desk()
    page = read_page(desk.bench, order_id)
    moves = [(state, name_act(state)) for state in next_states(page.line.status, ENGINEER) if state in MOVES]
    done = sum(1 for check in page.checks if check.result is not None)
    return render_template("order.html", desk=desk, page=page, moves=moves, checks_done=done)


@blueprint.post("/<order_id>/move")
def move(order_id: str) -> Any:
    """Take the next step of the order's life: ``to`` is the state."""
    state = request.form.get("to", "")
    if state not in MOVES:
        raise Refused("value_invalid", field="to", detail=" / ".join(MOVES))
    done = MOVES[state](open_desk().bench, order_id)
    values = done.order.values
    text = gettext("%(number)s: %(status)s", number=values["number"], status=_spell_status(values))
    return finish(f"/orders/{order_id}", text, done.notices)


@blueprint.get("/<order_id>/findings")
def show_findings(order_id: str) -> str:
    """Show the form of fault, remedy and result."""
    desk = open_desk()
    return render_template("findings.html", desk=desk, order=find_order(desk.bench, order_id))


@blueprint.post("/<order_id>/findings")
def save_findings(order_id: str) -> Any:
    """Record fault, remedy and result."""
    said = {name: request.form.get(name, "").strip() or None for name in FINDINGS}
    done = record_findings(open_desk().bench, order_id, **said)
    return finish(f"/orders/{order_id}", gettext("Recorded."), done.notices)


def name_act(state: str) -> str:
    """Return what a person does to bring an order into a state."""
    return {
        "travelling": gettext("Set out"),
        "on_site": gettext("I have arrived"),
        "in_progress": gettext("Start work"),
        "on_hold": gettext("Put on hold"),
        "finished": gettext("Finish"),
        "assigned": gettext("Back to planned"),
    }[state]


def _spell_status(values: dict[str, Any]) -> str:
    return open_desk().say.value("status", values["status"])
