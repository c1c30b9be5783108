"""People sign in with a password, stay signed in by a cookie, and no other site can use it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from server.services import accounts
from server.store.database import writing
from server.web.attempts import SIGN_INS_PER_LOGIN
from sync.changeset import Change
from tests.cast import PASSWORD, accept
from tests.server.web.conftest import PREFIX, House, problem_of

SESSION = f"{PREFIX}/session"


def sign_in(client: FlaskClient, login: object = "dana", password: object = PASSWORD) -> str:
    """Return the code of the problem, or "ok"."""
    answer = client.post(SESSION, json={"login": login, "password": password})
    return "ok" if answer.status_code == 200 else problem_of(answer)


def test_somebody_who_signs_in_is_known_until_he_signs_out(house: House) -> None:
    client = house.client()

    before = client.get(SESSION)
    signed_in = client.post(SESSION, json={"login": "dana", "password": PASSWORD})
    during = client.get(SESSION)
    signed_out = client.delete(SESSION)
    after = client.get(SESSION)

    assert problem_of(before) == problem_of(after) == "not_signed_in"
    assert signed_in.json == during.json
    assert during.json["name"] == "戴娜" and during.json["roles"] == ["admin", "dispatcher"]
    assert signed_out.status_code == 204


def test_the_cookie_is_kept_from_scripts_and_other_sites(house: House) -> None:
    answer = house.client().post(SESSION, json={"login": "dana", "password": PASSWORD})

    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie


def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(house: House) -> None:
    wrong = house.client().post(SESSION, json={"login": "dana", "password": "wrong"})
    unknown = house.client().post(SESSION, json={"login": "nobody", "password": "wrong"})

    assert wrong.data == unknown.data
    assert problem_of(wrong) == "sign_in_failed"


def test_an_unknown_login_is_answered_by_hashing_as_well(house: House) -> None:
    with house.app.app_context():
        fits = accounts.password_fits(None, "the password of nobody")

    assert fits is False


@pytest.mark.parametrize(
    "body", [{}, [], {"login": "dana"}, {"login": 1, "password": "x"}, {"login": "dana", "password": None}, "text"]
)
def test_a_sign_in_of_wrong_types_is_refused(house: House, body: object) -> None:
    assert problem_of(house.client().post(SESSION, json=body)) == "value_invalid"


def test_an_engineer_does_not_sign_in_at_the_office(house: House) -> None:
    assert sign_in(house.client(), "wei") == "role_not_allowed"


def test_guessing_is_slowed_down_for_this_login_and_address_alone(house: House) -> None:
    client = house.client()

    answers = [sign_in(client, "dana", "wrong") for _ in range(SIGN_INS_PER_LOGIN.amount)]
    blocked = client.post(SESSION, json={"login": "dana", "password": PASSWORD})

    assert set(answers) == {"sign_in_failed"}
    assert problem_of(blocked) == "too_many_attempts"
    assert 0 < int(blocked.headers["Retry-After"]) == blocked.json["seconds"] <= 300
    assert sign_in(client, "aud") == "ok"
    elsewhere = client.post(
        SESSION, json={"login": "dana", "password": PASSWORD}, environ_base={"REMOTE_ADDR": "192.0.2.7"}
    )
    assert elsewhere.status_code == 200


def test_somebody_who_succeeds_begins_to_count_again(house: House) -> None:
    client = house.client()

    for _ in range(3):
        answers = [sign_in(client, "dana", "wrong") for _ in range(SIGN_INS_PER_LOGIN.amount - 1)]
        assert set(answers) == {"sign_in_failed"} and sign_in(client) == "ok"


def test_a_new_password_ends_the_sessions_of_the_old(house: House) -> None:
    client = house.sign_in("dana")
    with writing(house.parts.engine) as connection:
        accounts.open_account(connection, house.ours.organisation, house.ours.dana, "dana", "another long password")

    assert problem_of(client.get(SESSION)) == "not_signed_in"


def test_somebody_who_has_left_is_out_at_once(house: House) -> None:
    client = house.sign_in("aud")
    change = Change("person", house.ours.aud, "update", {"active": False}, {"active": None})
    accept(house.parts.office, house.ours.organisation, house.ours.dana, "person.leave", change)

    assert problem_of(client.get(f"{PREFIX}/orders")) == "not_signed_in"
    assert sign_in(house.client(), "aud") == "sign_in_failed"


def test_a_role_taken_away_is_gone_at_once(house: House) -> None:
    client = house.sign_in("aud")
    change = Change("person", house.ours.aud, "update", {"roles": ["engineer"]}, {"roles": ["auditor"]})
    accept(house.parts.office, house.ours.organisation, house.ours.dana, "person.roles", change)

    assert problem_of(client.get(f"{PREFIX}/orders")) == "role_not_allowed"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_writes_nothing(house: House, headers: dict[str, str]) -> None:
    client = house.sign_in("dana")
    body = {"person": house.ours.wei}

    foreign = client.post(f"{PREFIX}/enrolments", json=body, headers=headers)
    own = client.post(f"{PREFIX}/enrolments", json=body, headers={"Origin": "http://localhost"})

    assert problem_of(foreign) == "not_signed_in"
    assert problem_of(client.delete(SESSION, headers=headers)) == "not_signed_in"
    assert own.status_code == 201


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_writes_nothing(house: House, media_type: str) -> None:
    client = house.sign_in("dana")

    answer = client.post(f"{PREFIX}/enrolments", data=b'{"person": ""}', content_type=media_type)

    assert problem_of(answer) == "malformed"


@pytest.mark.parametrize("cookie", ["", "x", "eyJwZXJzb24iOiJ4In0.aaaa.bbbb"])
def test_a_made_up_cookie_opens_nothing(house: House, cookie: str) -> None:
    client = house.client()
    client.set_cookie("gongdan_session", cookie)

    assert problem_of(client.get(f"{PREFIX}/orders")) == "not_signed_in"


@pytest.mark.parametrize("password", ["", "short", "0" * 201])
def test_a_password_of_the_wrong_length_is_not_set(house: House, password: str) -> None:
    with pytest.raises(accounts.Refused, match="value_invalid"), writing(house.parts.engine) as connection:
        accounts.open_account(connection, house.ours.organisation, house.ours.dana, "dana", password)


def test_two_people_do_not_share_a_login_even_in_two_companies(house: House) -> None:
    with pytest.raises(accounts.Refused, match="record_exists"), writing(house.parts.engine) as connection:
        accounts.open_account(connection, house.theirs.organisation, house.theirs.dana, "dana", PASSWORD)
