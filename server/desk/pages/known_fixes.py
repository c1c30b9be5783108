"""Known fixes: the list, and writing one down, perhaps of an order that was solved."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from pages.language import gettext
from server.desk.visit import finish
from server.domain.catalogue import may_write
from server.services import known_fixes
from server.store import records
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("known_fixes", __name__, url_prefix="/desk/known-fixes")


@blueprint.get("")
def list_fixes() -> Any:
    """Show the known fixes, and the form; ``?order=`` fills it from a solved order."""
    who, order = require_person(), request.args.get("order", "").strip()
    draft = known_fixes.draft_from_order(wired().engine, who.organisation, order) if order else {}
    with reading(wired().engine) as connection:
        found = records.bodies_of_kind(connection, who.organisation, "known_fix")
        fixes = sorted(found, key=lambda fix: (fix[1]["state"] == "retired", fix[1]["title"], fix[0]))
        models = [(i, body["name"]) for i, body in records.bodies_of_kind(connection, who.organisation, "model")]
    told = {"fixes": fixes, "models": models, "draft": draft, "may_write": may_write("known_fix", who.roles)}
    return render_template("desk/known_fixes.html", **told)


@blueprint.post("")
def write() -> Any:
    """Write a known fix down."""
    who, form = require_person(), request.form
    given: dict[str, Any] = {
        name: form.get(name, "").strip() for name in ("title", "model_id", "cause", "remedy", "order_id")
    }
    for name in ("alarms", "words"):
        given[name] = [item.strip() for item in form.get(name, "").replace("，", ",").split(",") if item.strip()]
    given["customer_steps"] = [line.strip() for line in form.get("customer_steps", "").splitlines() if line.strip()]
    known_fixes.write_fix(wired().office, who.organisation, who.person, given)
    return finish("/desk/known-fixes", gettext("The known fix was written down."))


@blueprint.post("/<uuid:fix>/state")
def set_state(fix: Any) -> Any:
    """Take a known fix out of use, or into use again."""
    who, form = require_person(), request.form
    state, seen = form.get("state", ""), form.get("seen", "")
    known_fixes.set_state(wired().office, who.organisation, who.person, str(fix), seen, state)
    is_retired = state == "retired"
    told = gettext("The known fix is offered no more.") if is_retired else gettext("The known fix is offered again.")
    return finish("/desk/known-fixes", told)
