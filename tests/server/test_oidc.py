"""Signing in by a real OpenID provider: only the browser that began comes in, as whom the provider says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from schemas.problems import Refused
from server.clock import unix_now
from server.services import accounts, identities
from server.services.oidc import Claims, Providers
from server.settings import OidcProvider
from server.store.database import reading, writing
from server.store.tables import Identity, JournalEntry
from tests.cast import PASSWORD
from tests.oidc import BASE_URL, Visitor, open_provider, settings_of
from tests.server.builders import Firm, update

BACK = f"{BASE_URL}/desk/oidc/sso/back"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider in a process of its own."""
    with open_provider(BACK) as issuer:
        yield issuer


def open_providers(issuer: str, **more: object) -> Providers:
    return Providers((settings_of(issuer, **more),), BASE_URL)


def come_back(providers: Providers, name: str = "dana", **altered: str) -> Claims:
    """Sign in at the provider and come back, with some of the query altered."""
    address, attempt = providers.begin("sso")
    query = Visitor().sign_in(address, name, BACK)
    return providers.finish(attempt, {**query, **altered})


@pytest.mark.parametrize("client", [{}, {"client_id": "open", "client_secret": ""}])
def test_the_provider_says_who_came_back(issuer: str, client: dict[str, str]) -> None:
    claims = come_back(open_providers(issuer, **client))

    assert claims == Claims(issuer, "dana", "Dana@Example.com", "Dana")


def test_an_address_that_is_not_verified_is_no_address(issuer: str) -> None:
    assert come_back(open_providers(issuer), "unverified").email == ""


@pytest.mark.parametrize("altered", [{"state": "x"}, {"state": ""}, {"iss": "https://other.example"}, {"code": "x"}])
def test_an_altered_return_is_refused(issuer: str, altered: dict[str, str]) -> None:
    with pytest.raises(Refused, match="provider_refused"):
        come_back(open_providers(issuer), **altered)


def test_the_return_of_another_browser_or_a_second_time_is_refused(issuer: str) -> None:
    providers = open_providers(issuer)
    address, mine = providers.begin("sso")
    _address, theirs = providers.begin("sso")
    query = Visitor().sign_in(address, "dana", BACK)

    for attempt in (theirs, replace(mine, verifier=theirs.verifier), replace(mine, nonce=theirs.nonce)):
        with pytest.raises(Refused, match="provider_refused"):
            providers.finish(attempt, query)
    again = Visitor().sign_in(address, "dana", BACK)
    providers.finish(mine, again)
    with pytest.raises(Refused, match="provider_refused"):
        providers.finish(mine, again)


def test_a_wrong_secret_and_an_unknown_client_are_refused(issuer: str) -> None:
    with pytest.raises(Refused, match="provider_refused"):
        come_back(open_providers(issuer, client_secret="wrong"))


def test_who_shows_himself_again_signs_in_again(issuer: str) -> None:
    providers, visitor = open_providers(issuer), Visitor()
    address, first = providers.begin("sso")
    providers.finish(first, visitor.sign_in(address, "dana", BACK))
    address, again = providers.begin("sso", is_again=True)

    asked = visitor.session.get(address, timeout=10)
    claims = providers.finish(again, visitor.sign_in(address, "dana", BACK))

    assert 'name="password"' in asked.text, "although the provider knows her already"
    assert claims.subject == "dana"


def test_signing_out_leads_to_the_provider(issuer: str) -> None:
    address = open_providers(issuer).sign_out_address("sso", "/desk/sign-in")

    assert address is not None and address.startswith(f"{issuer}/session/end?client_id=gongdan")
    assert Providers((), BASE_URL).sign_out_address("sso", "/desk/sign-in") is None


def test_nobody_answers_or_another_answers(issuer: str) -> None:
    with pytest.raises(Refused, match="provider_away"):
        open_providers("http://127.0.0.1:9").begin("sso")
    with pytest.raises(Refused, match="provider_away"):
        open_providers(f"{issuer}/elsewhere").begin("sso")
    with pytest.raises(Refused, match="provider_refused"):
        open_providers(issuer.replace("127.0.0.1", "localhost")).begin("sso")
    with pytest.raises(Refused, match="provider_unknown"):
        open_providers(issuer).begin("other")


class Forger:
    """A provider whose token endpoint answers what a test puts there."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.answer: Callable[[], str] = str
        forger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(forger.documents()[self.path])

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._send({"access_token": "x", "token_type": "Bearer", "id_token": forger.answer()})

            def _send(self, document: object) -> None:
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"

    def documents(self) -> dict[str, Any]:
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        metadata = {"issuer": self.issuer, **{name: f"{self.issuer}/{name}" for name in names}}
        keys = {"keys": [self.key.as_dict(private=False)]}
        return {"/.well-known/openid-configuration": metadata, "/jwks_uri": keys}

    def claims(self, nonce: str, **more: object) -> dict[str, Any]:
        now = unix_now()
        least = {"iss": self.issuer, "sub": "dana", "aud": "gongdan", "exp": now + 300, "iat": now, "nonce": nonce}
        return {name: value for name, value in {**least, **more}.items() if value is not None}

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


@pytest.fixture
def forger() -> Iterator[Forger]:
    """A provider that lies."""
    forger = Forger()
    thread = threading.Thread(target=partial(forger.server.serve_forever, poll_interval=0.05))
    thread.start()
    yield forger
    forger.server.shutdown()
    thread.join()
    forger.server.server_close()


def finish_with(forger: Forger, spell: Callable[[dict[str, Any]], str], **claims: object) -> str:
    """Return the subject who comes back with a token, or the code of the refusal and what was wrong."""
    providers = open_providers(forger.issuer)
    _address, attempt = providers.begin("sso")
    forger.answer = lambda: spell(forger.claims(**{"nonce": attempt.nonce, **claims}))
    try:
        return providers.finish(attempt, {"code": "x", "state": attempt.state}).subject
    except Refused as refused:
        return refused.code


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"aud": ["gongdan", "another"], "azp": "another"},
        {"exp": 1},
        {"iat": 9_999_999_999},
        {"nonce": "of another attempt"},
        *({name: None} for name in ("iss", "sub", "aud", "exp", "iat", "nonce")),
    ],
)
def test_a_token_with_another_claim_is_refused(forger: Forger, claims: dict[str, object]) -> None:
    assert finish_with(forger, forger.sign, **claims) == "provider_refused"


def test_a_token_counts_with_a_published_key_only(forger: Forger) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    published = json.dumps(forger.key.as_dict(private=False))
    shared = OctKey.import_key("a secret of the client padded to be long enough")

    def spell_unsigned(claims: dict[str, Any]) -> str:
        _header, payload, _signature = forger.sign(claims).split(".")
        return f"eyJhbGciOiJub25lIn0.{payload}."

    forged = [
        lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, stranger),
        lambda claims: jwt.encode({"alg": "HS256"}, claims, shared),
        lambda claims: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(published)),
        spell_unsigned,
        lambda claims: forger.sign(claims)[:-8] + "AAAAAAAA",
        lambda _claims: "x.y.z",
        lambda _claims: "",
    ]

    assert finish_with(forger, forger.sign) == "dana"
    assert {finish_with(forger, spell) for spell in forged} == {"provider_refused"}


def test_a_key_that_was_published_since_is_fetched(forger: Forger) -> None:
    providers = open_providers(forger.issuer)
    providers.begin("sso")
    forger.key = RSAKey.generate_key(2048, {"kid": "two"})
    _address, attempt = providers.begin("sso")
    forger.answer = lambda: forger.sign(forger.claims(attempt.nonce))

    assert providers.finish(attempt, {"code": "x", "state": attempt.state}).subject == "dana"


def find_or_link(firm: Firm, claims: Claims, **more: object) -> str:
    """Return who signs in by a provider of this company, or the code of the refusal."""
    provider: OidcProvider = settings_of(claims.issuer, organisation=firm.id, **more)
    try:
        return identities.find_or_link(firm.engine, firm.office, provider, claims, "192.0.2.1").person
    except Refused as refused:
        return refused.code


def claims_of(subject: str, email: str) -> Claims:
    return Claims("https://id.example", subject, email, "某人")


def open_account(firm: Firm, person: str, login: str) -> None:
    with writing(firm.engine) as connection:
        accounts.open_account(connection, firm.id, person, login, PASSWORD)


def test_a_verified_address_links_a_subject_to_whoever_has_it_as_login(firm: Firm) -> None:
    login = f"dana@{firm.id}.example"
    open_account(firm, firm.company.dana, login)

    first = find_or_link(firm, claims_of("dana", login.upper()))
    renamed = find_or_link(firm, claims_of("dana", "married@elsewhere.example"))
    reused = find_or_link(firm, claims_of("changed", login))

    assert first == renamed == firm.company.dana
    assert reused == "identity_unknown", "the address was given to somebody else"
    assert [row.subject for row in firm.rows(Identity)] == ["dana"]
    assert [row.act for row in firm.rows(JournalEntry)] == ["identity"]


def test_nobody_is_linked_where_the_settings_or_the_claims_do_not_say_so(firm: Firm, other_firm: Firm) -> None:
    login = f"dana@{firm.id}.example"
    open_account(firm, firm.company.dana, login)

    answers = [
        find_or_link(firm, claims_of("a", "")),
        find_or_link(firm, claims_of("a", "stranger@example.com")),
        find_or_link(firm, claims_of("a", login), match_email=False),
        find_or_link(firm, claims_of("a", login), email_domains=("example.com",)),
        find_or_link(other_firm, claims_of("a", login)),
        find_or_link(other_firm, claims_of("a", login), create_roles=("auditor",)),
        find_or_link(firm, claims_of("", login)),
        find_or_link(firm, claims_of("a\0b", login)),
    ]

    assert set(answers) == {"identity_unknown"} and firm.rows(Identity) == other_firm.rows(Identity) == []


def test_an_unknown_subject_gets_an_account_where_the_settings_say_so(firm: Firm) -> None:
    email = f"stranger@{firm.id}.example"
    settings = {"create_roles": ("auditor", "engineer"), "email_domains": (f"{firm.id}.example",)}

    person = find_or_link(firm, claims_of("stranger", email), **settings)
    again = find_or_link(firm, claims_of("stranger", email))
    outsider = find_or_link(firm, claims_of("outsider", "outsider@elsewhere.example"), **settings)

    assert person == again and outsider == "identity_unknown"
    assert firm.body(person) == {"name": "某人", "roles": ["auditor"], "active": True}
    with reading(firm.engine) as connection:
        account = accounts.find_account(connection, email)
    assert account is not None and not accounts.password_fits(account, ""), "no password opens it"


def test_who_has_left_or_has_no_role_at_the_office_is_not_let_in(firm: Firm) -> None:
    open_account(firm, firm.company.wei, f"wei@{firm.id}.example")
    open_account(firm, firm.company.aud, f"aud@{firm.id}.example")
    aud = claims_of("aud", f"aud@{firm.id}.example")

    engineer = find_or_link(firm, claims_of("wei", f"wei@{firm.id}.example"))
    before = find_or_link(firm, aud)
    firm.ensure(update("person", firm.company.aud, active=(None, False)))

    assert (engineer, before, find_or_link(firm, aud)) == ("role_not_allowed", firm.company.aud, "identity_unknown")
