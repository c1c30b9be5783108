"""Counting a centre or a van: sheets under way, one sheet by keys and scanner, and its settling."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from pages.language import gettext
from schemas.stock import StockKey
from server.desk.stock_view import HOME, find_desk, may_keep, read_names, read_quantity, refuse_nul
from server.desk.visit import finish
from server.domain.catalogue import wanted_words
from server.services import stock, stock_counts
from server.store import catalogue, json_text, stock_levels_read
from server.store.database import reading, writing
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("stock_counts", __name__, url_prefix="/desk/stock/counts")
blueprint.before_request(refuse_nul)

SETTLED_SHOWN: Final = 30


@blueprint.get("")
def show_counts() -> Any:
    """Show the sheets under way, what came in late, and the last counts."""
    who = require_person()
    with reading(wired().engine) as connection:
        names = read_names(connection)
        rows = stock_counts.list_sheets(connection, who.organisation)
        sheets = [(row, json_text.load(row.body)) for row in rows]
        late = stock_counts.list_late(connection, who.organisation)
        settled = stock_levels_read.list_settled(connection, who.organisation, SETTLED_SHOWN)
        ids = [row.part for row in late] + [row.person for row in rows] + [row.id for row in settled]
        named = stock.name_records(connection, who.organisation, ids)
    return render_template(
        "desk/stock_counts.html", names=names, sheets=sheets, late=late, settled=settled, named=named,
        may_keep=may_keep(), tab="counts",
    )  # fmt: skip


@blueprint.post("")
def begin() -> Any:
    """Begin a sheet of a place."""
    form, who = request.form, require_person()
    with writing(wired().engine) as connection:
        place = stock.find_place(connection, who.organisation, form.get("place", ""))
        words = form.get("words", "").strip()
        parts = None
        if words:
            found = catalogue.search(connection, who.organisation, "part", wanted_words(words), [])
            parts = [key for _, key in found]
        asked = ({f"{place.kind}_id": place.id}, parts, words[:80], "blind" in form)
        sheet = stock_counts.begin(connection, who.organisation, who.person, *asked)
    return finish(f"{HOME}/counts/{sheet}")


@blueprint.post("/late")
def settle_late() -> Any:
    """Put right what moves from before a count changed since."""
    reason = request.form.get("reason", "").strip() or gettext("Moved before the count, came in after it")
    stock_counts.settle_late(find_desk(), reason)
    return finish(f"{HOME}/counts", gettext("The balances are as they were counted again."))


@blueprint.get("/<uuid:sheet>")
def show_sheet(sheet: Any) -> Any:
    """Show a sheet."""
    return _show(str(sheet), "desk/stock_count.html")


@blueprint.post("/<uuid:sheet>/lines")
def note_line(sheet: Any) -> Any:
    """Keep what was counted of a line; a script gets the sums, a form the sheet."""
    form, who = request.form, require_person()
    typed = form.get("counted", "").strip()
    with writing(wired().engine) as connection:
        found = stock_counts.read_sheet(connection, who.organisation, str(sheet))
        key = StockKey(found.place, form.get("part", ""), form.get("batch", "").strip(), form.get("serial", "").strip())
        stock.find_part(connection, who.organisation, key.part)
        counted = read_quantity(typed) if typed else None
        stock_counts.note_line(connection, who.organisation, who.person, str(sheet), key, counted)
    return _show(str(sheet), "desk/_stock_sheet.html")


@blueprint.post("/<uuid:sheet>/missing")
def note_missing(sheet: Any) -> Any:
    """Note zero for what nobody has counted."""
    who = require_person()
    with writing(wired().engine) as connection:
        count = stock_counts.note_missing(connection, who.organisation, who.person, str(sheet))
    return finish(f"{HOME}/counts/{sheet}", gettext("%(count)s lines are counted as none.", count=count))


@blueprint.post("/<uuid:sheet>/settlement")
def settle(sheet: Any) -> Any:
    """Settle a sheet."""
    differed = stock_counts.settle(wired().engine, find_desk(), str(sheet), request.form.get("reason", ""))
    return finish(f"{HOME}/counts", gettext("The count is booked; %(count)s lines differed.", count=differed))


@blueprint.post("/<uuid:sheet>/discard")
def discard(sheet: Any) -> Any:
    """Throw a sheet away."""
    with writing(wired().engine) as connection:
        stock_counts.discard(connection, require_person().organisation, str(sheet))
    return finish(f"{HOME}/counts", gettext("The sheet is thrown away; nothing was booked."))


def _show(sheet: str, template: str) -> Response | str:
    who = require_person()
    with reading(wired().engine) as connection:
        names = read_names(connection)
        found = stock_counts.read_sheet(connection, who.organisation, sheet)
        named = stock.name_records(connection, who.organisation, [line.key.part for line in found.lines])
    lines = sorted(
        found.lines,
        key=lambda line: (named.get(line.key.part, {}).get("part_number", ""), line.key.batch, line.key.serial),
    )
    told = {"sheet": found, "lines": lines, "names": names, "named": named, "may_keep": may_keep(), "tab": "counts"}
    return render_template(template, **told)
