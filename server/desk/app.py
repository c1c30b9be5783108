"""The office's pages on the application: one blueprint above all pages, and what their templates may ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Flask, g

from pages import assets
from pages.assets import OWN_CONFIG, static_address
from pages.language import CATALOGUE_CONFIG, LANGUAGES, choose_language, gettext, ngettext
from pages.wording import spell_bytes, spell_price, spell_span
from schemas.shown_text import show_text
from server.desk.live import Listeners
from server.desk.pages import BLUEPRINTS, NAVIGATION
from server.desk.trace_view import FILTERS, may_export, may_recall
from server.desk.visit import answer_refusals, note_log_end, send_policy, speech, take_words
from server.desk.wording import name_urgency, say_erased, spell_ago, spell_left, spell_moment
from server.services.order_page import find_marks
from server.web.auth import PersonIdentity, find_person
from server.web.wiring import Wiring

HOME: Final = Path(__file__).parent
EXTENSION: Final = "gongdan_desk"


def register_desk(app: Flask, parts: Wiring) -> None:
    """Add the office's pages to an application."""
    app.config[OWN_CONFIG] = (HOME / "static",)
    app.config[CATALOGUE_CONFIG] = (HOME / "catalogue",)
    app.extensions[EXTENSION] = Listeners(parts.engine)
    desk = Blueprint("desk", __name__, template_folder="templates")
    for page in BLUEPRINTS:
        desk.register_blueprint(page)
    answer_refusals(desk)
    desk.before_request(note_log_end)
    desk.after_request(send_policy)
    desk.context_processor(_tell_about_visit)
    app.register_blueprint(desk)
    app.register_blueprint(assets.blueprint)
    _speak(app)


def _speak(app: Flask) -> None:
    environment = app.jinja_env
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters.update(
        ago=spell_ago,
        left=spell_left,
        urgency=name_urgency,
        moment=spell_moment,
        size=spell_bytes,
        price=spell_price,
        minutes=spell_span,
        shown=show_text,
        query=urlencode,
        marks_of=find_marks,
        **FILTERS,
    )
    environment.globals.update(
        language=choose_language,
        LANGUAGES=LANGUAGES,
        static=static_address,
        words=take_words,
        erased_word=say_erased,
        say=speech,
        may_export=may_export,
        may_recall=may_recall,
    )


def _tell_about_visit() -> dict[str, Any]:
    who = find_person()
    return {"who": who, "navigation": _navigation_of(who) if who else (), "log_end": g.get("log_end", "")}


def _navigation_of(who: PersonIdentity) -> list[tuple[str, str, str]]:
    """Return address, name and key of the pages that a person may see."""
    return [(page.address, page.name(), page.key) for page in NAVIGATION if who.roles & page.roles]
