"""Sealed change-sets: signature, digest and per-device chain.

A sealed set is one line of bytes: 128 hex digits of Ed25519 signature (RFC 8032) over the payload, a dot,
and the payload, which is canonical JSON and so has neither a line break nor a tab. Its digest is the SHA-256 of
these bytes and is what the device's next set names in `prev`. They are kept and carried as they are; nobody
serialises them again to verify. Behind a tab there may be openings (sync/openings.py), which belong to the set but
neither to the signature nor to the digest.

The signature primitive is passed in: a phone's browser has another one than a server.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from schemas.problems import Refused
from sync.changeset import CHANGE_SET_BYTES_MAX

Sign = Callable[[bytes], bytes]
"""message -> 64 bytes of signature"""

Verify = Callable[[bytes, bytes, bytes], bool]
"""public key (32 bytes), message, signature -> whether it holds"""

FIRST_PREV: Final = "0" * 64
"""What the first set of a device names as its predecessor."""

SIGNATURE_DIGITS: Final = 128
LINE_BYTES_MAX: Final = SIGNATURE_DIGITS + 1 + CHANGE_SET_BYTES_MAX + 1 + CHANGE_SET_BYTES_MAX
"""Signature, dot, payload, tab and openings."""

TAB: Final = b"\t"

_SIGNATURE = re.compile(rb"[0-9a-f]{128}\Z").match


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed change-set as it travels: the exact line, without its line break."""

    line: bytes

    @property
    def signature(self) -> bytes:
        """The 64 bytes of the signature."""
        return bytes.fromhex(self.line[:SIGNATURE_DIGITS].decode("ascii"))

    @property
    def signed(self) -> bytes:
        """Signature, dot and payload: what the digest covers, and what never changes."""
        return self.line.partition(TAB)[0]

    @property
    def payload(self) -> bytes:
        """The signed bytes."""
        return self.signed[SIGNATURE_DIGITS + 1 :]

    @property
    def openings(self) -> bytes | None:
        """What stands behind the tab, None where there is no tab."""
        _, tab, openings = self.line.partition(TAB)
        return openings if tab else None

    @property
    def digest(self) -> str:
        """The SHA-256 of signature, dot and payload, in hexadecimal."""
        return digest_of(self.line)


def digest_of(line: bytes) -> str:
    """Return the digest of a line, which may be no sealed set."""
    return hashlib.sha256(line.partition(TAB)[0]).hexdigest()


def seal(payload: bytes, sign: Sign, openings: bytes | None = None) -> Sealed:
    """Sign `payload` and return the sealed set, with its openings if it has any."""
    signed = sign(payload).hex().encode("ascii") + b"." + payload
    return Sealed(signed if openings is None else signed + TAB + openings)


def open_line(line: bytes) -> Sealed:
    """Read one line as a sealed set, without judging its signature.

    Raises Refused with `change_set_too_large` or `malformed`.
    """
    signed, _, openings = line.partition(TAB)
    if len(signed) > SIGNATURE_DIGITS + 1 + CHANGE_SET_BYTES_MAX or len(openings) > CHANGE_SET_BYTES_MAX:
        raise Refused("change_set_too_large", limit=CHANGE_SET_BYTES_MAX)
    if line[SIGNATURE_DIGITS : SIGNATURE_DIGITS + 1] != b"." or _SIGNATURE(line[:SIGNATURE_DIGITS]) is None:
        raise Refused("malformed", detail="a sealed change-set begins with 128 hex digits and a dot")
    if b"\n" in line:
        raise Refused("malformed", detail="a sealed change-set is one line")
    return Sealed(line)


def verify(sealed: Sealed, public_key: bytes, verifier: Verify) -> None:
    """Raise Refused with `bad_signature` unless `public_key` signed exactly this payload."""
    if not verifier(public_key, sealed.payload, sealed.signature):
        raise Refused("bad_signature")
