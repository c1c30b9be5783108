"""The customers' pages on the application."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, Response, make_response, render_template

from pages.assets import OWN_CONFIG
from pages.language import CATALOGUE_CONFIG, choose_language, speak_from
from schemas.problems import Fault
from server.portal.pages import BLUEPRINTS
from server.services.notice_texts import spell_moment
from server.web.errors import show_failures
from server.web.notes import notes
from server.web.wiring import wired

HOME: Final = Path(__file__).parent

REFUSAL_HEADER: Final = "X-Gongdan-Refusal"

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""No script at all: the pages work on any telephone, and there is nothing to be smuggled in."""


def register_portal(app: Flask) -> None:
    """Add the customers' pages to an application that has the office's."""
    app.config[OWN_CONFIG] = (*app.config[OWN_CONFIG], HOME / "static")
    app.config[CATALOGUE_CONFIG] = (*app.config[CATALOGUE_CONFIG], HOME / "catalogue")
    portal = Blueprint("portal", __name__, template_folder="templates")
    for page in BLUEPRINTS:
        portal.register_blueprint(page)
    portal.before_request(_speak_to_customers)
    show_failures(portal, show_refusal)
    portal.after_request(_send_policy)
    app.register_blueprint(portal)
    app.jinja_env.filters["told_moment"] = _tell_moment


def _speak_to_customers() -> None:
    speak_from(HOME / "catalogue")


def _tell_moment(instant: str | None) -> str | None:
    return spell_moment(instant, wired().settings.zone)


def show_refusal(fault: Fault) -> Response:
    """Return the page that tells what was refused."""
    notes().problem = fault.code
    page = render_template("portal/problem.html", sentence=fault.sentence(choose_language()), code=fault.code)
    answer = make_response(page, fault.problem.status)
    answer.headers[REFUSAL_HEADER] = fault.code
    return answer


def _send_policy(answer: Response) -> Response:
    if answer.mimetype == "text/html":
        answer.headers.setdefault("Content-Security-Policy", POLICY)
        answer.headers["X-Robots-Tag"] = "noindex"
    return answer
