"""The moves of a visit, and taking back the latest act of an order, offline."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from field_client import work
from field_client.store import Record
from field_client.work import Workbench
from field_client.work_checks import check
from field_client.work_escalate import escalate, line_of
from field_client.work_facts import find_standing
from field_client.work_moves import arrive, hold, put_back, resume, travel
from field_client.work_page import read_page
from field_client.work_parts import PartLabel, RemovedPart, fit_part
from field_client.work_photos import photograph
from field_client.work_signature import sign
from field_client.work_undo import find_undoable, undo
from field_client.work_withdraw import withdraw
from schemas.problems import Refused
from tests.field_client.office import Office
from tests.field_client.scope import ORDER, Tablet
from tests.field_client.test_work import STROKES, last_set, picture

LATER = "2026-12-24T00:00:00.000Z"


def status_of(tablet: Tablet) -> str:
    status: str = tablet.store.values_of(ORDER)["status"]
    return status


def take_back(tablet: Tablet) -> None:
    found = find_undoable(tablet.bench, ORDER)
    assert found is not None
    undo(tablet.bench, found.seq, ORDER)


def test_a_visit_goes_step_by_step(tablet: Tablet) -> None:
    bench = tablet.bench

    seen = [act(bench, "GD-1").order.values["status"] for act in (travel, arrive, work.start)]
    held = hold(bench, " 等待停机窗口 ", "GD-1").order.values
    resumed = resume(bench, "GD-1").order.values

    assert seen == ["travelling", "on_site", "in_progress"]
    assert (held["status"], held["hold_reason"]) == ("on_hold", "等待停机窗口")
    assert (resumed["status"], resumed["hold_reason"]) == ("in_progress", None)
    assert resumed["arrived_at"] < resumed["started_at"]
    assert work.find_order(bench).id == ORDER


def test_a_hold_wants_a_reason_and_the_life_cycle_is_kept(tablet: Tablet) -> None:
    travel(tablet.bench, "GD-1")

    with pytest.raises(Refused, match="field_missing"):
        hold(tablet.bench, " ", "GD-1")
    assert put_back(tablet.bench, "GD-1").order.values["status"] == "assigned"
    work.start(tablet.bench, "GD-1")
    work.finish(tablet.bench, "GD-1")
    for act in (travel, arrive, put_back):
        with pytest.raises(Refused, match="move_not_allowed"):
            act(tablet.bench, "GD-1")


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ((), travel),
        ((), arrive),
        ((), work.start),
        ((travel,), arrive),
        ((travel,), work.start),
        ((arrive,), work.start),
        ((work.start,), work.finish),
        ((travel,), put_back),
    ],
)
def test_every_step_can_be_taken_back(
    tablet: Tablet, path: tuple[Callable[[Workbench, str], object], ...], wrong: Callable[[Workbench, str], object]
) -> None:
    for act in path:
        act(tablet.bench, ORDER)
    before = dict(tablet.store.values_of(ORDER))
    wrong(tablet.bench, ORDER)

    take_back(tablet)

    after = {name: value for name, value in tablet.store.values_of(ORDER).items() if value is not None}
    assert after == {name: value for name, value in before.items() if value is not None}
    assert last_set(tablet).intent == "order.undo"


@pytest.mark.parametrize("path", [(travel,), (arrive,), (work.start,)])
def test_a_hold_can_be_taken_back_wherever_it_came(
    tablet: Tablet, path: tuple[Callable[[Workbench, str], object], ...]
) -> None:
    for act in path:
        act(tablet.bench, ORDER)
    before = status_of(tablet)
    hold(tablet.bench, "等备件", ORDER)

    take_back(tablet)

    assert (status_of(tablet), tablet.store.values_of(ORDER)["hold_reason"]) == (before, None)


def test_undo_goes_back_one_act_after_another(tablet: Tablet, office: Office) -> None:
    work.start(tablet.bench, ORDER)
    check(tablet.bench, "level", "0.4")
    tablet.push_to(office)
    tablet.pull_from(office)
    kept = photograph(tablet.bench, tablet.files, picture(), "fault")

    take_back(tablet)
    assert [line.id for line in read_page(tablet.bench).withdrawn] == [kept.id]
    take_back(tablet)
    assert work.latest_results(tablet.bench, work.find_order(tablet.bench)) == {}
    take_back(tablet)
    assert status_of(tablet) == "assigned"

    assert find_undoable(tablet.bench, ORDER) is None
    tablet.push_to(office)
    assert office.rows[ORDER].values["status"] == "assigned"


def test_a_part_and_what_came_out_are_taken_back_together_and_a_withdrawal_too(tablet: Tablet) -> None:
    work.start(tablet.bench, ORDER)
    fit_part(tablet.bench, PartLabel(part_number="P-77", serial="S-9"), removed=RemovedPart("S-1"))
    (part,) = find_standing(tablet.store, "part_fitted", "order_id", ORDER)
    withdraw(tablet.bench, "录错", part.id)

    take_back(tablet)
    (again,) = find_standing(tablet.store, "part_fitted", "order_id", ORDER)

    assert again.values == part.values
    assert find_undoable(tablet.bench, ORDER) is None, "the first fact of the set no longer stands by itself"


def test_what_was_signed_or_changed_since_is_not_taken_back(tablet: Tablet, office: Office) -> None:
    travel(tablet.bench, ORDER)
    seen = find_undoable(tablet.bench, ORDER)
    tablet.push_to(office)
    office.write("work_order", ORDER, {"status": "on_hold"})
    tablet.pull_from(office)

    moved_on = find_undoable(tablet.bench, ORDER)
    work.start(tablet.bench, ORDER)
    sign(tablet.bench, tablet.files, STROKES, "陈主任", "")

    assert seen is not None and moved_on is None
    assert find_undoable(tablet.bench, ORDER) is None
    with pytest.raises(Refused, match="nothing_to_undo"):
        undo(tablet.bench, seen.seq, ORDER)


def test_a_refused_act_is_passed_over(tablet: Tablet, office: Office) -> None:
    travel(tablet.bench, ORDER)
    tablet.push_to(office)
    office.refused["order.arrive"] = "move_not_allowed"
    arrive(tablet.bench, ORDER)
    tablet.push_to(office)

    take_back(tablet)

    assert status_of(tablet) == "assigned"


def test_only_the_act_that_was_shown_is_taken_back(tablet: Tablet) -> None:
    travel(tablet.bench, ORDER)
    shown = find_undoable(tablet.bench, ORDER)
    arrive(tablet.bench, ORDER)

    assert shown is not None
    with pytest.raises(Refused, match="nothing_to_undo"):
        undo(tablet.bench, shown.seq, ORDER)
    assert status_of(tablet) == "on_site"


def pauses_of(tablet: Tablet) -> list[dict[str, object]]:
    return [dict(pause.values) for pause in tablet.store.find_by("clock_pause", "order_id", ORDER)]


def test_what_an_order_waits_for_pauses_its_limit_until_it_goes_on(tablet: Tablet) -> None:
    work.start(tablet.bench, ORDER)
    held = hold(tablet.bench, "等客户开机房", ORDER, "customer").order
    (pause,) = pauses_of(tablet)

    due = work.describe_order(tablet.bench, Record(ORDER, "work_order", held.values | {"solved_due_at": LATER}, True))
    resume(tablet.bench, ORDER)

    assert (pause["reason"], pause["note"], pause["with_hold"]) == ("customer", "等客户开机房", True)
    assert (due.due_at, due.is_overdue) == (None, False)
    (ended,) = pauses_of(tablet)
    assert str(pause["began_at"]) < str(ended["ended_at"])
    with pytest.raises(Refused, match="value_invalid"):
        hold(tablet.bench, "想休息", ORDER, "tired")


def test_a_hold_that_waits_and_its_end_are_taken_back_with_their_pause(tablet: Tablet) -> None:
    work.start(tablet.bench, ORDER)
    hold(tablet.bench, "等备件", ORDER, "part")
    resume(tablet.bench, ORDER)

    take_back(tablet)
    held, (waiting,) = status_of(tablet), pauses_of(tablet)
    take_back(tablet)

    assert (held, waiting["ended_at"]) == ("on_hold", None)
    (pause,) = pauses_of(tablet)
    assert (status_of(tablet), pause["ended_at"]) == ("in_progress", pause["began_at"])
    assert work.find_pauses(tablet.bench, work.find_order(tablet.bench, ORDER)) == []


def test_support_is_asked_for_from_the_machine_and_does_not_stand_in_the_way_of_an_undo(tablet: Tablet) -> None:
    work.start(tablet.bench, ORDER)
    before = line_of(tablet.bench, work.find_order(tablet.bench, ORDER))

    escalate(tablet.bench, "headquarters", " 主控板烧毁，原因不明 ", ORDER)
    (told,) = tablet.store.find_by("escalation", "order_id", ORDER)
    after = line_of(tablet.bench, work.find_order(tablet.bench, ORDER))
    take_back(tablet)

    assert (before, after, told.values["from_line"]) == ("station", "headquarters", "station")
    assert told.values["reason"] == "主控板烧毁，原因不明"
    assert status_of(tablet) == "assigned"
    for line, reason, code in (("headquarters", "再问", "value_invalid"), ("hotline", " ", "field_missing")):
        with pytest.raises(Refused, match=code):
            escalate(tablet.bench, line, reason, ORDER)
