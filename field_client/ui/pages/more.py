"""Whose device this is, its language, and locking it."""

from __future__ import annotations

from flask import Blueprint, render_template

from field_client.telling import CLIENT
from field_client.ui.visit import open_desk

blueprint = Blueprint("more", __name__)


@blueprint.get("/more")
def show() -> str:
    """Show what is seldom needed."""
    desk = open_desk()
    return render_template(
        "more.html",
        person=desk.store.recall("person_name", ""),
        server=desk.store.recall("base_url", ""),
        device=desk.outbox.identity.device,
        client=CLIENT,
    )
