"""The device's keys, locked by a PIN; the only module that knows a cryptography library.

Rule 1: one random data key stands behind everything; a PIN only wraps it, so a change of PIN rewrites one small
        file, and destroying that file makes the whole device unreadable.
Rule 2: each use has a key of its own, derived with a personal string (BLAKE2b, RFC 7693 section 2.5).
Rule 3: no key leaves this module but the database's, which the database library must be told.

The count of wrong PINs slows down a person at the device. Whoever has copied the file is slowed by Argon2 alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from argon2.low_level import Type, hash_secret_raw
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_ABYTES,
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey

from field_client.durable import make_folder, sync_folder
from field_client.problems import MediaProblem

PIN_LENGTHS: Final = range(6, 65)
"""Six digits are a million tries at 64 MiB and 0.1 s each; four would be a lunch break. 64 bounds a paste."""

ARGON2_TIME_COST: Final = 3
ARGON2_MEMORY_KIB: Final = 64 * 1024
ARGON2_LANES: Final = 4
"""RFC 9106 section 4, the choice for machines without gigabytes to spare: 0.1 to 0.2 s on a tablet."""

ARGON2_MEMORY_KIB_MAX: Final = 1024 * 1024
ARGON2_TIME_COST_MAX: Final = 64
ARGON2_LANES_MAX: Final = 16
"""An altered keyring file must not make the device spend all its memory or an hour."""

WRONG_PINS_FREE: Final = 3
"""Slips of a finger in a glove cost nothing."""

WAIT_FIRST_S: Final = 30
WAIT_LONGEST_S: Final = 3600
"""Doubles with each further wrong PIN; an hour, not for ever: an engineer is alone with his device on site."""

KEYRING_BYTES_MAX: Final = 16 * 1024
CHUNK_OVERHEAD_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_ABYTES
FILE_NONCE_BYTES: Final = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES - 5
"""Random per file; the other five bytes of a nonce are the chunk's number and whether it is the last."""

_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16
_VERSION: Final = 1


class Keyring:
    """The open keys of one device: signs as the device, and enciphers what it keeps."""

    def __init__(self, data_key: bytes) -> None:
        """Derive the keys of each use from the 32-byte data key."""
        assert len(data_key) == _KEY_BYTES
        self._data_key = data_key
        self._signing_key = SigningKey(_derive(data_key, b"gongdan sign v1"))
        self._file_key = _derive(data_key, b"gongdan file v1")

    @property
    def database_key(self) -> str:
        """The key of the database, 64 hexadecimal digits."""
        return _derive(self._data_key, b"gongdan base v1").hex()

    @property
    def public_key(self) -> bytes:
        """The device's Ed25519 public key, 32 bytes."""
        return bytes(self._signing_key.verify_key)

    def sign(self, message: bytes) -> bytes:
        """Return the device's Ed25519 signature (RFC 8032) of the message, 64 bytes."""
        return self._signing_key.sign(message).signature

    def seal_chunk(self, nonce: bytes, number: int, last: bool, plain: bytes, bound: bytes) -> bytes:
        """Encipher one chunk of a file so that it cannot be moved, cut off or given another header.

        XChaCha20-Poly1305 in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015): any chunk can be
        opened by itself, so reading may begin in the middle. `bound` is authenticated but not enciphered.
        """
        whole = _name_chunk(nonce, number, last)
        return crypto_aead_xchacha20poly1305_ietf_encrypt(plain, bound, whole, self._file_key)

    def open_chunk(self, nonce: bytes, number: int, last: bool, sealed: bytes, bound: bytes) -> bytes:
        """Decipher what `seal_chunk` made; raises ValueError when it is not what was sealed there."""
        whole = _name_chunk(nonce, number, last)
        try:
            return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, bound, whole, self._file_key)
        except CryptoError as error:
            raise ValueError("the chunk is not what was sealed") from error

    def seal(self, pin: str) -> bytes:
        """Return the data key wrapped by the PIN, as JSON with all that opening it takes but the PIN.

        Raises MediaProblem value_invalid for a PIN that is too short or too long.
        """
        if len(_normalise(pin)) not in PIN_LENGTHS:
            raise MediaProblem("value_invalid", field="PIN", detail=f"{PIN_LENGTHS[0]}–{PIN_LENGTHS[-1]}")
        costs = {"time_cost": ARGON2_TIME_COST, "memory_kib": ARGON2_MEMORY_KIB, "lanes": ARGON2_LANES}
        salt = os.urandom(_SALT_BYTES)
        wrapped = SecretBox(_stretch(pin, salt, costs)).encrypt(self._data_key)
        kdf = {"name": "argon2id", "salt": salt.hex(), **costs}
        return _encode({"version": _VERSION, "kdf": kdf, "wrapped": bytes(wrapped).hex()})


@dataclass(frozen=True, slots=True)
class WrongPins:
    """How often a wrong PIN was given in a row, and when last (seconds since 1970)."""

    count: int
    last_at: int

    def find_wait_s(self, unix_now: int) -> int:
        """Return how many seconds must pass before the next try; 0 when one may try."""
        steps = self.count - WRONG_PINS_FREE
        if steps < 0:
            return 0
        wait_s = min(WAIT_LONGEST_S, WAIT_FIRST_S << min(steps, 16))
        # A clock set back would otherwise lock the device until that time comes round again.
        return max(0, min(wait_s, self.last_at + wait_s - unix_now))


def create_keyring(pin: str) -> tuple[Keyring, bytes]:
    """Make the keys of a new device; return them open, and sealed by the PIN.

    Raises MediaProblem value_invalid for a PIN of a wrong length.
    """
    keyring = Keyring(os.urandom(_KEY_BYTES))
    return keyring, keyring.seal(pin)


def open_keyring(sealed: bytes, pin: str) -> Keyring:
    """Open what `create_keyring` or `change_pin` sealed.

    Raises MediaProblem: pin_wrong, or keyring_damaged when the sealed bytes are damaged.
    """
    fields = _decode(sealed)
    try:
        kdf, wrapped = fields["kdf"], bytes.fromhex(fields["wrapped"])
        if kdf["name"] != "argon2id" or fields["version"] != _VERSION:
            raise ValueError("made by another version")
        key = _stretch(pin, bytes.fromhex(kdf["salt"]), kdf)
    except (KeyError, TypeError, ValueError) as error:
        raise MediaProblem("keyring_damaged") from error
    try:
        return Keyring(SecretBox(key).decrypt(wrapped))
    except (CryptoError, ValueError) as error:
        raise MediaProblem("pin_wrong") from error


def change_pin(sealed: bytes, old: str, new: str) -> bytes:
    """Return the same keys sealed by another PIN. Raises as `open_keyring` and `create_keyring` do."""
    return open_keyring(sealed, old).seal(new)


def unlock(path: Path, pin: str, unix_now: int) -> Keyring:
    """Open a keyring file, counting wrong PINs in the file itself, so that a restart forgets none.

    Raises MediaProblem: too_many_attempts with `seconds` to wait, pin_wrong, keyring_damaged, not_enrolled.
    """
    sealed = read_keyring(path)
    wrong = count_wrong_pins(sealed)
    if wait_s := wrong.find_wait_s(unix_now):
        raise MediaProblem("too_many_attempts", seconds=wait_s)
    try:
        keyring = open_keyring(sealed, pin)
    except MediaProblem as problem:
        if problem.code == "pin_wrong":
            save_keyring(path, _note(sealed, WrongPins(wrong.count + 1, unix_now)))
        raise
    if wrong.count or _list_drafts(path):
        save_keyring(path, _note(sealed, WrongPins(0, 0)))
    return keyring


def count_wrong_pins(sealed: bytes) -> WrongPins:
    """Return the wrong PINs given since the last right one."""
    noted = _decode(sealed).get("wrong_pins") or {}
    try:
        return WrongPins(int(noted.get("count", 0)), int(noted.get("last_at", 0)))
    except (AttributeError, TypeError, ValueError) as error:
        raise MediaProblem("keyring_damaged") from error


def read_keyring(path: Path) -> bytes:
    """Read a sealed keyring; raises MediaProblem not_enrolled when there is none."""
    try:
        with path.open("rb") as file:
            return file.read(KEYRING_BYTES_MAX + 1)
    except FileNotFoundError:
        raise MediaProblem("not_enrolled") from None


def save_keyring(path: Path, sealed: bytes) -> None:
    """Write a sealed keyring so that a power cut leaves the old one or the new one, readable by its owner only.

    Drafts that killed processes have left are destroyed: one may still open with a PIN that holds no more.
    """
    make_folder(path.parent)
    with _alone_at(path.parent):
        for draft in _list_drafts(path):
            erase_keyring(draft)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
        sync_folder(path.parent)


def erase_keyring(path: Path) -> None:
    """Destroy a sealed keyring: all the device holds is unreadable from then on, with or without the PIN."""
    try:
        with path.open("r+b") as file:
            file.write(os.urandom(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the Ed25519 signature is this key's over this message."""
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, CryptoError, ValueError):
        return False
    return True


def _list_drafts(path: Path) -> list[Path]:
    return list(path.parent.glob(f".{path.name}.*"))


@contextmanager
def _alone_at(folder: Path) -> Iterator[None]:
    """Let one process at a time save keyrings in a folder, so that any draft found there is a killed one's."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _derive(data_key: bytes, use: bytes) -> bytes:
    return hashlib.blake2b(key=data_key, person=use, digest_size=_KEY_BYTES).digest()


def _normalise(pin: str) -> str:
    """Give the PIN as it was meant: a Chinese keyboard may write full-width digits."""
    return unicodedata.normalize("NFKC", pin)


def _stretch(pin: str, salt: bytes, costs: dict[str, Any]) -> bytes:
    time_cost, memory_kib, lanes = costs["time_cost"], costs["memory_kib"], costs["lanes"]
    sane = 1 <= time_cost <= ARGON2_TIME_COST_MAX and 1 <= lanes <= ARGON2_LANES_MAX
    if not (sane and 8 * lanes <= memory_kib <= ARGON2_MEMORY_KIB_MAX and len(salt) == _SALT_BYTES):
        raise ValueError("costs out of bounds")
    return hash_secret_raw(_normalise(pin).encode(), salt, time_cost, memory_kib, lanes, _KEY_BYTES, Type.ID)


def _name_chunk(nonce: bytes, number: int, last: bool) -> bytes:
    assert len(nonce) == FILE_NONCE_BYTES
    return nonce + number.to_bytes(4, "big") + bytes([last])


def _note(sealed: bytes, wrong: WrongPins) -> bytes:
    noted = {"count": wrong.count, "last_at": wrong.last_at}
    return _encode({**_decode(sealed), "wrong_pins": noted})


def _encode(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, indent=1).encode() + b"\n"


def _decode(sealed: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(sealed)
    except (ValueError, RecursionError) as error:
        raise MediaProblem("keyring_damaged") from error
    if not isinstance(fields, dict) or len(sealed) > KEYRING_BYTES_MAX:
        raise MediaProblem("keyring_damaged")
    return fields
