"""The office reads orders, reviews and the log, and writes through the one door."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from flask.testing import FlaskClient

from printing.job_sheet_form import SignedSheet, print_job_sheet
from server.keys import new_id, verify_signature
from server.web.access import access_of
from sync.changeset import Change
from sync.checkpoint import Checkpoint, read_checkpoint
from tests.cast import Device, accept, order_body
from tests.printing.sheets import compose
from tests.server.web.conftest import PREFIX, House, problem_of


@pytest.fixture
def dana(house: House) -> FlaskClient:
    """Dana's browser."""
    return house.sign_in("dana")


def change_of(house: House, **fields: Any) -> dict[str, Any]:
    """Return the body of a change of the order's appointment; `fields` replace parts of the change."""
    change = {
        "kind": "work_order",
        "id": house.ours.order,
        "op": "update",
        "set": {"appointment_at": "2026-12-01T01:00:00Z"},
        "was": {"appointment_at": None},
    }
    return {"intent": "order.appoint", "changes": [{**change, **fields}]}


def test_orders_are_listed_and_filtered(house: House, dana: FlaskClient) -> None:
    everything = dana.get(f"{PREFIX}/orders").json
    assigned = dana.get(f"{PREFIX}/orders?status=assigned").json
    closed = dana.get(f"{PREFIX}/orders?status=closed").json

    assert [order["number"] for order in everything["orders"]] == [house.ours.number]
    assert assigned == everything
    assert closed == {"orders": [], "after": None}


def test_orders_are_paged_by_number_even_when_two_share_one(house: House, dana: FlaskClient) -> None:
    changes = [
        Change("work_order", new_id(), "create", order_body(number, house.ours.chen), {})
        for number in ("A 1", "A 1", "A 1", "B", "工单 7")
    ]
    accept(house.parts.office, house.ours.organisation, house.ours.dana, "order.create", *changes)

    seen, after = [], ""
    while after is not None:
        page = dana.get(f"{PREFIX}/orders", query_string={"limit": 2, "after": after} if after else {"limit": 2}).json
        seen += [order["id"] for order in page["orders"]]
        after = page["after"]

    assert sorted(seen) == sorted([house.ours.order, *(change.id for change in changes)])


@pytest.mark.parametrize("query", ["status=unknown", "limit=0", "limit=201", "limit=x", "after=nonsense"])
def test_a_wrong_filter_names_the_field(dana: FlaskClient, query: str) -> None:
    answer = dana.get(f"{PREFIX}/orders?{query}")

    assert problem_of(answer) == "value_invalid"
    assert answer.json["field"] == query.split("=")[0]


@pytest.mark.parametrize("by", ["order", "number"])
def test_an_order_is_shown_with_what_belongs_to_it(house: House, dana: FlaskClient, by: str) -> None:
    shown = dana.get(f"{PREFIX}/orders/{getattr(house.ours, by)}").json

    assert shown["order"]["body"]["symptom"] == "离心机异响"
    assert {entry["kind"] for entry in shown["refers_to"]} == {"customer", "machine", "person"}


def test_an_order_nobody_has_is_not_found(house: House, dana: FlaskClient) -> None:
    for unknown in (new_id(), "GD-0", house.ours.machine, "%2e%2e", "'; DROP TABLE log; --"):
        assert problem_of(dana.get(f"{PREFIX}/orders/{unknown}")) == "not_found"


def test_what_belongs_to_another_company_is_not_there(house: House) -> None:
    mallory = house.sign_in("dana-mallory")
    foreign = change_of(house)

    assert problem_of(mallory.get(f"{PREFIX}/orders/{house.ours.order}")) == "not_found"
    assert mallory.get(f"{PREFIX}/orders").json["orders"][0]["id"] == house.theirs.order
    assert problem_of(mallory.post(f"{PREFIX}/changes", json=foreign)) == "record_missing"
    assert problem_of(mallory.post(f"{PREFIX}/enrolments", json={"person": house.ours.wei})) == "record_missing"
    assert problem_of(mallory.get(f"{PREFIX}/trace?number=MC12-0008")) == "not_found"


def test_a_change_of_the_office_is_applied(house: House, dana: FlaskClient) -> None:
    answer = dana.post(f"{PREFIX}/changes", json=change_of(house))

    assert answer.json["verdict"] == "applied"
    shown = dana.get(f"{PREFIX}/orders/{house.ours.order}").json
    assert shown["order"]["body"]["appointment_at"] == "2026-12-01T01:00:00Z"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"set": {"status": "finished"}, "was": {"status": "assigned"}}, "move_not_allowed"),
        ({"set": {"grade": "dire"}, "was": {"grade": "important"}}, "value_invalid"),
        ({"set": {"symptom": 1.5}, "was": {"symptom": "离心机异响"}}, "malformed"),
        ({"id": "00000000-0000-7000-8000-000000000000"}, "record_missing"),
        ({"kind": "customer"}, "kind_mismatch"),
        ({"kind": "unicorn"}, "kind_unknown"),
        ({"op": "create", "was": {}}, "field_missing"),
        ({"op": "create"}, "value_invalid"),
        ({"op": "delete"}, "value_invalid"),
        ({"op": "explode"}, "value_invalid"),
        ({"was": {}}, "value_invalid"),
        ({"set": []}, "value_invalid"),
        ({"id": "x"}, "value_invalid"),
        ({"organisation": "x"}, "value_invalid"),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(
    house: House, dana: FlaskClient, fields: dict[str, Any], code: str
) -> None:
    before = dana.get(f"{PREFIX}/orders/{house.ours.order}").json

    answer = dana.post(f"{PREFIX}/changes", json=change_of(house, **fields))

    assert problem_of(answer) == code
    assert dana.get(f"{PREFIX}/orders/{house.ours.order}").json == before


def test_a_change_larger_than_any_change_set_is_refused(house: House, dana: FlaskClient) -> None:
    large = change_of(house, set={"symptom": "0" * 270_000}, was={"symptom": None})
    larger = change_of(house, set={"symptom": "0" * 400_000}, was={"symptom": None})

    assert problem_of(dana.post(f"{PREFIX}/changes", json=large)) == "change_set_too_large"
    assert problem_of(dana.post(f"{PREFIX}/changes", json=larger)) == "body_too_large"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"[" * 20 + b"]" * 20, b"NaN"])
def test_a_body_that_is_not_json_is_refused(dana: FlaskClient, body: bytes) -> None:
    answer = dana.post(f"{PREFIX}/changes", data=body, content_type="application/json")

    assert problem_of(answer) == "malformed"


def contest_grade(house: House, dana: FlaskClient) -> str:
    """Let Dana and Wei grade the order differently; return the conflict's id."""
    wei = house.device_of(house.ours, house.ours.wei)
    dana.post(f"{PREFIX}/changes", json=change_of(house, set={"grade": "urgent"}, was={"grade": "important"}))
    change = Change("work_order", house.ours.order, "update", {"grade": "general"}, {"grade": "important"})
    house.ask(wei, "POST", "/push", wei.seal("order.grade", change) + b"\n")
    (review,) = dana.get(f"{PREFIX}/reviews").json["reviews"]
    return str(review["id"])


def test_a_conflict_is_listed_with_all_three_values(house: House, dana: FlaskClient) -> None:
    contest_grade(house, dana)

    (review,) = dana.get(f"{PREFIX}/reviews?state=open&kind=conflict").json["reviews"]

    assert (review["subject"], review["field"]) == (house.ours.order, "grade")
    assert [review["body"][name] for name in ("base", "office", "incoming")] == ["important", "urgent", "general"]
    assert dana.get(f"{PREFIX}/reviews?kind=exception").json == {"reviews": [], "after": None}
    assert house.sign_in("dana-mallory").get(f"{PREFIX}/reviews").json["reviews"] == []


@pytest.mark.parametrize(
    ("choice", "value", "grade"),
    [
        ("office", None, "urgent"),
        ("incoming", None, "general"),
        ("base", None, "important"),
        ("other", "urgent", "urgent"),
    ],
)
def test_a_conflict_is_settled_once(
    house: House, dana: FlaskClient, choice: str, value: str | None, grade: str
) -> None:
    path = f"{PREFIX}/reviews/{contest_grade(house, dana)}/settlement"
    decision = {"choice": choice, "value": grade, "note": "已电话确认"}

    settled = dana.post(path, json=decision)
    again = dana.post(path, json=decision)

    assert settled.json["verdict"] == "applied"
    assert dana.get(f"{PREFIX}/orders/{house.ours.order}").json["order"]["body"]["grade"] == grade
    assert problem_of(again) == "conflict_settled"
    (review,) = dana.get(f"{PREFIX}/reviews?state=settled").json["reviews"]
    assert review["body"]["note"] == "已电话确认" and review["body"]["settled_by"] == house.ours.dana


def test_a_settlement_that_cannot_be_is_refused(house: House, dana: FlaskClient) -> None:
    path = f"{PREFIX}/reviews/{contest_grade(house, dana)}/settlement"
    mallory = house.sign_in("dana-mallory")

    assert problem_of(dana.post(path, json={"choice": "other", "value": "dire"})) == "value_invalid"
    assert problem_of(dana.post(path, json={"choice": "mine"})) == "value_invalid"
    assert problem_of(dana.post(f"{PREFIX}/reviews/{new_id()}/settlement", json={"choice": "base"})) == "not_found"
    assert problem_of(mallory.post(path, json={"choice": "incoming"})) == "not_found"


def test_the_checkpoint_is_signed_by_the_office(house: House) -> None:
    found = house.sign_in("aud").get(f"{PREFIX}/log/checkpoint").json

    key = bytes.fromhex(found["public_key"])
    note = read_checkpoint(found["checkpoint"], house.ours.organisation, key, verify_signature)
    assert found["size"] > 0
    assert note == Checkpoint(house.ours.organisation, found["size"], bytes.fromhex(found["root"]))
    assert found["public_key"] == house.parts.key.public_key


def test_the_office_reads_a_signed_sheet_as_pdf(house: House, dana: FlaskClient, wei: Device) -> None:
    path = f"{PREFIX}/orders/{house.ours.order}/sheet.pdf"
    assert problem_of(dana.get(path)) == "sheet_missing"
    content, sheet = compose(photos=()), new_id()
    digest = hashlib.sha256(content.encode()).hexdigest()
    signed = {"order_id": house.ours.order, "job_sheet_id": sheet, "job_sheet_sha256": digest}
    signed |= {"outcome": "absent", "reason": "已下班", "signed_at": "2026-11-21T03:01:00.000Z"}
    values = {"order_id": house.ours.order, "content": content, "content_sha256": digest}
    line = wei.seal(
        "order.sign",
        Change("job_sheet", sheet, "create", values, {}),
        Change("signature", new_id(), "create", signed, {}),
    )
    house.ask(wei, "POST", "/push", line + b"\n")

    answer = dana.get(path)

    assert answer.mimetype == "application/pdf" and answer.data.startswith(b"%PDF-")
    assert house.ours.number in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.data == print_job_sheet(SignedSheet(content, sheet, signed), {})
    assert house.sign_in("aud").get(path).data == answer.data
    assert problem_of(house.sign_in("dana-mallory").get(path)) == "not_found"


def test_a_part_is_traced_by_its_number(house: House, dana: FlaskClient) -> None:
    wei = house.device_of(house.ours, house.ours.wei)
    fitted = {
        "order_id": house.ours.order,
        "machine_id": house.ours.machine,
        "part_name": "转子",
        "serial": "R-0042",
        "batch": "L7",
        "fitted_at": "2026-11-20T02:00:00Z",
    }
    line = wei.seal("part.fit", Change("part_fitted", new_id(), "create", fitted, {}))
    house.ask(wei, "POST", "/push", line + b"\n")

    by_serial = dana.get(f"{PREFIX}/trace?number=r-0042").json
    by_batch = dana.get(f"{PREFIX}/trace?number=L7").json

    assert by_serial["found_as"] == ["serial"] and len(by_serial["spans"]) == 1
    assert by_batch["found_as"] == ["batch"] and by_batch["spans"] == by_serial["spans"]
    assert problem_of(dana.get(f"{PREFIX}/trace?number=nothing")) == "not_found"
    assert problem_of(dana.get(f"{PREFIX}/trace")) == "value_invalid"


def test_an_auditor_reads_and_writes_nothing(house: House) -> None:
    aud = house.sign_in("aud")

    assert aud.get(f"{PREFIX}/orders").status_code == 200
    assert aud.get(f"{PREFIX}/reviews").status_code == 200
    for path, body in (
        ("/changes", change_of(house)),
        ("/enrolments", {"person": house.ours.wei}),
        (f"/reviews/{new_id()}/settlement", {"choice": "office"}),
    ):
        assert problem_of(aud.post(PREFIX + path, json=body)) == "role_not_allowed"


def test_nobody_reads_or_writes_without_signing_in(house: House) -> None:
    for rule in (rule for rule in house.app.url_map.iter_rules() if rule.rule.startswith(PREFIX)):
        for method in (rule.methods or set()) & {"GET", "POST", "PATCH", "DELETE"}:
            access = access_of(method, rule.rule)
            if access is None or access.caller != "anybody":
                answer = house.client().open(rule.rule.replace("<", "").replace(">", ""), method=method, json={})
                assert answer.status_code == 401, (method, rule.rule)
