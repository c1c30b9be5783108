"""Facts that cannot all be right are kept as they came, and a person is told."""

from __future__ import annotations

import hashlib
from itertools import permutations

import pytest

from server.keys import new_id
from sync.changeset import Change
from tests.server.builders import Firm, create, fitted, photo, removed, update


def codes(firm: Firm) -> list[str]:
    """Return the codes of the open exceptions."""
    return sorted(body["code"] for body in firm.bodies("exception"))


def at(hour: int) -> str:
    """Return an hour of one day."""
    return f"2026-11-20T{hour:02d}:00:00Z"


def two_machines(firm: Firm) -> tuple[str, str, str, str]:
    """Return Wei's two orders and their machines."""
    machine = firm.add_machine()
    order = firm.add_order(firm.wei.person, machine)
    return firm.order, firm.company.machine, order, machine


def sign(order: str, outcome: str = "signed") -> list[Change]:
    """Return a job sheet and the signature under it."""
    sheet, content = new_id(), '{"result":"solved"}'
    digest = hashlib.sha256(content.encode()).hexdigest()
    values = {"order_id": order, "job_sheet_id": sheet, "job_sheet_sha256": digest, "signed_at": at(15)}
    return [
        create("job_sheet", sheet, order_id=order, content=content, content_sha256=digest),
        create("signature", new_id(), outcome=outcome, **values),
    ]


@pytest.mark.parametrize("order", list(permutations(range(2))), ids=str)
@pytest.mark.parametrize("together", [True, False])
def test_one_serial_in_two_machines_is_found_in_any_order_of_arrival(
    firm: Firm, order: tuple[int, ...], together: bool
) -> None:
    first_order, first, second_order, second = two_machines(firm)
    facts = [fitted(first_order, first, "S1", at(8)), fitted(second_order, second, "S1", at(10))]
    lines = [firm.wei.seal("part.fit", facts[index]) for index in order]

    for request in [lines] if together else [[line] for line in lines]:
        assert {answer.verdict for answer in firm.push(*request)} == {"applied"}

    assert codes(firm) == ["serial_in_two_places"]
    assert all(firm.has(fact.id) for fact in facts)


def test_a_part_that_was_taken_out_in_between_is_in_one_place(firm: Firm) -> None:
    first_order, first, second_order, second = two_machines(firm)

    for change in (
        fitted(first_order, first, "S1", at(8)),
        removed(first_order, first, "S1", at(9)),
        fitted(second_order, second, "S1", at(10)),
    ):
        firm.send(firm.wei, change)

    assert codes(firm) == []


@pytest.mark.parametrize("other", [{"serial": "s1"}, {"gtin": "00000000000017"}, {"serial": None}])
def test_serials_are_told_apart_by_maker_and_by_their_bytes(firm: Firm, other: dict[str, str | None]) -> None:
    first_order, first, second_order, second = two_machines(firm)

    firm.send(firm.wei, fitted(first_order, first, "S1", at(8)))
    firm.send(firm.wei, fitted(second_order, second, "S1", at(10), **other))

    assert codes(firm) == []


def test_fitting_again_in_the_same_machine_is_no_finding(firm: Firm) -> None:
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "S1", at(8)))
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "S1", at(10)))

    assert codes(firm) == []


def test_a_part_known_from_elsewhere_and_removed_here_is_found(firm: Firm) -> None:
    first_order, first, second_order, second = two_machines(firm)
    firm.send(firm.wei, fitted(first_order, first, "S1", at(8)))

    firm.send(firm.wei, removed(second_order, second, "S1", at(10)))
    firm.send(firm.wei, removed(second_order, second, "never seen", at(10)))

    assert codes(firm) == ["unknown_serial"]


def test_a_part_from_a_recalled_batch_is_found(firm: Firm) -> None:
    part, supplier, batch = new_id(), new_id(), new_id()
    firm.ensure(
        create("supplier", supplier, name="轴承厂"),
        create("part", part, part_number="P1", name="轴承"),
        create("batch", batch, part_id=part, supplier_id=supplier, number="L1"),
    )
    before = fitted(firm.order, firm.company.machine, "S1", batch_id=batch)
    firm.send(firm.wei, before)
    assert codes(firm) == []
    firm.ensure(update("batch", batch, recalled_on=(None, "2026-11-19"), recall_reason=(None, "开裂")))

    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "S2", batch_id=batch))

    (found,) = firm.bodies("exception")
    assert (found["code"], found["detail"]) == ("recalled_batch", "L1 (2026-11-19): 开裂")


def test_work_on_an_ended_order_is_kept_and_found(firm: Firm) -> None:
    firm.ensure(update("work_order", firm.order, status=("assigned", "cancelled")))
    late = photo(firm.order)

    answer = firm.send(firm.wei, late)

    assert answer.verdict == "applied" and firm.has(late.id)
    (found,) = firm.bodies("exception")
    assert (found["code"], found["order_id"], found["subject_id"]) == ("work_on_ended_order", firm.order, late.id)
    assert found["raised_at"] == answer.received_at


@pytest.mark.parametrize("together", [True, False])
def test_a_change_after_the_signature_is_found(firm: Firm, together: bool) -> None:
    late = [
        firm.wei.seal("sheet.sign", *sign(firm.order)),
        firm.wei.seal("order.note", update("work_order", firm.order, diagnosis=(None, "other"))),
        firm.wei.seal("part.fit", fitted(firm.order, firm.company.machine, "S1")),
        firm.wei.seal("photo.take", photo(firm.order), update("work_order", firm.order, contact=(None, "陈"))),
    ]

    for request in [late] if together else [[line] for line in late]:
        firm.push(*request)

    assert codes(firm) == ["changed_after_signature", "changed_after_signature"]
    assert firm.body(firm.order)["diagnosis"] == "other"


@pytest.mark.parametrize("outcome", ["declined", "absent"])
def test_where_nobody_signed_nothing_can_differ_from_what_was_signed(firm: Firm, outcome: str) -> None:
    firm.send(firm.wei, *sign(firm.order, outcome))

    firm.send(firm.wei, update("work_order", firm.order, diagnosis=(None, "other")))

    assert codes(firm) == []


def test_a_job_sheet_that_is_not_what_its_hash_says_is_found(firm: Firm) -> None:
    content = create("job_sheet", new_id(), order_id=firm.order, content="{}", content_sha256="0" * 64)

    assert firm.send(firm.wei, content).verdict == "applied"

    assert codes(firm) == ["job_sheet_differs"]


def test_a_correction_of_the_wrong_machine_is_no_second_place(firm: Firm) -> None:
    first_order, first, second_order, second = two_machines(firm)
    wrong = fitted(first_order, first, "S1", at(8))
    firm.send(firm.wei, wrong)

    firm.send(firm.wei, fitted(second_order, second, "S1", at(8), replaces_id=wrong.id))

    assert codes(firm) == []


def test_a_correction_by_a_wrong_clock_is_of_the_moment_that_it_corrects(firm: Firm) -> None:
    first_order, first, second_order, second = two_machines(firm)
    wrong = fitted(first_order, first, "S2", at(8))
    firm.send(firm.wei, wrong)
    firm.send(firm.wei, fitted(second_order, second, "S1", at(10)))
    firm.send(firm.wei, removed(second_order, second, "S1", at(11)))

    right = fitted(first_order, first, "S1", at(8), replaces_id=wrong.id)
    witness = f"{len(firm.log())} {'0' * 64}"
    firm.send(firm.wei, right, captured_at="2000-01-01T00:00:00Z", witness=witness)

    assert codes(firm) == ["serial_in_two_places"]


def test_an_exception_is_raised_once_however_often_its_set_is_sent(firm: Firm) -> None:
    firm.ensure(update("work_order", firm.order, status=("assigned", "cancelled")))
    line = firm.wei.seal("photo.take", photo(firm.order))

    firm.push(line, line)
    firm.push(line)

    assert codes(firm) == ["work_on_ended_order"]
