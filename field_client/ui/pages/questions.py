"""What the office asks: each question with both values, and a form for the answer."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from field_client.ui.visit import finish, open_desk
from field_client.work_inquiries import answer_inquiry, list_inquiries
from pages.language import gettext

blueprint = Blueprint("questions", __name__, url_prefix="/questions")


@blueprint.get("")
def show() -> str:
    """Show all open questions."""
    desk = open_desk()
    return render_template("questions.html", desk=desk, inquiries=list_inquiries(desk.bench))


@blueprint.post("/<inquiry_id>")
def answer(inquiry_id: str) -> Any:
    """Record an answer; it goes out with the next sync."""
    answer_inquiry(open_desk().bench, inquiry_id, request.form.get("says", ""), request.form.get("answer", ""))
    return finish("/questions", gettext("Answered; it goes out with the next sync."))
