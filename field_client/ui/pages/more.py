"""Whose device this is, its language, its PIN, and what the hotline may ask for."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, send_file

from field_client.keys import change_pin, read_keyring, save_keyring, unlock
from field_client.telling import CLIENT
from field_client.ui.visit import name_person, open_desk, say
from pages.language import gettext
from schemas.problems import Refused

blueprint = Blueprint("more", __name__)


@blueprint.get("/more")
def show() -> str:
    """Show what is seldom needed."""
    desk = open_desk()
    return render_template(
        "more.html",
        person=name_person(desk),
        server=desk.store.recall("base_url", ""),
        device=desk.outbox.identity.device,
        client=CLIENT,
    )


@blueprint.post("/pin")
def change() -> Any:
    """Lock the same keys by another PIN; a wrong old one counts like at the lock."""
    old, pin, again = (request.form.get(name, "") for name in ("old", "pin", "again"))
    if pin != again:
        raise Refused("value_invalid", field="PIN", detail=gettext("the two are not the same"))
    path = open_desk().settings.keyring
    unlock(path, old, int(time.time()))
    save_keyring(path, change_pin(read_keyring(path), old, pin))
    say(gettext("The PIN is changed."))
    return redirect("/more", 303)


@blueprint.get("/more/device.log")
def read_log() -> Response:
    """Give the device's log."""
    return send_file(open_desk().settings.log, as_attachment=True, mimetype="application/x-ndjson", max_age=0)
