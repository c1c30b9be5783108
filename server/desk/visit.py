"""One request of the office's pages: who it is, what he is told on the next page, and where refusals are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, session

from pages.language import choose_language
from pages.speech import Speech
from schemas.problems import Fault
from server.services.log_following import read_position
from server.web.auth import find_person
from server.web.errors import show_failures
from server.web.notes import notes
from server.web.wiring import wired

Tone = Literal["done", "warning", "refused"]

WORDS: Final = "words"
WORDS_MAX: Final = 4
"""What waits in the cookie to be told; a cookie holds 4 kB."""

REFUSAL_HEADER: Final = "X-Gongdan-Refusal"
"""Tells scripts, and tests, the code of a refusal."""

SIGN_IN: Final = "/desk/sign-in"
ACCOUNT: Final = "/desk/account"
PAGE_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "frame-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True, slots=True)
class Word:
    """One thing to tell the person on the next page; `undo` is where a POST takes the act back."""

    text: str
    tone: Tone = "done"
    undo: str | None = None


def speech() -> Speech:
    """Return how values are said to whoever is asking, in his language and the office's zone."""
    if "speech" not in g:
        g.speech = Speech(choose_language(), wired().settings.zone)
    return cast(Speech, g.speech)


def say(text: str, tone: Tone = "done", undo: str | None = None) -> None:
    """Tell the person something on the next page that is shown."""
    session[WORDS] = [*session.get(WORDS, ()), [text, tone, undo]][-WORDS_MAX:]


def take_words() -> list[Word]:
    """Return what is to be told, once."""
    return [Word(*word) for word in session.pop(WORDS, ())]


def finish(to: str, text: str = "", undo: str | None = None) -> Response:
    """End an act that was done: the person is told, and the page `to` is shown.

    `undo` is where a POST takes it back.
    """
    if text:
        say(text, undo=undo)
    if is_by_script():
        return Response(status=204, headers={"HX-Redirect": to})
    return cast(Response, redirect(to, 303))


def is_by_script() -> bool:
    """Tell whether a script asked, which wants a part of a page."""
    return request.headers.get("HX-Request") == "true"


def is_local(path: str) -> bool:
    """Tell whether a path is one of ours; ``//host`` would lead away."""
    return path.startswith("/") and not path.startswith(("//", "/\\"))


def answer_refusals(pages: Blueprint) -> None:
    """Show refusals as pages; to a script, as a sentence that it puts into the form, where all that was typed stays."""
    show_failures(pages, show_refusal)


def show_refusal(fault: Fault) -> Response:
    """Return the answer to a request that was refused."""
    notes().problem = fault.code
    if fault.code == "not_signed_in":
        answer = _ask_to_sign_in()
    elif fault.code == "second_factor_required":
        # Whatever he wanted, this comes first; the page says why.
        say(fault.sentence(choose_language()), "warning")
        answer = finish(ACCOUNT)
    else:
        sentence = fault.sentence(choose_language())
        page = "desk/_refusal.html" if is_by_script() else "desk/problem.html"
        answer = make_response(render_template(page, sentence=sentence, code=fault.code), fault.problem.status)
    answer.headers[REFUSAL_HEADER] = fault.code
    return answer


def note_log_end() -> None:
    """Note up to where a page will show things, before it reads any of them."""
    who = find_person()
    if who is not None and request.method == "GET" and not is_by_script():
        g.log_end = read_position(wired().engine, who.organisation)


def send_policy(answer: Response) -> Response:
    """Let a page load what is the server's own, and nothing else."""
    if answer.mimetype == "text/html":
        answer.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    return answer


def _ask_to_sign_in() -> Response:
    wanted = request.full_path.rstrip("?") if request.method == "GET" and not is_by_script() else "/desk"
    to = f"{SIGN_IN}?{urlencode({'to': wanted})}"
    if is_by_script():
        return Response(status=401, headers={"HX-Redirect": to})
    return cast(Response, redirect(to, 303))
