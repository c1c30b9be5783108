"""A revoked device is ordered to destroy its keys, once everything it had to say is with the server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from server.keys import verify_signature
from server.services import devices
from server.store.database import reading
from server.store.devices import has_set
from server.store.wipes import list_wipes
from sync import chain
from sync.changeset import Change
from sync.wipe_order import WipeQuestion, read_order, spell_confirmation
from tests.cast import Device
from tests.server.web.conftest import PREFIX, House, problem_of

NONCE = "5a" * 32


def ask(house: House, device: Device, **other: Any) -> TestResponse:
    """Ask as a device does; `other` replaces members of the question."""
    asked = {"nonce": NONCE, "seq": device.seq, "digest": device.prev, **other}
    return house.ask(device, "POST", "/wipe", json.dumps(asked).encode(), content_type="application/json")


def revoke(house: House, device: Device) -> None:
    """Revoke a device at the office."""
    receipt = devices.revoke(house.parts.office, device.organisation, house.ours.dana, device.id)
    assert receipt.verdict == "applied"


def seal_a_start(house: House, device: Device) -> bytes:
    """Let the device write that work has begun."""
    start = Change("work_order", house.ours.order, "update", {"status": "in_progress"}, {"status": "assigned"})
    return device.seal("work.start", start) + b"\n"


def order_of(house: House, device: Device, answer: TestResponse) -> str:
    """Read an order as the device does, with the key it was told at enrolment."""
    question = WipeQuestion(device.organisation, device.id, NONCE, device.seq, device.prev)
    return read_order(answer.json, question, house.parts.key.public_key, verify_signature)


def test_a_device_that_has_handed_everything_in_is_ordered(house: House, wei: Device) -> None:
    taken_in = seal_a_start(house, wei)
    house.ask(wei, "POST", "/push", taken_in)
    revoke(house, wei)
    aside = seal_a_start(house, wei)
    (answer,) = house.ask(wei, "POST", "/push", aside).text.splitlines()

    ordered = ask(house, wei)

    assert json.loads(answer)["fault"]["code"] == "device_revoked"
    assert ordered.status_code == 200
    assert order_of(house, wei, ordered)
    with reading(house.parts.engine) as connection:
        for line in (taken_in, aside):
            digest = chain.Sealed(line.rstrip(b"\n")).digest
            assert has_set(connection, wei.organisation, wei.id, digest)


def test_a_device_that_never_wrote_anything_is_ordered(house: House, wei: Device) -> None:
    revoke(house, wei)

    assert order_of(house, wei, ask(house, wei))


def test_nothing_is_ordered_before_the_last_set_has_come(house: House, wei: Device) -> None:
    revoke(house, wei)
    seal_a_start(house, wei)

    assert problem_of(ask(house, wei)) == "escrow_missing"


def test_a_device_in_service_is_never_ordered(house: House, wei: Device) -> None:
    house.ask(wei, "POST", "/push", seal_a_start(house, wei))

    assert problem_of(ask(house, wei)) == "device_not_revoked"


def test_a_revoked_device_gets_no_order_for_another(house: House, wei: Device) -> None:
    lin = house.device_of(house.ours, house.ours.lin)
    revoke(house, wei)

    assert problem_of(ask(house, lin)) == "device_not_revoked"
    assert ask(house, wei).status_code == 200


@pytest.mark.parametrize("other", [{"nonce": "5A" * 32}, {"nonce": ""}, {"digest": "x"}, {"seq": -1}, {"seq": "1"}])
def test_a_question_of_wrong_types_names_the_field(house: House, wei: Device, other: dict[str, Any]) -> None:
    answer = ask(house, wei, **other)

    assert problem_of(answer) == "value_invalid"
    assert answer.json["field"] == next(iter(other))


def test_nobody_but_the_device_asks(house: House, wei: Device) -> None:
    forger = Device(wei.organisation, wei.person, wei.id)

    assert problem_of(ask(house, forger)) == "request_not_signed"
    assert problem_of(house.sign_in("dana").post("/api/v1/wipe", json={})) == "request_not_signed"


def confirm(house: House, whose: Device, signer: Device, **other: str) -> TestResponse:
    """Say that a device's keys are gone, with somebody's signature."""
    said = {"organisation": whose.organisation, "device": whose.id, "ordered_at": "2026-11-21T08:00:00.000Z", **other}
    text = spell_confirmation(said["organisation"], said["device"], said["ordered_at"])
    body = {**said, "signature": signer.sign(text).hex()}
    return house.client().post(f"{PREFIX}/wipe/confirmation", json=body)


def test_a_confirmation_counts_with_the_devices_own_signature_only(house: House, wei: Device) -> None:
    other = house.device_of(house.ours, house.ours.lin)
    too_early = confirm(house, wei, wei)
    revoke(house, wei)
    not_ordered = confirm(house, wei, wei)
    ask(house, wei)

    forged, unknown = confirm(house, wei, other), confirm(house, wei, wei, device=house.ours.wei)
    confirmed, repeated = confirm(house, wei, wei), confirm(house, wei, wei)

    assert problem_of(too_early) == problem_of(not_ordered) == "device_not_revoked"
    assert problem_of(forged) == problem_of(unknown) == "bad_signature"
    assert confirmed.json == repeated.json == {"confirmed": True}
    with reading(house.parts.engine) as connection:
        assert list_wipes(connection, wei.organisation, [wei.id])[wei.id].confirmed_at is not None
