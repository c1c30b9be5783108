"""The files that pages load: styles, scripts, icons. Their addresses change with their content."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, send_from_directory

FOLDER: Final = Path(__file__).parent / "static"

blueprint = Blueprint("assets", __name__)


@cache
def static_address(name: str) -> str:
    """Return the address of a file under ``static/``; raises FileNotFoundError when there is none."""
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@blueprint.get("/static/<path:name>")
def read_static(name: str) -> Response:
    """Serve a file."""
    return send_from_directory(FOLDER, name)


@blueprint.get("/favicon.ico")
def read_icon() -> Response:
    """Serve the icon where browsers look for it unasked."""
    return send_from_directory(FOLDER, "icon.svg")
