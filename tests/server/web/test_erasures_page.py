"""The page on which an admin erases: what is shown is what goes, and what was asked for stands in no address."""

from __future__ import annotations

from sqlalchemy import select

from server.desk.visit import REFUSAL_HEADER
from server.store.access_tables import JournalEntry
from server.store.database import reading
from server.store.records import body_of
from sync.changeset import Change
from sync.openings import is_stand_in
from tests.cast import PASSWORD, accept
from tests.server.web.conftest import House

OURS = {"Sec-Fetch-Site": "same-origin"}
NAME = "王建国"


def test_an_admin_looks_erases_and_finds_the_act(house: House) -> None:
    company, office = house.ours, house.parts.office
    change = Change("customer", company.chen, "update", {"contact": NAME}, {"contact": None})
    accept(office, company.organisation, company.dana, "test.contact", change)
    client = house.client()
    client.post("/desk/sign-in", data={"login": "dana", "password": PASSWORD}, headers=OURS)
    typed = {"words": NAME, "record": "", "grounds": "asked", "reference": "DSR-7"}

    shown = client.post("/desk/erasures/preview", data=typed, headers=OURS).text
    nothing = client.post("/desk/erasures/preview", data=typed | {"words": "没有此人"}, headers=OURS).text
    seen = shown.partition('name="seen" value="')[2][:16]
    unmeant = client.post("/desk/erasures", data=typed | {"seen": seen}, headers=OURS)
    moved = client.post("/desk/erasures", data=typed | {"seen": "0" * 16, "confirmed": "yes"}, headers=OURS)
    done = client.post("/desk/erasures", data=typed | {"seen": seen, "confirmed": "yes"}, headers=OURS)

    assert NAME in shown and "陈氏实验室" in shown and 'role="alert">' in nothing
    assert unmeant.headers[REFUSAL_HEADER] == "field_missing" and moved.headers[REFUSAL_HEADER] == "erasure_moved"
    assert done.headers["Location"] == "/desk/erasures"
    page = client.get("/desk/erasures").text
    assert "DSR-7" in page and NAME not in page
    house.parts.journal.write()
    with reading(house.parts.engine) as connection:
        found = body_of(connection, company.organisation, company.chen)
        noted = [tuple(row) for row in connection.execute(select(JournalEntry.__table__))]
    assert found is not None and is_stand_in(found[1]["contact"])
    assert any("erase" in row for row in noted) and NAME not in repr(noted)
