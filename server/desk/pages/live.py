"""The stream that tells an open page of changes."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, current_app, request

from server.desk.live import Listeners
from server.web.auth import require_person

DIGITS_MAX: Final = 18

blueprint = Blueprint("live", __name__, url_prefix="/desk/live")


@blueprint.get("")
def listen() -> Response:
    """Stream an event whenever the log of the organisation has grown."""
    listeners: Listeners = current_app.extensions["gongdan_desk"]
    heard = request.headers.get("Last-Event-ID") or request.args.get("seen", "")
    seen = int(heard) if heard.isascii() and heard.isdigit() and len(heard) < DIGITS_MAX else None
    stream = listeners.listen(require_person().organisation, seen)
    return Response(stream, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})
