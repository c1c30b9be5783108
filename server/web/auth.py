"""Who is calling: a device by signed request or token, a person by session cookie.

Rule 1: a signature covers method, path, query, body and time (RFC 9421); the body's bytes are hashed here.
Rule 2: a token says which device and which key it was made for; both are looked up at every request, so
        a revoked device or a changed key ends it at once.
Rule 3: a session is a row that signing out, time or another password ends; roles are read at every request.
Rule 4: a write with a cookie is JSON from our own pages: a form on another site can send neither.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from flask import g, request, session
from itsdangerous import BadData, URLSafeSerializer

from schemas.problems import Refused
from server.clock import unix_now, utc_now
from server.domain.access_rules import AccessRules
from server.services import accounts, devices
from server.services.accounts import SignedIn
from server.services.rights import read_access_rules
from server.store import sessions
from server.store.database import reading, writing
from server.store.devices import KnownDevice
from server.store.feed import FeedEnd
from server.store.sessions import KnownSession
from server.web.access import OWN_ACCOUNT, Access, access_of
from server.web.addresses import find_caller
from server.web.call import Call, flask_call
from server.web.notes import notes
from server.web.wiring import Wiring, wired
from sync.request_signature import AGE_MAX_S, content_digest, read_signed

TOKEN_LIFE_S: Final = 900
"""Long enough for a photo on a slow line, short enough that a copied token is soon worthless."""

SESSION_HOURS: Final = 12
"""A working day: whoever signs in in the morning is not asked again before the evening."""

PROOF_LIFE_S: Final = 600
"""Whoever has left his desk for longer shows again who he is before he does what cannot be undone."""

SESSION_SECRET_BYTES: Final = 32

SIGNERS_MAX: Final = 100_000
"""Devices remembered by a process, about 50 MB; beyond that it begins anew."""

_BEARER: Final = "Bearer "
_OWN_PAGES: Final = frozenset({"same-origin", "none"})
"""What a browser says of where a request was made: by our own page, or by the person himself."""

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """The device that calls, and whose it is."""

    organisation: str
    device: str
    person: str
    state: str
    """``active``, ``frozen`` or ``revoked``"""
    public_key: str
    end: FeedEnd | None = None
    """The end of his feed at this moment, where the database was asked."""


@dataclass(frozen=True, slots=True)
class PersonIdentity:
    """The person who calls, and what he may do."""

    organisation: str
    person: str
    name: str
    roles: frozenset[str]
    method: str = "password"
    """How he showed who he is: one of `server.domain.access_rules.METHOD_LABELS`"""
    proved_at: int = 0
    """When he last did, in seconds since 1970"""
    login: str = ""
    needs_factor: bool = False
    """He has yet to set up the second factor that his role asks for."""


def admit() -> None:
    """Let a request through to its view, or raise Refused; runs before every request."""
    if request.url_rule is None:
        return
    notes().route = request.url_rule.rule
    if request.method == "OPTIONS":
        return
    # PostgreSQL has no text with a NUL in it and would fail to compare one.
    if "\0" in request.path or b"%00" in request.query_string:
        raise Refused("malformed", detail="an address holds no NUL")
    access = access_of(request.method, request.url_rule.rule)
    if access is None:
        raise Refused("role_not_allowed")
    request.max_content_length = access.body_bytes_max
    if access.caller == "device" or (access.caller == "device_or_person" and _claims_device()):
        g.device = identify_device(wired(), flask_call(), access)
    elif access.caller != "anybody":
        g.person = _identify_person(access)


def require_device() -> DeviceIdentity:
    """Return the device that calls. Raises Refused with `request_not_signed` when it is none."""
    device: DeviceIdentity | None = g.get("device")
    if device is None:
        raise Refused("request_not_signed")
    return device


def require_person(*roles: str) -> PersonIdentity:
    """Return the person who calls, who has one of `roles` if any are named.

    Raises Refused with `not_signed_in` or `role_not_allowed`.
    """
    person: PersonIdentity | None = g.get("person")
    if person is None:
        raise Refused("not_signed_in")
    if roles and not person.roles.intersection(roles):
        raise Refused("role_not_allowed")
    return person


def find_person() -> PersonIdentity | None:
    """Return the person who calls, None when it is nobody who has signed in."""
    person: PersonIdentity | None = g.get("person")
    return person


def recognise_person() -> PersonIdentity:
    """Return who is signed in where anybody may call. Raises Refused with `not_signed_in`."""
    g.person = _identify_person(OWN_ACCOUNT)
    return require_person()


def caller_organisation() -> str:
    """Return the organisation of the device or person that calls."""
    device: DeviceIdentity | None = g.get("device")
    return device.organisation if device else require_person().organisation


def issue_token(device: DeviceIdentity) -> str:
    """Return a token with which this device may call for TOKEN_LIFE_S seconds without signing."""
    claims = {
        "organisation": device.organisation,
        "device": device.device,
        "key": _fingerprint(device.public_key),
        "expires": unix_now() + TOKEN_LIFE_S,
    }
    token: str = _token_serializer(wired()).dumps(claims)
    return token


def require_proof() -> PersonIdentity:
    """Return the person who calls, who has shown who he is within PROOF_LIFE_S. Raises Refused with `proof_needed`."""
    person = require_person()
    if unix_now() - person.proved_at > PROOF_LIFE_S:
        raise Refused("proof_needed")
    return person


def renew_proof(method: str) -> None:
    """Write down that whoever is signed in has just shown again who he is."""
    with writing(wired().engine) as connection:
        sessions.renew_proof(connection, session["organisation"], session_digest(), method, unix_now())


def session_digest() -> str:
    """Return the digest under which the session of this request is stored."""
    return _digest(session["secret"])


def open_session(signed_in: SignedIn, method: str = "password") -> None:
    """Sign a person in on the answer of this request, under a secret that no session had before."""
    close_session()
    secret, now = secrets.token_hex(SESSION_SECRET_BYTES), unix_now()
    with writing(wired().engine) as connection:
        sessions.delete_ended(connection, signed_in.organisation, now)
        ends_at = now + SESSION_HOURS * 3600
        opened = KnownSession(signed_in.person, method, now)
        sessions.insert_session(connection, signed_in.organisation, _digest(secret), opened, ends_at)
    session.permanent = True
    session["organisation"] = signed_in.organisation
    session["secret"] = secret
    session["stamp"] = signed_in.account_stamp


def keep_session(signed_in: SignedIn) -> None:
    """Let the session of this request outlive a change of its person's password."""
    session["stamp"] = signed_in.account_stamp


def close_session() -> None:
    """Sign out whoever this request comes from: the session ends, whoever else has a copy of its cookie."""
    if "secret" in session:
        with writing(wired().engine) as connection:
            sessions.delete_session(connection, session["organisation"], _digest(session["secret"]))
    session.clear()


def caller_address() -> str:
    """Return the address from which this request comes, as far as that can be believed."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return find_caller(request.remote_addr, forwarded, wired().settings.trusted_proxies)


def refuse_foreign_page(*, is_form: bool = False) -> None:
    """Refuse a write that a page of another site makes a browser send.

    Any page can send a form, so one must come with the browser's word that it was sent by a page of ours (Fetch
    Metadata, or Origin from browsers that do not know it). Raises Refused with `not_signed_in`, or `malformed` when
    the body is neither JSON nor a form that is taken here.
    """
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in _OWN_PAGES:
        raise Refused("not_signed_in")
    if is_form and site != "same-origin" and origin is None:
        raise Refused("not_signed_in")
    if origin is not None and origin != wired().settings.base_url and urlsplit(origin).netloc != request.host:
        raise Refused("not_signed_in")
    if request.method != "DELETE" and not is_form and not request.is_json:
        raise Refused("malformed", detail="the Content-Type is application/json")


def _claims_device() -> bool:
    return "Signature" in request.headers or "Authorization" in request.headers


def identify_device(parts: Wiring, call: Call, access: Access) -> DeviceIdentity:
    """Return the device that calls by signature or token, and that it may.

    Raises Refused as the table of problems of a device's routes says (`server/web/openapi.py`).
    """
    authorization = call.header("Authorization")
    if authorization.startswith(_BEARER):
        known, end = _find_by_token(parts, authorization[len(_BEARER) :])
    elif access.body_bytes_max is None:
        raise Refused("token_invalid")
    else:
        known, end = _find_by_signature(parts, call, access)
    noted = notes()
    noted.organisation, noted.device, noted.person = known.organisation, known.device, known.person
    if known.state == "revoked" and not access.revoked_too:
        raise Refused("device_revoked")
    state = "frozen" if known.frozen and known.state == "active" else known.state
    return DeviceIdentity(known.organisation, known.device, known.person, state, known.public_key, end)


def _find_by_signature(parts: Wiring, call: Call, access: Access) -> tuple[KnownDevice, FeedEnd | None]:
    digest = call.header("Content-Digest")
    signature_input, signature = call.header("Signature-Input"), call.header("Signature")
    signed = read_signed(call.method, call.path, call.query, digest, signature_input, signature)
    if abs(unix_now() - signed.created) > AGE_MAX_S:
        raise Refused("request_expired", server_time=utc_now())
    if not hmac.compare_digest(digest.encode(), content_digest(call.body()).encode()):
        raise Refused("request_not_signed")
    signers = parts.signers
    known = signers.get((signed.organisation, signed.device))
    if access.revoked_too and known is not None and devices.is_signer(known, signed):
        # Whatever became of the device since: its sets are judged by its state at intake.
        return known, None
    known, end = devices.find_signer(parts.engine, signed)
    if len(signers) >= SIGNERS_MAX:
        signers.clear()
    signers[signed.organisation, signed.device] = known
    return known, end


def _find_by_token(parts: Wiring, token: str) -> tuple[KnownDevice, FeedEnd]:
    try:
        claims: dict[str, Any] = _token_serializer(parts).loads(token)
    except BadData:
        raise Refused("token_invalid") from None
    if claims["expires"] <= unix_now():
        raise Refused("token_invalid")
    found = devices.find_standing(parts.engine, claims["organisation"], claims["device"])
    if found is None or _fingerprint(found[0].public_key) != claims["key"]:
        raise Refused("token_invalid")
    return found


def _identify_person(access: Access) -> PersonIdentity:
    if "secret" not in session:
        raise Refused("not_signed_in")
    organisation = session["organisation"]
    with reading(wired().engine) as connection:
        opened = sessions.find_session(connection, organisation, _digest(session["secret"]), unix_now())
        found = accounts.find_signed_in(connection, organisation, opened.person) if opened else None
        rules = read_access_rules(connection, organisation) if found else AccessRules()
    if opened is None or found is None or not hmac.compare_digest(found.account_stamp, session["stamp"]):
        raise Refused("not_signed_in")
    if access.roles and not found.roles & access.roles:
        raise Refused("role_not_allowed")
    needs_factor = rules.needs_factor(found.roles, opened.method)
    if needs_factor and not access.before_factor:
        raise Refused("second_factor_required")
    if request.method not in _READING:
        refuse_foreign_page(is_form=access.is_form)
    noted = notes()
    noted.organisation, noted.person = found.organisation, found.person
    told = (found.organisation, found.person, found.name, found.roles)
    return PersonIdentity(*told, opened.method, opened.proved_at, found.login, needs_factor)


def _token_serializer(parts: Wiring) -> URLSafeSerializer:
    options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeSerializer(parts.key.token_secret, salt="device token", signer_kwargs=options)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _fingerprint(public_key: str) -> str:
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:32]
