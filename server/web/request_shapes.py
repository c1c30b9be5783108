"""The JSON of requests."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import fields, validate

from schemas import kind_of
from schemas.request import REQUEST_STATES
from server.services.requests_read import PAGE_REQUESTS_MAX
from server.web import shapes

TOLD: Final = (
    *("service", "grade", "language", "customer_name", "contact", "phone", "email", "machine_model", "machine_serial"),
    *("machine_address", "commissioned_on", "symptom", "since", "frequency", "alarms", "done_before", "done_after"),
    *("wanted_on", "special_needs"),
)
"""What anybody may say of a fault; what the office makes of it is the office's to say."""


def _told() -> dict[str, Any]:
    kind = kind_of("request")
    assert kind is not None
    return {name: kind.fields[name] for name in TOLD}


NewRequest: Final = shapes.Request.from_dict(_told(), name="NewRequest")


class TakenRequest(shapes.Answer):
    """A request that was taken in."""

    number = fields.String(required=True)
    follow = fields.Url(required=True, require_tld=False, metadata={"description": "跟进地址 / Where it is followed"})


class RequestQuery(shapes.Request):
    """Which requests to list."""

    state = fields.String(validate=validate.OneOf(REQUEST_STATES))
    before = fields.String(
        validate=validate.Length(max=80), metadata={"description": "上一页的 before / The page before's `before`"}
    )
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=PAGE_REQUESTS_MAX))


class RequestPage(shapes.Answer):
    """Some requests, the newest first."""

    requests = fields.List(fields.Dict(), required=True)
    before = fields.String(required=True, allow_none=True)


class RequestDetail(shapes.Answer):
    """A request with what was added to it and what it refers to."""

    id = fields.String(required=True)
    values = fields.Dict(required=True)
    notes = fields.List(fields.Dict(), required=True)
    refers_to = fields.List(fields.Dict(), required=True)
