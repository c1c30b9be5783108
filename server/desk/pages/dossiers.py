"""A dossier as a download: what an outsider checks without us."""

from __future__ import annotations

import io
from typing import Any

from flask import Blueprint, request, send_file

from schemas.problems import Refused
from server.services.dossier import CHOICES, build_dossier
from server.services.dossier_entries import KINDS, Subject
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("dossiers", __name__, url_prefix="/desk/dossiers")


@blueprint.get("/export")
def export() -> Any:
    """Give the dossier of a number: `number`, `about`, `files`, and `personal` (yes, no)."""
    who, parts, asked = require_person(), wired(), request.args
    about, files = asked.get("about", KINDS[0]), asked.get("files", CHOICES[0])
    number = asked.get("number", "").strip()
    if about not in KINDS or files not in CHOICES or not number:
        raise Refused("value_invalid", field="number", detail="number, about, files")
    subject, personal = Subject(about, number), asked.get("personal") != "no"
    built = build_dossier(parts.blobs, parts.key, who.organisation, subject, files, personal=personal)
    return send_file(io.BytesIO(built.data), mimetype="application/zip", as_attachment=True, download_name=built.name)
