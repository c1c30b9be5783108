"""What holds for all processes together: limits, sessions that end everywhere, codes that work once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from server.app import create_app
from server.services import accounts, enrolment
from server.store.database import reading, writing
from server.store.devices import list_devices
from server.web import auth
from server.web.attempts import ENROLMENTS_PER_ADDRESS, SIGN_INS_PER_LOGIN
from tests.cast import PASSWORD, Device
from tests.server.web.conftest import PREFIX, House, problem_of
from tests.source_tree import ROOT

SESSION = f"{PREFIX}/session"

ENROL_AT_ONCE = """
import sys
from server.app import create_app
from server.settings import read_settings

app = create_app(read_settings({"GONGDAN_DATA": sys.argv[1]}))
print("ready", flush=True)
sys.stdin.readline()
for code in sys.argv[3:]:
    body = {"code": code, "public_key": sys.argv[2] * 32, "name": "x"}
    answer = app.test_client().post("/api/v1/enrol", json=body)
    print(answer.json.get("code", "enrolled"), flush=True)
"""


def at_once(house: House, codes: list[str], processes: int) -> list[list[str]]:
    """Let several processes try the same codes, each with a key of its own; return what each was told."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ENROL_AT_ONCE, str(house.parts.settings.data), f"{number:02x}", *codes],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    for process in started:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate()[0].splitlines() for process in started]


def issue(house: House) -> str:
    """Make a code for Wei."""
    with writing(house.parts.engine) as connection:
        return enrolment.issue_code(connection, house.ours.organisation, house.ours.wei, "http://a").code


def test_a_code_serves_one_device_however_many_processes_race_for_it(house: House) -> None:
    codes = [issue(house) for _ in range(8)]

    told = at_once(house, codes, 2)

    for answers in zip(*told, strict=True):
        assert sorted(answers) == ["enrolled", "enrolment_code_invalid"]
    with reading(house.parts.engine) as connection:
        assert len(list_devices(connection, house.ours.organisation)) == 1 + len(codes)


def test_attempts_are_counted_over_all_processes(house: House) -> None:
    tries = ENROLMENTS_PER_ADDRESS.amount // 2 + 10

    told = at_once(house, ["A" * 20] * tries, 2)

    counted = Counter(answer for answers in told for answer in answers)
    assert counted == {"enrolment_code_invalid": ENROLMENTS_PER_ADDRESS.amount, "too_many_attempts": 20}


def test_what_was_tried_is_not_kept_in_clear(house: House) -> None:
    house.client().post(SESSION, json={"login": "my password by mistake", "password": "x"})
    house.parts.engine.dispose()

    stored = b"".join(file.read_bytes() for file in house.parts.settings.data.glob("*.sqlite*"))
    assert b"by mistake" not in stored


def sign_in(client: FlaskClient, **headers: str) -> str:
    """Sign Dana in; return the code of the problem, or "ok"."""
    answer = client.post(SESSION, json={"login": "dana", "password": PASSWORD}, headers=headers)
    return "ok" if answer.status_code == 200 else problem_of(answer)


def cookie_of(client: FlaskClient) -> str:
    """Return the session's cookie."""
    cookie = client.get_cookie("gongdan_session")
    assert cookie is not None
    return str(cookie.value)


def test_signing_out_ends_the_session_for_whoever_copied_the_cookie(house: House) -> None:
    dana, thief = house.sign_in("dana"), house.client()
    thief.set_cookie("gongdan_session", cookie_of(dana))
    before = thief.get(SESSION)

    dana.delete(SESSION)

    assert before.status_code == 200
    assert problem_of(thief.get(SESSION)) == "not_signed_in"


def test_signing_in_begins_a_session_that_nobody_planted(house: House) -> None:
    victim = house.sign_in("aud")
    planted = cookie_of(victim)

    assert sign_in(victim) == "ok"

    attacker = house.client()
    attacker.set_cookie("gongdan_session", planted)
    assert cookie_of(victim) != planted
    assert problem_of(attacker.get(SESSION)) == "not_signed_in"


def test_a_session_ends_after_a_working_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    dana = house.sign_in("dana")
    later = auth.unix_now() + auth.SESSION_HOURS * 3600

    monkeypatch.setattr(auth, "unix_now", lambda: later - 1)
    assert dana.get(SESSION).status_code == 200
    monkeypatch.setattr(auth, "unix_now", lambda: later + 1)
    assert problem_of(dana.get(SESSION)) == "not_signed_in"


def test_another_password_ends_every_session(house: House) -> None:
    dana = house.sign_in("dana")
    with writing(house.parts.engine) as connection:
        accounts.open_account(connection, house.ours.organisation, house.ours.dana, "dana", "another password")

    assert problem_of(dana.get(SESSION)) == "not_signed_in"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "unheard-of"])
def test_no_page_of_another_site_signs_in_writes_or_signs_out(house: House, site: str) -> None:
    dana = house.sign_in("dana")
    headers = {"Sec-Fetch-Site": site}

    assert sign_in(house.client(), **headers) == "not_signed_in"
    assert problem_of(dana.post(f"{PREFIX}/changes", json={}, headers=headers)) in ("not_signed_in", "value_invalid")
    assert problem_of(dana.delete(SESSION, headers=headers)) == "not_signed_in"
    assert dana.get(SESSION).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://localhost:1"]
)
def test_no_other_origin_writes(house: House, origin: str) -> None:
    dana = house.sign_in("dana")
    order = {"intent": "order.note", "changes": [{"kind": "site", "id": house.ours.order, "op": "delete"}]}

    assert problem_of(dana.post(f"{PREFIX}/changes", json=order, headers={"Origin": origin})) == "not_signed_in"


def test_over_https_the_cookie_is_this_hosts_alone_and_transport_is_strict(house: House, tmp_path: Path) -> None:
    settings = replace(house.parts.settings, base_url="https://gongdan.example.com")
    client = create_app(settings).test_client()
    body = {"login": "dana", "password": PASSWORD}

    answer = client.post(SESSION, json=body, base_url=settings.base_url)

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-gongdan_session=")
    for flag in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert flag in cookie
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert client.get(SESSION, base_url=settings.base_url).status_code == 200


def test_a_forwarded_address_counts_only_from_a_proxy(house: House) -> None:
    behind = create_app(replace(house.parts.settings, trusted_proxies=())).test_client()
    for number in range(SIGN_INS_PER_LOGIN.amount):
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        behind.post(SESSION, json={"login": "dana", "password": "wrong"}, headers=headers)

    assert sign_in(behind, **{"X-Forwarded-For": "203.0.113.9"}) == "too_many_attempts"


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/orders", "/nowhere", "/health/live"])
def test_every_answer_says_what_a_browser_must_not_do_with_it(house: House, path: str) -> None:
    headers = house.client().get(PREFIX + path).headers

    assert "unsafe" not in headers["Content-Security-Policy"]
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
        assert directive in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"


def test_push_and_pull_past_flask_carry_the_same_headers(house: House) -> None:
    wei: Device = house.device_of(house.ours, house.ours.wei)

    direct, flask = house.ask(wei, "GET", "/pull?since=0&epoch="), house.ask(wei, "GET", "/receipts?from_seq=1")

    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Cross-Origin-Opener-Policy", "Cache-Control"):
        assert direct.headers[name] == flask.headers[name]


def test_passwords_are_hashed_as_rfc_9106_says_and_as_slowly_for_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    verify = type(accounts._HASHER).verify

    def count(hasher: object, stored: str, password: str) -> bool:
        hashed.append(stored)
        return bool(verify(accounts._HASHER, stored, password))

    monkeypatch.setattr(type(accounts._HASHER), "verify", count)
    for login in ("dana", "nobody"):
        house.client().post(SESSION, json={"login": login, "password": "wrong"})

    assert len(hashed) == 2, "one hash for somebody, one for nobody"
    parameters = {stored.rsplit("$", 2)[0] for stored in hashed}
    assert parameters == {"$argon2id$v=19$m=65536,t=3,p=4"}
