"""The way in and out: signing in, the language, the first page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, session

from pages.language import COOKIE, LANGUAGES, choose_language, gettext
from schemas.problems import Refused
from server.desk.visit import SIGN_IN, finish, is_by_script, is_local
from server.web.auth import close_session, refuse_foreign_page
from server.web.signing_in import PROVIDER, has_half, note_sign_out, sign_in_by_code, sign_in_by_password
from server.web.wiring import wired

blueprint = Blueprint("entry", __name__, url_prefix="/desk")

HOME = "/desk/orders"
CODE = f"{SIGN_IN}/code"
YEAR_S = 365 * 24 * 3600


@blueprint.get("")
def home() -> Any:
    """Lead to the first page."""
    return redirect(HOME, 303)


@blueprint.get("/sign-in")
def ask() -> Any:
    """Ask for login and password."""
    return _show_sign_in(_wanted(request.args.get("to", "")))


@blueprint.post("/sign-in")
def sign_in() -> Any:
    """Sign in and go where the person wanted to."""
    refuse_foreign_page(is_form=True)
    to, login = _wanted(request.form.get("to", "")), request.form.get("login", "").strip()
    try:
        sign_in_by_password(login, request.form.get("password", ""))
    except Refused as refusal:
        if refusal.code == "second_factor_needed":
            return finish(f"{CODE}?{urlencode({'to': to})}")
        if is_by_script():
            raise
        sentence = refusal.fault.sentence(choose_language())
        return _show_sign_in(to, login=login, sentence=sentence, code=refusal.code), refusal.fault.problem.status
    return finish(to)


@blueprint.get("/sign-in/code")
def ask_for_code() -> Any:
    """Ask for the second factor of whoever has shown the first."""
    to = _wanted(request.args.get("to", ""))
    return render_template("desk/entry_code.html", to=to) if has_half() else redirect(SIGN_IN, 303)


@blueprint.post("/sign-in/code")
def sign_in_with_code() -> Any:
    """Sign in with the second factor and go where the person wanted to."""
    refuse_foreign_page(is_form=True)
    to = _wanted(request.form.get("to", ""))
    if not has_half():
        return finish(f"{SIGN_IN}?{urlencode({'to': to})}", gettext("That took too long: begin again."))
    try:
        sign_in_by_code(request.form.get("code", ""))
    except Refused as refusal:
        if is_by_script():
            raise
        sentence = refusal.fault.sentence(choose_language())
        page = render_template("desk/entry_code.html", to=to, sentence=sentence, code=refusal.code)
        return page, refusal.fault.problem.status
    return finish(to)


@blueprint.post("/sign-out")
def sign_out() -> Any:
    """Sign out; this also answers when nobody was signed in."""
    refuse_foreign_page(is_form=True)
    provider = session.get(PROVIDER)
    note_sign_out()
    close_session()
    return finish(f"{SIGN_IN}?{urlencode({'from': provider})}" if provider else SIGN_IN)


@blueprint.post("/language")
def choose() -> Any:
    """Remember the language in this browser."""
    refuse_foreign_page(is_form=True)
    language = request.form.get("language", "")
    answer = finish(_wanted(request.form.get("back", "")))
    if language in LANGUAGES:
        answer.set_cookie(COOKIE, language, max_age=YEAR_S, samesite="Lax", httponly=True, secure=request.is_secure)
    return answer


def _show_sign_in(to: str, **typed: str) -> str:
    providers = wired().settings.providers
    left = next((provider for provider in providers if provider.name == request.args.get("from")), None)
    return render_template("desk/sign_in.html", to=to, providers=providers, left=left, **typed)


def _wanted(address: str) -> str:
    return address if is_local(address) else HOME
