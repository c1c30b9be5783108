"""Facts entered by mistake: withdrawn by a further fact, which the trace, the findings and the order respect."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from schemas.problems import Refused
from server.keys import new_id
from server.services.orders_read import read_order
from server.services.proofs import replay, verify_log
from server.services.trace import trace_machine, trace_number
from server.store.database import reading
from sync.changeset import Change
from sync.receipt import Receipt
from tests.server.builders import NOON, Firm, create, delete, faults_of, fitted, handset, photo, removed, update

REASON = "录错设备"


def withdrawal(order: str, fact: Change, /, **more: Any) -> Change:
    """Return the withdrawal of a fact of an order."""
    named = {"order_id": order, "machine_id": fact.set.get("machine_id"), "subject_kind": fact.kind}
    values = {**named, "subject_id": fact.id, "reason": REASON, "withdrawn_at": "2026-11-20T13:00:00Z", **more}
    return create("withdrawal", new_id(), **{name: value for name, value in values.items() if value is not None})


def send_well(firm: Firm, *changes: Change) -> Receipt:
    """Let Wei hand changes in; fail unless they are applied."""
    answer = firm.send(firm.wei, *changes)
    assert answer.verdict == "applied", answer
    return answer


def spans_of(firm: Firm, number: str, as_known_at: int | None = None) -> list[dict[str, Any]]:
    with reading(firm.engine) as connection:
        spans: list[dict[str, Any]] = trace_number(connection, firm.id, number, as_known_at)["spans"]
    return spans


def open_codes(firm: Firm) -> list[str]:
    return sorted(body["code"] for body in firm.bodies("exception"))


def test_a_withdrawn_part_is_shown_struck_out_and_as_it_was_known_before(firm: Firm) -> None:
    wrong = fitted(firm.order, firm.company.machine, "SN-W1")
    before = send_well(firm, wrong).position
    send_well(firm, withdrawal(firm.order, wrong))

    (span,), (earlier,) = spans_of(firm, "SN-W1"), spans_of(firm, "SN-W1", before)
    serial = firm.body(firm.company.machine)["serial"]
    with reading(firm.engine) as connection:
        on_day = trace_machine(connection, firm.id, serial, "2026-11-21", UTC)["spans"]

    assert span["withdrawn"]["reason"] == REASON and span["withdrawn"]["by"]["id"] == firm.wei.person
    assert span["fitted"]["id"] == wrong.id
    assert earlier["withdrawn"] is None
    assert [bool(found["withdrawn"]) for found in on_day] == [True]
    assert verify_log(firm.engine, firm.id).holds


def test_a_withdrawn_removal_leaves_the_part_where_it_was(firm: Firm) -> None:
    machine = firm.company.machine
    put_in, taken_out = (
        fitted(firm.order, machine, "SN-W2"),
        removed(firm.order, machine, "SN-W2", "2026-11-20T12:30:00Z"),
    )
    send_well(firm, put_in, taken_out)
    send_well(firm, withdrawal(firm.order, taken_out))

    found = spans_of(firm, "SN-W2")

    assert [(bool(span["fitted"]), bool(span["removed"]), bool(span["withdrawn"])) for span in found] == [
        (True, False, False),
        (False, True, True),
    ]


def test_a_part_withdrawn_from_one_machine_may_be_fitted_in_another(firm: Firm) -> None:
    other = firm.add_machine()
    order = firm.add_order(engineer=firm.wei.person, machine=other)
    firm.catch_up(firm.wei)
    wrong = fitted(firm.order, firm.company.machine, "SN-W3")
    send_well(firm, wrong)
    send_well(firm, withdrawal(firm.order, wrong), fitted(order, other, "SN-W3"))

    found = spans_of(firm, "SN-W3")

    assert open_codes(firm) == []
    assert sorted((bool(span["withdrawn"]), span["elsewhere"]) for span in found) == [(False, False), (True, False)]


def test_an_exception_tells_that_its_fact_was_withdrawn_and_stays_open(firm: Firm, tmp_path: Path) -> None:
    other = firm.add_machine()
    order = firm.add_order(engineer=firm.wei.person, machine=other)
    firm.catch_up(firm.wei)
    send_well(firm, fitted(firm.order, firm.company.machine, "SN-W4"))
    wrong = fitted(order, other, "SN-W4", "2026-11-20T12:10:00Z")
    send_well(firm, wrong)
    struck = withdrawal(order, wrong)
    send_well(firm, struck)

    (exception,) = firm.bodies("exception")

    assert exception["code"] == "serial_in_two_places"
    assert (exception["state"], exception["withdrawal_id"]) == ("open", struck.id)
    assert replay(firm.engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").discrepancies == ()


@pytest.mark.parametrize("apart", [True, False], ids=["in two sets", "in one set"])
def test_a_corrected_part_is_in_no_second_place(firm: Firm, apart: bool) -> None:
    other = firm.add_machine()
    order = firm.add_order(engineer=firm.wei.person, machine=other)
    firm.catch_up(firm.wei)
    wrong = fitted(firm.order, firm.company.machine, "SN-W5")
    right = fitted(firm.order, firm.company.machine, "SN-W6", replaces_id=wrong.id)
    there = fitted(order, other, "SN-W5", "2026-11-20T12:10:00Z")
    for changes in [[wrong], [right], [there]] if apart else [[wrong, right, there]]:
        send_well(firm, *changes)

    assert open_codes(firm) == []
    # Without the correction the part was in the first machine after all.
    send_well(firm, withdrawal(firm.order, right))
    send_well(firm, fitted(order, other, "SN-W5", "2026-11-20T12:05:00Z"))
    assert open_codes(firm) == ["serial_in_two_places"]


def test_the_order_shows_what_was_withdrawn_with_its_reason(firm: Firm) -> None:
    wrong, right = (fitted(firm.order, firm.company.machine, serial) for serial in ("SN-W8", "SN-W9"))
    dark, bright = photo(firm.order), photo(firm.order)
    send_well(firm, wrong, right, dark, bright)
    struck = withdrawal(firm.order, wrong)
    send_well(firm, struck, withdrawal(firm.order, dark))

    with reading(firm.engine) as connection:
        detail = read_order(connection, firm.id, firm.order)
    device = handset(firm, firm.wei.person)
    device.sync()

    marked = {entry["id"]: entry.get("withdrawn") for entry in detail["followed_by"]}
    assert [marked[fact.id] for fact in (right, bright, struck)] == [None, None, None]
    assert marked[wrong.id] == {"reason": REASON, "withdrawn_at": "2026-11-20T13:00:00Z"}
    assert marked[dark.id] == marked[wrong.id]
    assert device.held[struck.id][1]["subject_id"] == wrong.id


def test_a_photo_of_the_trace_says_that_it_was_withdrawn(firm: Firm) -> None:
    wrong = photo(firm.order)
    send_well(firm, wrong, fitted(firm.order, firm.company.machine, "SN-W7"))
    (before,) = spans_of(firm, "SN-W7")
    send_well(firm, withdrawal(firm.order, wrong))

    (span,) = spans_of(firm, "SN-W7")

    assert [[shown["withdrawn"] for shown in told["fitted"]["photos"]] for told in (before, span)] == [[None], [REASON]]


def test_striking_out_what_the_customer_signed_opens_an_exception(firm: Firm) -> None:
    fact = fitted(firm.order, firm.company.machine, "SN-W8")
    sheet = create(
        "job_sheet",
        new_id(),
        order_id=firm.order,
        content="{}",
        content_sha256="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    )
    signature = create(
        "signature", new_id(), order_id=firm.order, job_sheet_id=sheet.id, job_sheet_sha256=sheet.set["content_sha256"],
        outcome="signed", signer_name="陈敏", strokes_sha256="cd" * 32, signed_at=NOON,
    )  # fmt: skip
    shown = photo(firm.order)
    send_well(firm, fact, shown, sheet, signature)

    send_well(firm, withdrawal(firm.order, fact))

    send_well(firm, withdrawal(firm.order, shown))
    assert open_codes(firm) == ["changed_after_signature"] * 2


def test_a_withdrawal_names_a_fact_of_its_order(firm: Firm) -> None:
    order = firm.add_order(engineer=firm.wei.person, machine=firm.company.machine)
    firm.catch_up(firm.wei)
    fact = fitted(firm.order, firm.company.machine, "SN-W9")
    send_well(firm, fact)
    struck = withdrawal(firm.order, fact)

    answers = [
        firm.send(firm.wei, withdrawal(firm.order, fitted(firm.order, firm.company.machine, "SN"))),
        firm.send(firm.wei, withdrawal(firm.order, fact, subject_kind="part_removed")),
        firm.send(firm.wei, withdrawal(order, fact)),
        firm.send(firm.wei, withdrawal(firm.order, fact, subject_kind="signature")),
        firm.send(firm.wei, withdrawal(firm.order, fact, reason="")),
        firm.send(firm.lin, withdrawal(firm.order, fact)),
    ]
    send_well(firm, struck)
    # Somebody else may not have known of it: the second one changes nothing.
    send_well(firm, withdrawal(firm.order, fact))
    answers += [
        firm.send(firm.wei, update("withdrawal", struck.id, reason=(REASON, "别的"))),
        firm.send(firm.wei, delete("withdrawal", struck.id)),
    ]

    assert [faults_of(answer)[0] for answer in answers] == [
        "record_missing",
        "kind_mismatch",
        "value_invalid",
        "value_invalid",
        "value_invalid",
        "out_of_scope",
        "fact_is_final",
        "fact_is_final",
    ]
    assert len(spans_of(firm, "SN-W9")) == 1


def test_a_number_known_by_nothing_is_still_not_found(firm: Firm) -> None:
    with pytest.raises(Refused, match="not_found"):
        spans_of(firm, "SN-W0")
