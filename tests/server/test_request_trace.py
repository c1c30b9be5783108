"""The log says under which trace id each entry came, also when many requests share a commit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from server.request_trace import begin_trace, current_trace_id
from server.store.database import writing
from server.store.workspace import open_workspace
from sync.trace_context import TraceContext
from tests.cast import Device
from tests.server.builders import Firm, photo, update
from tests.server.test_order_of_the_log import enrol_writers

SPAN = "00f067aa0ba902b7"


def test_a_callers_trace_goes_on_under_a_span_of_the_servers() -> None:
    caller = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", SPAN)

    ours = begin_trace(caller.header)

    assert ours.trace_id == caller.trace_id == current_trace_id()
    assert ours.span_id != caller.span_id


def test_without_a_callers_trace_each_request_begins_its_own() -> None:
    first, second = begin_trace(None), begin_trace("nonsense")

    assert len({first.trace_id, second.trace_id}) == 2
    assert current_trace_id() == second.trace_id


def test_each_entry_of_a_shared_commit_has_the_trace_of_its_request(firm: Firm) -> None:
    writers = enrol_writers(firm, 5)
    traces = {device.id: f"{index:032x}" for index, device in enumerate(writers, 1)}
    started = threading.Barrier(len(writers) + 1)

    def push(device: Device, line: bytes) -> None:
        begin_trace(TraceContext(traces[device.id], SPAN).header)
        started.wait()
        firm.push(line, sender=device.id)

    with ThreadPoolExecutor(len(writers)) as pool, writing(firm.engine) as connection:
        open_workspace(connection, firm.id)
        for device in writers:
            pool.submit(push, device, device.seal("photo.take", photo(firm.order)))
        started.wait()

    assert {row.device: row.trace_id for row in firm.log() if row.device in traces} == traces


def test_what_the_office_writes_has_the_trace_of_who_asked(firm: Firm) -> None:
    trace = begin_trace(None).trace_id

    firm.ensure(update("work_order", firm.order, remedy=(None, "更换轴承")))

    assert firm.log()[-1].trace_id == trace
