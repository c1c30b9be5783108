"""The commands for service levels, terms and calendars, on the demo company."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.server.test_commands import Run, run_in


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """How to run a command on one demo company; the tests touch different orders, terms and days."""
    folder = tmp_path_factory.mktemp("service") / "data"
    run = run_in(folder)
    run("migrate")
    run("demo")
    return run


def read_json(result: Result) -> Any:
    """Return what a command printed as JSON."""
    return json.loads(result.stdout)


def order_of(run: Run, number: str) -> dict[str, Any]:
    """Return the values of an order."""
    body: dict[str, Any] = read_json(run("orders", "show", number, "--json"))["order"]["body"]
    return body


def test_what_presses_is_listed_and_an_orders_limits_are_shown_with_their_reasons(run: Run) -> None:
    listed = read_json(run("levels", "--json"))
    shown = run("levels", "show", "GD260004").output
    chinese = run("levels", "show", "GD260008", language="zh").output

    assert listed and {level["state"] for level in listed} <= {"breached", "pressing"}
    assert [level["due_at"] for level in listed] == sorted(level["due_at"] for level in listed)
    assert listed[0]["number"] in run("levels").output
    assert "Equipment contract (D)" in shown and "within 10 hours" in shown and "Responsible: engineer" in shown
    assert "等待备件" in chinese and "库管" in chinese and "区域服务站" in chinese


def test_a_pause_going_on_an_answer_and_an_escalation(run: Run) -> None:
    by = ("--by", "dana")

    said = run("levels", "pause", "GD260010", "--for", "customer", "--note", "等停机窗口", *by).output
    paused = order_of(run, "GD260010")
    run("levels", "disallow", said.split("The pause is ")[1].split(".")[0], "--because", "客户当时在场", *by)
    run("levels", "resume", "GD260010", *by)
    run("levels", "done", "GD260010", "answer", "--at", "2026-11-20T01:00:00Z", *by)
    run("levels", "escalate", "GD260010", "headquarters", "--reason", "原因不明", "--to", "zhao", "--remote", *by)

    order = order_of(run, "GD260010")
    assert (paused["status"], paused["hold_reason"], order["status"]) == ("on_hold", "等停机窗口", "assigned")
    assert order["answered_at"] == "2026-11-20T01:00:00Z"
    assert "Headquarters expert" in run("levels", "show", "GD260010").output
    assert "not_found" in run("levels", "resume", "GD260011", *by, status=1).output


def test_terms_are_shown_edited_and_given(run: Run) -> None:
    name, by = "Laboratory service (B)", ("--by", "gao")

    before = run("terms", "show", name).output
    run("terms", "limit", name, "solved", "9", "working_hour", "--grade", "urgent", *by)
    run("terms", "limit", name, "proposal", *by)
    after = run("terms", "show", name).output
    run("terms", "give", name, "--order", "GD260007", *by)
    run("terms", "give", "--machine", "MC12-2403-0018", "--remote", "--key", *by)
    run("terms", "standard", "Equipment contract (D)", *by)

    assert "Solution proposed" in before and "9 working hours" not in before
    assert "9 working hours" in after and "Solution proposed" not in after
    terms = {body["name_en"]: body for body in read_json(run("terms", "--json"))}
    assert order_of(run, "GD260007")["service_terms_id"] == terms[name]["id"]
    assert [english for english, body in terms.items() if body.get("standard")] == ["Equipment contract (D)"]
    assert "not_found" in run("terms", "limit", name, "proposal", *by, status=1).output
    assert "writer_not_allowed" in run("terms", "limit", name, "answer", "1", "hour", "--by", "dana", status=1).output


def test_holidays_and_make_up_days_are_put_into_the_calendar(run: Run) -> None:
    name, by = "Mainland China", ("--by", "gao")

    unknown = run("calendars", "show", name, "--year", "2027").output
    run("calendars", "put", name, "2027-01-01", "2027-01-03", "--called", "元旦", *by)
    run("calendars", "put", name, "2027-01-09", "--work", *by)
    run("calendars", "put", name, "2027-05-01", *by)
    run("calendars", "remove", name, "2027-05-01", *by)
    run("calendars", "announce", name, "2027", "--source", "国办通知", *by)
    known = run("calendars", "show", name, "--year", "2027", language="zh").output

    assert "The holidays of 2027 are not announced yet." in unknown
    assert "元旦" in known and "调休上班" in known and "2027-05-01" not in known and "尚未公布" not in known
    assert "2025, 2026, 2027" in run("calendars").output
    assert "value_invalid" in run("calendars", "put", name, "2027-02-30", *by, status=1).output


def test_an_organisation_begins_with_the_presets(tmp_path: Path) -> None:
    run = run_in(tmp_path / "data")
    run("migrate")

    run("found", "衡远售后", "--admin", "高珊", "--login", "gao", "--password", "a long pass phrase")

    assert len(read_json(run("terms", "--json"))) == 5
    years = {entry["year"] for entry in read_json(run("calendars", "--json"))[0]["announced_years"]}
    assert years == {2025, 2026}
