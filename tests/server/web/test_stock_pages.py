"""The stock keeper's forms as a browser sends them: what is booked, what is refused, what a reader may not do."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.clock import utc_now
from server.desk.visit import REFUSAL_HEADER
from server.keys import new_id
from server.services import accounts, stock
from server.services.spreadsheets import read_sheet
from server.store.database import reading, writing
from server.store.records import bodies_of_kind
from sync.changeset import Change
from tests.cast import PASSWORD, accept
from tests.server.web.conftest import House

OURS = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Depot:
    """A centre with five seals, a van, and Xu who keeps them."""

    house: House
    client: FlaskClient
    centre: str
    van: str
    part: str
    supplier: str

    def post(self, path: str, **typed: Any) -> str:
        """Send a form of the stock; return the code of the refusal, or where the answer leads."""
        return told(self.client.post(f"/desk/stock/{path}", data=typed, headers=OURS))

    def at(self, place: str) -> list[tuple[str, int]]:
        """Return what is at a place: batch and quantity."""
        with reading(self.house.parts.engine) as connection:
            page = stock.list_balances(connection, self.house.ours.organisation, utc_now()[:10], place=place)
        return [(line.batch, line.quantity) for line in page.lines]

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of a kind, the oldest first."""
        with reading(self.house.parts.engine) as connection:
            return [body | {"id": key} for key, body in bodies_of_kind(connection, self.house.ours.organisation, kind)]


def told(answer: TestResponse) -> str:
    """Return the code of a refusal, or where the answer leads."""
    return answer.headers.get(REFUSAL_HEADER) or answer.headers.get("Location", str(answer.status_code))


@pytest.fixture
def depot(house: House) -> Depot:
    """What a stock keeper begins with."""
    ours, office = house.ours, house.parts.office
    keeper, centre, van, part, supplier, move = (new_id() for _ in range(6))
    moved = {"from_place": "supplier", "to_place": "centre", "to_centre_id": centre, "part_id": part, "quantity": 5}
    seal = {"name": "密封圈", "part_number": "P-1", "grade": "original", "interval_days": 30}
    accept(
        office,
        *(ours.organisation, ours.system, "stock.found"),
        Change("person", keeper, "create", {"name": "Xu", "roles": ["stock_keeper"]}, {}),
        Change("service_centre", centre, "create", {"name": "浦东", "tier": "outlet"}, {}),
        Change("van", van, "create", {"name": "魏工车", "centre_id": centre}, {}),
        Change("supplier", supplier, "create", {"name": "瑞丰"}, {}),
        Change("part", part, "create", seal, {}),
        Change("stock_move", move, "create", moved | {"batch": "L1", "moved_at": utc_now()}, {}),
    )
    with writing(house.parts.engine) as connection:
        accounts.open_account(connection, ours.organisation, keeper, "xu", PASSWORD)
    return Depot(house, house.sign_in("xu"), centre, van, part, supplier)


def test_lines_are_moved_told_when_short_and_put_right(depot: Depot) -> None:
    line = {"line_part": depot.part, "line_batch": "L1", "line_serial": "", "line_quantity": "7"}
    ends = {"from": depot.centre, "to": depot.van}

    assert depot.post("move", **ends) == "lines_missing"
    assert depot.post("move", **ends | {"to": depot.centre}, **line) == "same_place"
    assert depot.post("move", **ends, **line | {"line_quantity": "七"}) == "value_invalid"
    assert depot.post("move", **ends | {"to": "moon"}, **line) == "not_found"
    assert depot.at(depot.van) == []
    assert depot.post("move", **ends, **line).startswith("/desk/stock/move?from=")
    assert "P-1 L1 在移出处账面为负：-2" in depot.client.get("/desk/stock/move").text
    assert depot.at(depot.centre) == [("L1", -2)]
    (below,) = depot.bodies("exception")
    evidence = depot.house.sign_in("dana").get(f"/desk/reconcile/{below['id']}/evidence").text
    assert "魏工车" in evidence and "供应商" in evidence and "Xu" in evidence
    wrong = depot.bodies("stock_move")[-1]["id"]
    back = f"/desk/stock/parts/{depot.part}?place={depot.van}"
    assert depot.post(f"moves/{wrong}/reversal", part=depot.part, place=depot.van) == back
    assert depot.post(f"moves/{wrong}/reversal") == "move_reversed"
    assert (depot.at(depot.centre), depot.at(depot.van)) == ([("L1", 5)], [])


def test_a_delivery_keeps_its_papers_by_their_hash(depot: Depot) -> None:
    typed = {"part": "p-1", "batch": "L2", "supplier": depot.supplier, "centre": depot.centre, "quantity": "3"}
    typed |= {"note": "送货单 1&2\r\nX: 1"}
    paper = (io.BytesIO(b"%PDF-1.7 certificate"), "合格证.pdf")

    assert depot.post("receive", **typed | {"part": "P-9"}) == "part_not_known"
    assert depot.post("receive", **typed | {"batch": "L\0"}) == "value_invalid"
    assert depot.post("receive", **typed, certificate_file=(io.BytesIO(b"MZ"), "x.pdf")) == "paper_not_accepted"
    assert depot.bodies("batch") == []
    assert depot.post("receive", **typed, certificate_file=paper).startswith("/desk/stock/receive?centre=")
    assert (
        depot.client.post("/desk/stock/receive", data=typed, headers=OURS | {"HX-Request": "true"}).status_code == 204
    )
    (batch,) = depot.bodies("batch")
    kept = depot.client.get(f"/api/v1/blobs/{batch['certificate_sha256']}")
    assert kept.data == b"%PDF-1.7 certificate"
    returned = {"part": depot.part, "origin": "L2", "batch": "L2-R", "quantity": "1", "centre": depot.centre}
    assert depot.post("refurbish", **returned) == "/desk/stock/refurbish"
    made = depot.bodies("batch")[-1]
    assert (made["condition"], made["made_from_id"]) == ("refurbished", batch["id"])
    assert depot.at(depot.centre) == [("L1", 5), ("L2", 6), ("L2-R", 1)]


def test_a_van_is_made_up_by_its_standard_list_and_the_list_of_another_is_taken_over(depot: Depot) -> None:
    level = {"place": depot.van, "part": "P-1", "minimum": "1", "standard": "4"}

    assert depot.post("levels", **level | {"standard": "0"}) == "level_upside_down"
    assert depot.post("levels", **level) == f"/desk/stock/levels?place={depot.van}"
    assert depot.post("levels", place=depot.centre, like=depot.van) == f"/desk/stock/levels?place={depot.centre}"
    assert {(body.get("van_id"), body["standard"]) for body in depot.bodies("stock_level")} == {
        (depot.van, 4),
        (None, 4),
    }
    page = depot.client.get(f"/desk/stock/vans/{depot.van}").text
    assert 'name="line_quantity" value="4"' in page
    line = {"line_part": depot.part, "line_batch": "L1", "line_serial": "", "line_quantity": "4"}
    assert depot.post(f"vans/{depot.van}/load", **line) == "/desk/stock/vans"
    assert depot.at(depot.van) == [("L1", 4)]
    assert "应订" in depot.client.get(f"/desk/stock/levels?place={depot.centre}").text


def test_balances_go_out_as_spreadsheets_and_codes_are_read(depot: Depot) -> None:
    for form in ("csv", "xlsx"):
        sheet = read_sheet(depot.client.get(f"/desk/stock/export?form={form}").data)
        ((_, row),) = sheet.rows
        assert row[:7] == ["P-1", "密封圈", "原厂", "浦东", "L1", "", "5"]
    assert told(depot.client.get("/desk/stock/export?form=exe")) == "not_found"
    choices = depot.client.get("/desk/stock/reading", query_string={"code": "L1", "place": depot.centre}).text
    assert choices.count('class="choice"') == 1 and 'data-batch="L1"' in choices and "现有 5" in choices
    assert told(depot.client.get("/desk/stock/reading?code=nothing")) == "part_not_known"
    assert told(depot.client.get("/desk/stock?state=odd")) == "not_found"


def test_a_consumable_that_is_due_becomes_an_order_of_a_dispatcher(depot: Depot) -> None:
    ours = depot.house.ours
    model = depot.bodies("model")[0]["id"]
    fits = Change("part", depot.part, "update", {"model_ids": [model]}, {"model_ids": None})
    accepted = Change("machine", ours.machine, "update", {"accepted_on": "2026-01-01"}, {"accepted_on": None})
    accept(depot.house.parts.office, ours.organisation, ours.system, "machine.accept", fits, accepted)
    typed = {"machine": ours.machine, "part": depot.part}

    assert depot.post("consumables/order", **typed) == "role_not_allowed"
    page = depot.client.get("/desk/stock/consumables").text
    assert "2026-01-31" in page and "开工单" not in page
    dana = depot.house.sign_in("dana")
    assert "开工单" in dana.get("/desk/stock/consumables").text
    answer = dana.post("/desk/stock/consumables/order", data=typed, headers=OURS)
    assert told(answer) == "/desk/stock/consumables"
    order = depot.bodies("work_order")[-1]
    assert (order["service"], order["needed_parts"]) == ("maintenance", [{"part_id": depot.part, "quantity": 1}])
    assert order["number"] in dana.get("/desk/stock/consumables").text
