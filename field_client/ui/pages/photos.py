"""Photos of an order: taken or chosen, tagged, marked with arrow, circle and text; each tells how safe it is."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from field_client.problems import MediaProblem
from field_client.store_erasing import refuse_erased
from field_client.ui.visit import finish, is_by_script, open_desk, say
from field_client.work import find_order
from field_client.work_album import list_photos, remark_photo, show_photo, take_back_remark
from field_client.work_photos import photograph
from field_client.work_withdraw import bring_back, withdraw
from pages.language import choose_language, gettext, ngettext
from schemas.evidence import MARK_COLOUR_LABELS, MARK_SHAPES, MARKS_MOST, PHOTO_PURPOSES
from schemas.problems import Refused

blueprint = Blueprint("photos", __name__)

SIZES: Final = {"thumbnail": "thumbnail_sha256", "preview": "preview_sha256", "original": "original_sha256"}
PHOTOS_AT_ONCE: Final = 30
"""What a person chooses in a gallery at once; each takes a tenth of a second."""

TYPES: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
"""What is sent as a picture; anything else would be shown by the browser as what it claims to be."""


@blueprint.get("/orders/<order_id>/photos")
def show(order_id: str) -> str:
    """Show the photos of an order, and the way to more."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    listed = list_photos(desk.bench, order.id)
    photos = [photo for photo in listed if photo.withdrawal is None]
    standing = {photo.values["original_sha256"] for photo in photos}
    withdrawn = [photo for photo in listed if photo.withdrawal and photo.values["original_sha256"] not in standing]
    here = {photo.id for photo in listed if _is_here(photo.values, "thumbnail")}
    purpose = request.args.get("purpose", "")
    chosen = purpose if purpose in PHOTO_PURPOSES else PHOTO_PURPOSES[0]
    shown = {"photos": photos, "withdrawn": withdrawn, "here": here}
    return render_template("photos.html", desk=desk, order=order, chosen=chosen, purposes=PHOTO_PURPOSES, **shown)


@blueprint.post("/orders/<order_id>/photos")
def add(order_id: str) -> Any:
    """Keep photos; one that is refused takes none of the others away, and is told of on the next page."""
    desk, purpose = open_desk(), request.form.get("purpose", "")
    files = [file for file in request.files.getlist("photos") if file.filename][:PHOTOS_AT_ONCE]
    if not files:
        raise Refused("field_missing", field=gettext("Photo"))
    kept = 0
    for file in files:
        try:
            photograph(desk.bench, desk.files, file.read(), purpose, order=order_id)
            kept += 1
        except MediaProblem as refusal:
            say(f"{file.filename}: {refusal.fault.sentence(choose_language())}", "refused", refusal.code)
    if is_by_script():
        return {"kept": kept}
    told = ngettext("%(num)s photo kept on this device.", "%(num)s photos kept on this device.", kept) if kept else ""
    return finish(f"/orders/{order_id}/photos?purpose={purpose}", told)


@blueprint.get("/photos/<photo_id>")
def show_one(photo_id: str) -> str:
    """Show one photo, to mark and describe it."""
    desk = open_desk()
    photo = show_photo(desk.bench, photo_id)
    return render_template(
        "photo.html",
        desk=desk,
        photo=photo,
        is_here=_is_here(photo.values, "preview"),
        purposes=PHOTO_PURPOSES,
        shapes=MARK_SHAPES,
        colours=MARK_COLOUR_LABELS,
        marks_most=MARKS_MOST,
    )


@blueprint.post("/photos/<photo_id>")
def remark(photo_id: str) -> Any:
    """Keep what is said of a photo: its marks, purpose and caption."""
    desk, form = open_desk(), request.form
    before = show_photo(desk.bench, photo_id)
    marks = _read_marks(form["marks"]) if "marks" in form else None
    after = remark_photo(
        desk.bench, photo_id, purpose=form.get("purpose"), caption=form.get("caption", "").strip(), marks=marks
    )
    undo = f"/photos/{photo_id}/undo" if after.remarks > before.remarks else None
    return finish(
        f"/orders/{after.order_id}/photos", gettext("Recorded; the photo itself is as it was taken."), undo=undo
    )


@blueprint.post("/photos/<photo_id>/undo")
def undo(photo_id: str) -> Any:
    """Take the latest remark of a photo back."""
    photo = take_back_remark(open_desk().bench, photo_id)
    return finish(f"/orders/{photo.order_id}/photos", gettext("The photo is described as before."))


@blueprint.post("/photos/<photo_id>/withdraw")
def strike_out(photo_id: str) -> Any:
    """Withdraw a photo taken by mistake; it is kept, but does not count."""
    desk = open_desk()
    order = show_photo(desk.bench, photo_id).order_id
    done = withdraw(desk.bench, gettext("Taken by mistake"), photo_id)
    undo = f"/photos/{photo_id}/restore"
    return finish(f"/orders/{order}/photos", gettext("The photo is withdrawn."), done.notices, undo=undo)


@blueprint.post("/photos/<photo_id>/restore")
def restore(photo_id: str) -> Any:
    """Bring a withdrawn photo back."""
    desk = open_desk()
    order = show_photo(desk.bench, photo_id).order_id
    done = bring_back(desk.bench, photo_id)
    return finish(f"/orders/{order}/photos", gettext("The photo is back."), done.notices)


@blueprint.get("/photos/<photo_id>/<size>")
def read_picture(photo_id: str, size: str) -> Response:
    """Send a photo's thumbnail, preview or original out of the encrypted folder."""
    desk = open_desk()
    values = show_photo(desk.bench, photo_id).values
    name = values.get(SIZES.get(size, ""))
    refuse_erased(desk.store, name)
    if name is None or not desk.files.holds(name):
        raise Refused("blob_unknown")
    kind = desk.files.describe(name).media_type
    if kind not in TYPES:
        raise Refused("photo_not_an_image")
    with desk.files.open(name) as stream:
        # Flask's send_file would let the browser keep it, in the clear, on its disk.
        return Response(stream.read(), mimetype=kind)


def _is_here(values: dict[str, Any], size: str) -> bool:
    name = values.get(SIZES[size])
    return name is not None and open_desk().files.holds(name)


def _read_marks(text: str) -> list[dict[str, Any]]:
    try:
        marks = json.loads(text or "[]")
    except ValueError:
        marks = None
    if not isinstance(marks, list) or not all(isinstance(mark, dict) for mark in marks):
        raise Refused("value_invalid", field="marks", detail="[{shape, colour, x, y, ...}]")
    return marks
