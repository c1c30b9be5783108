"""The stream that tells an open page of changes."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from server.desk.live import Listeners
from server.web.auth import require_person

blueprint = Blueprint("live", __name__, url_prefix="/desk/live")


@blueprint.get("")
def listen() -> Response:
    """Stream an event whenever the log of the organisation has grown."""
    listeners: Listeners = current_app.extensions["gongdan_desk"]
    stream = listeners.listen(require_person().organisation)
    return Response(stream, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})
