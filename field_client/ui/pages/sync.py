"""What is only on this device, what is on its way, and what needs a person; beginning and watching a sync."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template

from field_client.ui.visit import open_desk, shared
from field_client.work_page import read_status

blueprint = Blueprint("sync", __name__)


@blueprint.get("/strip")
def show_strip() -> str:
    """Show in one line how much is only here, and when the server was last met; asked for by every open page."""
    desk = open_desk()
    return render_template("_strip.html", status=read_status(desk.bench), sync=shared().syncer.view)


@blueprint.get("/sync")
def show() -> str:
    """Show all of it."""
    desk = open_desk()
    return render_template("sync.html", desk=desk, status=read_status(desk.bench), sync=shared().syncer.view)


@blueprint.post("/sync")
def start() -> Any:
    """Begin a sync."""
    shared().syncer.start()
    return redirect("/sync", 303)
