"""A dispatcher decides a conflict: one set with two changes, once."""

from __future__ import annotations

from typing import Any

from sync.changeset import Change
from tests.server.builders import Firm, delete, faults_of, photo, update


def contest(firm: Firm) -> dict[str, Any]:
    """Let office and field disagree about the state of the order; return the conflict."""
    firm.write(update("work_order", firm.order, status=("assigned", "on_hold")))
    firm.send(firm.wei, update("work_order", firm.order, status=("assigned", "in_progress")))
    (conflict,) = firm.bodies("conflict")
    return conflict


def settle(
    firm: Firm, conflict: dict[str, Any], value: Any, seen: Any = "on_hold", choice: str = "incoming"
) -> list[Change]:
    return [
        update("work_order", conflict["subject_id"], status=(seen, value)),
        update(
            "conflict",
            conflict["id"],
            state=("open", "settled"),
            settled_as=(None, choice),
            settled_value=(None, value),
            settled_by=(None, firm.company.dana),
        ),
    ]


def test_settling_for_the_field_sets_its_value_against_the_life_cycle(firm: Firm) -> None:
    conflict = contest(firm)

    answer = firm.write(*settle(firm, conflict, "in_progress"))

    assert answer.verdict == "applied"
    assert firm.body(firm.order)["status"] == "in_progress"
    settled = firm.body(conflict["id"])
    assert (settled["state"], settled["settled_as"], settled["incoming"]) == ("settled", "incoming", "in_progress")
    assert len(firm.bodies("conflict")) == 1


def test_settling_for_the_office_leaves_its_value(firm: Firm) -> None:
    conflict = contest(firm)

    answer = firm.write(*settle(firm, conflict, "on_hold", choice="office"))

    assert answer.verdict == "applied"
    assert firm.body(firm.order)["status"] == "on_hold"


def test_what_has_moved_on_unseen_is_not_settled(firm: Firm) -> None:
    conflict = contest(firm)
    seen = conflict["incoming"]
    subject, _ = settle(firm, conflict, "on_hold", choice="office")
    decision = update("conflict", conflict["id"], state=("open", "settled"), incoming=(seen, seen))
    firm.send(firm.wei, update("work_order", firm.order, status=("in_progress", "finished")))

    answer = firm.write(subject, decision)

    assert faults_of(answer) == ["set_refused", "conflict_moved"]
    assert firm.body(conflict["id"])["state"] == "open"


def test_a_second_dispatcher_learns_that_it_was_settled(firm: Firm) -> None:
    conflict = contest(firm)
    firm.write(*settle(firm, conflict, "in_progress"))

    second = firm.write(*settle(firm, conflict, "on_hold", choice="office"))

    assert faults_of(second) == ["set_refused", "conflict_settled"]
    assert firm.body(firm.order)["status"] == "in_progress"


def test_two_dispatchers_in_one_group(firm: Firm) -> None:
    conflict = contest(firm)
    lines = [firm.dana.seal("conflict.settle", *settle(firm, conflict, value)) for value in ("in_progress", "on_hold")]

    first, second = firm.push(*lines, sender=firm.dana.id)

    assert first.verdict in ("applied", "merged")
    assert faults_of(second) == ["set_refused", "conflict_settled"]


def test_settling_does_not_overwrite_what_the_dispatcher_has_not_seen(firm: Firm) -> None:
    conflict = contest(firm)
    firm.ensure(update("work_order", firm.order, status=("on_hold", "cancelled")))

    answer = firm.write(*settle(firm, conflict, "in_progress", seen="on_hold"))

    assert answer.changes[0].contested == ("status",)
    assert firm.body(firm.order)["status"] == "cancelled"
    opened = [row for row in firm.bodies("conflict") if row["state"] == "open"]
    assert [(row["office"], row["incoming"]) for row in opened] == [("cancelled", "in_progress")]


def test_an_engineer_settles_nothing(firm: Firm) -> None:
    conflict = contest(firm)

    answer = firm.send(firm.wei, *settle(firm, conflict, "in_progress"))

    assert answer.verdict == "refused"
    assert firm.body(firm.order)["status"] == "on_hold"


def test_a_settled_conflict_is_not_moved_along(firm: Firm) -> None:
    conflict = contest(firm)
    firm.write(*settle(firm, conflict, "on_hold", choice="office"))

    firm.send(firm.wei, update("work_order", firm.order, status=("in_progress", "finished")))

    states = {row["state"]: row["incoming"] for row in firm.bodies("conflict")}
    assert states == {"settled": "in_progress", "open": "finished"}


def test_a_frozen_field_is_changed_by_settling(firm: Firm) -> None:
    number = firm.company.number
    firm.write(update("work_order", firm.order, number=(number, "GD-9")))
    (conflict,) = firm.bodies("conflict")

    answer = firm.write(
        update("work_order", firm.order, number=(number, "GD-9")),
        update("conflict", conflict["id"], state=("open", "settled")),
    )

    assert answer.verdict == "applied"
    assert firm.body(firm.order)["number"] == "GD-9"


def test_a_delete_against_an_edit_is_settled_by_deleting(firm: Firm) -> None:
    firm.send(firm.wei, update("work_order", firm.order, diagnosis=(None, "worn")))
    firm.write(delete("work_order", firm.order, diagnosis=None))
    (conflict,) = firm.bodies("conflict")

    answer = firm.write(
        delete("work_order", firm.order, diagnosis="worn"),
        update("conflict", conflict["id"], state=("open", "settled")),
    )

    assert answer.verdict == "applied"
    assert not firm.has(firm.order)


def test_of_two_who_settle_one_exception_the_second_is_told(firm: Firm) -> None:
    firm.write(update("work_order", firm.order, status=("assigned", "cancelled")))
    firm.send(firm.wei, photo(firm.order))
    (exception,) = firm.bodies("exception")
    settling = {"state": ("open", "settled"), "settled_by": (None, firm.company.dana)}

    first = firm.write(update("exception", exception["id"], **settling, decision=(None, "保留")))
    second = firm.write(update("exception", exception["id"], **settling, decision=(None, "撤回")))
    late = firm.write(update("exception", exception["id"], later_why=(None, "明天再看")))
    again = firm.write(update("exception", exception["id"], state=("settled", "open")))

    assert (first.verdict, again.verdict) == ("applied", "applied")
    assert faults_of(second) == faults_of(late) == ["conflict_settled"]
    assert firm.body(exception["id"])["decision"] == "保留"
