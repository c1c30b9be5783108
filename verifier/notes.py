"""Signed notes: checkpoints of the log and the office's word on a dossier.

Source: C2SP signed-note and tlog-checkpoint (https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ED25519 = b"\x01"
_SIGNATURE = re.compile(r"— (?P<name>[^\n +]+) (?P<signature>[A-Za-z0-9+/]{91}=)\n\Z")
_SIZE = re.compile(r"(?:0|[1-9][0-9]{0,15})\Z")
_ROOT = re.compile(r"[A-Za-z0-9+/]{43}=\Z")

LOG = "gongdan/log/"
DOSSIER = "gongdan/dossier/"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How many entries a log had at one moment, and the root over them."""

    organisation: str
    size: int
    root: bytes


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether an Ed25519 key signed a message. Source: RFC 8032."""
    try:
        _open_key(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=100_000)
def _open_key(public_key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public_key)


def fingerprint(public_key: bytes) -> str:
    """Return the SHA-256 of a key in hexadecimal."""
    return hashlib.sha256(public_key).hexdigest()


def read_note(note: str, origin: str, public_key: bytes) -> list[str] | None:
    """Return the lines behind the origin of a note signed with a key; None when it is no such note."""
    text, _gap, signed = note.rpartition("\n\n")
    found = _SIGNATURE.match(signed)
    first, *lines = text.split("\n")
    if found is None or first != origin or found["name"] != origin or not lines or "" in lines:
        return None
    signature = b64decode(found["signature"])
    # Base64 has spare bits at the end: only one spelling is taken, so that no other file means the same.
    if b64encode(signature).decode() != found["signature"] or signature[:4] != _key_id(origin, public_key):
        return None
    if not verify(public_key, f"{text}\n".encode(), signature[4:]):
        return None
    return lines


def read_checkpoint(note: str, organisation: str, public_key: bytes) -> Checkpoint | None:
    """Return what a checkpoint says; None when the key did not sign it for this organisation's log."""
    lines = read_note(note, LOG + organisation, public_key)
    if lines is None or len(lines) != 2 or not _SIZE.match(lines[0]) or not _ROOT.match(lines[1]):
        return None
    return Checkpoint(organisation, int(lines[0]), b64decode(lines[1]))


def _key_id(name: str, public_key: bytes) -> bytes:
    return hashlib.sha256(name.encode("utf-8") + b"\n" + _ED25519 + public_key).digest()[:4]
