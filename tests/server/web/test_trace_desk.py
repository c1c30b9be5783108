"""The audit desk over HTTP: scans that open at once, who looked and who exported, the events for programs."""

from __future__ import annotations

from sqlalchemy import select

from server.store.database import reading
from server.store.tables import JournalEntry
from tests.server.builders import GTIN, fitted
from tests.server.web.conftest import PREFIX, House, problem_of

SERIAL = "SN-7 & co"


def fit(house: House) -> None:
    """Let Wei's device hand in a part fitted."""
    device = house.device_of(house.ours, house.ours.wei)
    line = device.seal("part.fit", fitted(house.ours.order, house.ours.machine, SERIAL, "2026-03-03T08:00:00Z"))
    house.parts.reception.submit(house.ours.organisation, device.id, [line])


def noted(house: House) -> list[tuple[str, str, str]]:
    """Return act, kind and detail of what is in our journal, oldest first."""
    house.parts.journal.write()
    table = JournalEntry.__table__
    columns = (table.c.act, table.c.kind, table.c.detail)
    with reading(house.parts.engine) as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(table.c.id))]


def test_a_scan_opens_the_part_at_once_and_every_look_is_noted(house: House) -> None:
    fit(house)
    aud = house.sign_in("aud")

    scanned = aud.get("/desk/trace", query_string={"q": f"(01){GTIN}(21)SN-8"})
    typed = aud.get("/desk/trace", query_string={"q": SERIAL})
    page = aud.get(typed.location)
    aud.get(typed.location.replace("/serial?", "/serial/export?"), query_string=None)

    assert scanned.status_code == 200, "no such number was recorded"
    assert (typed.status_code, page.status_code) == (303, 200)
    assert "SN-7 &amp; co" in page.text and "<svg" in page.text and "style=" not in page.text
    looks = [(act, kind) for act, kind, _ in noted(house) if act in ("search", "export")]
    assert ("search", "serial") in looks and ("export", "export") in looks


def test_events_are_given_to_programs(house: House) -> None:
    fit(house)
    asked = {"number": SERIAL}

    aud = house.sign_in("aud")
    answer = aud.get(f"{PREFIX}/trace/epcis", query_string=asked)
    machine = aud.get(f"{PREFIX}/trace/epcis", query_string={"number": "MC12-0007", "about": "machine"})

    assert answer.mimetype == "application/ld+json"
    (event,) = answer.get_json(force=True)["epcisBody"]["eventList"]
    assert (event["type"], event["bizStep"], event["gongdan:serial"]) == ("AssociationEvent", "installing", SERIAL)
    assert machine.get_json(force=True)["epcisBody"] == answer.get_json(force=True)["epcisBody"]
    assert problem_of(aud.get(f"{PREFIX}/trace/epcis", query_string={"number": "none"})) == "not_found"
