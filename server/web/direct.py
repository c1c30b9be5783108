"""Push and pull, past Flask: the two requests that devices make all day, read and answered in a tenth of its time.

Rule 1: who may call and what is answered is decided by the same functions as behind Flask.
Rule 2: a request that is not of the usual form (its length is unknown, its address holds a NUL) goes to Flask.
Rule 3: every refusal and failure is explained by Flask's error handlers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from flask import Flask

from server.web.access import ACCESS, PREFIX
from server.web.auth import DeviceIdentity, identify_device
from server.web.bodies import Lines
from server.web.call import Call, has_known_length, wsgi_call
from server.web.errors import explain_failures
from server.web.notes import notes
from server.web.sync_api import answer_pull, answer_push
from server.web.wiring import EXTENSION, Wiring

Answer = Callable[[Wiring, Call, DeviceIdentity], Lines]

ROUTES: Final[dict[str, Answer]] = {"POST /push": answer_push, "GET /pull": answer_pull}
_DIRECT: Final = {f"{route.split()[0]} {PREFIX}{route.split()[1]}": (ACCESS[route], ROUTES[route]) for route in ROUTES}


class Direct:
    """A WSGI application in front of Flask's."""

    def __init__(self, app: Flask, headers: dict[str, str]) -> None:
        """Answer for an application, with its parts; `headers` are sent with every answer."""
        self._app = app
        self._behind = app.wsgi_app
        self._headers = list(headers.items())

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        found = _DIRECT.get(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        if found is None or "%00" in environ.get("QUERY_STRING", ""):
            return self._behind(environ, start_response)
        access, answer = found
        assert access.body_bytes_max is not None
        if not has_known_length(environ, access.body_bytes_max):
            return self._behind(environ, start_response)
        notes().route = environ["PATH_INFO"]

        def serve() -> Iterable[bytes]:
            call, parts = wsgi_call(environ), self._app.extensions[EXTENSION]
            lines = answer(parts, call, identify_device(parts, call, access))
            start_response("200 OK", [*lines.headers, ("Content-Length", str(len(lines.body))), *self._headers])
            return [lines.body]

        return explain_failures(self._app, environ, start_response, serve)
