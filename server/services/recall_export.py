"""A recall as a spreadsheet: a row for each part that it covers, may cover, or that lies in stock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from schemas.problems import Refused
from schemas.recall import DOUBT_LABELS, Covered
from server.domain.catalogue import title_of
from server.domain.recall import LINE_STATES
from server.services import spreadsheets
from server.services.recalls_read import Affected, KnownRecall, Line, sort_lines
from server.store import records

HEADERS = (
    ("召回编号", "Recall"), ("状态", "State"), ("疑点", "Doubt"), ("客户", "Customer"), ("联系人", "Contact"),
    ("电话", "Telephone"), ("现场", "Site"), ("设备", "Machine"), ("所在", "Kept at"), ("备件号", "Part number"),
    ("批号", "Batch"), ("序列号", "Serial number"), ("数量", "Quantity"), ("装入", "Fitted at"),
    ("拆下", "Removed at"), ("工单", "Order"),
)  # fmt: skip

IN_STOCK = ("在库", "In stock")
ROWS_AT_ONCE = 2000


def export(
    connection: Connection, organisation: str, known: KnownRecall, affected: Affected, form: str, language: str
) -> bytes:
    """Return all lines as ``csv`` or ``xlsx``. Raises Refused with `not_found` for any other form."""
    if form not in spreadsheets.TYPES:
        raise Refused("not_found", what=f"recall.{form}")
    side = 0 if language.startswith("zh") else 1
    headers = [labels[side] for labels in HEADERS]
    rows = list(_spell_rows(connection, organisation, known, affected, side))
    if form == "csv":
        return b"".join(spreadsheets.write_csv(headers, rows))
    if len(rows) > spreadsheets.ROWS_MAX:
        raise Refused("table_too_large", limit=f"{spreadsheets.ROWS_MAX} (CSV: more)")
    return spreadsheets.write_xlsx(known.body["number"], headers, rows)


def _spell_rows(
    connection: Connection, organisation: str, known: KnownRecall, affected: Affected, side: int
) -> Iterator[list[str]]:
    number = str(known.body["number"])
    lines = sort_lines(connection, organisation, affected.lines)
    for start in range(0, len(lines), ROWS_AT_ONCE):
        yield from _spell_lines(connection, organisation, number, lines[start : start + ROWS_AT_ONCE], side)
    ids = {key for hit in affected.stock for key in (hit.place, hit.part)}
    titles = {key: title_of(*found) for key, found in records.bodies_of(connection, organisation, ids).items()}
    for hit in affected.stock:
        where = [titles.get(hit.place, ""), titles.get(hit.part, "")]
        rest = [hit.batch, hit.serial, str(hit.quantity), "", "", ""]
        yield [number, IN_STOCK[side], _spell_doubt(hit.covered, side), "", "", "", "", "", *where, *rest]


def _spell_lines(
    connection: Connection, organisation: str, number: str, lines: Sequence[Line], side: int
) -> Iterator[list[str]]:
    ids = {key for line in lines for key in (line.customer, line.site, line.fitting.machine, line.fitting.part) if key}
    bodies = records.bodies_of(connection, organisation, ids)
    titles = {key: title_of(*found) for key, found in bodies.items()}
    for line in lines:
        one = line.fitting
        customer = bodies.get(line.customer, ("", {}))[1]
        contact = [titles.get(line.customer, ""), customer.get("contact") or "", customer.get("phone") or ""]
        where = [titles.get(line.site, ""), titles.get(one.machine, ""), "", titles.get(one.part, "")]
        times = [one.fitted_at or "", one.removed_at or "", line.order.number if line.order else ""]
        told = [number, LINE_STATES[line.state][side], _spell_doubt(line.covered, side)]
        yield [*told, *contact, *where, one.batch or "", one.serial or "", str(one.quantity), *times]


def _spell_doubt(covered: Covered, side: int) -> str:
    return DOUBT_LABELS[covered.doubt][side] if covered.doubt else ""
