"""Sealed change-sets: signature, digest and per-device chain.

A sealed set is one line of bytes: 128 hex digits of Ed25519 signature (RFC 8032) over the payload, a dot,
and the payload, which is canonical JSON and so has no line break. Its digest is the SHA-256 of the whole
line and is what the device's next set names in `prev`. The bytes are kept and carried as they are; nobody
serialises them again to verify.

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
LINE_BYTES_MAX: Final = SIGNATURE_DIGITS + 1 + CHANGE_SET_BYTES_MAX

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
    def payload(self) -> bytes:
        """The signed bytes."""
        return self.line[SIGNATURE_DIGITS + 1 :]

    @property
    def digest(self) -> str:
        """The SHA-256 of the line, in hexadecimal."""
        return hashlib.sha256(self.line).hexdigest()


def seal(payload: bytes, sign: Sign) -> Sealed:
    """Sign `payload` and return the sealed set."""
    return Sealed(sign(payload).hex().encode("ascii") + b"." + payload)


def open_line(line: bytes) -> Sealed:
    """Read one line as a sealed set, without judging its signature.

    Raises Refused with `change_set_too_large` or `malformed`.
    """
    if len(line) > LINE_BYTES_MAX:
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
