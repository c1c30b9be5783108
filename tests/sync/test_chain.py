"""Sealed change-sets: nothing can be altered, replaced or put elsewhere unnoticed."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.problems import Refused
from sync import chain, codec
from sync.changeset import CHANGE_SET_BYTES_MAX, ChangeSet
from tests.sync.made_up import CHANGE_SETS, FIRST, LIN_KEY, WEI_PUBLIC, follow, seal, sign, verifies

SEALED = seal(FIRST)


def read(line: bytes, public_key: bytes = WEI_PUBLIC) -> ChangeSet:
    """Read a line as a server does: signature first, content then."""
    sealed = chain.open_line(line)
    chain.verify(sealed, public_key, verifies)
    return codec.decode(sealed.payload)


@given(CHANGE_SETS)
def test_a_sealed_set_opens_to_what_was_signed(changeset: ChangeSet) -> None:
    sealed = seal(changeset)

    assert read(sealed.line) == changeset
    assert sealed == chain.open_line(sealed.line)
    assert sealed.digest == hashlib.sha256(sealed.line).hexdigest()
    assert b"\n" not in sealed.line


@pytest.mark.parametrize("place", range(len(SEALED.line)))
def test_an_altered_byte_is_noticed_wherever_it_is(place: int) -> None:
    for flip in (0x01, 0x20, 0x80):
        altered = bytearray(SEALED.line)
        altered[place] ^= flip

        with pytest.raises(Refused) as refusal:
            read(bytes(altered))

        assert refusal.value.code in ("bad_signature", "malformed")


@given(st.integers(0, len(SEALED.line) - 1))
def test_a_line_cut_short_is_noticed(length: int) -> None:
    with pytest.raises(Refused) as refusal:
        read(SEALED.line[:length])

    assert refusal.value.code in ("bad_signature", "malformed")


def test_the_key_of_another_device_does_not_fit() -> None:
    with pytest.raises(Refused) as refusal:
        read(SEALED.line, bytes(LIN_KEY.verify_key))

    assert refusal.value.code == "bad_signature"


def test_a_signature_does_not_fit_another_set() -> None:
    other = codec.encode(follow(SEALED, FIRST))

    with pytest.raises(Refused) as refusal:
        read(SEALED.line[: chain.SIGNATURE_DIGITS] + b"." + other)

    assert refusal.value.code == "bad_signature"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b".",
        SEALED.payload,
        SEALED.line.upper(),
        b" " + SEALED.line,
        SEALED.line + b"\n",
        SEALED.line.replace(b"in_progress", b"in\nprogress"),
        SEALED.line.replace(b".", b":", 1),
        b"g" * 128 + b"." + SEALED.payload,
    ],
)
def test_what_is_not_one_sealed_line_is_malformed(line: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        chain.open_line(line)

    assert refusal.value.code == "malformed"


def test_the_longest_line_opens_and_one_byte_more_does_not() -> None:
    longest = chain.seal(b"x" * CHANGE_SET_BYTES_MAX, sign, b"o" * CHANGE_SET_BYTES_MAX).line

    assert len(longest) == chain.LINE_BYTES_MAX
    assert chain.open_line(longest).payload == b"x" * CHANGE_SET_BYTES_MAX
    with pytest.raises(Refused) as refusal:
        chain.open_line(longest + b"x")
    assert refusal.value.code == "change_set_too_large"


def test_the_digest_covers_the_signature_too() -> None:
    other_signature = chain.Sealed(b"0" * chain.SIGNATURE_DIGITS + b"." + SEALED.payload)

    assert other_signature.payload == SEALED.payload
    assert other_signature.digest != SEALED.digest
