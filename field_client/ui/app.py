"""The application of the pages: what is wired to what."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import Flask

from field_client.imaging import BYTES_MAX as PHOTO_BYTES_MAX
from field_client.ui.guard import guard
from field_client.ui.keeper import DeskKeeper
from field_client.ui.pages import BLUEPRINTS
from field_client.ui.syncing import Syncer
from field_client.ui.visit import PARTS, Shared, answer_refusals, let_go, read_typed, take_words
from field_client.ui.wording import (
    advise,
    spell_ago,
    spell_left,
    spell_moment,
    spell_progress,
)
from pages.assets import OWN_CONFIG, static_address
from pages.language import CATALOGUE_CONFIG, LANGUAGES, choose_language, gettext, ngettext
from pages.wording import spell_bytes, spell_price
from schemas.inquiry import ANSWER_LABELS
from schemas.shown_text import show_text

FORM_BYTES_MAX: Final = 4 * 1024 * 1024
"""Fields that are no files: the strokes of a long signature are the largest, with about 0.5 MB."""


def create_ui(keeper: DeskKeeper, syncer: Syncer, token: str, port: int) -> Flask:
    """Return the application that serves the pages of one device at ``http://127.0.0.1:port``."""
    app = Flask("field_client.ui", static_folder=None)
    app.root_path = str(Path(__file__).parent)
    app.config.update(LANGUAGE=keeper.settings.language, MAX_CONTENT_LENGTH=PHOTO_BYTES_MAX + 64 * 1024)
    app.config["MAX_FORM_MEMORY_SIZE"] = FORM_BYTES_MAX
    app.config[OWN_CONFIG] = (Path(app.root_path) / "static",)
    app.config[CATALOGUE_CONFIG] = (Path(app.root_path) / "catalogue",)
    app.extensions[PARTS] = Shared(keeper, syncer, [])
    guard(app, token, port)
    answer_refusals(app)
    app.teardown_request(let_go)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    environment = app.jinja_env
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters.update(
        ago=spell_ago,
        left=spell_left,
        moment=spell_moment,
        size=spell_bytes,
        price=spell_price,
        advice=advise,
        progress=spell_progress,
        shown=show_text,
    )
    environment.globals.update(
        typed=read_typed,
        words=take_words,
        language=choose_language,
        LANGUAGES=LANGUAGES,
        ANSWER_LABELS=ANSWER_LABELS,
        static=static_address,
    )
    return app
