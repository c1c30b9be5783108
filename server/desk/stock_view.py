"""What the stock pages share: places and parts by name, today, and the lines of a form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import request
from sqlalchemy import Connection

from schemas.part import CONDITION_LABELS, PART_GRADE_LABELS
from schemas.problems import Refused
from schemas.stock import PLACE_LABELS, STOCK_WRITERS
from server.clock import unix_now
from server.desk.visit import speech
from server.services import stock
from server.services.decisions import Desk
from server.services.stock_acts import Line, spell_end
from server.web.auth import require_person
from server.web.wiring import wired

HOME: Final = "/desk/stock"
FROM_OUTSIDE: Final = ("customer", "returned", "difference")
TO_OUTSIDE: Final = ("returned", "scrapped", "supplier", "customer", "difference")
"""Where a stock keeper may take from and put to, beside centres and vans."""


@dataclass(frozen=True, slots=True)
class StockNames:
    """Says what places and parts are called in the reader's language."""

    places: Mapping[str, stock.Place]

    def place(self, at: str | None) -> str:
        """Return what an end of a move is called."""
        if at in PLACE_LABELS:
            return speech()(*PLACE_LABELS[at])
        return self.name(self.places[at].body) if at in self.places else "—"

    def name(self, body: Mapping[str, Any] | None) -> str:
        """Return the name of a record."""
        found = body or {}
        return speech()(found.get("name") or "—", found.get("name_en") or found.get("name") or "—")

    def grade(self, body: Mapping[str, Any]) -> str:
        """Return the grade of a part."""
        return speech()(*PART_GRADE_LABELS[body["grade"]]) if body.get("grade") in PART_GRADE_LABELS else "—"

    def condition(self, body: Mapping[str, Any]) -> str:
        """Return whether a batch is new or refurbished; nothing where nobody says."""
        return speech()(*CONDITION_LABELS[body["condition"]]) if body.get("condition") in CONDITION_LABELS else ""

    def of_kind(self, kind: str) -> list[stock.Place]:
        """Return the vans or the centres, by name."""
        return [place for place in self.places.values() if place.kind == kind]


def today() -> str:
    """Return today's date where the office is."""
    return datetime.fromtimestamp(unix_now(), wired().settings.zone).date().isoformat()


def read_names(connection: Connection) -> StockNames:
    """Return the names of all places."""
    return StockNames({place.id: place for place in stock.list_places(connection, require_person().organisation)})


def may_keep() -> bool:
    """Tell whether the reader keeps the stock."""
    return not require_person().roles.isdisjoint(STOCK_WRITERS)


def refuse_nul() -> None:
    """Refuse a form with NUL, which PostgreSQL cannot look for; to be called before each request."""
    if request.method == "POST" and any("\0" in value for values in request.form.listvalues() for value in values):
        raise Refused("value_invalid", field=speech()("表单", "Form"), detail="NUL")


def find_desk() -> Desk:
    """Return who books."""
    who = require_person()
    return Desk(wired().office, who.organisation, who.person)


def read_end(side: str, places: StockNames, outside: Iterable[str]) -> dict[str, Any]:
    """Return an end of a move that a form names. Raises Refused with `field_missing`, `not_found`."""
    typed = request.form.get(side, "")
    if not typed:
        raise Refused("field_missing", field=speech()("从", "From") if side == "from" else speech()("到", "To"))
    if typed in outside:
        return spell_end(side, typed)
    if typed not in places.places:
        raise Refused("not_found", what=typed)
    return spell_end(side, places.places[typed].kind, typed)


def read_lines() -> list[Line]:
    """Return the lines of a form; a line without a part is none. Raises Refused with `value_invalid`."""
    form = request.form
    columns = [form.getlist(name) for name in ("line_part", "line_batch", "line_serial", "line_quantity")]
    if len({len(column) for column in columns}) != 1:
        raise Refused("value_invalid", field=speech()("明细", "Lines"), detail="-")
    return [
        Line(part, batch.strip(), serial.strip(), read_quantity(quantity))
        for part, batch, serial, quantity in zip(*columns, strict=True)
        if part and quantity.strip() != "0"
    ]


def read_quantity(typed: str) -> int:
    """Return a typed whole number. Raises Refused with `value_invalid`."""
    text = typed.strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 6:
        raise Refused("value_invalid", field=speech()("数量", "Quantity"), detail=text[:20] or "—")
    return int(text)
