"""The web application: every part made once and put together here."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from importlib.metadata import version
from typing import Final

from flask import Flask, Response
from sqlalchemy import Engine

from server.desk.app import register_desk
from server.durable import make_folder
from server.event_log import open_event_log
from server.garbage import spare_the_collector
from server.jobs import Correspondence, Followers, Rounds
from server.keys import OfficeKey, open_office_key
from server.metrics import Metrics, share_counts
from server.orphans import end_with_starter
from server.portal.app import register_portal
from server.reception import Reception
from server.scribe_line import find_scribe
from server.services.contacts import Contacts
from server.services.erasing_ledger import FOLDER
from server.services.journal import Journal
from server.services.office import Office
from server.services.oidc import Providers
from server.services.readiness import Readiness
from server.services.timestamps import open_authority
from server.settings import Settings, read_settings
from server.store.database import engine_options, prepare_engine
from server.store.file_storage import open_files
from server.store.tables import db
from server.web.access import JSON_BYTES_MAX
from server.web.attempts import Attempts
from server.web.auth import SESSION_HOURS, admit
from server.web.blob_api import blob
from server.web.direct import Direct
from server.web.docs_page import DOCUMENT_CONFIG, documentation
from server.web.enrol_api import enrolling
from server.web.errors import register_errors
from server.web.file_lane import FileLane
from server.web.fleet_api import fleet
from server.web.health import health
from server.web.lines import watch_lines
from server.web.log_api import log
from server.web.looks import note_look
from server.web.openapi import configure_document, cookie_name, write_document
from server.web.people_api import office
from server.web.requests_api import requests
from server.web.session_api import sessions
from server.web.sync_api import sync
from server.web.watching import Watched
from server.web.wiring import EXTENSION, Wiring

BLUEPRINTS: Final = (sync, blob, enrolling, sessions, office, log, requests, fleet, health, documentation)

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
STRICT_TRANSPORT: Final = "max-age=31536000"


def create_app(settings: Settings) -> Flask:
    """Return the application. The data folder is made and the keys are, when they are not there.

    Raises OSError when the data folder cannot be written.
    """
    make_folder(settings.data, mode=0o777)
    key = open_office_key(settings)
    app = Flask("server.web", static_folder=None)
    _configure(app, settings, key.token_secret)
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    prepare_engine(engine)
    metrics = Metrics()
    parts = app.extensions[EXTENSION] = make_parts(settings, engine, key, metrics)
    register_errors(app)
    app.before_request(admit)
    headers = _security_headers(settings)
    _send_headers(app, headers)
    # Before the headers, which whatever it answers instead gets too.
    app.after_request(note_look)
    api = configure_document(app, settings.base_url, version("gongdan"))
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    app.config[DOCUMENT_CONFIG] = write_document(api)
    register_desk(app, parts)
    register_portal(app)
    app.wsgi_app = Watched(Direct(app, headers), metrics, parts.contacts)  # type: ignore[method-assign]
    return app


def make_parts(settings: Settings, engine: Engine, key: OfficeKey, metrics: Metrics) -> Wiring:
    """Return the parts of a server process that has just started: nothing is in their memory."""
    office_desk, files = Office(engine, key), open_files(settings)
    return Wiring(
        settings,
        engine,
        key,
        office_desk,
        Reception(engine, metrics.commit_sets.observe, office_desk.shelf, find_scribe(), key.token_secret),
        Attempts(engine),
        metrics,
        Contacts(engine),
        files,
        Readiness(settings, engine, files),
        FileLane(settings.threads),
        Journal(engine),
        Providers(settings.providers, settings.base_url),
    )


def wsgi() -> Flask:
    """Return the application as the environment configures it: the factory for gunicorn and granian."""
    settings = read_settings()
    open_event_log(settings.log_level, settings.log_format)
    share_counts(settings.data)
    end_with_starter()
    watch_lines(settings.port, settings.silence_s, settings.threads)
    app = create_app(settings)
    parts: Wiring = app.extensions[EXTENSION]
    parts.contacts.start()
    parts.journal.start()
    # Daemons: a round cut off by the end of the process is made again by whoever comes next.
    authority = open_authority(settings.authority)
    Rounds(parts.engine, parts.files, settings.journal_days, parts.key, authority, settings.data / FOLDER).start()
    Followers(parts.engine, parts.office, settings.zone).start()
    Correspondence(parts.engine, parts.office, parts.files, settings).start()
    spare_the_collector()
    return app


def _configure(app: Flask, settings: Settings, secret: bytes) -> None:
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
        # Cookies and tokens are signed with different keys, so that neither passes for the other.
        SECRET_KEY=hmac.new(secret, b"session cookies", hashlib.sha256).digest(),
        SESSION_COOKIE_NAME=cookie_name(settings.base_url),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.base_url.startswith("https://"),
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=SESSION_HOURS),
        MAX_CONTENT_LENGTH=JSON_BYTES_MAX,
    )


def _security_headers(settings: Settings) -> dict[str, str]:
    strict = {"Strict-Transport-Security": STRICT_TRANSPORT} if settings.base_url.startswith("https://") else {}
    return SECURITY_HEADERS | strict


def _send_headers(app: Flask, headers: dict[str, str]) -> None:
    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response
