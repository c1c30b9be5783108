"""A one-time code becomes a device, once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from server.keys import new_id, verify_signature
from server.services import enrolment
from server.store.database import reading
from server.store.devices import list_devices
from server.web.attempts import ENROLMENTS_PER_ADDRESS
from sync.changeset import Change
from sync.device_certificate import DeviceFacts, is_certified, spell_certificate
from tests.cast import Device, accept
from tests.server.web.conftest import PREFIX, House, problem_of


def invite(house: House) -> dict[str, str]:
    """Let Dana make a code for Wei."""
    answer = house.sign_in("dana").post(f"{PREFIX}/enrolments", json={"person": house.ours.wei})
    assert answer.status_code == 201
    invitation: dict[str, str] = answer.json
    return invitation


def enrol(client: FlaskClient, code: str, device: Device) -> dict[str, str] | str:
    """Return the answer, or the code of the problem."""
    answer = client.post(f"{PREFIX}/enrol", json={"code": code, "public_key": device.public_key, "name": "平板"})
    return answer.json if answer.status_code == 200 else problem_of(answer)


def stranger(house: House) -> Device:
    """Return a device that nobody knows, with a key of its own."""
    return Device(house.ours.organisation, house.ours.wei)


def test_a_device_enrols_with_a_code_and_is_let_in(house: House) -> None:
    invitation, device = invite(house), stranger(house)

    answer = enrol(house.client(), invitation["code"], device)

    assert isinstance(answer, dict)
    assert invitation["text"] == f"gongdan-enrol:{house.parts.settings.base_url}#{invitation['code']}"
    assert len(invitation["code"]) == enrolment.CODE_CHARACTERS
    assert (answer["organisation"], answer["person"]) == (house.ours.organisation, house.ours.wei)
    assert answer["person_name"] == "魏工" and answer["server_key"] == house.parts.key.public_key
    device.id = answer["device"]
    assert house.ask(device, "GET", "/pull?since=0&epoch=").status_code == 200


def test_the_same_code_and_key_get_the_same_device_again(house: House) -> None:
    code, device = invite(house)["code"], stranger(house)

    first, second = (enrol(house.client(), code, device) for _ in range(2))
    typed = enrol(house.client(), f" {code.lower()} ", device)

    assert isinstance(first, dict) and isinstance(second, dict) and isinstance(typed, dict)
    assert first["device"] == second["device"] == typed["device"]
    with reading(house.parts.engine) as connection:
        assert len(list_devices(connection, house.ours.organisation)) == 2, "the office's and Wei's"


def test_an_enrolment_cut_off_in_the_middle_is_completed_by_the_next_try(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, device = invite(house)["code"], stranger(house)
    with monkeypatch.context() as broken:
        broken.setattr(enrolment, "_write_device", lambda *_: (_ for _ in ()).throw(OSError("power cut")))
        assert enrol(house.client(), code, device) == "internal"

    answer = enrol(house.client(), code, device)

    assert isinstance(answer, dict)
    device.id = answer["device"]
    assert house.ask(device, "GET", "/pull?since=0&epoch=").status_code == 200


def test_a_used_code_is_worth_nothing_to_another_key(house: House) -> None:
    code = invite(house)["code"]
    enrol(house.client(), code, stranger(house))

    assert enrol(house.client(), code, stranger(house)) == "enrolment_code_invalid"


@pytest.mark.parametrize("code", ["A" * 20, "x", "' OR 1=1 --", "码" * 20])
def test_a_guessed_code_is_refused(house: House, code: str) -> None:
    assert enrol(house.client(), code, stranger(house)) == "enrolment_code_invalid"


def test_an_expired_code_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    code = invite(house)["code"]
    monkeypatch.setattr(enrolment, "utc_now", lambda: "2100-01-01T00:00:00.000Z")

    assert enrol(house.client(), code, stranger(house)) == "enrolment_code_invalid"


def test_a_revoked_device_does_not_enrol_again_with_its_old_code(house: House) -> None:
    code, device = invite(house)["code"], stranger(house)
    enrolled = enrol(house.client(), code, device)
    assert isinstance(enrolled, dict)
    change = Change("device", enrolled["device"], "update", {"state": "revoked"}, {"state": "active"})
    accept(house.parts.office, house.ours.organisation, house.ours.dana, "device.revoke", change)

    assert enrol(house.client(), code, device) == "device_revoked"


def come_back(house: House, code: str, device: Device, *certified: str) -> dict[str, str] | str:
    """Enrol a device that the office certified for these: organisation, device, person, key."""
    certificate = house.parts.key.sign(spell_certificate(DeviceFacts(*certified))).hex()
    body = {"code": code, "public_key": device.public_key, "name": "平板", "device": device.id}
    answer = house.client().post(f"{PREFIX}/enrol", json=body | {"certificate": certificate})
    return answer.json if answer.status_code == 200 else problem_of(answer)


def forgotten(house: House) -> Device:
    """Return a device that was enrolled in a time of which the server knows nothing."""
    device = stranger(house)
    device.id = new_id()
    return device


def facts_of(house: House, device: Device) -> list[str]:
    return [house.ours.organisation, device.id, house.ours.wei, device.public_key]


def test_the_office_certifies_whose_device_it_enrols(house: House) -> None:
    device = stranger(house)
    answer = enrol(house.client(), invite(house)["code"], device)
    assert isinstance(answer, dict)
    device.id = answer["device"]

    facts = DeviceFacts(*facts_of(house, device))

    assert is_certified(facts, answer["certificate"], answer["server_key"], verify_signature)
    assert not is_certified(
        replace(facts, person=new_id()), answer["certificate"], answer["server_key"], verify_signature
    )
    assert not is_certified(facts, "no certificate", answer["server_key"], verify_signature)


def test_a_device_that_the_server_has_forgotten_comes_back_under_its_id(house: House) -> None:
    device, code = forgotten(house), invite(house)["code"]

    first, second = (come_back(house, code, device, *facts_of(house, device)) for _ in range(2))

    assert isinstance(first, dict) and isinstance(second, dict)
    assert first["device"] == second["device"] == device.id
    assert house.ask(device, "GET", "/pull?since=0&epoch=").status_code == 200


@pytest.mark.parametrize("wrong", [0, 1, 2, 3])
def test_no_device_comes_back_as_what_the_office_did_not_certify(house: House, wrong: int) -> None:
    device, code = forgotten(house), invite(house)["code"]
    facts = facts_of(house, device)
    facts[wrong] = "00" * 32 if wrong == 3 else new_id()

    assert come_back(house, code, device, *facts) == "certificate_differs"
    assert isinstance(enrol(house.client(), code, stranger(house)), dict), "the code is not used up"


def test_a_used_code_brings_no_other_device_back(house: House) -> None:
    device, code = forgotten(house), invite(house)["code"]
    assert isinstance(enrol(house.client(), code, device), dict)

    assert come_back(house, code, device, *facts_of(house, device)) == "enrolment_code_invalid"


def test_a_revoked_device_does_not_come_back_with_another_code(house: House) -> None:
    device = forgotten(house)
    assert isinstance(come_back(house, invite(house)["code"], device, *facts_of(house, device)), dict)
    change = Change("device", device.id, "update", {"state": "revoked"}, {"state": "active"})
    accept(house.parts.office, house.ours.organisation, house.ours.dana, "device.revoke", change)

    assert come_back(house, invite(house)["code"], device, *facts_of(house, device)) == "device_revoked"


@pytest.mark.parametrize(
    "change",
    [
        {"device": "x"},
        {"certificate": "00"},
        {"code": 1},
        {"code": ""},
        {"code": "\0"},
        {"public_key": "00"},
        {"public_key": "G" * 64},
        {"name": None},
        {"more": 1},
    ],
)
def test_an_enrolment_of_wrong_types_names_the_field(house: House, change: dict[str, object]) -> None:
    body = {"code": "A" * 20, "public_key": "0" * 64, "name": "平板", **change}

    answer = house.client().post(f"{PREFIX}/enrol", json=body)

    assert problem_of(answer) == "value_invalid"
    assert answer.json["field"] == next(iter(change))


def test_guessing_codes_is_slowed_down(house: House) -> None:
    client = house.client()

    answers = [enrol(client, "A" * 20, stranger(house)) for _ in range(ENROLMENTS_PER_ADDRESS.amount + 1)]

    assert set(answers[:-1]) == {"enrolment_code_invalid"}
    assert answers[-1] == "too_many_attempts"


def test_only_the_hash_of_a_code_is_stored(house: House) -> None:
    code = invite(house)["code"]
    house.parts.engine.dispose()

    stored = b"".join(file.read_bytes() for file in house.parts.settings.data.glob("*.sqlite*"))
    assert code.encode() not in stored


def test_a_code_is_made_only_for_somebody_of_the_company(house: House) -> None:
    dana = house.sign_in("dana")

    for person in (house.theirs.wei, house.ours.order):
        assert problem_of(dana.post(f"{PREFIX}/enrolments", json={"person": person})) == "record_missing"
    assert problem_of(dana.post(f"{PREFIX}/enrolments", json={"person": "x"})) == "value_invalid"
