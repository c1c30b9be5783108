"""From a request to what becomes of it, on both databases."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from schemas.problems import Refused
from server.keys import new_id
from server.services import known_fixes, requests
from server.services.follow_links import make_link, read_link
from server.services.proofs import replay, verify_log
from server.services.requests import NewNote, Taken
from server.services.requests_read import Offers, find_offers, list_requests, read_request
from server.services.warranty import renew
from server.store.database import reading
from tests.server.builders import Firm, handset, update

SHEET: dict[str, Any] = {
    "channel": "hotline",
    "language": "zh",
    "service": "repair",
    "grade": "urgent",
    "customer_name": "陈氏实验室",
    "contact": "陈敏",
    "phone": "138-0013-8000",
    "email": "chen@lab.example",
    "machine_model": "MC-12",
    "machine_address": "二号楼 301",
    "commissioned_on": "2026-01-05",
    "symptom": "启动后有异响",
    "since": "今天早上",
    "frequency": "每次启动",
    "alarms": ["E07"],
    "done_before": "换了转子",
    "done_after": "断电重启",
    "wanted_on": "2026-11-30",
    "special_needs": "请自带防护服",
}
PHOTO = NewNote("故障部位", "ab" * 32, "fault.jpg", "image/jpeg", 4000)


def take(firm: Firm, *notes: NewNote, **more: Any) -> Taken:
    """Take a request down on the telephone."""
    return requests.take_in(firm.engine, firm.office, firm.id, firm.company.dana, SHEET | more, notes)


def offers_for(firm: Firm, taken: Taken) -> Offers:
    """Return what is offered for a request."""
    with reading(firm.engine) as connection:
        return find_offers(connection, firm.id, taken.id, firm.body(taken.id))


def make_order(firm: Firm, taken: Taken, **given: Any) -> str:
    """Make an order of a request and return its id."""
    requests.make_order(firm.engine, firm.office, firm.id, firm.company.dana, taken.id, given)
    return str(firm.body(taken.id)["order_id"])


def test_the_whole_sheet_is_taken_down_under_the_next_number(firm: Firm) -> None:
    first, second = take(firm), take(firm, machine_id=firm.company.machine)

    values = firm.body(second.id)
    assert SHEET.items() <= values.items()
    assert values["state"] == "received"
    assert (values["machine_serial"], values["customer_id"]) == ("MC12-0007", firm.company.chen)
    assert int(second.number[4:]) == int(first.number[4:]) + 1
    assert "machine_id" not in firm.body(first.id)


def test_who_sends_twice_has_one_request_and_the_same_link(firm: Firm) -> None:
    request = new_id()
    given = (firm.engine, firm.office, firm.id, firm.company.system, SHEET | {"channel": "web"})

    first = requests.take_in(*given, request_id=request)
    again = requests.take_in(*given, request_id=request)

    assert (again.id, again.number, again.link, again.is_known) == (first.id, first.number, first.link, True)
    assert len(firm.bodies("request")) == 1


def test_a_link_leads_to_its_request_only_and_is_not_in_the_database(firm: Firm, other_firm: Firm) -> None:
    taken, other = take(firm), take(other_firm)

    with reading(firm.engine) as connection:
        found = read_link(connection, str(taken.link))
        for wrong in (str(taken.link)[:-1], str(taken.link)[:-1] + "!", "", "A" * 22, "é" * 22):
            with pytest.raises(Refused) as refused:
                read_link(connection, wrong)
            assert refused.value.code == "not_found"

    assert found == (firm.id, taken.id)
    assert taken.link != other.link == make_link(firm.office.key, other_firm.id, other.id)
    assert not any(str(taken.link).encode() in bytes(row.sealed) for row in firm.log())


def test_nothing_said_is_refused(firm: Firm) -> None:
    with pytest.raises(Refused) as refused:
        take(firm, symptom="  ")

    assert refused.value.code == "request_empty"
    assert take(firm, PHOTO, symptom="").number


def test_an_order_brings_the_whole_request_and_every_file_to_the_engineer(firm: Firm) -> None:
    renew(firm.engine, firm.office, firm.id)
    taken = take(firm, PHOTO, machine_id=firm.company.machine)

    order = make_order(firm, taken, engineer_id=firm.lin.person)
    requests.add_notes(
        firm.engine, firm.office, firm.id, firm.company.system, taken.id, [NewNote("还有一张", "cd" * 32)]
    )
    device = handset(firm, firm.lin.person)
    device.sync()

    values = firm.body(order)
    held = [body for kind, body in device.held.values() if kind == "request_note"]
    assert (values["status"], values["symptom"], values["alarms"]) == ("assigned", "启动后有异响", ["E07"])
    assert (values["customer_id"], values["reported_at"]) == (firm.company.chen, firm.body(taken.id)["reported_at"])
    assert device.held[taken.id] == ("request", firm.body(taken.id))
    assert {note["file_sha256"] for note in held} == {"ab" * 32, "cd" * 32}
    assert firm.body(taken.id)["state"] == "ordered"
    assert firm.body(taken.id)["warranty_outcome"] == "doubtful"
    assert verify_log(firm.engine, firm.id).holds


def test_before_an_order_nobodys_device_holds_the_request(firm: Firm) -> None:
    taken = take(firm, PHOTO, machine_id=firm.company.machine)

    device = handset(firm, firm.wei.person)
    device.sync()

    assert taken.id not in device.held
    assert not any(kind.startswith("request") for kind, _ in device.held.values())


def test_a_machine_and_customer_nobody_knows_go_into_the_order_as_told(firm: Firm) -> None:
    taken = take(firm, machine_serial="XX-1")

    values = firm.body(make_order(firm, taken))

    assert values["machine_name"] == "MC-12 XX-1"
    assert (values["customer_name"], values["site_address"]) == ("陈氏实验室", "二号楼 301")
    assert "machine_id" not in values and values["status"] == "received"


def test_an_order_needs_a_grade_and_somebody_it_is_for(firm: Firm) -> None:
    ungraded, nobodys = take(firm, grade=None), take(firm, customer_name=None)

    for taken, field in ((ungraded, "grade"), (nobodys, "customer_name")):
        with pytest.raises(Refused) as refused:
            make_order(firm, taken)
        assert (refused.value.code, refused.value.fault.facts["field"]) == ("field_missing", field)
        assert firm.body(taken.id)["state"] == "received"
    assert firm.body(make_order(firm, ungraded, grade="general"))["grade"] == "general"


def test_of_two_dispatchers_who_decide_at_once_one_does(firm: Firm) -> None:
    taken = take(firm, machine_id=firm.company.machine)
    outcomes: list[str] = []

    def decide() -> None:
        try:
            requests.make_order(firm.engine, firm.office, firm.id, firm.company.dana, taken.id, {})
            outcomes.append("done")
        except Refused as refused:
            outcomes.append(refused.code)

    threads = [threading.Thread(target=decide) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["done", *["request_decided"] * 3]
    assert len(firm.bodies("work_order")) == 2


def test_a_request_is_solved_from_afar_refused_and_taken_up_again(firm: Firm) -> None:
    desk = (firm.engine, firm.office, firm.id, firm.company.dana)
    solved, refused = take(firm), take(firm)

    requests.solve_remotely(*desk, solved.id, {"advice": "请复位转子识别", "first_diagnosis": "操作失误"})
    requests.refuse(*desk, refused.id, "不是我们的设备")
    told = firm.body(solved.id)
    requests.take_up_again(*desk, solved.id)

    assert (told["state"], told["advice"], bool(told["decided_at"])) == ("solved", "请复位转子识别", True)
    assert firm.body(refused.id)["refusal_reason"] == "不是我们的设备"
    assert firm.body(solved.id)["state"] == "received"
    for act in (
        lambda: requests.refuse(*desk, solved.id, " "),
        lambda: requests.solve_remotely(*desk, solved.id, {}),
    ):
        with pytest.raises(Refused) as raised:
            act()
        assert raised.value.code == "field_missing"
    with pytest.raises(Refused) as raised:
        requests.refuse(*desk, refused.id, "again")
    assert raised.value.code == "request_decided"


def test_a_duplicate_is_offered_never_merged_and_its_files_go_where_it_points(firm: Firm) -> None:
    first = take(firm, machine_id=firm.company.machine)
    order = make_order(firm, first)
    second = take(firm, PHOTO, machine_serial="mc12 0007".upper().replace(" ", "-"), channel="email")
    untouched = firm.body(second.id)

    offers = offers_for(firm, take(firm, machine_id=firm.company.machine))
    known = {offer.id: [reason.code for reason in offer.reasons] for offer in offers.duplicates}
    desk = (firm.engine, firm.office, firm.id, firm.company.dana)
    requests.mark_duplicate(*desk, second.id, order)

    assert untouched["state"] == "received"
    assert {"same_machine", "similar_symptom"} & set(known[order]) and "same_serial" in known[second.id]
    assert first.id not in known, "what became an order is offered as that order"
    values = firm.body(second.id)
    assert (values["state"], values["order_id"]) == ("duplicate", order)
    assert [note["order_id"] for note in firm.bodies("request_note")] == [order]
    with pytest.raises(Refused):
        requests.mark_duplicate(*desk, first.id, first.id)


def test_a_solved_order_becomes_a_known_fix_that_is_offered_first(firm: Firm) -> None:
    with pytest.raises(Refused) as refused:
        known_fixes.draft_from_order(firm.engine, firm.id, firm.order)
    firm.send(
        firm.wei,
        update("work_order", firm.order, status=("assigned", "in_progress")),
        update(
            "work_order", firm.order, remedy=(None, "更换轴承"), diagnosis=(None, "轴承磨损"), alarms=(None, ["E07"])
        ),
        update("work_order", firm.order, status=("in_progress", "finished")),
    )

    draft = known_fixes.draft_from_order(firm.engine, firm.id, firm.company.number)
    steps = {"customer_steps": ["断电", "取出转子后再试"]}
    fix = known_fixes.write_fix(firm.office, firm.id, firm.company.dana, draft | steps)
    offers = offers_for(firm, take(firm, machine_id=firm.company.machine))

    assert refused.value.code == "order_not_solved"
    assert (draft["remedy"], draft["cause"], draft["order_id"]) == ("更换轴承", "轴承磨损", firm.order)
    assert [(offer.id, offer.reasons[0].code) for offer in offers.fixes] == [(fix, "same_alarm")]
    firm.ensure(update("known_fix", fix, state=("in_use", "retired")), actor=firm.company.dana)
    assert offers_for(firm, take(firm, machine_id=firm.company.machine)).fixes == []


def test_a_known_fix_is_retired_and_offered_again_by_who_saw_it_as_it_is(firm: Firm) -> None:
    fix = known_fixes.write_fix(firm.office, firm.id, firm.company.dana, {"title": "过热", "alarms": ["E05"]})
    act = (firm.office, firm.id, firm.company.dana, fix)

    known_fixes.set_state(*act, "in_use", "retired")
    with pytest.raises(Refused, match="changed_meanwhile"):
        known_fixes.set_state(*act, "in_use", "retired")
    retired = firm.body(fix)["state"]
    known_fixes.set_state(*act, "retired", "in_use")

    assert (retired, firm.body(fix)["state"]) == ("retired", "in_use")
    with pytest.raises(Refused, match="not_found"):
        known_fixes.set_state(*act[:3], firm.order, "in_use", "retired")


def test_who_wrote_to_the_customer_has_answered_the_order(firm: Firm) -> None:
    acting = (firm.engine, firm.office, firm.id, firm.company.dana)
    early, late = take(firm), take(firm, symptom="另一台")
    requests.add_notes(*acting, early.id, [NewNote("马上派人", author="office"), NewNote("谢谢")])
    for taken in (early, late):
        requests.make_order(*acting, taken.id, {})
    before = {body["number"]: body.get("answered_at") for body in firm.bodies("work_order")}
    requests.add_notes(*acting, late.id, [NewNote("还有异响")])
    unanswered = firm.body(firm.body(late.id)["order_id"]).get("answered_at")
    requests.add_notes(*acting, late.id, [NewNote("请先断电", author="office")])

    answered = [firm.body(firm.body(taken.id)["order_id"]).get("answered_at") for taken in (early, late)]
    assert before[firm.body(firm.body(early.id)["order_id"])["number"]] == answered[0] is not None
    assert unanswered is None and answered[1] is not None


def test_the_warranty_is_looked_up_before_anybody_is_sent(firm: Firm) -> None:
    firm.ensure(
        update("machine", firm.company.machine, accepted_on=(None, "2026-10-01"), warranty_months=(None, 12)),
        actor=firm.company.dana,
    )
    renew(firm.engine, firm.office, firm.id)
    taken = take(firm, machine_id=firm.company.machine)

    verdict = offers_for(firm, taken).warranty
    make_order(firm, taken)

    assert verdict.outcome == "in" and verdict.reasons[0].code == "machine_term"
    assert firm.body(taken.id)["warranty_outcome"] == "in" and firm.body(taken.id)["warranty_checked_at"]


def test_fields_are_filled_in_later_and_what_is_decided_by_acts_is_not(firm: Firm) -> None:
    desk = (firm.engine, firm.office, firm.id, firm.company.dana)
    taken = take(firm, customer_name=None)

    requests.set_fields(*desk, taken.id, {"machine_id": firm.company.machine, "first_diagnosis": "可能是轴承"})
    with pytest.raises(Refused) as refused:
        requests.set_fields(*desk, taken.id, {"state": "solved"})

    values = firm.body(taken.id)
    assert (values["machine_serial"], values["customer_id"]) == ("MC12-0007", firm.company.chen)
    assert refused.value.code == "value_invalid"


def test_the_list_has_the_newest_first_and_other_companies_none(firm: Firm, other_firm: Firm) -> None:
    taken = [take(firm, machine_id=firm.company.machine) for _ in range(3)]
    take(other_firm)

    with reading(firm.engine) as connection:
        first = list_requests(connection, firm.id, "received", None, 2)
        rest = list_requests(connection, firm.id, "received", first.before, 2)
        standing = read_request(connection, firm.id, taken[0].number)
        with pytest.raises(Refused):
            read_request(connection, other_firm.id, taken[0].id)

    listed = [row["number"] for row in (*first.requests, *rest.requests)]
    assert listed == [one.number for one in reversed(taken)] and rest.before is None
    assert first.requests[0]["customer_name"] == "陈氏实验室" and first.requests[0]["serial"] == "MC12-0007"
    assert standing.refers_to[firm.company.machine]["body"]["serial"] == "MC12-0007"


def test_the_list_is_rebuilt_from_the_log(firm: Firm, tmp_path: Path) -> None:
    make_order(firm, take(firm, PHOTO, machine_id=firm.company.machine))
    take(firm)

    assert replay(firm.engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").holds
