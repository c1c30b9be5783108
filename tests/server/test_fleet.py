"""The fleet is read page by page, and contacts are written by several processes in any order, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.problems import Refused
from server.clock import spell_instant, unix_ms
from server.services import devices
from server.services.fleet import FleetDevice, list_fleet
from server.store.contacts import ContactRow, write_contacts
from server.store.database import reading, writing
from server.store.tables import Contact
from tests.cast import enrol_device
from tests.server.builders import Firm, photo

EARLY, LATE = "2026-11-20T08:00:00.000Z", "2026-11-20T09:00:00.000Z"


def write(firm: Firm, *rows: ContactRow) -> None:
    with writing(firm.engine) as connection:
        write_contacts(connection, rows)


def read_pages(firm: Firm, limit: int) -> list[FleetDevice]:
    found: list[FleetDevice] = []
    after = None
    with reading(firm.engine) as connection:
        while True:
            page = list_fleet(connection, firm.id, after, limit, unix_ms())
            found, after = found + page.devices, page.after
            if after is None:
                return found


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_the_longest_silent_come_first_and_the_revoked_last(firm: Firm, limit: int) -> None:
    gone = enrol_device(firm.office, firm.engine, firm.id, firm.company.wei)
    devices.revoke(firm.office, firm.id, firm.company.dana, gone.id)
    write(firm, ContactRow(firm.id, firm.wei.id, LATE), ContactRow(firm.id, firm.lin.id, EARLY))

    found = read_pages(firm, limit)

    assert [device.row["device"] for device in found] == [firm.dana.id, firm.lin.id, firm.wei.id, gone.id]
    assert [device.reasons[0].code for device in found] == ["never_heard", "never_synced", "never_synced", "revoked"]


def test_held_sets_are_counted_for_each_device(firm: Firm) -> None:
    firm.wei.seal("photo.take", photo(firm.order))
    firm.push(*(firm.wei.seal("photo.take", photo(firm.order)) for _ in range(2)))

    held = {device.row["device"]: device.row["held_sets"] for device in read_pages(firm, 500)}

    assert (held[firm.wei.id], held[firm.lin.id]) == (2, 0)


def test_a_page_after_nonsense_is_refused(firm: Firm) -> None:
    with reading(firm.engine) as connection, pytest.raises(Refused, match="value_invalid"):
        list_fleet(connection, firm.id, "2~x~y", 10, unix_ms())


FIRST = ContactRow("", "", EARLY, synced_at=EARLY, position=5, told_at=EARLY, waiting_sets=3, offset_ms=7, client="a")
SECOND = ContactRow("", "", LATE, failed_at=LATE, problem="database_busy", told_at=LATE, waiting_sets=0, client="b")


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST), (FIRST, SECOND, FIRST)])
def test_whatever_order_processes_write_in_the_newest_of_each_group_stands(
    firm: Firm, order: tuple[ContactRow, ...]
) -> None:
    for heard in order:
        write(firm, replace(heard, organisation=firm.id, device=firm.wei.id))

    (found,) = firm.rows(Contact)
    assert (found.contacted_at, found.synced_at, found.position) == (LATE, EARLY, 5)
    assert (found.failed_at, found.problem) == (LATE, "database_busy")
    assert (found.told_at, found.waiting_sets, found.offset_ms, found.client) == (LATE, 0, None, "b")


def test_many_contacts_are_written_together(firm: Firm) -> None:
    at = spell_instant(unix_ms())

    write(firm, *(ContactRow(firm.id, f"{number:036d}", at) for number in range(500, 0, -1)))

    assert len(firm.rows(Contact)) == 500
