"""Requests of customers, for other systems: handing one in needs no login, reading them does."""

from __future__ import annotations

from typing import Any, Final

from server.services import requests as request_service
from server.services import requests_read
from server.services.follow_links import address_of
from server.services.portal import find_company
from server.store.database import reading
from server.web import request_shapes
from server.web.attempts import Limit
from server.web.auth import caller_address, require_person
from server.web.openapi import about, blueprint
from server.web.wiring import wired

requests = blueprint("requests")

REQUESTS_PER_ADDRESS: Final = Limit("request address", 20, 3600)
"""As many as by the pages for customers."""

TAKE_PROBLEMS: Final = ("request_empty", "value_invalid", "too_many_attempts", "not_found", "disk_full")


@requests.post("/requests")
@requests.arguments(request_shapes.NewRequest)
@requests.doc(**about("提交服务请求", *TAKE_PROBLEMS))
@requests.alt_response(201, schema=request_shapes.TakenRequest)
def take_in(body: dict[str, Any]) -> tuple[dict[str, str], int]:
    """Take a request in; whoever has the address in the answer can follow it and add photos."""
    parts = wired()
    parts.attempts.count(REQUESTS_PER_ADDRESS, caller_address())
    organisation, system = find_company(parts.engine, parts.settings.mail.organisation)
    given = {name: value for name, value in body.items() if value is not None} | {"channel": "api"}
    taken = request_service.take_in(parts.engine, parts.office, organisation, system, given)
    return {"number": taken.number, "follow": address_of(parts.settings.base_url, str(taken.link))}, 201


@requests.get("/requests")
@requests.arguments(request_shapes.RequestQuery, location="query")
@requests.doc(**about("服务请求列表"))
@requests.alt_response(200, schema=request_shapes.RequestPage)
def list_requests(query: dict[str, Any]) -> dict[str, Any]:
    """List requests, the newest first, a page at a time."""
    who = require_person()
    with reading(wired().engine) as connection:
        state, before = query.get("state"), query.get("before")
        page = requests_read.list_requests(connection, who.organisation, state, before, query["limit"])
    return {"requests": page.requests, "before": page.before}


@requests.get("/requests/<request_id>")
@requests.doc(**about("服务请求详情", "not_found"))
@requests.alt_response(200, schema=request_shapes.RequestDetail)
def read_request(request_id: str) -> dict[str, Any]:
    """Show a request, by id or number, with what was added to it."""
    who = require_person()
    with reading(wired().engine) as connection:
        found = requests_read.read_request(connection, who.organisation, request_id)
    return {
        "id": found.id,
        "values": found.values,
        "notes": found.notes,
        "refers_to": list(found.refers_to.values()),
    }
