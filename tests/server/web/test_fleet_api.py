"""The fleet page tells who was silent for how long and why, to those who may know."""

from __future__ import annotations

from typing import Any

import pytest

from server.clock import spell_instant, unix_ms
from server.services import devices
from server.store.contacts import ContactRow, write_contacts
from server.store.database import writing
from sync.device_report import DeviceReport, spell_report
from tests.cast import Device
from tests.server.builders import photo
from tests.server.web.conftest import PREFIX, House, problem_of

DAY_MS = 24 * 3_600_000


def fleet_of(house: House, query: str = "", login: str = "dana") -> list[dict[str, Any]]:
    house.parts.contacts.write()
    answer = house.sign_in(login).get(f"{PREFIX}/fleet{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json["devices"]
    return found


def heard_at(house: House, device: Device, days_ago: int) -> None:
    """Pretend that a device called some days ago."""
    at = spell_instant(unix_ms() - days_ago * DAY_MS)
    with writing(house.parts.engine) as connection:
        write_contacts(connection, [ContactRow(device.organisation, device.id, at, synced_at=at, position=1)])


def test_a_device_is_shown_with_its_person_what_it_told_and_how_it_fares(house: House, wei: Device) -> None:
    two_hours_ago = spell_instant(unix_ms() - 7_500_000)
    told = spell_report(DeviceReport(2, two_hours_ago, 3, 4096, 0, 1, "gongdan-field/0.1.0", 10**10))
    house.ask(wei, "GET", f"/pull?since=0&epoch=&told={told}")
    wei.seal("photo.take", photo(house.ours.order))
    late = wei.seal("photo.take", photo(house.ours.order))
    house.ask(wei, "POST", "/push", late + b"\n")

    (row,) = fleet_of(house)

    assert (row["device"], row["person_name"], row["person_name_en"], row["state"]) == (wei.id, "魏工", "Wei", "active")
    assert (row["waiting_sets"], row["waiting_files"], row["waiting_bytes"]) == (2, 3, 4096)
    assert row["behind"] == 0 and row["synced_at"] and row["client"] == "gongdan-field/0.1.0"
    assert [reason["code"] for reason in row["reasons"]] == ["held_gap", "unsent", "files_unsent"]
    assert row["reasons"][0]["en"] == "1 change-sets wait for number 1, which has not come."
    assert row["held_sets"] == 1


def test_uploads_that_have_begun_are_shown(house: House, wei: Device) -> None:
    token = house.ask(wei, "POST", "/token", b"{}", headers={"Content-Type": "application/json"}).json["token"]
    headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0", "Upload-Length": "5000"}
    assert house.client().post(f"{PREFIX}/blobs/uploads", headers=headers).status_code == 201

    (row,) = fleet_of(house)

    assert (row["open_uploads"], row["open_upload_bytes"]) == (1, 5000)


def test_the_longest_silent_come_first_and_the_revoked_last_page_by_page(house: House) -> None:
    never, week, day, gone = (house.device_of(house.ours, house.ours.wei) for _ in range(4))
    heard_at(house, week, 7)
    heard_at(house, day, 2)
    heard_at(house, gone, 30)
    devices.revoke(house.parts.office, house.ours.organisation, house.ours.dana, gone.id)
    dana, seen, after = house.sign_in("dana"), [], ""

    while True:
        page = dana.get(f"{PREFIX}/fleet?limit=1{after}").json
        seen += page["devices"]
        if page["after"] is None:
            break
        after = f"&after={page['after']}"

    assert [row["device"] for row in seen] == [never.id, week.id, day.id, gone.id]
    reasons = [[reason["code"] for reason in row["reasons"]] for row in seen]
    assert reasons == [["never_heard"], ["no_contact"], ["no_contact"], ["revoked"]]


def test_a_device_behind_is_told_by_how_many_positions(house: House, wei: Device) -> None:
    house.ask(wei, "GET", "/pull?since=0&epoch=")
    house.ask(wei, "POST", "/push", wei.seal("photo.take", photo(house.ours.order)) + b"\n")

    (row,) = fleet_of(house)

    assert row["behind"] == 1 and row["reasons"] == []


def test_why_a_device_was_refused_last_is_told_in_the_words_of_the_catalogue(house: House, wei: Device) -> None:
    house.ask(wei, "GET", "/pull?since=0&epoch=another")

    (row,) = fleet_of(house)

    assert [reason["code"] for reason in row["reasons"]] == ["never_synced", "refused"]
    assert "restored from a backup" in row["reasons"][1]["en"] and "备份恢复" in row["reasons"][1]["zh"]


def test_nobody_sees_another_companys_devices(house: House, wei: Device) -> None:
    house.ask(wei, "GET", "/pull?since=0&epoch=")

    assert fleet_of(house, login="dana-mallory") == []


@pytest.mark.parametrize("login", ["aud"])
def test_only_who_sees_to_it_that_work_arrives_may_look(house: House, login: str) -> None:
    assert problem_of(house.sign_in(login).get(f"{PREFIX}/fleet")) == "role_not_allowed"
    assert problem_of(house.client().get(f"{PREFIX}/fleet")) == "not_signed_in"


@pytest.mark.parametrize("query", ["?after=nonsense", "?after=0~x~y", "?limit=0", "?limit=501"])
def test_a_page_that_cannot_be_is_refused(house: House, query: str) -> None:
    assert problem_of(house.sign_in("dana").get(f"{PREFIX}/fleet{query}")) == "value_invalid"
