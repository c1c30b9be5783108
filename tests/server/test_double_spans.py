"""Spans that are double, and what machines are called: as intake writes them, the log again, and the migration."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text

from server.migrations.versions import v0025_double_spans
from server.services import trace_lookup
from server.services.proofs import replay
from server.store.database import reading, writing
from server.store.review_tables import MachineSerial
from server.store.tables import DoubleSpan
from tests.server.builders import Firm, fitted, removed


def rows_of(firm: Firm) -> tuple[list[object], list[object]]:
    machines = sorted((row.id, row.serial) for row in firm.rows(MachineSerial))
    return sorted(map(tuple, firm.rows(DoubleSpan))), machines


def test_double_spans_come_out_of_the_log_and_of_the_migration(firm: Firm, engine: Engine, tmp_path: Path) -> None:
    other = firm.add_machine()
    order = firm.add_order(firm.wei.person, other)
    firm.catch_up(firm.wei)
    machine = firm.company.machine
    first, second = (fitted(firm.order, machine, serial, batch="L7") for serial in ("SN-1", "SN-2"))
    again, alone = (fitted(order, other, serial, batch="L7") for serial in ("SN-1", "SN-3"))
    firm.send(firm.wei, first)
    firm.send(firm.wei, second)
    firm.send(firm.wei, again)
    firm.send(firm.wei, alone)
    with reading(engine) as connection:
        between = trace_lookup.spans_of_batches(connection, firm.id, ["l7"])
    # It had been taken out before, as comes to light later.
    firm.send(firm.wei, removed(firm.order, machine, "SN-1", first.set["fitted_at"]))
    with reading(engine) as connection:
        after = trace_lookup.spans_of_batches(connection, firm.id, ["l7"])
    before = rows_of(firm)

    with writing(engine) as connection:
        connection.execute(text("DELETE FROM double_spans"))
        connection.execute(text("UPDATE machine_serials SET serial = ''"))
        v0025_double_spans.fill(connection)

    assert {(row.serial, row.elsewhere) for row in between} == {("SN-1", True), ("SN-2", False), ("SN-3", False)}
    assert {row.serial: row.elsewhere for row in after} == {"SN-1": False, "SN-2": False, "SN-3": False}
    assert {fact for _, fact in before[0]} == {first.id, again.id}
    assert all(serial for _, serial in before[1])
    assert rows_of(firm) == before
    assert replay(firm.engine, firm.id, f"sqlite:///{tmp_path}/scratch.sqlite").discrepancies == ()
