"""The way in: the PIN, the first run, the language, and what lets a browser install the pages as an app."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request

from field_client.ui.keeper import Stage
from field_client.ui.visit import is_by_script, is_local, say, shared
from pages.assets import static_address
from pages.language import COOKIE, LANGUAGES, choose_language, gettext
from schemas.problems import Refused

blueprint = Blueprint("entry", __name__)

YEAR_S = 365 * 24 * 3600


@blueprint.get("/unlock")
def ask_for_pin() -> Any:
    """Show the PIN field, or where the device stands instead."""
    stage = shared().keeper.stage
    if stage is Stage.FIRST:
        return redirect("/first", 303)
    return redirect("/", 303) if stage is Stage.OPEN else render_template("unlock.html", wanted="/")


@blueprint.post("/unlock")
def unlock() -> Any:
    """Open the device; a script that asked in the middle of a page gets no other page."""
    wanted = request.form.get("wanted", "/")
    wanted = wanted if is_local(wanted) else "/"
    keeper = shared().keeper
    try:
        keeper.open(request.form.get("pin", ""))
    except Refused as refusal:
        if is_by_script():
            raise
        if refusal.code == "not_enrolled":
            return redirect("/first", 303)
        sentence = refusal.fault.sentence(choose_language())
        page = render_template("unlock.html", wanted=wanted, sentence=sentence, code=refusal.code)
        return page, refusal.fault.problem.status
    return ("", 204) if is_by_script() else redirect(wanted, 303)


@blueprint.post("/lock")
def lock() -> Any:
    """Lock the device at once."""
    shared().keeper.close()
    return redirect("/unlock", 303)


@blueprint.get("/first")
def ask_for_invitation() -> Any:
    """Show the first run: invitation, PIN, name."""
    if shared().keeper.stage is Stage.OPEN:
        return redirect("/", 303)
    return render_template("first.html")


@blueprint.post("/first")
def enrol() -> Any:
    """Enrol the device and begin its first sync."""
    said = {name: request.form.get(name, "") for name in ("invitation", "pin", "again", "name")}
    try:
        if said["pin"] != said["again"]:
            raise Refused("value_invalid", field="PIN", detail=gettext("the two are not the same"))
        shared().keeper.enrol(said["invitation"].strip(), said["pin"], said["name"].strip() or None)
    except Refused as refusal:
        sentence = refusal.fault.sentence(choose_language())
        page = render_template("first.html", said=said, sentence=sentence, code=refusal.code)
        return page, refusal.fault.problem.status
    say(gettext("This device is enrolled. Your orders are being fetched."))
    shared().syncer.start()
    return redirect("/", 303)


@blueprint.post("/language")
def choose() -> Any:
    """Remember the language in this browser."""
    back, language = request.form.get("back", "/"), request.form.get("language", "")
    answer = redirect(back if is_local(back) else "/", 303)
    if language in LANGUAGES:
        answer.set_cookie(COOKIE, language, max_age=YEAR_S, samesite="Strict", httponly=True)
    return answer


@blueprint.get("/manifest.webmanifest")
def describe_app() -> Response:
    """Describe the pages as an app (W3C Web Application Manifest)."""
    icons = [
        {"src": static_address(f"icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
        for size in (192, 512)
        for purpose in ("any", "maskable")
    ]
    answer = jsonify(
        {
            "id": "/",
            "name": gettext("Gongdan field service"),
            "short_name": gettext("Gongdan"),
            "lang": LANGUAGES[choose_language()],
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#f4f6f7",
            "theme_color": "#0b3d4a",
            "icons": icons,
        }
    )
    answer.mimetype = "application/manifest+json"
    return answer
