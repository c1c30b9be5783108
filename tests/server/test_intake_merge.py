"""Two people edit one record: what merges, what waits for a person, and who wins where a rule decides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from server.clock import unix_ms, utc_now
from server.keys import new_id
from sync import clock
from sync.merge import WHOLE_RECORD
from tests.cast import Device
from tests.server.builders import Firm, create, delete, device_record, faults_of, photo, update

DAY_MS = 24 * 3600 * 1000


def give_to_both(firm: Firm) -> str:
    """Return an order that Wei and Lin both have on their devices."""
    order = firm.add_order(firm.lin.person)
    firm.ensure(update("work_order", order, engineer_id=(firm.lin.person, firm.wei.person)))
    firm.catch_up(firm.wei, firm.lin)
    return order


def test_edits_of_different_fields_merge(firm: Firm) -> None:
    office = firm.write(update("work_order", firm.order, appointment_at=(None, "2026-12-01T01:00:00Z")))

    field = firm.send(firm.wei, update("work_order", firm.order, diagnosis=(None, "轴承磨损")))

    assert (office.verdict, field.verdict) == ("applied", "merged")
    body = firm.body(firm.order)
    assert (body["appointment_at"], body["diagnosis"]) == ("2026-12-01T01:00:00Z", "轴承磨损")
    assert firm.bodies("conflict") == []


def test_a_set_that_met_nobody_is_applied(firm: Firm) -> None:
    answer = firm.send(firm.wei, update("work_order", firm.order, diagnosis=(None, "轴承磨损")))

    assert answer.verdict == "applied"
    assert answer.position == len(firm.log())


def test_the_same_edit_by_both_sides_is_no_conflict(firm: Firm) -> None:
    firm.write(update("work_order", firm.order, grade=("important", "urgent")))

    answer = firm.send(firm.wei, update("work_order", firm.order, grade=("important", "urgent")))

    assert answer.verdict == "merged"
    assert firm.bodies("conflict") == []


def test_two_tablets_of_one_engineer_start_an_order_and_the_earlier_start_stands(firm: Firm) -> None:
    second = Device(firm.id, firm.wei.person, new_id())
    firm.ensure(device_record(second))
    firm.catch_up(firm.wei, second)
    start = {"status": ("assigned", "in_progress")}

    moments = ["2026-11-20T08:00:01Z", "2026-11-20T08:00:00.400Z"]
    answers = [
        firm.send(tablet, update("work_order", firm.order, arrived_at=(None, at), started_at=(None, at), **start))
        for tablet, at in zip((firm.wei, second), moments, strict=True)
    ]

    body = firm.body(firm.order)
    assert [answer.verdict for answer in answers] == ["applied", "merged"]
    assert (body["status"], body["arrived_at"], body["started_at"]) == ("in_progress", moments[1], moments[1])
    assert firm.bodies("conflict") == []


def test_merge_asks_a_person_when_both_sides_move_the_same_field(firm: Firm) -> None:
    office = firm.write(update("work_order", firm.order, grade=("important", "general")))
    captured = (datetime.now(UTC) - timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")

    change = update("work_order", firm.order, grade=("important", "urgent"))
    field = firm.send(firm.wei, change, captured_at=captured, offset_ms=60_000)

    assert field.verdict == "contested"
    assert field.changes[0].contested == ("grade",)
    assert firm.body(firm.order)["grade"] == "general"
    (conflict,) = firm.bodies("conflict")
    assert [conflict[name] for name in ("base", "office", "incoming")] == ["important", "general", "urgent"]
    assert (conflict["subject_id"], conflict["order_id"], conflict["state"]) == (firm.order, firm.order, "open")
    corrected = (datetime.fromisoformat(captured) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert conflict["incoming_provenance"] == {
        "actor_id": firm.wei.person,
        "device_id": firm.wei.id,
        "captured_at": captured,
        "corrected_at": corrected,
        "received_at": field.received_at,
        "position": field.position,
    }
    assert conflict["office_provenance"]["actor_id"] == firm.company.dana
    assert conflict["office_provenance"]["position"] == office.position


def test_a_capture_time_in_the_future_is_corrected_to_the_receipt(firm: Firm) -> None:
    firm.write(update("work_order", firm.order, grade=("important", "general")))

    answer = firm.send(
        firm.wei, update("work_order", firm.order, grade=("important", "urgent")), captured_at="2031-02-20T00:00:00Z"
    )

    (conflict,) = firm.bodies("conflict")
    assert conflict["incoming_provenance"]["captured_at"] == "2031-02-20T00:00:00Z"
    assert conflict["incoming_provenance"]["corrected_at"] == answer.received_at


def test_the_fields_beside_a_contested_one_stand(firm: Firm) -> None:
    firm.write(update("work_order", firm.order, grade=("important", "general")))

    answer = firm.send(
        firm.wei,
        update("work_order", firm.order, grade=("important", "urgent"), diagnosis=(None, "worn"), contact=(None, "陈")),
    )

    assert answer.changes[0].contested == ("grade",)
    assert (firm.body(firm.order)["diagnosis"], firm.body(firm.order)["contact"]) == ("worn", "陈")


def test_the_next_step_of_the_same_device_moves_its_open_conflict_along(firm: Firm) -> None:
    firm.write(update("work_order", firm.order, status=("assigned", "on_hold")))
    started = update("work_order", firm.order, status=("assigned", "in_progress"))
    finished = update("work_order", firm.order, status=("in_progress", "finished"))

    answers = firm.push(firm.wei.seal("order.start", started), firm.wei.seal("order.finish", finished))

    assert [answer.verdict for answer in answers] == ["contested", "contested"]
    (conflict,) = firm.bodies("conflict")
    assert [conflict[name] for name in ("base", "office", "incoming")] == ["assigned", "on_hold", "finished"]
    assert conflict["incoming_provenance"]["position"] == answers[1].position


def test_the_conflict_moves_along_across_transactions_too(firm: Firm) -> None:
    firm.write(update("work_order", firm.order, status=("assigned", "on_hold")))

    firm.send(firm.wei, update("work_order", firm.order, status=("assigned", "in_progress")))
    firm.send(firm.wei, update("work_order", firm.order, status=("in_progress", "finished")))

    assert [conflict["incoming"] for conflict in firm.bodies("conflict")] == ["finished"]


def test_another_devices_edit_is_a_conflict_of_its_own(firm: Firm) -> None:
    order = give_to_both(firm)
    firm.write(update("work_order", order, diagnosis=(None, "office")))

    firm.send(firm.wei, update("work_order", order, diagnosis=(None, "wei")))
    firm.send(firm.lin, update("work_order", order, diagnosis=(None, "lin")))

    assert sorted(conflict["incoming"] for conflict in firm.bodies("conflict")) == ["lin", "wei"]
    assert firm.body(order)["diagnosis"] == "office"


def test_latest_stands_whatever_order_the_edits_arrive_in(firm: Firm) -> None:
    order = give_to_both(firm)
    earlier, later = (clock.tick(clock.ORIGIN, unix_ms() - ago) for ago in (60_000, 30_000))

    firm.send(firm.wei, update("work_order", order, contact=(None, "later")), clock=later)
    late = firm.send(firm.lin, update("work_order", order, contact=(None, "earlier")), clock=earlier)

    assert late.verdict == "merged"
    assert firm.body(order)["contact"] == "later"

    firm.send(firm.lin, update("work_order", order, contact=(None, "latest")), clock=clock.tick(later, 0))

    assert firm.body(order)["contact"] == "latest"
    assert firm.bodies("conflict") == []


def test_a_clock_three_days_ahead_does_not_win_for_three_days(firm: Firm) -> None:
    order = give_to_both(firm)
    ahead = clock.tick(clock.ORIGIN, unix_ms() + 3 * DAY_MS)
    first = firm.send(firm.wei, update("work_order", order, contact=(None, "ahead")), clock=ahead)
    # Lin's edit comes a little later by the server's clock, which is what counts.
    wait_until_after(first.received_at)
    right = clock.tick(clock.ORIGIN, unix_ms())
    firm.send(firm.lin, update("work_order", order, contact=(None, "right")), clock=right)

    assert firm.body(order)["contact"] == "right"


def wait_until_after(instant: str) -> None:
    """Return once the server's clock shows a later millisecond."""
    while utc_now() <= instant:
        pass


def test_ties_of_the_clock_are_decided_by_device(firm: Firm) -> None:
    order = give_to_both(firm)
    same = clock.tick(clock.ORIGIN, unix_ms() - 60_000)

    firm.send(firm.wei, update("work_order", order, contact=(None, firm.wei.id)), clock=same)
    firm.send(firm.lin, update("work_order", order, contact=(None, firm.lin.id)), clock=same)

    assert firm.body(order)["contact"] == max(firm.wei.id, firm.lin.id)


def test_a_set_of_values_is_joined(firm: Firm) -> None:
    order = give_to_both(firm)
    firm.ensure(update("work_order", order, alarms=(None, ["E1", "E2"])))

    firm.send(firm.wei, update("work_order", order, alarms=(["E1", "E2"], ["E1", "E2", "E3"])))
    answer = firm.send(firm.lin, update("work_order", order, alarms=(["E1", "E2"], ["E2", "E4"])))

    assert answer.verdict == "merged"
    assert firm.body(order)["alarms"] == ["E2", "E3", "E4"]


def test_an_office_field_is_written_by_the_office_alone(firm: Firm) -> None:
    for value in ("do it", None, ""):
        answer = firm.send(firm.wei, update("work_order", firm.order, instructions=(None, value)))
        assert faults_of(answer) == ["writer_not_allowed"], value

    own = firm.send(firm.dana, update("work_order", firm.order, instructions=(None, "by Dana's own device")))

    assert own.verdict == "applied"


def test_an_engineer_cannot_drop_or_take_an_order_that_exists(firm: Firm) -> None:
    dropped = firm.send(firm.wei, update("work_order", firm.order, engineer_id=(firm.wei.person, None)))
    taken = firm.send(firm.wei, update("work_order", firm.order, engineer_id=(firm.wei.person, firm.wei.person)))

    assert (faults_of(dropped), faults_of(taken)) == (["writer_not_allowed"], ["writer_not_allowed"])
    assert firm.body(firm.order)["engineer_id"] == firm.wei.person


def test_an_engineer_takes_an_order_he_takes_down_himself(firm: Firm) -> None:
    mine, yours = ("00000000-0000-7000-8000-00000000000a", "00000000-0000-7000-8000-00000000000b")
    least: dict[str, Any] = {"number": "W-1", "status": "in_progress", "service": "repair", "grade": "general"}
    least |= {"customer_id": firm.company.chen, "instructions": None}

    own = firm.send(firm.wei, create("work_order", mine, **least, engineer_id=firm.wei.person))
    foreign = firm.send(firm.wei, create("work_order", yours, **least, engineer_id=firm.lin.person))

    assert own.verdict == "applied"
    assert faults_of(foreign) == ["writer_not_allowed"]


def test_a_frozen_field_is_set_once_and_then_asks(firm: Firm) -> None:
    once = firm.write(update("work_order", firm.order, reported_at=(None, "2026-11-20T01:00:00Z")))

    again = firm.write(update("work_order", firm.order, reported_at=("2026-11-20T01:00:00Z", "2026-11-19T01:00:00Z")))

    assert (once.verdict, again.verdict) == ("applied", "contested")
    assert firm.body(firm.order)["reported_at"] == "2026-11-20T01:00:00Z"
    assert [conflict["field"] for conflict in firm.bodies("conflict")] == ["reported_at"]


def test_a_delete_of_what_nobody_touched_is_made(firm: Firm) -> None:
    order = firm.add_order(firm.wei.person, diagnosis="seen")

    answer = firm.write(delete("work_order", order, diagnosis="seen"))
    again = firm.write(delete("work_order", order))

    assert (answer.verdict, again.verdict) == ("applied", "merged")
    assert not firm.has(order)


def test_a_delete_that_meets_an_edit_asks_a_person(firm: Firm) -> None:
    firm.send(firm.wei, update("work_order", firm.order, diagnosis=(None, "worn")))

    answer = firm.write(delete("work_order", firm.order, diagnosis=None))

    assert answer.changes[0].contested == (WHOLE_RECORD,)
    assert firm.body(firm.order)["diagnosis"] == "worn"
    (conflict,) = firm.bodies("conflict")
    assert (conflict["base"], conflict["office"]) == ({"diagnosis": None}, {"diagnosis": "worn"})
    assert conflict["incoming"] is None


def test_an_edit_that_meets_a_delete_asks_a_person(firm: Firm) -> None:
    firm.ensure(delete("work_order", firm.order))

    answer = firm.send(firm.wei, update("work_order", firm.order, diagnosis=(None, "worn")))

    assert answer.changes[0].contested == (WHOLE_RECORD,)
    assert not firm.has(firm.order)
    (conflict,) = firm.bodies("conflict")
    assert (conflict["office"], conflict["incoming"]) == (None, {"diagnosis": "worn"})
    assert conflict["office_provenance"]["actor_id"] == firm.company.system


def test_a_set_takes_effect_whole_or_not_at_all(firm: Firm) -> None:
    kept, first = photo(firm.order), update("work_order", firm.order, diagnosis=(None, "worn"))
    wrong = update("work_order", firm.order, status=("assigned", "closed"))

    answer = firm.send(firm.wei, first, kept, wrong)

    assert answer.verdict == "refused"
    assert faults_of(answer) == ["set_refused", "set_refused", "move_not_allowed"]
    assert not firm.has(kept.id)
    assert "diagnosis" not in firm.body(firm.order)
