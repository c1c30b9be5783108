"""The metrics over HTTP, from a process of its own: a server whose threads are all busy is still watched.

Rule 1: on an address that other machines reach it serves only to who shows the token.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from sqlalchemy import Engine

from server.metrics import collect_counts
from server.services.gauges import FleetGauges
from server.settings import Settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def collect_everything(settings: Settings, engine: Engine) -> CollectorRegistry:
    """Return a registry of what the server processes of this machine counted and what the database tells."""
    registry = collect_counts(settings.data)
    registry.register(FleetGauges(engine, settings.metrics_devices))
    return registry


def open_exposition(settings: Settings, engine: Engine) -> WSGIServer:
    """Return a server that listens, to be run with `serve_forever`.

    Raises ValueError when the address is none, or other machines reach it and there is no token; OSError when it
    cannot be listened at.
    """
    address, _, port = settings.metrics_bind.rpartition(":")
    if not port.isdigit():
        raise ValueError(f"GONGDAN_METRICS_BIND: {settings.metrics_bind}")
    if not settings.metrics_token and not _is_of_this_machine(address):
        raise ValueError(f"GONGDAN_METRICS_TOKEN is empty and {settings.metrics_bind} may be reached by others")
    app: Application = make_wsgi_app(collect_everything(settings, engine))
    if settings.metrics_token:
        app = _require_token(app, settings.metrics_token)
    return make_server(address, int(port), app, _Threads, _Silent)


def _is_of_this_machine(address: str) -> bool:
    try:
        return address == "localhost" or ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _require_token(app: Application, token: str) -> Application:
    wanted = f"Bearer {token}".encode()

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        shown = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")
        if hmac.compare_digest(shown, wanted):
            return app(environ, start_response)
        start_response("401 Unauthorized", [("Content-Length", "0"), ("WWW-Authenticate", "Bearer")])
        return []

    return guarded


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of a scrape."""
