"""Questions of the office: they come with a sync, are answered without one, and stay until the office has decided."""

from __future__ import annotations

from typing import Any

import pytest

from field_client import work
from field_client.work_inquiries import answer_inquiry, list_inquiries
from field_client.work_page import read_status
from schemas.problems import Refused
from tests.field_client.office import Office
from tests.field_client.scope import ORDER, Tablet, uuid
from tests.field_client.test_work import conflict_values

QUESTION, CONFLICT = uuid(41), uuid(40)


def asked(tablet: Tablet, **more: Any) -> dict[str, Any]:
    """Return a question to the tablet's person about the order."""
    about = {"order_id": ORDER, "review_id": CONFLICT, "about": "GD-1", "question": "哪个对？"}
    values = {"person_id": tablet.outbox.identity.person, "asked_at": "2026-11-21T02:00:00Z", "state": "open"}
    return about | values | more


def test_a_question_is_answered_without_a_network_and_goes_when_it_is_closed(tablet: Tablet, office: Office) -> None:
    office.write("conflict", CONFLICT, conflict_values("open"))
    office.write("inquiry", QUESTION, asked(tablet))
    tablet.pull_from(office)
    (before,) = list_inquiries(tablet.bench)
    assert (before.answer, before.conflict and before.conflict["incoming"], before.order is not None) == (
        None,
        "urgent",
        True,
    )

    answer_inquiry(tablet.bench, QUESTION, "incoming", " 拆开看过 ")

    (after,) = list_inquiries(tablet.bench, ORDER)
    assert after.answer is not None
    assert (after.answer["says"], after.answer["answer"], after.answer["order_id"]) == ("incoming", "拆开看过", ORDER)
    tablet.push_to(office)
    assert any(row.kind == "inquiry_answer" for row in office.rows.values())
    office.write("inquiry", QUESTION, {"state": "closed"})
    tablet.pull_from(office)
    assert list_inquiries(tablet.bench) == []


def test_one_about_an_order_that_has_gone_is_answered_too(tablet: Tablet, office: Office) -> None:
    office.write("inquiry", QUESTION, asked(tablet, order_id=uuid(77)))
    office.write("inquiry", uuid(42), asked(tablet, person_id=uuid(78)))
    tablet.pull_from(office)

    answer_inquiry(tablet.bench, QUESTION, "", "是的")

    (found,) = list_inquiries(tablet.bench)
    assert (found.order, found.conflict) == (None, None)
    assert found.answer is not None and "order_id" not in found.answer


@pytest.mark.parametrize(
    ("inquiry", "says", "answer", "code"),
    [(QUESTION, "", "  ", "field_missing"), (QUESTION, "both", "x", "value_invalid"), (uuid(99), "", "x", "not_found")],
)
def test_an_answer_says_something(
    tablet: Tablet, office: Office, inquiry: str, says: str, answer: str, code: str
) -> None:
    office.write("inquiry", QUESTION, asked(tablet))
    tablet.pull_from(office)

    with pytest.raises(Refused, match=code):
        answer_inquiry(tablet.bench, inquiry, says, answer)


def test_an_act_is_in_dispute_again_when_the_decision_is_undone(tablet: Tablet, office: Office) -> None:
    office.contested.add("grade")
    work.start(tablet.bench, "GD-1", grade="urgent")
    tablet.push_to(office)
    ((sent, _),) = read_status(tablet.bench).contested
    assert sent.receipt is not None
    came = {"device_id": tablet.outbox.identity.device, "position": sent.receipt.position}
    office.write("conflict", CONFLICT, conflict_values("settled") | {"incoming_provenance": came})
    tablet.pull_from(office)
    tablet.outbox.close_disputes()
    assert read_status(tablet.bench).contested == ()

    office.write("conflict", CONFLICT, {"state": "open"})
    tablet.pull_from(office)
    tablet.outbox.close_disputes()

    assert [found.digest for found, _ in read_status(tablet.bench).contested] == [sent.digest]
