"""Signing in by an OpenID provider: there and back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request

from schemas.problems import Refused
from server.desk.visit import is_local
from server.web.signing_in import begin_at_provider, come_back_from_provider
from server.web.wiring import wired

blueprint = Blueprint("oidc", __name__, url_prefix="/desk/oidc")


@blueprint.get("/<name>")
def begin(name: str) -> Any:
    """Send the browser to a provider."""
    to = request.args.get("to", "")
    return redirect(begin_at_provider(name, "again" in request.args, to if is_local(to) else "/desk"), 303)


@blueprint.get("/<name>/back")
def come_back(name: str) -> Any:
    """Sign in whoever comes back, and lead him where he wanted to go."""
    try:
        return redirect(come_back_from_provider(name, request.args), 303)
    except Refused as refused:
        if refused.code == "second_factor_needed":
            return redirect("/desk/sign-in/code", 303)
        raise


@blueprint.get("/<name>/out")
def sign_out(name: str) -> Any:
    """Send the browser to where it signs out of the provider too."""
    return redirect(wired().providers.sign_out_address(name, "/desk/sign-in") or "/desk/sign-in", 303)
