"""A device is who its signature says, and a token stands in for it only as long as it should."""

from __future__ import annotations

import json

import pytest
from werkzeug.test import TestResponse

from server import clock
from server.web import auth
from sync.changeset import Change
from sync.request_signature import AGE_MAX_S
from tests.cast import Device, accept
from tests.server.web.conftest import PREFIX, House, problem_of

PULL = f"{PREFIX}/pull"
QUERY = "since=0&epoch="


def ask_with_token(house: House, token: str) -> TestResponse:
    """Pull with a bearer token."""
    return house.client().get(f"{PULL}?{QUERY}", headers={"Authorization": f"Bearer {token}"})


def token_of(house: House, device: Device) -> str:
    """Return a fresh token."""
    return str(house.ask(device, "POST", "/token").json["token"])


def test_a_signed_request_is_let_in(house: House, wei: Device) -> None:
    answer = house.client().get(f"{PULL}?{QUERY}", headers=wei.headers("GET", PULL, QUERY))

    assert answer.status_code == 200


@pytest.mark.parametrize("missing", ["Content-Digest", "Signature-Input", "Signature"])
def test_a_request_without_one_of_the_headers_is_refused(house: House, wei: Device, missing: str) -> None:
    headers = wei.headers("GET", PULL, QUERY)
    del headers[missing]

    answer = house.client().get(f"{PULL}?{QUERY}", headers=headers)

    assert problem_of(answer) == "request_not_signed"
    assert answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("header", ["Content-Digest", "Signature-Input", "Signature"])
@pytest.mark.parametrize("value", ["", "x", "device=()", 'device=("@method");created=1', "device=:AAAA:", "é" * 5])
def test_nonsense_in_a_header_is_refused(house: House, wei: Device, header: str, value: str) -> None:
    headers = {**wei.headers("GET", PULL, QUERY), header: value}

    assert problem_of(house.client().get(f"{PULL}?{QUERY}", headers=headers)) == "request_not_signed"


def test_the_signature_of_another_key_is_refused(house: House, wei: Device) -> None:
    forger = Device(wei.organisation, wei.person, wei.id)

    answer = house.client().get(f"{PULL}?{QUERY}", headers=forger.headers("GET", PULL, QUERY))

    assert problem_of(answer) == "request_not_signed"


def test_an_unknown_device_is_refused(house: House) -> None:
    stranger = Device(house.ours.organisation, house.ours.wei, house.ours.wei)

    answer = house.client().get(f"{PULL}?{QUERY}", headers=stranger.headers("GET", PULL, QUERY))

    assert problem_of(answer) == "device_unknown"


def test_a_signature_holds_for_its_own_method_path_query_and_body_alone(house: House, wei: Device) -> None:
    body = b'{"ids": []}'
    path = f"{PREFIX}/scope/fetch"
    signed = wei.headers("POST", path, "", body)
    client = house.client()

    honest = client.post(path, data=body, headers=signed)
    refused = [
        client.post(path, data=body + b" ", headers=signed),
        client.post(f"{path}?x=1", data=body, headers=signed),
        client.post(f"{PREFIX}/scope/records", data=body, headers=signed),
        client.get(PULL, data=body, headers=signed),
    ]

    assert honest.status_code == 200
    assert {problem_of(answer) for answer in refused} == {"request_not_signed"}


@pytest.mark.parametrize("age_s", [AGE_MAX_S + 2, -AGE_MAX_S - 2, 3 * 24 * 3600])
def test_an_old_request_replayed_is_refused_and_told_the_time(house: House, wei: Device, age_s: int) -> None:
    answer = house.client().get(f"{PULL}?{QUERY}", headers=wei.headers("GET", PULL, QUERY, age_s=age_s))

    assert problem_of(answer) == "request_expired"
    assert answer.json["server_time"][:16] in (clock.utc_now()[:16], clock.spell_instant(clock.unix_ms() - 60_000)[:16])


def test_two_companies_with_one_device_id_are_told_apart_by_the_key(house: House, wei: Device) -> None:
    twin = Device(house.theirs.organisation, house.theirs.wei, wei.id)
    body = {"person_id": twin.person, "public_key": twin.public_key, "state": "active"}
    accept(
        house.parts.office,
        house.theirs.organisation,
        house.theirs.dana,
        "device.copy",
        Change("device", wei.id, "create", body, {}),
    )

    ours = house.ask(wei, "GET", f"/pull?{QUERY}")
    theirs = house.ask(twin, "GET", f"/pull?{QUERY}")

    assert house.ours.order.encode() in ours.data and house.theirs.order.encode() not in ours.data
    assert house.theirs.order.encode() in theirs.data and house.ours.order.encode() not in theirs.data


def test_a_token_stands_in_for_a_signature(house: House, wei: Device) -> None:
    assert ask_with_token(house, token_of(house, wei)).status_code == 200


def test_a_token_ends_after_its_time(house: House, wei: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_of(house, wei)
    later = clock.unix_now() + auth.TOKEN_LIFE_S
    monkeypatch.setattr(auth, "unix_now", lambda: later)

    assert problem_of(ask_with_token(house, token)) == "token_invalid"


def test_a_revoked_devices_token_ends_at_once(house: House, wei: Device) -> None:
    token = token_of(house, wei)
    change = Change("device", wei.id, "update", {"state": "revoked"}, {"state": "active"})
    accept(house.parts.office, house.ours.organisation, house.ours.dana, "device.revoke", change)

    assert problem_of(ask_with_token(house, token)) == "device_revoked"


def test_an_altered_token_is_refused(house: House, wei: Device) -> None:
    token = token_of(house, wei)
    altered = [token[:5] + ("a" if token[5] != "a" else "b") + token[6:], token[:-2], "", "x.y", "é"]

    assert {problem_of(ask_with_token(house, bad)) for bad in altered} == {"token_invalid"}


def test_the_token_of_another_server_is_refused(house: House, wei: Device, tmp_path: object) -> None:
    with house.app.test_request_context():
        own = auth._token_serializer(house.parts)
        forged = type(own)(b"another secret of thirty-two byte", salt="device token", signer_kwargs=own.signer_kwargs)
        claims = own.loads(token_of(house, wei))

    assert problem_of(ask_with_token(house, forged.dumps(claims))) == "token_invalid"


def test_a_session_cookie_is_no_token_and_opens_nothing_of_a_device(house: House) -> None:
    dana = house.sign_in("dana")

    assert problem_of(dana.get(f"{PULL}?{QUERY}")) == "request_not_signed"


def test_a_device_opens_nothing_of_the_office(house: House, wei: Device) -> None:
    for path in ("/orders", f"/orders/{house.ours.order}", "/reviews", "/log/checkpoint"):
        assert problem_of(house.ask(wei, "GET", path)) == "not_signed_in"
    answer = house.ask(wei, "POST", "/enrolments", json.dumps({"person": house.ours.wei}).encode())
    assert problem_of(answer) in ("not_signed_in", "malformed")
