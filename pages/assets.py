"""The files that pages load: styles, scripts, icons. Their addresses change with their content.

An application has folders of its own beside the one of what all pages load (`pages/static`), and the first wins.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, current_app, send_from_directory

SHARED: Final = Path(__file__).parent / "static"
OWN_CONFIG: Final = "STATIC"
"""Where an application leaves its own folders."""

STATIC_S: Final = 365 * 24 * 3600
"""Addresses carry the version, so the browser may keep what it has."""

blueprint = Blueprint("assets", __name__)


def static_address(name: str) -> str:
    """Return the address of a file under ``/static/``; raises FileNotFoundError when there is none."""
    return f"/static/{name}?v={_digest(_find(name) / name)}"


@blueprint.get("/static/<path:name>")
def read_static(name: str) -> Response:
    """Serve a file."""
    return send_from_directory(_find(name), name, max_age=STATIC_S)


@blueprint.get("/favicon.ico")
def read_icon() -> Response:
    """Serve the icon where browsers look for it unasked."""
    return send_from_directory(_find("icon.svg"), "icon.svg", max_age=STATIC_S)


def _find(name: str) -> Path:
    return next((own for own in current_app.config[OWN_CONFIG] if (own / name).is_file()), SHARED)


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
