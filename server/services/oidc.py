"""Signing in by an OpenID provider: authorization code with PKCE. Source: OpenID Connect Core 1.0, RFC 7636, RFC 9207.

Rule 1: what comes back is believed only with state, nonce and verifier of the attempt that this browser began.
Rule 2: an ID token counts with a signature of the provider's published keys, its issuer, our audience and its time.
Rule 3: the discovery document, the keys and the answers are of limited size, fetched with a time limit, and followed
        nowhere else.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from schemas.problems import Refused
from server.clock import unix_now
from server.keys import new_secret
from server.settings import OidcProvider

ANSWER_WITHIN_S: Final = 10
DOCUMENT_BYTES_MAX: Final = 512 * 1024
"""Keys and metadata of the largest providers are some 20 KB."""

REMEMBERED_S: Final = 3600
"""A provider that changes its keys names others in its tokens, and these are then fetched at once."""

LEEWAY_S: Final = 60
"""How far the clocks of two servers that keep time may be apart."""

FRESH_S: Final = 60
"""Who is asked to show himself again has done so within this time."""

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Signatures of a key pair only: a shared secret proves to nobody who signed, and `none` proves nothing."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the browser that began keeps until it comes back."""

    provider: str
    state: str
    nonce: str
    verifier: str
    is_again: bool = False
    """Somebody who is signed in shows once more who he is."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Who a provider says came back."""

    issuer: str
    subject: str
    email: str
    """Empty unless the provider has verified it"""
    name: str


@dataclass(slots=True)
class _Known:
    metadata: dict[str, Any]
    keys: dict[str, Any]
    until: int


@dataclass(slots=True)
class Providers:
    """The providers of this server, with what they published of themselves."""

    providers: tuple[OidcProvider, ...]
    base_url: str
    _known: dict[str, _Known] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def find(self, name: str) -> OidcProvider:
        """Return a provider by its name. Raises Refused with `provider_unknown`."""
        for provider in self.providers:
            if provider.name == name:
                return provider
        raise Refused("provider_unknown", name=name)

    def begin(self, name: str, is_again: bool = False) -> tuple[str, Attempt]:
        """Return the address to which a browser is sent, and the attempt it keeps.

        Raises Refused with `provider_unknown` or `provider_away`.
        """
        provider = self.find(name)
        attempt = Attempt(name, new_secret(), new_secret(), new_secret(), is_again)
        more: dict[str, Any] = {"prompt": "login", "max_age": FRESH_S} if is_again else {}
        address, _state = self._open_client(provider).create_authorization_url(
            self._discover(provider).metadata["authorization_endpoint"],
            state=attempt.state,
            nonce=attempt.nonce,
            code_verifier=attempt.verifier,
            **more,
        )
        return str(address), attempt

    def finish(self, attempt: Attempt, query: Mapping[str, str]) -> Claims:
        """Return who came back, given the query with which he came.

        Raises Refused with `provider_refused` or `provider_away`.
        """
        provider = self.find(attempt.provider)
        known = self._discover(provider)
        if not hmac.compare_digest(query.get("state", "").encode(), attempt.state.encode()):
            raise Refused("provider_refused", detail="state")
        is_named = known.metadata.get("authorization_response_iss_parameter_supported") is True or "iss" in query
        if is_named and query.get("iss") != provider.issuer:
            raise Refused("provider_refused", detail="iss")
        if "code" not in query:
            raise Refused("provider_refused", detail=str(query.get("error", "code"))[:60])
        client = self._open_client(provider)
        token = self._fetch_token(client, known, query["code"], attempt.verifier)
        claims = self._read_id_token(provider, known, token, attempt)
        told = {**claims, **self._ask_for_more(client, known, claims)}
        is_verified = told.get("email_verified") is True
        email = told["email"] if is_verified and isinstance(told.get("email"), str) else ""
        name = told.get("name") if isinstance(told.get("name"), str) else ""
        return Claims(provider.issuer, str(claims["sub"]), email, str(name or email or claims["sub"]))

    def sign_out_address(self, name: str, back: str) -> str | None:
        """Return the address at which a browser also signs out of the provider, or None when it offers none."""
        try:
            provider = self.find(name)
            endpoint = self._discover(provider).metadata.get("end_session_endpoint")
        except Refused:
            return None
        if not isinstance(endpoint, str):
            return None
        query = {"client_id": provider.client_id, "post_logout_redirect_uri": self.base_url + back}
        return str(requests.Request("GET", endpoint, params=query).prepare().url)

    def _open_client(self, provider: OidcProvider) -> OAuth2Session:
        return OAuth2Session(
            client_id=provider.client_id,
            client_secret=provider.client_secret or None,
            token_endpoint_auth_method="client_secret_basic" if provider.client_secret else "none",
            scope=provider.scope,
            redirect_uri=f"{self.base_url}/desk/oidc/{provider.name}/back",
            code_challenge_method="S256",
            default_timeout=ANSWER_WITHIN_S,
        )

    def _discover(self, provider: OidcProvider, is_forced: bool = False) -> _Known:
        with self._guard:
            known = self._known.get(provider.name)
        if known is not None and known.until > unix_now() and not is_forced:
            return known
        metadata = _fetch_document(provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
        # A document that names another issuer is another's. Source: OpenID Connect Discovery 1.0 section 4.3.
        if metadata.get("issuer") != provider.issuer:
            raise Refused("provider_refused", detail="issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not _is_safe_address(metadata.get(name), provider.issuer):
                raise Refused("provider_refused", detail=name)
        known = _Known(metadata, _fetch_document(metadata["jwks_uri"]), unix_now() + REMEMBERED_S)
        with self._guard:
            self._known[provider.name] = known
        return known

    def _fetch_token(self, client: OAuth2Session, known: _Known, code: str, verifier: str) -> dict[str, Any]:
        try:
            token: dict[str, Any] = client.fetch_token(
                known.metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
                allow_redirects=False,
            )
        except AuthlibBaseError as error:
            raise Refused("provider_refused", detail=str(error.error or "token")[:60]) from None
        except (requests.RequestException, ValueError):
            raise Refused("provider_away") from None
        return token

    def _read_id_token(
        self, provider: OidcProvider, known: _Known, token: Mapping[str, Any], attempt: Attempt
    ) -> dict[str, Any]:
        spelled = token.get("id_token")
        if not isinstance(spelled, str):
            raise Refused("provider_refused", detail="id_token")
        try:
            read = _verify(spelled, known.keys)
        except (JoseError, ValueError):
            # It may be signed with a key that was published since.
            try:
                read = _verify(spelled, self._discover(provider, is_forced=True).keys)
            except (JoseError, ValueError):
                raise Refused("provider_refused", detail="signature") from None
        wanted = {
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": provider.client_id},
        }
        more = {"nonce": attempt.nonce, "client_id": provider.client_id, "access_token": token.get("access_token")}
        more |= {"max_age": FRESH_S} if attempt.is_again else {}
        claims = CodeIDToken(read.claims, read.header, wanted, more)
        try:
            claims.validate(now=unix_now(), leeway=LEEWAY_S)
        except JoseError as error:
            raise Refused("provider_refused", detail=str(error)[:60]) from None
        if attempt.is_again and unix_now() - int(claims["auth_time"]) > FRESH_S + LEEWAY_S:
            raise Refused("provider_refused", detail="auth_time")
        return dict(claims)

    def _ask_for_more(self, client: OAuth2Session, known: _Known, claims: Mapping[str, Any]) -> dict[str, Any]:
        endpoint = known.metadata.get("userinfo_endpoint")
        if "email" in claims or not isinstance(endpoint, str):
            return {}
        try:
            answer = client.get(endpoint, allow_redirects=False)
            told = answer.json() if answer.status_code == 200 else {}
        except (requests.RequestException, AuthlibBaseError, ValueError):
            raise Refused("provider_away") from None
        # An answer about somebody else is not used. Source: OpenID Connect Core 1.0 section 5.3.2.
        if not isinstance(told, dict) or told.get("sub") != claims["sub"]:
            return {}
        return {name: told[name] for name in ("email", "email_verified", "name") if name in told}


def _verify(spelled: str, keys: Mapping[str, Any]) -> jwt.Token:
    registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    return jwt.decode(spelled, KeySet.import_key_set(dict(keys)), registry=registry)  # type: ignore[arg-type]


def _is_safe_address(address: object, issuer: str) -> bool:
    return isinstance(address, str) and (address.startswith("https://") or not issuer.startswith("https://"))


def _fetch_document(address: str) -> dict[str, Any]:
    """Return a JSON object. Raises Refused with `provider_away`."""
    try:
        with requests.get(address, timeout=ANSWER_WITHIN_S, stream=True, allow_redirects=False) as answer:
            if answer.status_code != 200:
                raise Refused("provider_away")
            body = answer.raw.read(DOCUMENT_BYTES_MAX + 1, decode_content=True)
        document = requests.compat.json.loads(body) if len(body) <= DOCUMENT_BYTES_MAX else None
    except (requests.RequestException, ValueError, OSError):
        raise Refused("provider_away") from None
    if not isinstance(document, dict):
        raise Refused("provider_away")
    return document
