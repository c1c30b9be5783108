"""Checklists: built as drafts, published as versions that stay, taken by orders and devices."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.problems import Refused
from server.domain.checklists import complete, propose_key
from server.services import checklists, orders
from server.services.checklists import Unpublishable
from server.store.database import reading
from tests.server.builders import Firm, update

ITEMS: list[dict[str, Any]] = [
    {"label": "绝缘电阻", "label_en": "Insulation resistance", "type": "number", "unit": "MΩ", "low": "2",
     "beyond_limit": "block", "mandatory": True, "options": ["不要"]},
    {"label": "外观", "type": "choice", "options": ["完好", "破损"]},
    {"label": "空载运行", "type": "series", "channels": [{"label": "电流", "unit": "A", "high": "0.8"}]},
]  # fmt: skip
BODY = {"name": "离心机维修", "family": "mini_centrifuge", "service": "repair", "items": ITEMS}


def draft_of(firm: Firm, body: dict[str, Any], origin: str | None = None) -> tuple[str, int]:
    """Return id and revision of a saved draft."""
    draft = checklists.begin_draft(firm.engine, firm.id, firm.company.dana, origin)
    return draft, checklists.save_draft(firm.engine, firm.id, firm.company.dana, draft, body, 1)


def publish(firm: Firm, body: dict[str, Any], origin: str | None = None) -> str:
    """Publish a checklist and return its id."""
    draft, revision = draft_of(firm, body, origin)
    return checklists.publish(firm.engine, firm.office, firm.id, firm.company.dana, draft, revision)


def test_what_is_published_is_complete_and_stays(firm: Firm) -> None:
    record = publish(firm, BODY)

    first, second, third = firm.body(record)["items"]
    assert (first["key"], second["key"], third["key"]) == ("insulation_resistance", "choice", "series")
    assert "options" not in first and third["channels"][0]["key"] == "item"
    assert firm.body(record)["version"] == 1
    changed = firm.write(update("checklist", record, items=(firm.body(record)["items"], [first])))
    assert changed.verdict == "contested"
    assert len(firm.body(record)["items"]) == 3


def test_the_next_version_stands_beside_the_old_one_and_is_taken_by_new_orders(firm: Firm) -> None:
    old = publish(firm, BODY)
    given = {"machine_id": firm.company.machine, "service": "repair", "grade": "general"}
    first, _ = orders.create(firm.engine, firm.office, firm.id, firm.company.dana, given)
    draft = checklists.begin_draft(firm.engine, firm.id, firm.company.dana, old)
    with reading(firm.engine) as connection:
        body = checklists.read_draft(connection, firm.id, draft).body
    assert body["version"] == 2
    body["items"] = [*body["items"], {"label": "清洁", "type": "yes_no"}]
    checklists.save_draft(firm.engine, firm.id, firm.company.dana, draft, body, 1)
    new = checklists.publish(firm.engine, firm.office, firm.id, firm.company.dana, draft, 2)

    second, _ = orders.create(firm.engine, firm.office, firm.id, firm.company.dana, given)

    taken = {body["number"]: body["checklist_id"] for body in firm.bodies("work_order") if "checklist_id" in body}
    assert (taken[first], taken[second]) == (old, new)
    assert [item["key"] for item in firm.body(new)["items"][:3]] == [item["key"] for item in firm.body(old)["items"]]
    checklists.retire(firm.engine, firm.office, firm.id, firm.company.dana, new, True)
    third, _ = orders.create(firm.engine, firm.office, firm.id, firm.company.dana, given)
    assert firm.body(old)["retired"] is True
    assert "checklist_id" not in next(body for body in firm.bodies("work_order") if body["number"] == third)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"items": []}, "items"),
        ({"name": None}, "name"),
        ({"items": [{**ITEMS[0], "low": "5", "high": "2"}]}, "items.0.high"),
        ({"items": [{"label": "x", "type": "choice"}]}, "items.0.options"),
        ({"items": [{"label": "x", "type": "series"}]}, "items.0.channels"),
        ({"items": [ITEMS[0], ITEMS[0]]}, "items.1.label"),
        ({"items": [{"label": "x", "type": "number", "low": "wide"}]}, "items.0.low"),
        ({"items": [{"type": "number"}]}, "items.0.label"),
    ],
)
def test_what_could_not_be_worked_through_is_not_published(firm: Firm, change: dict[str, Any], place: str) -> None:
    draft, revision = draft_of(firm, {**BODY, **change})

    with pytest.raises(Unpublishable) as caught:
        checklists.publish(firm.engine, firm.office, firm.id, firm.company.dana, draft, revision)

    assert place in caught.value.faults
    assert firm.bodies("checklist") == []
    with reading(firm.engine) as connection:
        assert checklists.read_draft(connection, firm.id, draft).body["name"] == {**BODY, **change}["name"]


def test_two_people_do_not_overwrite_each_other_s_draft(firm: Firm) -> None:
    draft, revision = draft_of(firm, BODY)
    checklists.save_draft(firm.engine, firm.id, firm.company.dana, draft, {**BODY, "name": "一"}, revision)

    with pytest.raises(Refused, match="changed_meanwhile"):
        checklists.save_draft(firm.engine, firm.id, firm.company.lin, draft, {**BODY, "name": "二"}, revision)
    with pytest.raises(Refused, match="changed_meanwhile"):
        checklists.publish(firm.engine, firm.office, firm.id, firm.company.dana, draft, revision)


def test_keys_are_made_once_and_never_twice() -> None:
    taken = {"noise"}

    assert [propose_key(text, taken) for text in ("Noise", "2 phases", "", "")] == [
        "noise_2", "item_2_phases", "item", "item_2"
    ]  # fmt: skip
    again = complete(complete(ITEMS))
    assert again == complete(ITEMS)
