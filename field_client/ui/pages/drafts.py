"""Keeping what is typed while it is typed, and bringing back what was thrown away."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, request

from field_client.drafts import discard_draft, restore_draft, save_draft
from field_client.ui.visit import is_local, open_desk, say
from pages.language import gettext
from schemas.problems import Refused

blueprint = Blueprint("drafts", __name__, url_prefix="/drafts")


@blueprint.put("")
def keep() -> tuple[str, int]:
    """Keep the fields of a form: JSON ``{"key": text, "typed": {field: [values]}}``."""
    said = request.get_json(silent=True)
    if not _is_draft(said):
        raise Refused("malformed", detail="draft")
    desk = open_desk()
    save_draft(desk.store, said["key"], said["typed"], desk.bench.now())
    return "", 204


@blueprint.post("/discard")
def discard() -> Any:
    """Throw a draft away; the next page offers to bring it back."""
    desk, key, back = open_desk(), request.form["key"], request.form["back"]
    if discard_draft(desk.store, key, desk.bench.now()):
        say(gettext("What you typed was put away."), undo=f"/drafts/restore?{urlencode({'key': key, 'back': back})}")
    return redirect(back if is_local(back) else "/", 303)


@blueprint.post("/restore")
def restore() -> Any:
    """Bring a draft back."""
    key, back = request.args["key"], request.args["back"]
    if restore_draft(open_desk().store, key):
        say(gettext("What you typed is back."))
    return redirect(back if is_local(back) else "/", 303)


def _is_draft(said: Any) -> bool:
    if not isinstance(said, dict) or not isinstance(said.get("key"), str) or not isinstance(said.get("typed"), dict):
        return False
    return all(
        isinstance(name, str) and isinstance(values, list) and all(isinstance(value, str) for value in values)
        for name, values in said["typed"].items()
    )
