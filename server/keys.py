"""The office's own keys, checking a device's signature, and new ids: the server's only cryptography and chance."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import random
import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nacl.encoding import HexEncoder
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey

from server.clock import unix_ms
from server.durable import make_folder, sync_folder
from server.settings import Settings

SECRET_BYTES: Final = 32
"""Both an Ed25519 seed and a key of HMAC-SHA256 are this long (RFC 8032 section 5.1.5, RFC 2104 section 3)."""

CODE_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
"""Base32 (RFC 4648 section 6): without 0 and 1, which on paper are mistaken for letters."""

_chance: random.Random = secrets.SystemRandom()


@contextlib.contextmanager
def drawing_from(chance: random.Random) -> Iterator[None]:
    """Let this process draw ids and codes from the caller's chance: a simulation repeats itself from its seed.

    Keys and secrets are never drawn from it.
    """
    global _chance
    before, _chance = _chance, chance
    try:
        yield
    finally:
        _chance = before


@dataclass(frozen=True, slots=True)
class OfficeKey:
    """The key the office signs its own change-sets and checkpoints with, and the secret of its tokens."""

    sign: Callable[[bytes], bytes] = field(repr=False)
    public_key: str
    token_secret: bytes = field(repr=False)


def open_office_key(settings: Settings) -> OfficeKey:
    """Read the keys in the data folder, making them when the server starts for the first time.

    Several processes may call at once: all get the same keys. Raises OSError when the folder cannot be
    written, ValueError when a key file is damaged.
    """
    folder = settings.data / "keys"
    make_folder(folder)
    signing_key = SigningKey(_read_or_make(folder / "office.key"))
    return OfficeKey(
        sign=lambda message: signing_key.sign(message).signature,
        public_key=bytes(signing_key.verify_key).hex(),
        token_secret=_read_or_make(folder / "tokens.secret"),
    )


def verify_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether `signature` over `message` was made with the private half of an Ed25519 key."""
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def seal_secret(key: OfficeKey, purpose: str, secret: str) -> str:
    """Return a secret enciphered for the database, so that a copy of the database alone does not show it."""
    return bytes(_box_of(key, purpose).encrypt(secret.encode("utf-8"), encoder=HexEncoder)).decode("ascii")


def open_secret(key: OfficeKey, purpose: str, sealed: str) -> str:
    """Return a secret that `seal_secret` enciphered. Raises ValueError when it was with another key."""
    try:
        return _box_of(key, purpose).decrypt(sealed.encode("ascii"), encoder=HexEncoder).decode("utf-8")
    except CryptoError:
        raise ValueError(f"{purpose}: sealed with another key than that in the data folder") from None


def _box_of(key: OfficeKey, purpose: str) -> SecretBox:
    return SecretBox(hmac.new(key.token_secret, purpose.encode("utf-8"), hashlib.sha256).digest())


def new_id() -> str:
    """Return a UUIDv7: ids made later sort later. Source: RFC 9562 section 5.7."""
    value = unix_ms() << 80 | _chance.getrandbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def id_bound(milliseconds: int) -> str:
    """Return what sorts before every id made from this time on, in milliseconds since 1970, and after all older."""
    digits = f"{max(0, milliseconds):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def draw_bytes(count: int) -> bytes:
    """Return random bytes, fit for the salts of a change-set."""
    return _chance.randbytes(count)


def new_secret() -> str:
    """Return a random text of 256 bits, fit for an address; never drawn from a simulation's chance."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_code(length: int) -> str:
    """Return a random code of `length` characters, five bits each."""
    return "".join(_chance.choice(CODE_ALPHABET) for _ in range(length))


def _read_or_make(path: Path) -> bytes:
    """Return the secret in a file; a new file appears whole and on disk, or not at all."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # A link never replaces: of two processes that start together, the second takes the first one's key.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        sync_folder(path.parent)
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"{path} is damaged: {len(secret)} bytes instead of {SECRET_BYTES}")
    return secret
