"""Signed requests: every byte of what was asked is covered, and a signature has one spelling."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.problems import Refused
from sync.request_signature import content_digest, read_signed, sign_request
from tests.sync.made_up import LIN_KEY, WEI_PUBLIC, sign, verifies

ORGANISATION = "01933e5c-0000-7000-8000-0000000000b1"
DEVICE = "01933e5c-0000-7000-8000-0000000000c1"
BODY = b'{"hello": "world"}'
REQUEST = {"method": "POST", "path": "/api/v1/push", "query": "a=1&b=%E5%AD%97"}
HEADERS = sign_request(ORGANISATION, DEVICE, **REQUEST, body=BODY, created=1795227359, sign=sign)


def holds(request: dict[str, str], body: bytes, headers: dict[str, str], public_key: bytes = WEI_PUBLIC) -> bool:
    """Tell whether a server would let a request through, its time aside."""
    try:
        signed = read_signed(
            request["method"],
            request["path"],
            request["query"],
            headers["Content-Digest"],
            headers["Signature-Input"],
            headers["Signature"],
        )
    except Refused as refusal:
        assert refusal.code == "request_not_signed"
        return False
    is_body = headers["Content-Digest"] == content_digest(body)
    return is_body and verifies(public_key, signed.base, signed.signature)


@given(
    st.sampled_from(["GET", "POST", "PATCH", "delete"]),
    st.from_regex(r"/[a-z0-9/._-]{0,20}", fullmatch=True),
    st.from_regex(r"[a-z0-9=&%.]{0,20}", fullmatch=True),
    st.binary(max_size=50),
    st.integers(0, 999_999_999_999),
)
def test_a_signed_request_is_recognised(method: str, path: str, query: str, body: bytes, created: int) -> None:
    request = {"method": method, "path": path, "query": query}

    headers = sign_request(ORGANISATION, DEVICE, **request, body=body, created=created, sign=sign)

    signed = read_signed(
        **request,
        digest=headers["Content-Digest"],
        signature_input=headers["Signature-Input"],
        signature=headers["Signature"],
    )
    assert (signed.organisation, signed.device, signed.created) == (ORGANISATION, DEVICE, created)
    assert holds(request, body, headers)


def test_the_signed_bytes_are_those_of_rfc_9421() -> None:
    signed = read_signed(
        **REQUEST,
        digest=HEADERS["Content-Digest"],
        signature_input=HEADERS["Signature-Input"],
        signature=HEADERS["Signature"],
    )

    # RFC 9421 section 2.5: one component a line, the parameters last, no line break at the end.
    assert signed.base.decode() == (
        '"@method": POST\n'
        '"@path": /api/v1/push\n'
        '"@query": ?a=1&b=%E5%AD%97\n'
        '"content-digest": sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:\n'
        '"@signature-params": ("@method" "@path" "@query" "content-digest")'
        f';created=1795227359;keyid="{ORGANISATION}/{DEVICE}";alg="ed25519"'
    )
    assert HEADERS["Signature-Input"] == f"device={signed.base.decode().rpartition(': ')[2]}"
    assert HEADERS["Signature"] == f"device=:{base64.b64encode(signed.signature).decode()}:"


def test_the_digest_of_a_body_is_that_of_rfc_9530() -> None:
    # RFC 9530 appendix B shows this body with this digest.
    assert content_digest(BODY) == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    assert content_digest(b"") == f"sha-256=:{base64.b64encode(hashlib.sha256(b'').digest()).decode()}:"


@pytest.mark.parametrize("name", sorted(REQUEST))
def test_another_method_path_or_query_does_not_hold(name: str) -> None:
    for other in (REQUEST[name] + "x", REQUEST[name][:-1], ""):
        assert not holds({**REQUEST, name: other}, BODY, HEADERS)
    assert holds(REQUEST, BODY, HEADERS)


def test_a_question_mark_moved_from_the_path_into_the_query_does_not_hold() -> None:
    assert not holds({**REQUEST, "path": "/api/v1/push?a=1&b=%E5%AD%97", "query": ""}, BODY, HEADERS)


def test_another_body_does_not_hold_even_with_its_own_digest() -> None:
    other = BODY.replace(b"world", b"World")

    assert not holds(REQUEST, other, HEADERS)
    assert not holds(REQUEST, other, {**HEADERS, "Content-Digest": content_digest(other)})


def test_the_key_of_another_device_does_not_hold() -> None:
    assert not holds(REQUEST, BODY, HEADERS, bytes(LIN_KEY.verify_key))


@pytest.mark.parametrize("name", sorted(HEADERS))
@pytest.mark.parametrize("flip", [0x01, 0x02, 0x20])
def test_an_altered_character_of_a_header_does_not_hold(name: str, flip: int) -> None:
    value = HEADERS[name]

    passing = [
        place
        for place in range(len(value))
        if holds(REQUEST, BODY, {**HEADERS, name: value[:place] + chr(ord(value[place]) ^ flip) + value[place + 1 :]})
    ]

    assert passing == []


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_a_header_cut_short_lengthened_or_absent_does_not_hold(name: str) -> None:
    value = HEADERS[name]

    for other in ("", value[:-1], value[1:], value + " ", " " + value, value + "\n", value + ", " + value):
        assert not holds(REQUEST, BODY, {**HEADERS, name: other})


@pytest.mark.parametrize(
    ("right", "other"),
    [
        ("created=1795227359", "created=01795227359"),
        ("created=1795227359", "created=+1795227359"),
        ("created=1795227359", "created=１795227359"),
        ("created=1795227359", "created=1795227360"),
        ("created=1795227359", "created=1795227359.0"),
        ("created=1795227359", "created=1795227359000"),
        (";created=1795227359", ""),
        ('("@method" ', "("),
        (' "content-digest"', ""),
        ('"@method" "@path"', '"@path" "@method"'),
        ("ed25519", "hmac-sha256"),
        ('"ed25519"', '"ed25519";expires=9999999999'),
        (DEVICE, DEVICE.upper()),
        (DEVICE, DEVICE[:-1] + "2"),
        ("device=", "office="),
    ],
)
def test_other_signature_parameters_do_not_hold(right: str, other: str) -> None:
    assert HEADERS["Signature-Input"].count(right) == 1

    assert not holds(REQUEST, BODY, {**HEADERS, "Signature-Input": HEADERS["Signature-Input"].replace(right, other)})


def test_a_signature_has_one_spelling() -> None:
    spelled = HEADERS["Signature"].removeprefix("device=:").removesuffix(":")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twins = [
        spelled[:85] + last + "=="
        for last in alphabet
        if last != spelled[85] and base64.b64decode(spelled[:85] + last + "==") == base64.b64decode(spelled)
    ]

    assert len(twins) == 15
    assert [twin for twin in twins if holds(REQUEST, BODY, {**HEADERS, "Signature": f"device=:{twin}:"})] == []


@pytest.mark.parametrize("spelled", ["=" * 88, "A" * 88, "A" * 87 + "=", "A" * 40 + "==" + "A" * 46])
def test_what_is_not_the_base64_of_64_bytes_is_no_signature(spelled: str) -> None:
    with pytest.raises(Refused) as refusal:
        read_signed(
            **REQUEST,
            digest=HEADERS["Content-Digest"],
            signature_input=HEADERS["Signature-Input"],
            signature=f"device=:{spelled}:",
        )

    assert refusal.value.code == "request_not_signed"
