"""Requests made from the interface's description, right and wrong: every answer is one the description names.

Each request reaches its view: those of devices are signed, those of people carry their session.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.web.access import ACCESS, PREFIX
from server.web.docs_page import DOCUMENT_CONFIG
from server.web.sync_api import CHANGE_SETS_TYPE
from server.web.tus_headers import BYTES_TYPE
from tests.hostile.honest_requests import is_page
from tests.hostile.signing import open_door
from tests.server.web.conftest import House
from tests.sync.made_up import CHANGE_SETS, seal

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
ROUTES = sorted(route for route in ACCESS if not is_page(route.split()[1]))
"""The description has every route of the table that programs call: tests/server/web/test_description.py."""

LINES = st.lists(CHANGE_SETS.map(seal), max_size=3).map(lambda sealed: b"".join(s.line + b"\n" for s in sealed))
schemathesis.openapi.media_type(CHANGE_SETS_TYPE, st.one_of(LINES, st.binary(max_size=200)))
schemathesis.openapi.media_type(BYTES_TYPE, st.binary(max_size=200))


@schemathesis.serializer(CHANGE_SETS_TYPE, BYTES_TYPE)
def send_as_it_is(_context: Any, value: Any) -> Any:
    """Send bytes as they are; what is made up against the description is no bytes and goes as text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "15"))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("route", ROUTES)
def test_every_answer_is_one_the_description_names(house: House, route: str, mode: GenerationMode) -> None:
    document = house.app.config[DOCUMENT_CONFIG]
    schema: Any = schemathesis.openapi.from_dict(document)
    schema.app = open_door(house)
    method, rule = route.split()
    operation = schema[PREFIX + rule.replace("<", "{").replace(">", "}")][method]
    if mode is GenerationMode.NEGATIVE and not can_be_wrong(operation):
        return

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def answer_as_described(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    answer_as_described()


def can_be_wrong(operation: Any) -> bool:
    """Tell whether an operation takes anything that can be against its description."""
    return bool(operation.path_parameters or operation.query or operation.headers or operation.body)
