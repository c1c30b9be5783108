"""Signed checkpoints: the log's size and root as a signed note that anybody can verify.

Source: C2SP tlog-checkpoint and signed-note (https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note). The
signature is Ed25519, its primitive passed in.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes, bytes], bool]
"""public key, message, signature -> whether it holds"""

CHECKPOINT_CHARACTERS_MAX: Final = 500
"""An origin of 48 characters, a size, a root and one signature have some 250."""

_ED25519: Final = b"\x01"
"""The signature type of Ed25519. Source: C2SP signed-note, signature types."""

_NOTE: Final = re.compile(
    r"(?P<text>(?P<origin>[^\n +]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/]{43}=)\n)\n"
    r"— (?P<name>[^\n +]+) (?P<signature>[A-Za-z0-9+/]{91}=)\n\Z"
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log of an organisation at one moment: how many entries, and the root over them."""

    organisation: str
    size: int
    root: bytes

    @property
    def witness(self) -> str:
        """Size and root as change-sets carry them."""
        return f"{self.size} {self.root.hex()}"


def origin_of(organisation: str) -> str:
    """Return the name of an organisation's log, which is also the name of the key that signs it."""
    return f"gongdan/log/{organisation}"


def write_checkpoint(checkpoint: Checkpoint, public_key: bytes, sign: Sign) -> str:
    """Return a checkpoint as a signed note."""
    lines = (str(checkpoint.size), b64encode(checkpoint.root).decode())
    return write_note(origin_of(checkpoint.organisation), lines, public_key, sign)


def write_note(origin: str, lines: Iterable[str], public_key: bytes, sign: Sign) -> str:
    """Return some lines as a signed note of an origin, which is also the name of the key."""
    text = "".join(f"{line}\n" for line in (origin, *lines))
    signature = _key_id(origin, public_key) + sign(text.encode("utf-8"))
    return f"{text}\n— {origin} {b64encode(signature).decode()}\n"


def read_checkpoint(note: str, organisation: str, public_key: bytes, verify: Verify) -> Checkpoint | None:
    """Return what a signed note says; None when it is no checkpoint of this organisation signed with this key."""
    origin = origin_of(organisation)
    found = _NOTE.match(note) if len(note) <= CHECKPOINT_CHARACTERS_MAX else None
    if found is None or found["origin"] != origin or found["name"] != origin:
        return None
    signature = b64decode(found["signature"])
    root = b64decode(found["root"])
    if signature[:4] != _key_id(origin, public_key):
        return None
    if not verify(public_key, found["text"].encode("utf-8"), signature[4:]):
        return None
    return Checkpoint(organisation, int(found["size"]), root)


def _key_id(name: str, public_key: bytes) -> bytes:
    """Return the key's id. Source: C2SP signed-note, signatures."""
    return hashlib.sha256(name.encode("utf-8") + b"\n" + _ED25519 + public_key).digest()[:4]
