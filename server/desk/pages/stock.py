"""The stock: balances with what needs somebody, the moves of a part, what a code means, spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from pages.language import gettext
from schemas.problems import Refused
from server.desk.stock_view import HOME, StockNames, find_desk, may_keep, read_names, refuse_nul, today
from server.desk.visit import finish, speech
from server.domain.ids import is_id
from server.services import spreadsheets, stock, stock_acts, stock_counts
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("stock", __name__, url_prefix="/desk/stock")
blueprint.before_request(refuse_nul)

EXPORTED_MAX: Final = 100_000
CODE_MOST: Final = 2000


@blueprint.get("")
def show() -> Any:
    """Show balances, and how many need somebody."""
    who = require_person()
    state, place, query = (request.args.get(name, "") for name in ("state", "place", "q"))
    number = request.args.get("page", "1")
    with reading(wired().engine) as connection:
        names = read_names(connection)
        asked = (query, place or None, state, int(number) if number.isdecimal() and len(number) < 6 else 1)
        page = stock.list_balances(connection, who.organisation, today(), *asked)
        counts = stock.count_states(connection, who.organisation, today())
        late = stock_counts.list_late(connection, who.organisation)
    return render_template(
        "desk/stock.html", page=page, names=names, counts=counts, states=name_states(), state=state, place=place,
        query=query, late=len(late), today=today(), may_keep=may_keep(), tab="stock",
    )  # fmt: skip


@blueprint.get("/parts/<uuid:part>")
def show_part(part: Any) -> Any:
    """Show where a part is and how it moved, in one place where one is named."""
    who, place = require_person(), request.args.get("place") or None
    with reading(wired().engine) as connection:
        names = read_names(connection)
        body = stock.find_part(connection, who.organisation, str(part))
        steps = stock.read_history(connection, who.organisation, str(part), place)
        lines = stock.list_of_part(connection, who.organisation, str(part))
        ids = [step.actor for step in steps] + [step.body.get("supplier_id") for step in steps]
        ids += [line.batch_id for line in lines] + [step.body.get("order_id") for step in steps]
        named = stock.name_records(connection, who.organisation, ids)
    return render_template(
        "desk/stock_part.html", part=str(part), body=body, steps=steps, lines=lines, names=names, named=named,
        place=place, today=today(), may_keep=may_keep(), tab="stock",
    )  # fmt: skip


@blueprint.post("/moves/<uuid:move>/reversal")
def reverse(move: Any) -> Any:
    """Put a move right by one in the other direction."""
    reason = request.form.get("reason", "").strip() or gettext("Booked by mistake")
    stock_acts.reverse(find_desk(), str(move), reason)
    part, place = request.form.get("part"), request.form.get("place")
    back = f"{HOME}/parts/{part}" if is_id(part) else HOME
    back += f"?place={place}" if is_id(part) and is_id(place) else ""
    return finish(back, gettext("The move is put right by one in the other direction."))


@blueprint.get("/reading")
def read_code() -> Any:
    """Return what a scanned or typed text may mean, as lines that are chosen."""
    who = require_person()
    with reading(wired().engine) as connection:
        place = request.args.get("place") or None
        typed = request.args.get("code", "")[:CODE_MOST]
        choices = stock.read_code(connection, who.organisation, typed, place if is_id(place) else None, today())
        names = StockNames({})
    return render_template("desk/_stock_choices.html", choices=choices, names=names, today=today())


@blueprint.get("/export")
def export() -> Any:
    """Give the balances that a search leaves as a spreadsheet."""
    who, form = require_person(), request.args.get("form", "xlsx")
    if form not in spreadsheets.TYPES:
        raise Refused("not_found", what=form)
    state, place, query = (request.args.get(name, "") for name in ("state", "place", "q"))
    with reading(wired().engine) as connection:
        names = read_names(connection)
        most = EXPORTED_MAX if form == "csv" else spreadsheets.ROWS_MAX
        asked = (query, place or None, state, 1, most)
        page = stock.list_balances(connection, who.organisation, today(), *asked)
    if page.has_more:
        raise Refused("table_too_large", limit=most)
    headers, rows = list(_headers()), _spell_rows(page, names)
    if form == "csv":
        data = b"".join(spreadsheets.write_csv(headers, rows))
    else:
        data = spreadsheets.write_xlsx(gettext("Stock"), headers, rows)
    answer = Response(data, mimetype=spreadsheets.TYPES[form].split(";")[0])
    answer.headers["Content-Disposition"] = f'attachment; filename="stock-{today()}.{form}"'
    return answer


def name_states() -> dict[str, str]:
    """Return what the states of balances are called."""
    return {
        "below": gettext("Below zero"),
        "recalled": gettext("Recalled"),
        "expired": gettext("Expired"),
        "expiring": gettext("Expiring soon"),
        "uncertified": gettext("Without certificate"),
    }


def _headers() -> Iterator[str]:
    say = speech()
    yield from (say.field("part", "part_number"), say.field("part", "name"), say.field("part", "grade"))
    yield from (gettext("Place"), say.field("stock_move", "batch"), say.field("stock_move", "serial"))
    yield from (
        say.field("stock_move", "quantity"),
        say.field("batch", "expires_on"),
        gettext("Recalled"),
    )


def _spell_rows(page: stock.Page, names: StockNames) -> Iterator[list[str]]:
    recalls = {"hit": gettext("recalled"), "unclear": gettext("perhaps recalled"), "miss": ""}
    for line in page.lines:
        body = line.part_body
        yield [
            *(body.get("part_number", ""), names.name(body), names.grade(body), names.place(line.place)),
            *(line.batch, line.serial, str(line.quantity), line.expires_on or "", recalls[line.recall]),
        ]
