"""People at the office: orders, changes, reviews, tracing, the log's checkpoint."""

from __future__ import annotations

import io
from typing import Any, Final

from flask import Response, send_file

from server.services import (
    audit,
    audit_export,
    devices,
    orders_read,
    reviews,
    reviews_read,
    sheets,
    trace,
    trace_lookup,
)
from server.services.verdicts import expect_taken_in
from server.store.database import reading
from server.web import shapes
from server.web.auth import require_person
from server.web.blob_docs import STORAGE_PROBLEMS
from server.web.looks import look_at
from server.web.openapi import about, blueprint
from server.web.wiring import wired
from sync import receipt
from sync.changeset import Change
from sync.checkpoint import write_checkpoint

office = blueprint("office")

CHANGE_PROBLEMS: Final = (
    "change_set_too_large",
    "too_many_changes",
    "kind_unknown",
    "value_invalid",
    "field_missing",
    "record_missing",
    "record_exists",
    "kind_mismatch",
    "fact_is_final",
    "never_deleted",
    "move_not_allowed",
    "writer_not_allowed",
    "wrong_actor",
    "disk_full",
)
"""What taking in a change-set of the office may answer."""

SHEET_PROBLEMS: Final = ("sheet_missing", "sheet_erased", "sheet_incomplete", "sheet_unreadable", *STORAGE_PROBLEMS)
SHEET_ANSWER: Final = {
    "200": {
        "description": "服务报告 / The job sheet",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
}


EPCIS_ANSWER: Final = {
    "200": {
        "description": "EPCIS 2.0 事件 / The events",
        "content": {"application/ld+json": {"schema": {"type": "object"}}},
    }
}


@office.get("/orders")
@office.arguments(shapes.OrderQuery, location="query")
@office.doc(**about("工单列表"))
@office.alt_response(200, schema=shapes.OrderPage)
def orders(query: dict[str, Any]) -> dict[str, Any]:
    """List work orders by number, a page at a time."""
    who = require_person()
    status, after = query.get("status"), query.get("after")
    with reading(wired().engine) as connection:
        page = orders_read.list_orders(connection, who.organisation, status, after, query["limit"])
    return {"orders": page.orders, "after": page.after}


@office.get("/orders/<order_id>")
@office.doc(**about("工单详情", "not_found"))
@office.alt_response(200, schema=shapes.OrderDetail)
def order(order_id: str) -> dict[str, Any]:
    """Show a work order, by id or number, with what it refers to and all that follows it."""
    who = require_person()
    with reading(wired().engine) as connection:
        found = orders_read.read_order(connection, who.organisation, order_id)
    look_at(found["order"]["id"])
    return found


@office.get("/orders/<order_id>/sheet.pdf")
@office.doc(**about("服务报告 PDF", "not_found", *SHEET_PROBLEMS, responses=SHEET_ANSWER))
def sheet(order_id: str) -> Response:
    """Print the signed job sheet of a work order, by id or number: the same bytes as on the device."""
    who, parts = require_person(), wired()
    printed = sheets.print_sheet(parts.blobs, who.organisation, order_id)
    answer = send_file(io.BytesIO(printed.pdf), mimetype="application/pdf", download_name=f"{printed.number}.pdf")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@office.post("/changes")
@office.arguments(shapes.OfficeChanges)
@office.doc(**about("提交办公室变更", *CHANGE_PROBLEMS))
@office.alt_response(200, schema=shapes.ReceiptAnswer)
def changes(body: dict[str, Any]) -> Response:
    """Write changes in the name of the person signed in; they take effect together or not at all."""
    who = require_person()
    written = [Change(c["kind"], c["id"], c["op"], c["set"], c["was"]) for c in body["changes"]]
    answer = wired().office.write(who.organisation, who.person, body["intent"], written)
    return Response(receipt.dump(expect_taken_in(answer)), mimetype="application/json")


@office.get("/reviews")
@office.arguments(shapes.ReviewQuery, location="query")
@office.doc(**about("冲突与异常列表"))
@office.alt_response(200, schema=shapes.ReviewPage)
def list_reviews(query: dict[str, Any]) -> dict[str, Any]:
    """List conflicts and exceptions, oldest first, a page at a time."""
    who = require_person()
    kind, after = query.get("kind"), query.get("after")
    with reading(wired().engine) as connection:
        page = reviews_read.list_reviews(connection, who.organisation, query["state"], kind, after, query["limit"])
    return {"reviews": page.reviews, "after": page.after}


@office.post("/reviews/<review_id>/settlement")
@office.arguments(shapes.Settlement)
@office.doc(**about("裁定", "not_found", "conflict_settled", *CHANGE_PROBLEMS))
@office.alt_response(200, schema=shapes.ReceiptAnswer)
def settle(body: dict[str, Any], review_id: str) -> Response:
    """Settle a conflict or an exception, as a change-set of the person signed in."""
    who, parts = require_person(), wired()
    decision = (body["choice"], body["value"], body.get("note") or "")
    answer = reviews.settle(parts.office, who.organisation, who.person, review_id, *decision)
    return Response(receipt.dump(answer), mimetype="application/json")


@office.get("/trace")
@office.arguments(shapes.TraceQuery, location="query")
@office.doc(**about("追溯", "not_found", "value_invalid"))
@office.alt_response(200, schema=shapes.Trace)
def trace_number(query: dict[str, Any]) -> dict[str, Any]:
    """Trace a part by serial or batch number, or a machine by its serial number, perhaps on one day."""
    who, zone = require_person(), wired().settings.zone
    number, known_at = query["number"], query.get("as_known_at")
    with reading(wired().engine) as connection:
        if "as_known_on" in query:
            known_at = trace_lookup.position_at(connection, who.organisation, query["as_known_on"], zone)
        if "on_day" in query:
            return trace.trace_machine(connection, who.organisation, number, query["on_day"], zone, known_at)
        return trace.trace_number(connection, who.organisation, number, known_at, query["after"])


@office.get("/trace/epcis")
@office.arguments(shapes.EpcisQuery, location="query")
@office.doc(**about("EPCIS 2.0 事件", "not_found", "value_invalid", responses=EPCIS_ANSWER))
def read_epcis(query: dict[str, Any]) -> Response:
    """Give the events of a part, a lot or a machine as an EPCIS 2.0 document in JSON-LD."""
    who, zone = require_person(), wired().settings.zone
    with reading(wired().engine) as connection:
        asked = audit.ask(connection, who.organisation, query.get("on_day", ""), query.get("known_on", ""), zone)
        number, kind = query["number"], query["about"]
        if kind == "machine":
            number = trace.find_machine(connection, who.organisation, number)
        question = audit_export.Question(kind, number, query["maker"] if kind == "serial" else "", asked)
        steps = audit_export.read_steps(connection, who.organisation, question)
    data = audit_export.write_epcis(steps, who.organisation, question, zone)
    return Response(data, mimetype=audit_export.TYPES["epcis"])


@office.get("/log/checkpoint")
@office.doc(**about("日志检查点"))
@office.alt_response(200, schema=shapes.Checkpoint)
def checkpoint() -> dict[str, Any]:
    """Give the size and root of the log, signed by the office: keep it, and check later that the log only grew."""
    who = require_person()
    key = wired().key
    with reading(wired().engine) as connection:
        found = devices.read_checkpoint(connection, who.organisation)
    return {
        "organisation": found.organisation,
        "size": found.size,
        "root": found.root.hex(),
        "public_key": key.public_key,
        "checkpoint": write_checkpoint(found, bytes.fromhex(key.public_key), key.sign),
    }
