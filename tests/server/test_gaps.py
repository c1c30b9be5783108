"""What is missing of the evidence: found as the log grows, closed by what comes later, counted by the database."""

from __future__ import annotations

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.problems import Refused
from server.keys import new_id
from server.services import gaps
from server.store.bulk import upsert
from server.store.database import reading, writing
from server.store.tables import Blob
from tests.server.builders import Firm, create, fitted, photo, update

AT = "2026-03-03T08:00:00Z"


def look(firm: Firm, by: str = "customer", gap: str = "", **narrowed: str) -> gaps.Report:
    """Follow the log and report."""
    gaps.renew(firm.engine, firm.office, firm.id)
    return gaps.report(firm.engine, firm.id, by, gap, narrowed, None)


def lacking(firm: Firm) -> dict[str, int]:
    """Return how many gaps of each kind there are."""
    return {kind: count for kind, count in look(firm).totals.items() if count}


def lot(firm: Firm, **more: Any) -> tuple[str, str]:
    """Write a part that has serial numbers and a lot of it; return their ids."""
    supplier, part, batch = new_id(), new_id(), new_id()
    firm.ensure(
        create("supplier", supplier, name="佳力轴承"),
        create("part", part, part_number="MC12-MOT", name="电机", serialised=True),
        create("batch", batch, part_id=part, supplier_id=supplier, number="B2606", **more),
    )
    return part, batch


def fit(firm: Firm, serial: str | None = None, **more: Any) -> str:
    """Let Wei put a part in; return its id."""
    change = fitted(firm.order, firm.company.machine, serial or "", AT, **more)
    if serial is None:
        del change.set["serial"]  # type: ignore[attr-defined]
    firm.send(firm.wei, change)
    return change.id


def finish(firm: Firm) -> None:
    """Let Wei finish the order."""
    status = firm.body(firm.order)["status"]
    firm.send(firm.wei, update("work_order", firm.order, status=(status, "in_progress")))
    firm.send(firm.wei, update("work_order", firm.order, status=("in_progress", "finished")))


def test_a_part_without_anything_lacks_everything(firm: Firm) -> None:
    part, _ = lot(firm)
    fit(firm, part_id=part)

    open_order = lacking(firm)
    finish(firm)

    assert open_order == {"batch": 1, "serial": 1, "supplier": 1, "photo": 1}, "an order at work may still be signed"
    assert lacking(firm) == open_order | {"signature": 1}


def test_gaps_close_by_what_comes_later(firm: Firm) -> None:
    part, batch = lot(firm)
    fit(firm, "SN-1", part_id=part, batch="B2606", batch_id=batch)
    finish(firm)
    assert lacking(firm) == {"certificate": 1, "photo": 1, "signature": 1}

    firm.ensure(update("batch", batch, certificate=(None, "HGZ-1")))
    taken = photo(firm.order, purpose="part_label", original_sha256="cd" * 32)
    firm.send(firm.wei, taken)
    assert lacking(firm) == {"signature": 1, "file": 1}

    signed = {"job_sheet_id": new_id(), "job_sheet_sha256": "00" * 32, "outcome": "signed", "signed_at": AT}
    firm.send(firm.wei, create("signature", new_id(), order_id=firm.order, **signed))
    with writing(firm.engine) as connection:
        upsert(connection, Blob.__table__, [(firm.id, "cd" * 32, "verified", 1, AT, None)])  # type: ignore[arg-type]
    left = lacking(firm)

    assert "file" not in left, "files come between two looks at the log"


def test_what_does_not_count_lacks_nothing(firm: Firm) -> None:
    wrong = fit(firm, "SN-1")
    named = {"order_id": firm.order, "subject_kind": "part_fitted", "subject_id": wrong, "reason": "贴错了"}
    assert lacking(firm)["batch"] == 1

    firm.send(firm.wei, create("withdrawal", new_id(), **named, withdrawn_at=AT))

    assert lacking(firm) == {}


def test_a_lot_that_was_written_down_is_found_by_part_and_number(firm: Firm) -> None:
    part, _ = lot(firm, certificate="HGZ-1")
    fit(firm, "SN-1", part_id=part, batch="b2606")
    fit(firm, "SN-2", part_id=part, batch="B9999")

    assert lacking(firm) == {"certificate": 1, "supplier": 1, "photo": 2}


def test_gaps_are_counted_by_customer_engineer_and_month_and_listed(firm: Firm) -> None:
    fit(firm, "SN-1")
    fit(firm, "SN-2")

    by = {way: look(firm, way) for way in gaps.BY}
    listed = look(firm, "month", "batch", month="2026-03")

    assert [(group.name[0], group.counts["batch"]) for group in by["customer"].groups] == [("陈氏实验室", 2)]
    assert [group.id for group in by["engineer"].groups] == [firm.wei.person]
    assert [(group.id, group.counts["photo"]) for group in by["month"].groups] == [("2026-03", 2)]
    assert Counter(line.part["serial"] for line in listed.lines) == {"SN-1": 1, "SN-2": 1}
    assert look(firm, "month", "batch", month="2026-04").lines == []
    assert by["month"].behind == 0


def test_a_long_list_comes_in_pages_and_is_exported_whole(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    serials = [f"SN-{number}" for number in range(7)]
    for serial in serials:
        fit(firm, serial)
    gaps.renew(firm.engine, firm.office, firm.id)
    monkeypatch.setattr(gaps, "PAGE_ROWS", 3)

    seen, after = [], None
    for _ in range(3):
        page = gaps.report(firm.engine, firm.id, "month", "batch", {}, after)
        seen += [line.part["serial"] for line in page.lines]
        after = page.after
    with reading(firm.engine) as connection:
        exported = [line.part["serial"] for line in gaps.list_all(connection, firm.id, "batch", {}, 2)]

    assert sorted(seen) == serials and after is None
    assert exported == seen


def test_a_renewal_made_twice_or_from_the_beginning_comes_to_the_same(firm: Firm) -> None:
    fit(firm, "SN-1")
    finish(firm)
    before = lacking(firm)
    with writing(firm.engine) as connection:
        connection.exec_driver_sql(f"DELETE FROM watermarks WHERE organisation = '{firm.id}' AND name = 'gaps'")

    assert lacking(firm) == before == lacking(firm)


def test_a_month_is_one_of_the_office(firm: Firm) -> None:
    fact = fitted(firm.order, firm.company.machine, "SN-1", "2026-03-31T20:00:00Z")
    assert firm.send(firm.wei, fact).verdict == "applied"
    gaps.renew(firm.engine, firm.office, firm.id, zone=ZoneInfo("America/New_York"))
    with reading(firm.engine) as connection:
        there = [line.gap.month for line in gaps.list_all(connection, firm.id, "batch", {})]
    with writing(firm.engine) as connection:
        connection.exec_driver_sql(f"DELETE FROM watermarks WHERE organisation = '{firm.id}' AND name = 'gaps'")

    gaps.renew(firm.engine, firm.office, firm.id, zone=ZoneInfo("Asia/Shanghai"))

    with reading(firm.engine) as connection:
        here = [line.gap.month for line in gaps.list_all(connection, firm.id, "batch", {})]
    assert (there, here) == (["2026-03"], ["2026-04"])


def test_what_is_no_gap_is_refused(firm: Firm) -> None:
    for by, gap in (("colour", ""), ("month", "colour")):
        with pytest.raises(Refused) as refused:
            gaps.report(firm.engine, firm.id, by, gap, {}, None)
        assert refused.value.code == "value_invalid"
