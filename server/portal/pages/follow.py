"""Following a request by its link: how far it has come, adding words and photos, rating the service."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, redirect, render_template, request, send_file

from server.portal import guard
from server.services import requests
from server.services.follow_up import RATED, STEPS, find_file, rate, read_follow_up
from server.services.portal import find_company
from server.services.request_files import PHOTO_TYPES
from server.services.requests import NewNote
from server.web.wiring import wired

blueprint = Blueprint("follow", __name__, url_prefix="/follow/<link>")

WORDS_MOST: Final = 4000
_DIGITS: Final = frozenset("12345")


@blueprint.get("")
def show(link: str) -> Any:
    """Show how far a request has come."""
    guard.count_view()
    found = read_follow_up(wired().engine, link)
    return render_template("portal/follow.html", link=link, found=found, steps=STEPS, rated=RATED)


@blueprint.post("/notes")
def add(link: str) -> Any:
    """Add a word, photos, or both."""
    guard.count_report(link)
    guard.refuse_foreign_form()
    parts = wired()
    found = read_follow_up(parts.engine, link)
    _, system = find_company(parts.engine, found.organisation)
    with parts.file_lane.held():
        words = request.form.get("words", "").replace("\x00", "").strip()[:WORDS_MOST]
        notes = guard.take_photos(found.organisation)
        if words:
            notes = [NewNote(words, channel="web"), *notes]
        if notes:
            requests.add_notes(parts.engine, parts.office, found.organisation, system, found.request, notes)
    return redirect(f"/follow/{link}", 303)


@blueprint.post("/rating")
def give_rating(link: str) -> Any:
    """Rate the service, once."""
    guard.count_report(link)
    guard.refuse_foreign_form()
    form = request.form
    rating: dict[str, Any] = {name: int(form[name]) for name in RATED if form.get(name, "") in _DIGITS and form[name]}
    rating["words"] = form.get("words", "").replace("\x00", "").strip()[:1000]
    rate(wired().engine, wired().office, link, rating)
    return redirect(f"/follow/{link}", 303)


@blueprint.get("/files/<sha256>")
def read_file(link: str, sha256: str) -> Response:
    """Send a photo of the request; what is no photo is sent as mere bytes."""
    guard.count_view()
    parts = wired()
    organisation, note = find_file(parts.engine, link, sha256)
    opened = parts.blobs.open(organisation, sha256)
    is_photo = opened.media_type in PHOTO_TYPES
    return send_file(
        parts.file_lane.pass_file(opened.file),
        mimetype=opened.media_type if is_photo else "application/octet-stream",
        as_attachment=not is_photo,
        download_name=note.get("file_name") or "file",
    )
