"""Deciding by what the page showed: safe ones together, real ones with a note, later, undone while nothing moved."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.problems import Refused
from server.clock import spell_instant, unix_ms, utc_now
from server.keys import new_id
from server.services.decisions import Desk, accept_safe, decide, postpone, undo
from server.services.inbox import Entry, Inbox, read_decided, read_inbox, read_one
from server.services.inquiries import ask
from server.services.proofs import replay, verify_log
from server.services.reviews import Choice
from server.store.contacts import ContactRow, write_contacts
from server.store.database import reading, writing
from server.store.inbox import Choice as Which
from server.store.inbox import forget_looker, note_looker
from sync import codec
from sync.chain import Sealed
from tests.server.builders import Firm, create, delete, handset, update


@pytest.fixture
def desk(firm: Firm) -> Desk:
    """Dana at her desk."""
    return Desk(firm.office, firm.id, firm.company.dana)


def inbox_of(firm: Firm, **which: Any) -> Inbox:
    with reading(firm.engine) as connection:
        return read_inbox(connection, firm.id, Which(**which), firm.company.dana)


def entry_of(firm: Firm, review_id: str) -> Entry:
    with reading(firm.engine) as connection:
        page = read_one(connection, firm.id, review_id, firm.company.dana)
    assert page is not None
    return page.entries[0]


def disagree(firm: Firm, field: str, base: Any, office: Any, incoming: Any) -> Entry:
    """Let Dana and Wei move one field of the order; return what waits of it."""
    firm.ensure(update("work_order", firm.order, **{field: (base, office)}), actor=firm.company.dana)
    answer = firm.send(firm.wei, update("work_order", firm.order, **{field: (base, incoming)}))
    assert answer.verdict == "contested", answer
    return next(entry for entry in inbox_of(firm).entries if entry.field == field)


def take(desk: Desk, entry: Entry, choice: Choice, note: str = "电话核实", value: Any = None) -> None:
    decide(desk, entry.id, choice, value, note, entry.seen)


def code_of(refused: pytest.ExceptionInfo[Refused]) -> str:
    return refused.value.code


def test_an_entry_tells_both_values_and_where_they_came_from(firm: Firm) -> None:
    entry = disagree(firm, "grade", "important", "urgent", "general")

    (case,) = inbox_of(firm).cases
    assert (case.id, case.kind, case.body["number"]) == (firm.order, "work_order", firm.company.number)
    assert (entry.body["base"], entry.office, entry.body["incoming"]) == ("important", "urgent", "general")
    office, incoming = entry.office_origin, entry.incoming_origin
    assert office is not None and incoming is not None
    assert (office.actor, incoming.actor, incoming.device) == (firm.company.dana, firm.wei.person, firm.wei.id)
    assert office.is_verified and incoming.is_verified and incoming.set_id
    assert entry.safe is None


def test_a_real_disagreement_takes_a_note_and_a_safe_one_says_why(firm: Firm, desk: Desk) -> None:
    real = disagree(firm, "grade", "important", "urgent", "general")
    safe = disagree(firm, "hold_reason", None, "等备件", "等备件。")

    with pytest.raises(Refused) as refused:
        take(desk, real, "incoming", note="  ")
    take(desk, safe, "office", note="")

    assert code_of(refused) == "note_missing"
    assert "写法不同" in firm.body(safe.id)["note"]
    assert [entry.id for entry in inbox_of(firm).entries] == [real.id]


def test_safe_ones_are_accepted_together_and_the_others_are_told(firm: Firm, desk: Desk) -> None:
    safe = disagree(firm, "hold_reason", None, "等备件", "等备件，明天到")
    real = disagree(firm, "grade", "important", "urgent", "general")
    before = len(firm.log())

    batch = accept_safe(desk, {entry.id: entry.seen for entry in (safe, real)})

    assert batch.done == [safe.id] and batch.refused[real.id].code == "note_missing"
    assert firm.body(firm.order)["hold_reason"] == "等备件，明天到"
    assert len(firm.log()) == before + 1, "each decision is one change-set"
    assert firm.body(real.id)["state"] == "open"


def test_a_decision_on_what_has_moved_is_refused_with_what_moved(firm: Firm, desk: Desk) -> None:
    entry = disagree(firm, "grade", "important", "urgent", "general")
    firm.ensure(update("work_order", firm.order, grade=("urgent", "important")), actor=firm.company.dana)

    with pytest.raises(Refused) as standing:
        take(desk, entry, "incoming")
    firm.send(firm.wei, update("work_order", firm.order, grade=("general", "urgent")))
    with pytest.raises(Refused) as incoming:
        take(desk, entry, "incoming")

    assert code_of(standing) == "standing_moved" and code_of(incoming) == "conflict_moved"
    facts = standing.value.fault.facts
    assert (facts["field"], facts["value"], facts["who"]) == ("grade", "important", "戴娜")
    assert firm.body(entry.id)["state"] == "open"
    take(desk, entry_of(firm, entry.id), "incoming")
    assert firm.body(firm.order)["grade"] == "urgent"


def test_the_second_of_two_dispatchers_is_told(firm: Firm, desk: Desk) -> None:
    entry = disagree(firm, "grade", "important", "urgent", "general")
    take(desk, entry, "incoming")

    with pytest.raises(Refused) as refused:
        take(desk, entry, "office")

    assert code_of(refused) == "conflict_settled"


@pytest.mark.parametrize("choice", ["office", "incoming", "base", "other"])
def test_a_decision_is_undone_by_a_further_change_set(firm: Firm, desk: Desk, choice: Choice) -> None:
    entry = disagree(firm, "diagnosis", None, "电机", "轴承")
    before = firm.body(entry.id)
    take(desk, entry, choice, value="电机与轴承")

    undo(desk, entry.id)

    now = firm.body(entry.id)
    assert {name: value for name, value in now.items() if value is not None or name in before} == before
    assert firm.body(firm.order)["diagnosis"] == "电机"
    assert codec.decode(Sealed(bytes(firm.log()[-1].sealed)).payload).intent == "review.undo"
    take(desk, entry_of(firm, entry.id), "incoming")
    assert firm.body(firm.order)["diagnosis"] == "轴承"


def test_a_state_settled_against_the_life_cycle_is_given_back(firm: Firm, desk: Desk) -> None:
    entry = disagree(firm, "status", "assigned", "cancelled", "in_progress")
    take(desk, entry, "incoming")

    undo(desk, entry.id)

    assert firm.body(firm.order)["status"] == "cancelled"


def test_a_decision_somebody_built_on_is_not_undone(firm: Firm, desk: Desk) -> None:
    entry = disagree(firm, "diagnosis", None, "电机", "轴承")
    take(desk, entry, "incoming")
    firm.ensure(update("work_order", firm.order, diagnosis=("轴承", "轴承与皮带")), actor=firm.company.dana)
    before = firm.records()

    with pytest.raises(Refused) as refused:
        undo(desk, entry.id)

    assert code_of(refused) == "decision_overtaken" and "轴承与皮带" in refused.value.fault.sentence("zh")
    assert firm.records() == before
    with pytest.raises(Refused, match="not_found"):
        undo(desk, firm.order)


def test_what_waits_or_is_undone_already_is_not_undone(firm: Firm, desk: Desk) -> None:
    entry = disagree(firm, "diagnosis", None, "电机", "轴承")
    with pytest.raises(Refused, match="not_settled"):
        undo(desk, entry.id)
    take(desk, entry, "incoming")
    undo(desk, entry.id)

    with pytest.raises(Refused, match="not_settled"):
        undo(desk, entry.id)


def test_what_was_deleted_stays_deleted(firm: Firm, desk: Desk) -> None:
    site = firm.bodies("site")[0]["id"]
    firm.ensure(update("site", site, name=("二号楼", "2 号楼")), actor=firm.company.dana)
    assert firm.write(delete("site", site, name="二号楼")).verdict == "contested"
    (entry,) = inbox_of(firm).entries
    take(desk, entry, "incoming")

    with pytest.raises(Refused, match="decision_final"):
        undo(desk, entry.id)


def test_a_device_goes_on_with_a_conflict_that_was_opened_again(firm: Firm, desk: Desk) -> None:
    entry = disagree(firm, "diagnosis", None, "电机", "轴承")
    take(desk, entry, "office")
    undo(desk, entry.id)

    firm.send(firm.wei, update("work_order", firm.order, diagnosis=("轴承", "轴承与皮带")))

    assert [(e.id, e.body["incoming"]) for e in inbox_of(firm).entries] == [(entry.id, "轴承与皮带")]


def test_what_is_put_off_comes_back_by_time_by_sync_or_by_another_value(firm: Firm, desk: Desk) -> None:
    by_time = disagree(firm, "grade", "important", "urgent", "general")
    by_sync = disagree(firm, "diagnosis", None, "电机", "轴承")
    moved = disagree(firm, "remedy", None, "换电机", "换轴承")
    tomorrow = spell_instant(unix_ms() + 86_400_000)
    postpone(desk, by_time.id, tomorrow, None, "等客户回电")
    postpone(desk, by_sync.id, None, firm.wei.person, "等魏工")
    postpone(desk, moved.id, tomorrow, None, "")

    assert inbox_of(firm).entries == []
    put_off = {entry.id: entry.body for entry in inbox_of(firm, put_off=True).entries}
    assert put_off.keys() == {by_time.id, by_sync.id, moved.id}
    assert (put_off[by_time.id]["later_why"], put_off[by_time.id]["later_by"]) == ("等客户回电", firm.company.dana)

    firm.send(firm.wei, update("work_order", firm.order, remedy=("换轴承", "换轴承与皮带")))
    with writing(firm.engine) as connection:
        write_contacts(connection, [ContactRow(firm.id, firm.wei.id, utc_now(), synced_at=utc_now(), position=1)])
    assert {entry.id for entry in inbox_of(firm).entries} == {by_sync.id, moved.id}

    postpone(desk, by_time.id, None, None, "")
    assert len(inbox_of(firm).entries) == 3
    with pytest.raises(Refused, match="value_invalid"):
        postpone(desk, by_time.id, "2026-01-01T00:00:00Z", None, "")


def test_an_auditor_decides_and_puts_off_nothing(firm: Firm) -> None:
    aud = Desk(firm.office, firm.id, firm.company.aud)
    entry = disagree(firm, "grade", "important", "urgent", "general")

    for act in (lambda: take(aud, entry, "office"), lambda: postpone(aud, entry.id, None, firm.wei.person, "")):
        with pytest.raises(Refused, match="writer_not_allowed"):
            act()


def test_a_question_reaches_the_engineer_and_his_answer_stands_beside_the_conflict(firm: Firm, desk: Desk) -> None:
    entry = disagree(firm, "diagnosis", None, "电机", "轴承")
    ask(desk, entry.id, firm.wei.person, "轴承还是电机？")
    device = handset(firm, firm.wei.person)
    device.sync()
    ((inquiry, (_, asked)),) = [(key, held) for key, held in device.held.items() if held[0] == "inquiry"]
    assert (asked["question"], asked["about"], asked["order_id"]) == ("轴承还是电机？", firm.company.number, firm.order)

    said = {"says": "incoming", "answer": "拆开看过", "answered_at": utc_now(), "order_id": firm.order}
    answer = firm.send(firm.wei, create("inquiry_answer", new_id(), inquiry_id=inquiry, **said))

    assert answer.verdict == "applied"
    (question,) = entry_of(firm, entry.id).asked
    assert [(given["says"], given["answer"]) for given in question.answers] == [("incoming", "拆开看过")]
    take(desk, entry_of(firm, entry.id), "incoming")
    assert firm.body(inquiry)["state"] == "closed"
    undo(desk, entry.id)
    assert firm.body(inquiry)["state"] == "open"


def test_a_question_outlives_the_order_and_raises_no_exception(firm: Firm, desk: Desk) -> None:
    entry = disagree(firm, "status", "assigned", "cancelled", "in_progress")

    ask(desk, entry.id, firm.wei.person, "还去吗？")
    device = handset(firm, firm.wei.person)
    device.sync()
    ((inquiry, _),) = [(key, held) for key, held in device.held.items() if held[0] == "inquiry"]
    said = {"inquiry_id": inquiry, "answer": "客户要我继续", "answered_at": utc_now()}
    firm.send(firm.wei, create("inquiry_answer", new_id(), **said))

    assert firm.order not in device.held
    assert firm.bodies("exception") == []
    assert entry_of(firm, entry.id).asked[0].answers[0]["answer"] == "客户要我继续"


def test_nobody_is_asked_who_cannot_hear_it(firm: Firm, desk: Desk) -> None:
    entry = disagree(firm, "diagnosis", None, "电机", "轴承")

    with pytest.raises(Refused, match="nobody_to_ask"):
        ask(desk, entry.id, firm.company.aud, "?")
    with pytest.raises(Refused, match="field_missing"):
        ask(desk, entry.id, firm.wei.person, "  ")


def test_what_was_decided_is_listed_latest_first(firm: Firm, desk: Desk) -> None:
    first = disagree(firm, "diagnosis", None, "电机", "轴承")
    second = disagree(firm, "remedy", None, "换电机", "换轴承")
    take(desk, first, "office")
    take(desk, second, "incoming")

    with reading(firm.engine) as connection:
        page = read_decided(connection, firm.id, Which(), firm.company.dana, 10)

    assert [entry.id for entry in page.entries] == [second.id, first.id] or len(page.cases) == 1
    decided = {entry.id: entry.decided for entry in page.entries}
    assert all(origin is not None and origin.actor == firm.company.dana for origin in decided.values())


def test_the_case_where_something_came_last_stands_first_and_pages_hold_together(firm: Firm) -> None:
    disagree(firm, "grade", "important", "urgent", "general")
    other = firm.add_order(firm.wei.person)
    firm.catch_up(firm.wei)
    for name in ("diagnosis", "remedy"):
        firm.ensure(update("work_order", other, **{name: (None, "甲")}))
        firm.send(firm.wei, update("work_order", other, **{name: (None, "乙")}))

    whole = inbox_of(firm)
    with reading(firm.engine) as connection:
        pages = [read_inbox(connection, firm.id, Which(), firm.company.dana, first, 1) for first in range(3)]

    assert [case.id for case in whole.cases] == [other, firm.order]
    assert [entry.id for page in pages for entry in page.entries] == [entry.id for entry in whole.entries]
    assert {page.total for page in pages} == {3} and whole.counts == {"conflict": 3, "exception": 0, "later": 0}
    assert [case.id for case in inbox_of(firm, case=firm.order).cases] == [firm.order]
    assert inbox_of(firm, kind="exception").entries == []


def test_others_who_look_are_named(firm: Firm, other_firm: Firm) -> None:
    disagree(firm, "grade", "important", "urgent", "general")
    li, now = firm.company.aud, utc_now()
    with writing(firm.engine) as connection:
        note_looker(connection, firm.id, li, firm.order, now)
        note_looker(connection, firm.id, firm.company.dana, firm.order, now)

    (case,) = inbox_of(firm).cases
    assert case.lookers == (li,) and inbox_of(firm).names[li]["name_en"] == "Aud"

    with writing(firm.engine) as connection:
        note_looker(connection, firm.id, li, firm.order, spell_instant(unix_ms() - 60_000))
        forget_looker(connection, other_firm.id, li)
    assert inbox_of(firm).cases[0].lookers == ()


def test_a_conflict_on_what_is_gone_can_still_be_read(firm: Firm) -> None:
    entry = disagree(firm, "diagnosis", None, "电机", "轴承\x1b[2J\u202e<script>")
    body = firm.body(firm.order)
    assert firm.write(delete("work_order", firm.order, **body)).verdict == "applied"

    (case,) = inbox_of(firm).cases

    assert (case.kind, case.body) == ("", {})
    assert case.entries[0].office == "电机" and case.entries[0].id == entry.id


def test_the_log_still_tells_all_of_it(firm: Firm, desk: Desk, tmp_path: Any) -> None:
    entry = disagree(firm, "diagnosis", None, "电机", "轴承")
    other = disagree(firm, "grade", "important", "urgent", "general")
    postpone(desk, other.id, spell_instant(unix_ms() + 1_000_000), None, "等")
    ask(desk, entry.id, firm.wei.person, "?")
    take(desk, entry, "incoming")
    undo(desk, entry.id)
    firm.send(firm.wei, update("work_order", firm.order, diagnosis=("轴承", "皮带")))

    proof = replay(firm.engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}")

    assert proof.discrepancies == ()
    assert verify_log(firm.engine, firm.id).holds
