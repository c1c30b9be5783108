"""The way in and out: signing in, the language, the first page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request

from pages.language import COOKIE, LANGUAGES, choose_language
from schemas.problems import Refused
from server.desk.visit import finish, is_by_script, is_local
from server.web.auth import close_session, refuse_foreign_page
from server.web.signing_in import sign_in_by_password

blueprint = Blueprint("entry", __name__, url_prefix="/desk")

HOME = "/desk/orders"
YEAR_S = 365 * 24 * 3600


@blueprint.get("")
def home() -> Any:
    """Lead to the first page."""
    return redirect(HOME, 303)


@blueprint.get("/sign-in")
def ask() -> Any:
    """Ask for login and password."""
    return render_template("desk/sign_in.html", to=_wanted(request.args.get("to", "")))


@blueprint.post("/sign-in")
def sign_in() -> Any:
    """Sign in and go where the person wanted to."""
    refuse_foreign_page(is_form=True)
    to, login = _wanted(request.form.get("to", "")), request.form.get("login", "").strip()
    try:
        sign_in_by_password(login, request.form.get("password", ""))
    except Refused as refusal:
        if is_by_script():
            raise
        sentence = refusal.fault.sentence(choose_language())
        page = render_template("desk/sign_in.html", to=to, login=login, sentence=sentence, code=refusal.code)
        return page, refusal.fault.problem.status
    return finish(to)


@blueprint.post("/sign-out")
def sign_out() -> Any:
    """Sign out; this also answers when nobody was signed in."""
    refuse_foreign_page(is_form=True)
    close_session()
    return finish("/desk/sign-in")


@blueprint.post("/language")
def choose() -> Any:
    """Remember the language in this browser."""
    refuse_foreign_page(is_form=True)
    language = request.form.get("language", "")
    answer = finish(_wanted(request.form.get("back", "")))
    if language in LANGUAGES:
        answer.set_cookie(COOKIE, language, max_age=YEAR_S, samesite="Lax", httponly=True, secure=request.is_secure)
    return answer


def _wanted(address: str) -> str:
    return address if is_local(address) else HOME
