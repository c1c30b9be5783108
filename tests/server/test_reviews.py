"""Settling what waits for a person: the value chosen stands, the others are kept, the second is told."""

from dataclasses import replace

import pytest

from schemas.problems import Refused
from server.keys import new_id
from server.services.decisions import Desk
from server.services.inquiries import ask, list_asked
from server.services.reviews import CHOICES, Choice, Question, list_questions, settle
from server.services.thawing import thaw
from server.store.database import reading
from sync import codec
from sync.chain import FIRST_PREV, Sealed
from sync.receipt import Receipt
from tests.server.builders import Firm, create, delete, update


def disagree(firm: Firm, field: str = "grade", office: str = "urgent", incoming: str = "general") -> Question:
    """Let Dana and Wei move one field of the order from the same value; return what waits."""
    firm.ensure(update("work_order", firm.order, **{field: ("important", office)}), actor=firm.company.dana)
    answer = firm.send(firm.wei, update("work_order", firm.order, **{field: ("important", incoming)}))
    assert answer.verdict == "contested", answer
    (question,) = questions_of(firm)
    return question


def questions_of(firm: Firm, state: str = "open", kind: str | None = None) -> list[Question]:
    with reading(firm.engine) as connection:
        return list(list_questions(connection, firm.id, state, kind))


def decide(firm: Firm, review: str, choice: Choice, value: object = None, actor: str = "", note: str = "") -> Receipt:
    dana = actor or firm.company.dana
    return settle(firm.office, firm.id, dana, review, choice, value, note)


def test_a_question_tells_all_that_is_needed_to_decide(firm: Firm) -> None:
    question = disagree(firm)

    body = question.body
    assert (body["base"], body["office"], body["incoming"]) == ("important", "urgent", "general")
    assert (question.order, question.subject) == (firm.company.number, firm.company.number)
    office, incoming = body["office_provenance"], body["incoming_provenance"]
    assert question.people[office["actor_id"]]["name_en"] == "Dana"
    assert question.people[incoming["actor_id"]]["name_en"] == "Wei"
    assert question.devices[incoming["device_id"]] == "平板"
    for origin in (office, incoming):
        assert all(origin[name] for name in ("captured_at", "corrected_at", "received_at", "position"))


@pytest.mark.parametrize(
    ("choice", "value", "stands"),
    [
        ("office", None, "urgent"),
        ("incoming", None, "general"),
        ("base", None, "important"),
        ("other", "general", "general"),
    ],
)
def test_the_value_chosen_stands(firm: Firm, choice: Choice, value: object, stands: str) -> None:
    question = disagree(firm)

    answer = decide(firm, question.id, choice, value, note="电话核实")

    conflict = firm.body(question.id)
    assert answer.verdict in ("applied", "merged")
    assert firm.body(firm.order)["grade"] == stands
    assert (conflict["state"], conflict["settled_as"], conflict["settled_value"]) == ("settled", choice, stands)
    assert (conflict["note"], conflict["settled_by"]) == ("电话核实", firm.company.dana)
    assert (conflict["base"], conflict["office"], conflict["incoming"]) == ("important", "urgent", "general")
    assert questions_of(firm) == [] and len(questions_of(firm, "settled")) == 1


def test_a_question_to_an_engineer_ends_with_the_decision(firm: Firm) -> None:
    question = disagree(firm)
    ask(Desk(firm.office, firm.id, firm.company.dana), question.id, firm.wei.person, "急不急？")

    decide(firm, question.id, "office", note="电话核实")

    with reading(firm.engine) as connection:
        (asked,) = list_asked(connection, firm.id, [question.id])[question.id]
    assert asked.body["state"] == "closed"


def test_a_state_is_settled_though_no_move_leads_there(firm: Firm) -> None:
    firm.ensure(update("work_order", firm.order, status=("assigned", "cancelled")), actor=firm.company.dana)
    firm.send(firm.wei, update("work_order", firm.order, status=("assigned", "in_progress")))
    (question,) = questions_of(firm, kind="conflict")

    decide(firm, question.id, "incoming")

    assert firm.body(firm.order)["status"] == "in_progress"


def test_the_office_value_is_what_stands_when_settling(firm: Firm) -> None:
    question = disagree(firm)
    firm.ensure(update("work_order", firm.order, grade=("urgent", "important")), actor=firm.company.dana)

    decide(firm, question.id, "office")

    assert firm.body(firm.order)["grade"] == "important"
    assert firm.body(question.id)["settled_value"] == "important"


def test_the_second_to_settle_is_told_and_changes_nothing(firm: Firm) -> None:
    question = disagree(firm)
    decide(firm, question.id, "incoming")
    before = firm.records()

    with pytest.raises(Refused) as refused:
        decide(firm, question.id, "office")

    assert refused.value.code == "conflict_settled"
    assert firm.records() == before


def test_two_who_settle_at_once_are_told_apart_by_the_door(firm: Firm) -> None:
    question = disagree(firm)
    late = update("conflict", question.id, state=("open", "settled"), settled_as=(None, "office"))
    decide(firm, question.id, "incoming")

    answer = firm.write(late)

    assert answer.verdict == "refused" and answer.fault is not None
    assert answer.fault.code == "conflict_settled"


def test_an_auditor_settles_nothing(firm: Firm) -> None:
    question = disagree(firm)

    with pytest.raises(Refused) as refused:
        decide(firm, question.id, "incoming", actor=firm.company.aud)

    assert refused.value.code == "writer_not_allowed"
    assert firm.body(firm.order)["grade"] == "urgent"


def test_a_value_that_is_none_of_the_field_is_refused(firm: Firm) -> None:
    question = disagree(firm)

    with pytest.raises(Refused) as refused:
        decide(firm, question.id, "other", "very urgent")

    assert refused.value.code == "value_invalid"
    assert firm.body(question.id)["state"] == "open"


def test_a_delete_that_met_an_edit_is_carried_out_or_dropped(firm: Firm) -> None:
    kept, dropped = new_id(), new_id()
    for site in (kept, dropped):
        firm.ensure(create("site", site, name="一号楼", customer_id=firm.company.chen))
        firm.ensure(update("site", site, name=("一号楼", "1 号楼")), actor=firm.company.dana)
        assert firm.write(delete("site", site, name="一号楼")).verdict == "contested"
    by_site = {question.body["subject_id"]: question.id for question in questions_of(firm)}

    decide(firm, by_site[kept], "office")
    decide(firm, by_site[dropped], "incoming")

    assert firm.has(kept) and not firm.has(dropped)
    assert questions_of(firm) == []


def test_an_exception_is_settled_with_a_decision(firm: Firm) -> None:
    firm.ensure(update("work_order", firm.order, status=("assigned", "cancelled")), actor=firm.company.dana)
    photo = {"purpose": "fault", "original_sha256": "0" * 64, "media_type": "image/jpeg", "size_bytes": 1}
    firm.send(firm.wei, create("photo", new_id(), order_id=firm.order, **photo))
    (question,) = questions_of(firm, kind="exception")

    decide(firm, question.id, "office", note="照片保留")

    settled = firm.body(question.id)
    assert (settled["code"], settled["state"], settled["decision"]) == ("work_on_ended_order", "settled", "照片保留")
    with pytest.raises(Refused, match="conflict_settled"):
        decide(firm, question.id, "office", note="又一次")


def test_another_company_sees_and_settles_nothing(firm: Firm, other_firm: Firm) -> None:
    question = disagree(firm)

    assert questions_of(other_firm) == []
    with pytest.raises(Refused, match="not_found"):
        decide(other_firm, question.id, "incoming")


def test_every_choice_of_the_record_can_be_made() -> None:
    assert set(CHOICES) == {"office", "incoming", "base", "other"}


def test_a_frozen_device_goes_on_from_the_last_set_that_was_taken_in(firm: Firm) -> None:
    first = firm.wei.seal("test.act", update("work_order", firm.order, contact=(None, "陈敏")))
    twin = replace(firm.wei, seq=0, prev=FIRST_PREV).seal(
        "test.act", update("work_order", firm.order, phone=(None, "1"))
    )
    taken, forked = firm.push(first, twin)
    later = firm.wei.seal("test.act", update("work_order", firm.order, contact=("陈敏", "陈悦")))
    (frozen,) = firm.push(later)

    thaw(firm.engine, firm.office, firm.id, firm.company.dana, firm.wei.id)
    (again,) = firm.push(later)

    assert [taken.verdict, forked.verdict, frozen.verdict, again.verdict] == [
        "applied",
        "refused",
        "refused",
        "applied",
    ]
    assert firm.body(firm.order)["contact"] == "陈悦"
    assert codec.decode(Sealed(bytes(firm.log()[-2].sealed)).payload).intent == "device.thaw", "the log says who did it"


def test_a_revoked_or_strange_device_is_not_thawed(firm: Firm, other_firm: Firm) -> None:
    firm.ensure(update("device", firm.wei.id, state=("active", "revoked")))

    for device, code in ((firm.wei.id, "device_revoked"), (other_firm.wei.id, "device_unknown")):
        with pytest.raises(Refused, match=code):
            thaw(firm.engine, firm.office, firm.id, firm.company.dana, device)


def test_an_auditor_thaws_nothing(firm: Firm) -> None:
    with pytest.raises(Refused, match="writer_not_allowed"):
        thaw(firm.engine, firm.office, firm.id, firm.company.aud, firm.wei.id)
