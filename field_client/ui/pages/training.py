"""Operator training at an order's machine: what was taught to whom, and each attendee's own signature."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Blueprint, render_template, request

from field_client.ui.visit import finish, open_desk
from field_client.work import find_order
from field_client.work_signature import Strokes
from field_client.work_training import (
    Training,
    list_trainings,
    record_training,
    sign_training,
    sign_training_without,
)
from field_client.work_withdraw import withdraw
from pages.language import gettext
from schemas.problems import Refused

blueprint = Blueprint("training", __name__, url_prefix="/orders/<order_id>/training")

OUTCOMES: Final = ("declined", "absent")


@blueprint.get("")
def show(order_id: str) -> str:
    """Show the trainings of an order and the form of one more."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    topics = (
        gettext("Principles"),
        gettext("Operation"),
        gettext("Daily care"),
        gettext("Troubleshooting"),
        gettext("Safety"),
    )
    trainings = list_trainings(desk.bench, order)
    return render_template("training.html", desk=desk, order=order, trainings=trainings, topics="\n".join(topics))


@blueprint.post("")
def record(order_id: str) -> Any:
    """Record a training."""
    form = request.form
    topics, attendees = form.get("topics", "").splitlines(), form.get("attendees", "").splitlines()
    record_training(open_desk().bench, topics, attendees, order_id)
    return finish(f"/orders/{order_id}/training", gettext("Training recorded."), order_id=order_id)


@blueprint.get("/<training_id>/sign")
def show_pad(order_id: str, training_id: str) -> str:
    """Show what ``attendee`` reads and signs."""
    desk = open_desk()
    order, training = find_order(desk.bench, order_id), _find(order_id, training_id)
    attendee = request.args.get("attendee", "")
    if attendee not in training.unsigned:
        raise Refused("not_found", what=attendee)
    return render_template(
        "training_sign.html", desk=desk, order=order, training=training, attendee=attendee, outcomes=OUTCOMES
    )


@blueprint.post("/<training_id>/sign")
def sign(order_id: str, training_id: str) -> Any:
    """Keep the strokes of one attendee, or why there are none."""
    desk, form = open_desk(), request.form
    attendee = form.get("attendee", "")
    if "outcome" in form:
        sign_training_without(desk.bench, training_id, attendee, form["outcome"], form.get("reason", ""))
    else:
        sign_training(desk.bench, desk.files, training_id, attendee, read_strokes(form.get("strokes", "")))
    return finish(f"/orders/{order_id}/training", gettext("%(name)s: recorded.", name=attendee))


@blueprint.post("/<training_id>/withdraw")
def strike_out(order_id: str, training_id: str) -> Any:
    """Strike a training out that was recorded by mistake."""
    _find(order_id, training_id)
    done = withdraw(open_desk().bench, request.form.get("reason", ""), training_id)
    return finish(f"/orders/{order_id}/training", gettext("Struck out."), done.notices, order_id=order_id)


def read_strokes(spelled: str) -> Strokes:
    """Return the strokes of a form's field; raises Refused with `value_invalid`."""
    try:
        strokes = json.loads(spelled or "[]")
    except json.JSONDecodeError as error:
        raise Refused("value_invalid", field="strokes", detail=str(error)) from None
    if not isinstance(strokes, list) or not all(isinstance(stroke, list) for stroke in strokes):
        raise Refused("value_invalid", field="strokes", detail="[[[x, y, t], ...], ...]")
    return strokes


def _find(order_id: str, training_id: str) -> Training:
    bench = open_desk().bench
    for training in list_trainings(bench, find_order(bench, order_id)):
        if training.id == training_id:
            return training
    raise Refused("not_found", what=training_id)
