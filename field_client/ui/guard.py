"""Who may reach the pages: the browser of the person at this device, and no web page it also shows.

Rule 1: the server listens on the loopback address alone, and answers only to the names of this machine. A page of the
        internet whose name is made to point here (DNS rebinding) is turned away by its Host.
Rule 2: every request carries a secret that `gongdan-field ui` puts into the browser once; other users of the machine
        and other programs' pages do not know it. It opens no data: the PIN does.
Rule 3: what changes something must come from a page of ours (Origin, Fetch Metadata).
Rule 4: no page may hold a script or style of its own, load anything from elsewhere, or be framed.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from flask import Flask, Response, redirect, request

from field_client.durable import make_folder
from schemas.problems import Refused

COOKIE: Final = "gongdan_token"
COOKIE_S: Final = 365 * 24 * 3600
"""The app on the home screen must open a year later; the secret guards the door, not the data."""

TOKEN_BYTES: Final = 32
OPEN_TO_ALL: Final = ("/static/", "/favicon.ico")
"""What a browser fetches without cookies when it installs the app; nothing here is anybody's."""

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    )
)

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def keep_token(path: Path) -> str:
    """Return the secret of this device's pages, made at the first call; only its owner can read the file."""
    if path.exists():
        return path.read_text(encoding="ascii")
    make_folder(path.parent)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(token)
    return token


def guard(app: Flask, token: str, port: int) -> None:
    """Let only the person at this device in."""
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    origins = {f"http://{host}" for host in hosts}
    # Cookies know no ports: two devices on one machine, as at a demonstration, must not push each other out.
    own = f"{COOKIE}_{port}"

    def is_token(said: str) -> bool:
        return hmac.compare_digest(said.encode(), token.encode())

    @app.before_request
    def turn_strangers_away() -> Response | None:
        if request.headers.get("Host") not in hosts:
            raise Refused("page_not_yours")
        if request.path == "/enter" and is_token(request.args.get("token", "")):
            answer = redirect("/")
            answer.set_cookie(own, token, max_age=COOKIE_S, httponly=True, samesite="Strict")
            return answer  # type: ignore[return-value]
        if request.path.startswith(OPEN_TO_ALL):
            return None
        if not any(is_token(request.cookies.get(name, "")) for name in (own, COOKIE)):
            raise Refused("page_not_yours")
        if request.method not in ("GET", "HEAD") and not _is_ours(origins):
            raise Refused("page_not_yours")
        return None

    @app.after_request
    def forbid_the_rest(answer: Response) -> Response:
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        if not request.path.startswith(OPEN_TO_ALL):
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer


def _is_ours(origins: set[str]) -> bool:
    """Tell whether one of our own pages sent this; a browser names its origin whenever something may change."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return origin in origins
    return request.headers.get("Sec-Fetch-Site") == "same-origin"
