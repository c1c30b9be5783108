"""The job sheet: read by the customer in his language, signed or not, and then on paper at once."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, g, render_template, request, send_file

from field_client.desk import Desk
from field_client.store import Record
from field_client.ui.visit import finish, open_desk
from field_client.work import find_order, record_findings
from field_client.work_sheet import (
    Standing,
    compose_draft,
    digest_reading,
    find_signed,
    label_change,
    print_sheet,
    read_sheet_state,
)
from field_client.work_signature import sign, sign_without
from pages.language import LANGUAGES, choose_language, gettext
from printing.job_sheet_form import SignedSheet
from printing.sheet_view import read_sheet, read_signature, thumbnails_of
from printing.strokes import fit_strokes, read_strokes
from schemas.job_sheet import SIGNED_ORDER_FIELDS
from schemas.problems import Refused

blueprint = Blueprint("sheet", __name__, url_prefix="/orders")

UNSIGNED_OUTCOMES: Final = ("declined", "absent")
STROKES_WIDE, STROKES_HIGH = 320, 120
"""Of the drawing of a signature, in its own units; the page scales it."""


@dataclass(frozen=True, slots=True)
class SheetStep:
    """Where an order's sheet stands, in a word, and which page shows it."""

    standing: Standing
    word: str
    page: str


@blueprint.before_request
def speak_to_the_customer() -> None:
    """Show the page in the customer's language where it was chosen on it; the engineer's own stays as it is."""
    if request.args.get("read") in LANGUAGES:
        g.language = request.args["read"]


@blueprint.get("/<order_id>/sign")
def show_draft(order_id: str) -> str:
    """Show the sheet as the customer would sign it, and take his signature."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    sheet = compose_draft(desk.bench, order_id)
    return render_template(
        "sign.html",
        desk=desk,
        order=order,
        view=read_sheet(sheet.content),
        said=choose_said,
        gone=sheet.erased,
        read_sha256=digest_reading(sheet.content),
        missing=[name for name in SIGNED_ORDER_FIELDS if not order.values.get(name)],
        state=read_sheet_state(desk.bench, order),
        here=f"/orders/{order.id}/sign?read={choose_language()}",
    )


@blueprint.post("/<order_id>/sign/findings")
def save_findings(order_id: str) -> Any:
    """Record what the sheet still lacks; the customer then reads it whole."""
    said = {name: request.form.get(name, "").strip() or None for name in SIGNED_ORDER_FIELDS if name in request.form}
    done = record_findings(open_desk().bench, order_id, **said)
    return finish(f"/orders/{order_id}/sign", gettext("Recorded."), done.notices)


@blueprint.post("/<order_id>/sign")
def take_signature(order_id: str) -> Any:
    """Keep the customer's signature under the sheet he was shown."""
    desk, form = open_desk(), request.form
    name, role = form.get("name", "").strip(), form.get("role", "").strip()
    sign(desk.bench, desk.files, _read_drawn(), name, role, order=order_id, read_sha256=form.get("read_sha256"))
    return finish(f"/orders/{order_id}/sheet", gettext("Signed. The sheet can be printed at once."))


@blueprint.post("/<order_id>/sign/without")
def close_without(order_id: str) -> Any:
    """Keep why there is no signature."""
    form = request.form
    outcome = form.get("outcome", "")
    if outcome not in UNSIGNED_OUTCOMES:
        raise Refused("value_invalid", field="outcome", detail=" / ".join(UNSIGNED_OUTCOMES))
    said = {"name": form.get("name", "").strip() or None, "role": form.get("role", "").strip() or None}
    sign_without(open_desk().bench, outcome, form.get("reason", "").strip(), order=order_id, **said)
    return finish(f"/orders/{order_id}/sheet", gettext("Recorded."))


@blueprint.get("/<order_id>/sheet")
def show_signed(order_id: str) -> str:
    """Show the signed sheet, and what was changed after it."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    sheet = find_signed(desk.bench, order_id)
    view = read_sheet(sheet.content)
    state = read_sheet_state(desk.bench, order)
    place = 0 if choose_language() == "zh" else 1
    return render_template(
        "sheet.html",
        desk=desk,
        order=order,
        view=view,
        said=choose_said,
        state=state,
        changed=[label_change(name)[place] for name in state.changed],
        signature=read_signature(sheet.signature or {}, view.utc_offset),
        drawn=_draw(desk, sheet),
        erased=sheet.erased.get(str((sheet.signature or {}).get("strokes_sha256"))),
        gone=sheet.erased,
        here=f"/orders/{order.id}/sheet?read={choose_language()}",
    )


@blueprint.get("/<order_id>/sheet.pdf")
def show_paper(order_id: str) -> Any:
    """Show the sheet on paper: as it was signed, or with ``draft`` as it would be."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    sheet = compose_draft(desk.bench, order_id) if "draft" in request.args else find_signed(desk.bench, order_id)
    pdf = io.BytesIO(print_sheet(desk.files, sheet))
    answer = send_file(pdf, mimetype="application/pdf", download_name=f"{order.values['number']}.pdf", max_age=0)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.get("/<order_id>/sheet/<sha256>.jpg")
def show_thumbnail(order_id: str, sha256: str) -> Any:
    """Show one of the small pictures of the sheet."""
    desk = open_desk()
    shown = thumbnails_of(read_sheet(compose_draft(desk.bench, order_id).content))
    if sha256 not in shown:
        raise Refused("blob_unknown")
    with io.BufferedReader(desk.files.open(sha256)) as file:
        answer = send_file(io.BytesIO(file.read()), mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def describe_sheet(desk: Desk, order: Record) -> SheetStep:
    """Return where an order's sheet stands, for the step of the order's page."""
    standing = read_sheet_state(desk.bench, order).standing
    words = {
        "unsigned": gettext("Not signed"),
        "signed": gettext("Signed"),
        "changed": gettext("Changed after signature"),
        "declined": gettext("Declined"),
        "absent": gettext("Customer absent"),
    }
    return SheetStep(standing, words[standing], "sign" if standing == "unsigned" else "sheet")


def choose_said(said: Any) -> str:
    """Return the text of the reader's language."""
    return str(said.zh if choose_language() == "zh" else said.en)


def _read_drawn() -> list[list[list[int]]]:
    try:
        strokes = json.loads(request.form.get("strokes") or "[]")
    except ValueError as error:
        raise Refused("value_invalid", field="strokes", detail=str(error)) from None
    if not isinstance(strokes, list) or not all(isinstance(stroke, list) for stroke in strokes):
        raise Refused("value_invalid", field="strokes", detail="[[[x, y, t], ...], ...]")
    return strokes


def _draw(desk: Desk, sheet: SignedSheet) -> list[str]:
    """Return the signature as points of lines, fitted to the drawing's size; nothing where the file is elsewhere."""
    name = (sheet.signature or {}).get("strokes_sha256")
    if not name or not desk.files.holds(name):
        return []
    with io.BufferedReader(desk.files.open(name)) as file:
        strokes = read_strokes(file.read())
    if strokes is None:
        return []
    fitted = fit_strokes(strokes, 4, 4, STROKES_WIDE - 8, STROKES_HIGH - 8)
    return [" ".join(f"{x:.1f},{y:.1f}" for x, y in (stroke * 2 if len(stroke) == 1 else stroke)) for stroke in fitted]
