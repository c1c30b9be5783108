"""Signing in with two factors and by a provider, links, rights and the journal, through the pages themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.app import create_app
from server.clock import telling, unix_ms
from server.desk.visit import REFUSAL_HEADER
from server.services import devices
from server.services.second_factor import STEP_S
from server.store import identities, wipes
from server.store.database import reading, writing
from server.store.tables import JournalEntry
from server.web.attempts import CODES_PER_PERSON
from server.web.auth import PROOF_LIFE_S
from sync.changeset import Change
from tests.cast import PASSWORD, Device, accept
from tests.oidc import BASE_URL, Visitor, open_provider, settings_of
from tests.server.web.conftest import PREFIX, DocumentedClient, House, problem_of

OURS = {"Sec-Fetch-Site": "same-origin"}


def send(client: FlaskClient, path: str, **typed: str | list[str]) -> TestResponse:
    """Send a form of one of our pages."""
    return client.post(path, data=typed, headers=OURS)


def told(answer: TestResponse) -> str:
    """Return the code of a refusal, or where the answer leads."""
    return answer.headers.get(REFUSAL_HEADER) or answer.headers.get("Location", str(answer.status_code))


def journal_of(house: House) -> list[tuple[str, str, str]]:
    """Return what is in our journal, oldest first: act, subject, detail."""
    house.parts.journal.write()
    with reading(house.parts.engine) as connection:
        table = JournalEntry.__table__
        rows = connection.execute(table.select().where(table.c.organisation == house.ours.organisation))
        return [(row.act, row.subject, row.detail) for row in sorted(rows, key=lambda row: row.id)]


def set_up(client: FlaskClient) -> tuple[pyotp.TOTP, list[str]]:
    """Set a second factor up on the account page; return the generator and the recovery codes that are shown once."""
    page = client.get("/desk/account").text
    generator = pyotp.TOTP(re.findall(r'class="secret">([A-Z2-7]{32})<', page)[0])
    answer = send(client, "/desk/account/second-factor", code=generator.at(unix_ms() // 1000))
    assert told(answer) == "/desk/account", answer.text
    shown, again = client.get("/desk/account").text, client.get("/desk/account").text
    codes = re.findall(r"<code>([A-Z2-7-]{19})</code>", shown)
    assert len(codes) == 10 and codes[0] not in again
    return generator, codes


def after(seconds: int) -> AbstractContextManager[None]:
    """Let it be so much later than it is."""
    at = unix_ms() + seconds * 1000
    return telling(lambda: at)


def test_every_page_shows_itself_in_both_languages(house: House, wei: Device) -> None:
    client = house.sign_in("dana")
    device = f"/desk/fleet/{wei.id}"
    send(client, "/desk/fleet/enrolments", person=house.ours.wei)
    pages = ["/desk/account", "/desk/accounts", f"/desk/accounts/{house.ours.aud}", f"/desk/accounts/{house.ours.dana}"]
    pages += ["/desk/journal", "/desk/fleet", device, "/desk/fleet/enrolments"]
    for language in ("zh", "en"):
        client.set_cookie("gongdan_language", language)
        for page in pages:
            answer = client.get(page)

            assert answer.status_code == 200, (page, answer.text)
            assert f'<html lang="{language}' in answer.text


def test_who_has_a_second_factor_is_signed_in_with_it_or_not_at_all(house: House) -> None:
    generator, codes = set_up(house.sign_in("dana"))
    with after(2 * STEP_S):
        client = house.client()
        half = send(client, "/desk/sign-in", login="dana", password=PASSWORD, to="/desk/fleet")
        kept_out = client.get("/desk/fleet")
        asked = client.get("/desk/sign-in/code?to=/desk/fleet")
        wrong = send(client, "/desk/sign-in/code", code="000000", to="/desk/fleet")
        right = send(client, "/desk/sign-in/code", code=generator.at(unix_ms() // 1000), to="/desk/fleet")
        inside = client.get("/desk/fleet")
        # By the interface for programs it is one request.
        other = house.client()
        without = other.post(f"{PREFIX}/session", json={"login": "dana", "password": PASSWORD})
        replayed = other.post(
            f"{PREFIX}/session",
            json={"login": "dana", "password": PASSWORD, "code": generator.at(unix_ms() // 1000)},
        )
        recovered = other.post(f"{PREFIX}/session", json={"login": "dana", "password": PASSWORD, "code": codes[0]})

    assert told(half) == "/desk/sign-in/code?to=%2Fdesk%2Ffleet" and told(kept_out) == "not_signed_in"
    assert asked.status_code == 200 and told(wrong) == "401" and "second_factor_wrong" in wrong.text
    assert told(right) == "/desk/fleet" and inside.status_code == 200
    assert problem_of(without) == "second_factor_needed" and problem_of(replayed) == "second_factor_wrong"
    assert recovered.status_code == 200
    # The clock stands still, so their order is not known.
    assert sorted((act, detail) for act, _subject, detail in journal_of(house) if act.startswith("sign_in")) == [
        ("sign_in", "password"),
        ("sign_in", "password+recovery"),
        ("sign_in", "password+totp"),
        ("sign_in_failed", "second_factor_wrong"),
        ("sign_in_failed", "second_factor_wrong"),
    ]


def test_codes_are_guessed_no_faster_than_passwords(house: House) -> None:
    set_up(house.sign_in("dana"))
    client = house.client()
    send(client, "/desk/sign-in", login="dana", password=PASSWORD)

    answers = [send(client, "/desk/sign-in/code", code=f"{n:06}").text for n in range(CODES_PER_PERSON.amount + 1)]

    assert "second_factor_wrong" in answers[0] and "too_many_attempts" in answers[-1]


def test_the_first_factor_alone_is_good_for_minutes_only(house: House) -> None:
    generator, _codes = set_up(house.sign_in("dana"))
    client = house.client()
    send(client, "/desk/sign-in", login="dana", password=PASSWORD)
    with after(301):
        answer = send(client, "/desk/sign-in/code", code=generator.at(unix_ms() // 1000))

        assert told(answer).startswith("/desk/sign-in?") and told(client.get("/desk/fleet")) == "not_signed_in"


def test_a_role_that_needs_two_factors_comes_no_further_than_setting_one_up(house: House) -> None:
    dana, aud = house.sign_in("dana"), house.sign_in("aud")
    send(dana, "/desk/accounts/rules", second_factor_roles="auditor", admins_least="1")

    kept_out = [told(aud.get("/desk/journal")), problem_of(aud.get(f"{PREFIX}/orders"))]
    set_up(aud)
    let_in = [aud.get("/desk/journal").status_code, aud.get(f"{PREFIX}/orders").status_code]

    assert kept_out == ["second_factor_required", "second_factor_required"] and let_in == [200, 200]
    assert dana.get("/desk/fleet").status_code == 200, "her roles need none"


def test_what_cannot_be_undone_needs_who_it_is_once_more(house: House, wei: Device) -> None:
    client = house.sign_in("dana")
    path = f"/desk/fleet/{wei.id}/revocation"
    with after(PROOF_LIFE_S + 5):
        answers = [
            told(send(client, path)),
            told(send(client, path, confirmed="yes")),
            told(send(client, path, confirmed="yes", proof="wrong password")),
            told(send(client, path, confirmed="yes", proof=PASSWORD)),
        ]

    assert answers == ["field_missing", "proof_needed", "sign_in_failed", f"/desk/fleet/{wei.id}"]
    page = client.get(f"/desk/fleet/{wei.id}").text
    assert "命令在等终端联系" in page or "The order waits" in page
    acts = [act for act, _subject, _detail in journal_of(house)]
    assert acts.count("prove_failed") == 1 and acts.count("prove") == 1 and acts.count("revoke") == 1


def test_a_wipe_is_seen_ordered_and_confirmed(house: House, wei: Device) -> None:
    client = house.sign_in("dana")
    devices.revoke(house.parts.office, house.ours.organisation, house.ours.dana, wei.id)
    with writing(house.parts.engine) as connection:
        wipes.note_order(connection, house.ours.organisation, wei.id, "2026-11-21T08:00:00.000Z")
    ordered = client.get(f"/desk/fleet/{wei.id}?").text
    with writing(house.parts.engine) as connection:
        wipes.confirm_wipe(connection, house.ours.organisation, wei.id, "2026-11-21T08:00:01.000Z")
    client.set_cookie("gongdan_language", "en")
    confirmed = client.get(f"/desk/fleet/{wei.id}").text

    assert "ordered, not confirmed" in ordered or "已下令，未确认" in ordered
    assert "its keys are destroyed" in confirmed


def test_a_link_sets_a_password_and_is_shown_once(house: House) -> None:
    client, aud = house.sign_in("dana"), f"/desk/accounts/{house.ours.aud}"
    made = send(client, f"{aud}/invitation", login="aud")
    shown, again = client.get(aud).text, client.get(aud).text
    link = re.findall(r'value="http://[^"]+(/desk/password/[^"]+)"', shown)[0]
    guest = house.client()

    asked = guest.get(link)
    unlike = send(guest, link, password="another long password", again="a third long password")
    accepted = send(guest, link, password="another long password", again="another long password")
    used = guest.get(link)
    foreign = house.client().post(link, data={"password": "x" * 20, "again": "x" * 20})

    assert told(made) == aud and link not in again
    assert asked.status_code == 200 and told(unlike) == "value_invalid" and told(accepted) == "/desk/sign-in"
    assert told(used) == "password_link_invalid" and told(foreign) == "not_signed_in"
    assert told(send(guest, "/desk/sign-in", login="aud", password="another long password")) == "/desk/orders"


def test_rights_are_changed_by_admins_for_others_alone(house: House) -> None:
    client = house.sign_in("dana")
    aud, dana = f"/desk/accounts/{house.ours.aud}", f"/desk/accounts/{house.ours.dana}"

    changed = send(client, f"{aud}/roles", seen="auditor", roles=["auditor", "stock_keeper"])
    own = send(client, f"{dana}/roles", seen="dispatcher,admin", roles=["admin", "manager"])
    nobody = send(client, f"{aud}/roles", seen="auditor,stock_keeper")
    disabled = send(client, f"{aud}/disabled", confirmed="yes", disabled="yes")
    out = send(house.client(), "/desk/sign-in", login="aud", password=PASSWORD)

    assert [told(changed), told(own), told(nobody), told(disabled)] == [aud, "own_roles", "value_invalid", aud]
    assert "sign_in_failed" in out.text


def test_looks_are_noted_and_found_by_auditors_whose_looking_is_noted_too(house: House) -> None:
    dana, aud = house.sign_in("dana"), house.sign_in("aud")
    for _ in range(3):
        dana.get(f"{PREFIX}/orders/{house.ours.order}")
    dana.get(f"{PREFIX}/orders")
    dana.get(f"{PREFIX}/trace?number=MC12-0007")
    dana.get(f"{PREFIX}/orders/{house.ours.chen}")
    dana.get(f"/desk/orders/{house.ours.number}")
    dana.get("/desk/orders?q=Chen")
    dana.get(f"/desk/catalogue/customer/{house.ours.chen}")
    dana.get("/desk/catalogue/customer")

    page = aud.get(f"/desk/journal?subject={house.ours.number}").text
    looks = [entry for entry in journal_of(house) if entry[0] in ("read", "search", "journal")]

    assert house.ours.number in page and "戴娜" in page
    assert looks == [
        ("read", house.ours.order, ""),
        ("search", "", "number=MC12-0007"),
        ("search", "", "q=Chen"),
        ("read", house.ours.chen, ""),
        ("journal", "", f"subject={house.ours.number}"),
    ]
    assert told(dana.get("/desk/journal?since=yesterday")) == "value_invalid"


def test_of_another_company_the_journal_says_nothing(house: House) -> None:
    house.sign_in("dana").get(f"{PREFIX}/orders/{house.ours.order}")
    house.parts.journal.write()

    page = house.sign_in("dana-mallory").get(f"/desk/journal?subject={house.ours.order}")

    assert page.status_code == 200 and house.ours.number not in page.text


@pytest.fixture
def with_provider(house: House, tmp_path: Path) -> Iterator[tuple[House, str]]:
    """Our server with a real OpenID provider, and where that sends browsers back to."""
    back = f"{BASE_URL}/desk/oidc/sso/back"
    with open_provider(back) as issuer:
        provider = settings_of(issuer, organisation=house.ours.organisation)
        trusted = replace(provider, name="trusted", second_factor=True)
        app = create_app(replace(house.parts.settings, base_url=BASE_URL, providers=(provider, trusted)))
        app.test_client_class = DocumentedClient
        served = House(app, house.ours, house.theirs)
        with writing(served.parts.engine) as connection:
            connection.exec_driver_sql("UPDATE accounts SET login = 'dana@example.com' WHERE login = 'dana'")
        yield served, back
        served.parts.engine.dispose()


def come_back(client: FlaskClient, name: str, back: str, more: str = "") -> TestResponse:
    """Go to the provider, sign in there, and come back."""
    sent = client.get(f"/desk/oidc/sso?to=/desk/fleet{more}")
    query = Visitor().sign_in(sent.headers["Location"], name, back)
    return client.get("/desk/oidc/sso/back", query_string=query)


def test_somebody_signs_in_by_a_provider(with_provider: tuple[House, str]) -> None:
    house, back = with_provider
    client = house.client()

    offered = client.get("/desk/sign-in").text
    came = come_back(client, "dana", back)
    inside = client.get("/desk/fleet")
    stranger = come_back(house.client(), "stranger", back)
    another_browser = house.client().get("/desk/oidc/sso/back?state=x&code=x")
    out = send(client, "/desk/sign-out")
    leads_on = client.get("/desk/oidc/sso/out")

    assert "公司账号" in offered or "Company account" in offered
    assert told(came) == "/desk/fleet" and inside.status_code == 200
    assert told(stranger) == "identity_unknown" and told(another_browser) == "provider_refused"
    assert told(out) == "/desk/sign-in?from=sso" and "/session/end?" in told(leads_on)
    assert ("sign_in", house.ours.dana, "oidc") in journal_of(house)


def test_a_second_factor_of_ours_is_asked_for_after_the_provider_too(with_provider: tuple[House, str]) -> None:
    house, back = with_provider
    client = house.client()
    come_back(client, "dana", back)
    generator, _codes = set_up(client)
    with after(2 * STEP_S):
        second = house.client()
        came = come_back(second, "dana", back)
        right = send(second, "/desk/sign-in/code", code=generator.at(unix_ms() // 1000))

    assert told(came) == "/desk/sign-in/code" and told(right) == "/desk/orders"
    assert ("sign_in", house.ours.dana, "oidc+totp") in journal_of(house)


def test_who_shows_himself_again_by_a_provider_is_the_same_person(with_provider: tuple[House, str]) -> None:
    house, back = with_provider
    with writing(house.parts.engine) as connection:
        connection.exec_driver_sql("UPDATE accounts SET login = 'stranger@example.com' WHERE login = 'aud'")
    client = house.client()
    come_back(client, "dana", back)

    another = come_back(client, "stranger", back, "&again=1")
    with writing(house.parts.engine) as connection:
        linked = identities.list_identities(connection, house.ours.organisation)
    herself = come_back(client, "dana", back, "&again=1")

    assert told(another) == "proof_needed" and told(herself) == "/desk/fleet"
    assert set(linked) == {house.ours.dana}, "who shows himself again is linked to nobody by his address"
    assert client.get("/desk/fleet").status_code == 200


def test_who_knows_his_password_changes_it_and_is_signed_out_elsewhere(house: House) -> None:
    here, elsewhere, guest = house.sign_in("dana"), house.sign_in("dana"), house.client()
    form = {"current": PASSWORD, "password": "a much better one", "again": "a much better one"}

    refused = [
        told(send(here, "/desk/account/password", **{**form, **wrong}))
        for wrong in ({"current": "guessed it is"}, {"again": "a much better two"}, {"password": "x", "again": "x"})
    ]
    changed = send(here, "/desk/account/password", **form)
    by_the_old = send(guest, "/desk/sign-in", login="dana", password=PASSWORD)
    by_the_new = send(guest, "/desk/sign-in", login="dana", password=form["password"])

    assert refused == ["sign_in_failed", "value_invalid", "value_invalid"] and told(changed) == "/desk/account"
    assert here.get("/desk/account").status_code == 200 and told(elsewhere.get("/desk/account")) == "not_signed_in"
    assert by_the_old.status_code == 401 and told(by_the_new) == "/desk/orders"
    assert ("password", house.ours.dana, "changed") in journal_of(house)


def test_somebody_who_has_left_opens_no_page(house: House) -> None:
    client = house.sign_in("aud")
    change = Change("person", house.ours.aud, "update", {"active": False}, {"active": None})
    accept(house.parts.office, house.ours.organisation, house.ours.dana, "person.leave", change)

    assert told(client.get("/desk/journal")) == "not_signed_in"
