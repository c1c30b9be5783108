"""The migration of the reconciliation inbox fills in what follows from the records that are there already."""

from __future__ import annotations

from sqlalchemy import Engine, text

from server.migrations.versions import v0012_reconciling
from server.services.decisions import Desk, postpone
from server.store.database import reading, writing
from server.store.review_tables import MachineSerial
from server.store.tables import ReviewRow
from tests.server.builders import Firm, update


def rows_of(firm: Firm) -> tuple[list[object], list[object]]:
    reviews = sorted((row.id, row.case, row.changed) for row in firm.rows(ReviewRow))
    return reviews, sorted((row.id, row.serial_folded, row.model) for row in firm.rows(MachineSerial))


def test_reviews_and_machines_are_filled_in_as_the_log_would(firm: Firm, engine: Engine) -> None:
    firm.add_machine()
    firm.ensure(update("work_order", firm.order, grade=("important", "urgent")))
    firm.send(firm.wei, update("work_order", firm.order, grade=("important", "general")))
    (conflict,) = firm.bodies("conflict")
    postpone(Desk(firm.office, firm.id, firm.company.dana), conflict["id"], None, firm.wei.person, "")
    before = rows_of(firm)
    where = {"organisation": firm.id}

    with writing(engine) as connection:
        connection.execute(text("DELETE FROM machine_serials"))
        connection.execute(
            text("UPDATE reviews SET \"case\" = '', changed = 0 WHERE organisation = :organisation"), where
        )
        v0012_reconciling.fill(connection)

    assert before[0] and before[1]
    assert rows_of(firm) == before
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM reviews WHERE \"case\" = ''")).scalar() == 0
