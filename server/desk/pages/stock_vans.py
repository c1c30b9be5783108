"""Vans made up after their visits, and the levels of vans and centres: what lacks, what is to be ordered."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from pages.language import gettext
from schemas.problems import Refused
from server.clock import utc_now
from server.desk.stock_view import HOME, find_desk, may_keep, read_lines, read_names, read_quantity, refuse_nul, today
from server.desk.visit import finish
from server.domain.stock import Level
from server.services import stock, stock_levels
from server.services.catalogue import find_called
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("stock_vans", __name__, url_prefix="/desk/stock")
blueprint.before_request(refuse_nul)


@blueprint.get("/vans")
def list_vans() -> Any:
    """Show the vans, with how many parts each lacks of its standard list."""
    who = require_person()
    with reading(wired().engine) as connection:
        names = read_names(connection)
        standings = stock_levels.list_levels(connection, who.organisation, today())
        ids = [van.body.get("person_id") for van in names.of_kind("van")]
        named = stock.name_records(connection, who.organisation, ids)
    by_van: dict[str, list[stock_levels.Standing]] = {}
    for standing in standings:
        by_van.setdefault(standing.place, []).append(standing)
    return render_template(
        "desk/stock_vans.html", names=names, named=named, by_van=by_van, may_keep=may_keep(), tab="vans"
    )


@blueprint.get("/vans/<uuid:van>")
def show_van(van: Any) -> Any:
    """Show what makes a van up, as a list to pick by."""
    who = require_person()
    with reading(wired().engine) as connection:
        names = read_names(connection)
        place = _expect(names.places.get(str(van)), "van", str(van))
        proposals = stock_levels.propose(connection, who.organisation, str(van), today())
        ids = [found.standing.level.part for found in proposals] + [place.body.get("person_id")]
        named = stock.name_records(connection, who.organisation, ids)
    return render_template(
        "desk/stock_van.html", van=place, proposals=proposals, names=names, named=named, may_keep=may_keep(),
        printed_at=utc_now(), tab="vans",
    )  # fmt: skip


@blueprint.post("/vans/<uuid:van>/load")
def load(van: Any) -> Any:
    """Book what was picked into a van."""
    with reading(wired().engine) as connection:
        place = _expect(read_names(connection).places.get(str(van)), "van", str(van))
    centre = place.body.get("centre_id")
    if centre is None:
        raise Refused("field_missing", field=gettext("Centre"))
    lines = read_lines()
    stock_levels.load_van(find_desk(), str(van), centre, lines)
    count = sum(line.quantity for line in lines)
    return finish(f"{HOME}/vans", gettext("%(count)s pieces loaded.", count=count))


@blueprint.get("/levels")
def list_levels() -> Any:
    """Show the levels of a place, or what is below its minimum in every centre."""
    who, at = require_person(), request.args.get("place", "")
    with reading(wired().engine) as connection:
        names = read_names(connection)
        if at and at not in names.places:
            raise Refused("not_found", what=at)
        standings = stock_levels.list_levels(connection, who.organisation, today(), at or None)
        if not at:
            standings = [one for one in standings if one.order and names.places[one.place].kind == "centre"]
        named = stock.name_records(connection, who.organisation, [one.level.part for one in standings])
    return render_template(
        "desk/stock_levels.html",
        names=names,
        named=named,
        standings=standings,
        place=at,
        may_keep=may_keep(),
        tab="levels",
    )


@blueprint.post("/levels")
def set_levels() -> Any:
    """Write the levels of a place: those that stand, one that is added, or the list of another place."""
    form, who = request.form, require_person()
    with reading(wired().engine) as connection:
        names = read_names(connection)
        place = names.places.get(form.get("place", ""))
        if place is None:
            raise Refused("not_found", what=form.get("place", ""))
        levels = _read_levels()
        if added := form.get("part", "").strip():
            found = find_called(connection, who.organisation, "part", [added])[added]
            if len(found) != 1:
                raise Refused("part_not_known", what=added[:60])
            levels.append(
                Level(found[0], read_quantity(form.get("minimum", "0")), read_quantity(form.get("standard", "")))
            )
        if form.get("like") in names.places:
            others = stock_levels.list_levels(connection, who.organisation, today(), form["like"])
            known = {level.part for level in levels}
            levels += [other.level for other in others if other.level.part not in known]
    written = stock_levels.set_levels(find_desk(), {f"{place.kind}_id": place.id}, levels)
    told = gettext("The levels are saved.") if written else gettext("Nothing was changed.")
    return finish(f"{HOME}/levels?place={place.id}", told)


def _read_levels() -> list[Level]:
    form = request.form
    columns = [form.getlist(name) for name in ("level_part", "level_minimum", "level_standard")]
    return [
        Level(part, read_quantity(minimum), read_quantity(standard))
        for part, minimum, standard in zip(*columns, strict=True)
    ]


def _expect(place: stock.Place | None, kind: str, named: str) -> stock.Place:
    if place is None or place.kind != kind:
        raise Refused("not_found", what=named)
    return place
