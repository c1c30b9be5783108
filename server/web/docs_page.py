"""The OpenAPI document, and the page people read it on: no script, no outside address."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Response, current_app, render_template

from schemas.problems import PROBLEMS
from server.web.openapi import TAGS, about, blueprint

DOCUMENT_CONFIG: Final = "GONGDAN_DOCUMENT"
"""Where the application factory leaves the finished document."""

documentation = blueprint("documentation")

_STYLE: Final = (Path(__file__).parent / "templates" / "docs.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode("utf-8")).digest()).decode("ascii")
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the page shows it."""

    method: str
    path: str
    details: dict[str, Any]

    @property
    def anchor(self) -> str:
        """A name to link to."""
        return f"{self.method}{self.path}".replace("/", "-").replace("{", "").replace("}", "")

    @property
    def callers(self) -> str:
        """Who may call it."""
        schemes = [name for requirement in self.details["security"] for name in requirement]
        return " / ".join(schemes) or "anybody"


@documentation.get("/openapi.json")
@documentation.doc(
    **about("接口描述", responses={"200": {"description": "OpenAPI 3.1", "content": {"application/json": {}}}})
)
def openapi_json() -> dict[str, Any]:
    """Describe this interface in OpenAPI 3.1."""
    document: dict[str, Any] = current_app.config[DOCUMENT_CONFIG]
    return document


@documentation.get("/docs")
@documentation.doc(**about("接口手册", responses={"200": {"description": "HTML", "content": {"text/html": {}}}}))
def docs() -> Response:
    """Show the description of this interface as a page."""
    document: dict[str, Any] = current_app.config[DOCUMENT_CONFIG]
    sections = [(name, labels, list(_operations_of(document, name))) for name, labels in TAGS.items()]
    page = render_template(
        "docs.html",
        document=document,
        sections=[section for section in sections if section[2]],
        schemas=document["components"]["schemas"],
        problems=sorted(PROBLEMS.values(), key=lambda problem: (problem.status, problem.code)),
        style=_STYLE,
    )
    response = Response(page, mimetype="text/html")
    closed = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    policy = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; {closed}"
    response.headers["Content-Security-Policy"] = policy
    return response


def _operations_of(document: dict[str, Any], tag: str) -> Iterator[Operation]:
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations and tag in operations[method]["tags"]:
                shared = operations.get("parameters", [])
                parameters = [*shared, *operations[method].get("parameters", [])]
                yield Operation(method, path, {**operations[method], "parameters": parameters})
