"""One request: the open device for its length, what it tells the person, and the way back to the page it came from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

from flask import Flask, Response, current_app, g, redirect, render_template, request
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
)

from field_client.desk import Desk
from field_client.device_log import tell_failure
from field_client.drafts import Typed, discard_draft, read_draft, save_draft
from field_client.notices import Notice
from field_client.ui.keeper import DeskKeeper, Stage
from field_client.ui.syncing import Syncer
from field_client.work_undo import find_undoable
from pages.language import choose_language
from pages.speech import Speech
from schemas.problems import Refused

Tone = Literal["done", "warning", "refused"]

PARTS: Final = "gongdan"
"""Under which the app keeps what its pages share."""

FORM_OWN: Final = ("draft", "back")
"""Fields of every form that are the form's own, and no part of what was typed."""


@dataclass(frozen=True, slots=True)
class Word:
    """One thing to tell the person on the next page; `undo` is where a POST takes the act back."""

    tone: Tone
    text: str
    code: str | None = None
    undo: str | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """What the pages of one process share."""

    keeper: DeskKeeper
    syncer: Syncer
    words: list[Word]
    """Not in a cookie: the browser writes cookies to its disk in the clear."""


def shared() -> Shared:
    """Return what the pages share."""
    return cast(Shared, current_app.extensions[PARTS])


def open_desk() -> Desk:
    """Return the open device, which is this request's alone until it ends; raises Refused with `device_locked`."""
    keeper = shared().keeper
    if "desk" not in g:
        keeper.lock.acquire()
        g.holds_lock = True
        desk = keeper.desk()
        if request.headers.get("X-Gongdan-Quiet") != "1":
            keeper.touch()
        g.desk = replace(desk, say=Speech(choose_language()))
    return cast(Desk, g.desk)


def let_go(_: BaseException | None = None) -> None:
    """Give the device back at the end of a request."""
    if g.pop("holds_lock", False):
        g.pop("desk", None)
        shared().keeper.lock.release()


def say(text: str, tone: Tone = "done", code: str | None = None, undo: str | None = None) -> None:
    """Tell the person something on the next page that is shown."""
    shared().words.append(Word(tone, text, code, undo))


def take_words() -> list[Word]:
    """Return what is to be told, once."""
    words = shared().words
    taken = words[:]
    words.clear()
    return taken


def name_person(desk: Desk) -> str:
    """Return what the person of this device is called, in the language of the pages."""
    person = desk.store.values_of(desk.outbox.identity.person)
    return desk.say.named(person, desk.store.recall("person_name", ""))


def read_typed(key: str) -> Typed:
    """Return what was typed into a form and not yet sent."""
    return read_draft(open_desk().store, key)


def finish(
    to: str, text: str = "", notices: Iterable[Notice] = (), undo: str | None = None, order_id: str | None = None
) -> Response:
    """End an act that was done: its draft goes, the person is told, and the page `to` is shown.

    `undo` is where a POST takes it back; for an act on the order `order_id` it is found here.
    """
    desk = open_desk()
    if order_id is not None and (latest := find_undoable(desk.bench, order_id)) is not None:
        undo = f"/orders/{order_id}/undo?seq={latest.seq}"
    if key := request.form.get("draft"):
        discard_draft(desk.store, key, desk.bench.now())
    if text:
        say(text, undo=undo)
    for notice in notices:
        say(notice.sentence(choose_language()), "warning", notice.code)
    return cast(Response, redirect(to, 303))


def answer_refusals(app: Flask) -> None:
    """Show refusals where they arise: on the page with the form, with all that was typed still there."""

    @app.errorhandler(Refused)
    def show_refusal(refusal: Refused) -> Any:
        fault, language = refusal.fault, choose_language()
        if fault.code == "device_locked":
            return _ask_for_pin()
        sentence = fault.sentence(language)
        if is_by_script():
            return {"code": fault.code, "sentence": sentence}, fault.problem.status
        back = request.form.get("back", "") if request.method == "POST" else ""
        if is_local(back):
            _keep_typed()
            say(sentence, "refused", fault.code)
            return redirect(back, 303)
        return render_template("problem.html", sentence=sentence, code=fault.code), fault.problem.status

    @app.errorhandler(HTTPException)
    def show_wrong_request(error: HTTPException) -> Any:
        if isinstance(error, InternalServerError):
            tell_failure(error.original_exception or error)
            return show_refusal(Refused("internal", trace="device.log"))
        if isinstance(error, NotFound):
            return show_refusal(Refused("not_found", what=request.path))
        if isinstance(error, RequestEntityTooLarge):
            return show_refusal(Refused("photo_too_large", limit=f"{current_app.config['MAX_CONTENT_LENGTH']} B"))
        if isinstance(error, MethodNotAllowed):
            return show_refusal(Refused("method_not_allowed"))
        return show_refusal(Refused("malformed", detail=error.name))


def is_by_script() -> bool:
    """Tell whether a script asked, which wants an answer and no page."""
    headers = request.headers
    return "HX-Request" in headers or headers.get("X-Gongdan-Script") == "1"


def is_local(path: str) -> bool:
    """Tell whether a path is one of ours; ``//host`` would lead away."""
    return path.startswith("/") and not path.startswith(("//", "/\\"))


def _ask_for_pin() -> Any:
    """Show where to go on: the PIN, or the enrolment of a device that has none."""
    if is_by_script():
        return {"code": "device_locked"}, 423
    if shared().keeper.stage is Stage.FIRST:
        return redirect("/first", 303)
    wanted = request.full_path.rstrip("?") if request.method == "GET" else request.form.get("back", "/")
    g.wanted = wanted if is_local(wanted) else "/"
    return render_template("unlock.html", wanted=g.wanted), 423


def _keep_typed() -> None:
    key = request.form.get("draft")
    if key and shared().keeper.stage is Stage.OPEN:
        typed = {name: values for name, values in request.form.lists() if name not in FORM_OWN}
        desk = open_desk()
        save_draft(desk.store, key, typed, desk.bench.now())
