"""Recalls: the list, opening one with a look at what it would hit, and the page of one until its last part is back."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from pages.language import choose_language, gettext, ngettext
from schemas.order import GRADES
from schemas.problems import Refused
from schemas.recall import ACTIONS, DOUBT_LABELS, Extent
from schemas.serials import count_between
from server.desk.recalls_form import LISTED_MOST, ROWS, read_extents, read_reason, read_recall_values
from server.desk.visit import finish, speech
from server.domain.recall import LINE_STATES, SETTLED
from server.services import (
    recall_export,
    recall_letters,
    recall_orders,
    recall_reach,
    recalls,
    recalls_read,
    spreadsheets,
)
from server.services.recalls import Author
from server.services.request_files import keep_bytes
from server.store import records
from server.store.database import reading
from server.web.access import PAGE_JUDGES, PAGE_STOCK
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("recalls", __name__, url_prefix="/desk/recalls")

HOME: Final = "/desk/recalls"
PREVIEWED: Final = 12
"""Lines of a preview: enough to see that the right machines are meant."""

NOTICE_BYTES_MAX: Final = 20 * 1024 * 1024
SHOWN_BY_BROWSERS: Final = ("application/pdf", "image/jpeg", "image/png")


@blueprint.get("")
def list_all() -> Any:
    """Show every recall with its progress."""
    with reading(wired().engine) as connection:
        found = recalls_read.list_recalls(connection, require_person().organisation)
    return render_template("desk/recalls.html", found=found, may_open=_may(PAGE_STOCK.roles))


@blueprint.get("/new")
def ask() -> Any:
    """Ask what is recalled; `part`, `batch` and `supplier` of the address are filled in."""
    with reading(wired().engine) as connection:
        suppliers = records.bodies_of_kind(connection, require_person().organisation, "supplier")
        named = sorted((body["name"], key) for key, body in suppliers)
    given = {name: request.args.get(name, "")[:200] for name in ("part", "batch", "supplier")}
    told = {"suppliers": named, "rows": ROWS, "listed_most": LISTED_MOST, "given": given}
    return render_template("desk/recalls_new.html", actions=ACTIONS, grades=GRADES, **told)


@blueprint.post("/preview")
def preview() -> Any:
    """Show what the form would hit, or would add to the recall that it names; nothing is written."""
    who, recall = require_person(), request.form.get("recall", "")
    with reading(wired().engine) as connection:
        extents = read_extents(connection, who.organisation, request.form)
        recalls.expect_extents(extents)
        standing = None
        if recall:
            known = recalls_read.find_recall(connection, who.organisation, recall)
            affected, standing = recalls_read.find_added(connection, who.organisation, known, extents)
        else:
            action = request.form.get("action", "")
            affected = recalls_read.find_affected(connection, who.organisation, extents, action)
        lines = recalls_read.sort_lines(connection, who.organisation, affected.lines)[:PREVIEWED]
        titles = _name_lines(connection, lines) | _name_extents(connection, extents)
    told = {"affected": affected, "lines": lines, "titles": titles, "extents": extents, "standing": standing}
    return render_template("desk/_recalls_preview.html", count_between=count_between, **told, **_labels())


@blueprint.post("/new")
def open_recall() -> Any:
    """Open a recall."""
    who, parts, file = require_person(), wired(), request.files.get("file")
    values = read_recall_values(request.form)
    with reading(parts.engine) as connection:
        extents = read_extents(connection, who.organisation, request.form)
    recalls.expect_extents(extents)
    if file is not None and file.filename:
        data = file.stream.read(NOTICE_BYTES_MAX + 1)
        if len(data) > NOTICE_BYTES_MAX:
            raise Refused("blob_too_large", limit=NOTICE_BYTES_MAX)
        values |= {"file_sha256": keep_bytes(parts.engine, parts.blobs, who.organisation, data)}
        values |= {"file_name": file.filename.replace("\x00", "")[-200:]}
    author = Author(who.organisation, who.person)
    recall, number = recalls.open_recall(parts.engine, parts.office, author, values, extents)
    return finish(
        f"{HOME}/{recall}", gettext("Recall %(number)s is open. Devices warn from their next sync on.", number=number)
    )


@blueprint.get("/<uuid:recall_id>")
def show(recall_id: Any) -> Any:
    """Show one recall: what became of each part, its stock, and the devices it has reached."""
    who, recall = require_person(), str(recall_id)
    state, page = request.args.get("state", ""), max(1, request.args.get("page", 1, int))
    with reading(wired().engine) as connection:
        known = recalls_read.find_recall(connection, who.organisation, recall)
        affected = recalls_read.read_affected(connection, who.organisation, known)
        chosen = [line for line in affected.lines if state in ("", line.state)]
        lines = recalls_read.sort_lines(connection, who.organisation, chosen)
        shown = lines[(page - 1) * recalls_read.LINES_SHOWN : page * recalls_read.LINES_SHOWN]
        reach = recall_reach.read_reach(connection, who.organisation, known, affected)
        titles = _name_lines(connection, shown) | _name_extents(connection, [one.extent for one in known.named])
        stranded = recalls_read.list_stranded(connection, who.organisation, recall, affected)
        titles |= recalls_read.name_records(connection, who.organisation, {one for _, one in stranded if one})
        titles |= recalls_read.name_records(connection, who.organisation, _name_authors(known))
        places = {key for hit in affected.stock for key in (hit.place, hit.part)}
        places |= {known.body[name] for name in ("opened_by", "closed_by", "supplier_id") if known.body.get(name)}
        titles |= recalls_read.name_records(connection, who.organisation, places)
        customers = records.bodies_of(connection, who.organisation, {line.customer for line in shown if line.customer})
        letters = recall_letters.list_letters(connection, who.organisation, recall)
    return render_template(
        "desk/recalls_one.html",
        known=known,
        affected=affected,
        progress=affected.progress,
        lines=shown,
        more=len(lines) > page * recalls_read.LINES_SHOWN,
        page=page,
        state=state,
        titles=titles,
        customers={key: body for key, (_, body) in customers.items()},
        reach=reach,
        letters=letters,
        stranded=stranded,
        is_waiting=recalls.is_waiting(affected),
        may_raise=_may(PAGE_JUDGES.roles),
        may_end=_may(PAGE_STOCK.roles),
        settled=SETTLED,
        count_between=count_between,
        **_labels(),
    )


@blueprint.get("/<uuid:recall_id>/extend")
def ask_more(recall_id: Any) -> Any:
    """Ask what is added to a recall."""
    who = require_person()
    with reading(wired().engine) as connection:
        known = recalls_read.find_recall(connection, who.organisation, str(recall_id))
        titles = _name_extents(connection, known.extents)
    told = {"known": known, "extents": known.extents, "titles": titles, "rows": ROWS, "listed_most": LISTED_MOST}
    return render_template("desk/recalls_extend.html", count_between=count_between, given={}, **told)


@blueprint.post("/<uuid:recall_id>/extend")
def extend(recall_id: Any) -> Any:
    """Add to what a recall names."""
    who, parts, recall = require_person(), wired(), str(recall_id)
    with reading(parts.engine) as connection:
        recalls_read.find_recall(connection, who.organisation, recall)
        extents = read_extents(connection, who.organisation, request.form)
    reason = read_reason(request.form, "recalled_part", "named_reason")
    added = recalls.extend_recall(parts.office, Author(who.organisation, who.person), recall, extents, reason)
    text = ngettext("%(num)s entry was added.", "%(num)s entries were added.", added)
    said = gettext("Devices warn of it from their next sync on; orders for what it hits are still to be raised.")
    return finish(f"{HOME}/{recall}", f"{text} {said}")


@blueprint.post("/<uuid:recall_id>/correct")
def correct(recall_id: Any) -> Any:
    """Strike out what a recall named by mistake."""
    who, parts, recall = require_person(), wired(), str(recall_id)
    reason = read_reason(request.form, "recall_correction", "correction_reason")
    author = Author(who.organisation, who.person)
    recalls.correct_recall(parts.office, author, recall, request.form.get("named", ""), reason)
    said = gettext("It is struck out. Devices stop warning of it at their next sync; orders and letters stay.")
    return finish(f"{HOME}/{recall}", said)


@blueprint.get("/<uuid:recall_id>/export")
def export(recall_id: Any) -> Any:
    """Give a recall as a spreadsheet."""
    who, form = require_person(), request.args.get("form", "xlsx")
    with reading(wired().engine) as connection:
        known = recalls_read.find_recall(connection, who.organisation, str(recall_id))
        affected = recalls_read.read_affected(connection, who.organisation, known)
        data = recall_export.export(connection, who.organisation, known, affected, form, choose_language())
    answer = Response(data, mimetype=spreadsheets.TYPES[form].split(";")[0])
    answer.headers["Content-Disposition"] = f'attachment; filename="recall-{str(recall_id)[-8:]}.{form}"'
    return answer


@blueprint.get("/<uuid:recall_id>/notice")
def show_notice(recall_id: Any) -> Any:
    """Give the supplier's notice."""
    who, parts = require_person(), wired()
    with reading(parts.engine) as connection:
        known = recalls_read.find_recall(connection, who.organisation, str(recall_id))
    if not known.body.get("file_sha256"):
        raise Refused("blob_unknown")
    blob = parts.blobs.open(who.organisation, known.body["file_sha256"])
    with blob.file as file:
        answer = Response(file.read(), mimetype=blob.media_type)
    if blob.media_type not in SHOWN_BY_BROWSERS:
        answer.mimetype = "application/octet-stream"
        answer.headers["Content-Disposition"] = "attachment"
    return answer


@blueprint.post("/<uuid:recall_id>/orders")
def raise_orders(recall_id: Any) -> Any:
    """Raise orders for the machines that are ticked, or for all."""
    who, parts, recall = require_person(), wired(), str(recall_id)
    machines = request.form.getlist("machine") if "all" not in request.form else None
    if machines == []:
        raise Refused("field_missing", field=gettext("Machine"))
    author = Author(who.organisation, who.person)
    raised = recall_orders.raise_orders(parts.engine, parts.office, author, recall, machines)
    return finish(f"{HOME}/{recall}", " ".join(_tell_raised(raised)))


@blueprint.post("/<uuid:recall_id>/letters")
def write_letters(recall_id: Any) -> Any:
    """Tell the customers."""
    who, recall = require_person(), str(recall_id)
    done = recall_letters.write_letters(wired().engine, who.organisation, recall)
    text = ngettext("%(num)s customer is told by mail.", "%(num)s customers are told by mail.", done.letters)
    if done.unreachable:
        text = f"{text} " + ngettext(
            "%(num)s has no address that can be written to.",
            "%(num)s have no address that can be written to.",
            done.unreachable,
        )
    return finish(f"{HOME}/{recall}", text)


@blueprint.post("/<uuid:recall_id>/end")
def end(recall_id: Any) -> Any:
    """Close a recall, withdraw it, or open it again."""
    who, parts, recall = require_person(), wired(), str(recall_id)
    state = request.form.get("state", "")
    author = Author(who.organisation, who.person)
    try:
        recalls.end_recall(parts.office, author, recall, state, request.form.get("close_reason", ""))
    except Refused as refused:
        if refused.code == "field_missing":
            raise Refused("field_missing", field=speech().field("recall", "close_reason")) from None
        raise
    said = {
        "closed": gettext("The recall is closed. Devices go on warning."),
        "withdrawn": gettext("The recall is withdrawn. Devices stop warning at their next sync."),
        "open": gettext("The recall is open again."),
    }
    return finish(f"{HOME}/{recall}", said[state])


def _tell_raised(raised: recall_orders.Raised) -> list[str]:
    numbers = raised.numbers
    told = [ngettext("%(num)s order was raised", "%(num)s orders were raised", len(numbers))]
    if numbers:
        told[0] += f": {numbers[0]}" + (f" … {numbers[-1]}" if len(numbers) > 1 else "")
    told[0] += gettext(".")
    if raised.had:
        told.append(ngettext("%(num)s machine had one.", "%(num)s machines had one.", raised.had))
    if raised.completed:
        told.append(
            ngettext(
                "%(num)s open order was completed by what was added.",
                "%(num)s open orders were completed by what was added.",
                len(raised.completed),
            )
        )
    if raised.left:
        told.append(gettext("%(left)s machines are left: raise them again.", left=raised.left))
    return told


def _name_lines(connection: Any, lines: list[recalls_read.Line]) -> dict[str, str]:
    ids = {key for line in lines for key in (line.customer, line.site, line.fitting.machine, line.fitting.part)}
    return recalls_read.name_records(connection, require_person().organisation, ids)


def _name_extents(connection: Any, extents: list[Extent]) -> dict[str, str]:
    return recalls_read.name_records(connection, require_person().organisation, {one.part for one in extents})


def _name_authors(known: recalls_read.KnownRecall) -> set[str]:
    """Return who added to a recall, and who struck out what it names."""
    authors = {one.body.get("named_by") for one in known.named}
    authors |= {one.correction.get("corrected_by") for one in known.named if one.correction}
    return {author for author in authors if author}


def _may(roles: frozenset[str]) -> bool:
    return bool(require_person().roles & roles)


def _labels() -> dict[str, Any]:
    return {"line_states": LINE_STATES, "doubts": DOUBT_LABELS}
