"""The second factor: six digits of a code generator, or a recovery code. Source: RFC 6238, RFC 4226.

Rule 1: a code is taken once: of two that come at the same time, one is refused.
Rule 2: the generator's secret lies enciphered in the database, recovery codes as hashes.
Rule 3: a generator counts once a code of it was typed: nobody locks himself out with one that was never set up.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import pyotp
from sqlalchemy import Connection

from schemas.problems import Refused
from server.clock import unix_now, utc_now
from server.keys import OfficeKey, new_code, open_secret, seal_secret
from server.store import second_factors

STEP_S: Final = 30
STEPS_ASIDE: Final = 1
"""A telephone's clock may be half a minute off, and typing takes its time. Source: RFC 6238 section 5.2."""

DIGITS: Final = 6
SECRET_CHARACTERS: Final = 32
"""160 bits. Source: RFC 4226 section 4, R6."""

RECOVERY_CODES: Final = 10
RECOVERY_CHARACTERS: Final = 16
"""80 random bits: a hash without salt hides them as well as any."""

_PURPOSE: Final = "second factor"


@dataclass(frozen=True, slots=True)
class Generator:
    """A code generator that is being set up."""

    secret: str
    """In Base32, for who cannot scan"""
    address: str
    """What the QR code holds: ``otpauth://totp/...``"""


def begin(connection: Connection, key: OfficeKey, organisation: str, person: str, login: str) -> Generator:
    """Return a secret for a person's code generator, the same one until it is confirmed.

    Raises Refused with `second_factor_set` when he has one that counts.
    """
    known = second_factors.find_factor(connection, organisation, person)
    if known is not None and known.confirmed_at is not None:
        raise Refused("second_factor_set")
    if known is not None:
        secret = open_secret(key, _PURPOSE, known.sealed)
    else:
        secret = pyotp.random_base32(SECRET_CHARACTERS)
        second_factors.begin_factor(connection, organisation, person, seal_secret(key, _PURPOSE, secret))
    address = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).provisioning_uri(
        name=login, issuer_name="Gongdan 工单"
    )
    return Generator(secret, address)


def confirm(connection: Connection, key: OfficeKey, organisation: str, person: str, code: str) -> list[str]:
    """Let a code generator count from its first code on; return the recovery codes, which are shown only here.

    Raises Refused with `second_factor_wrong`, `second_factor_set` or `second_factor_missing`.
    """
    known = second_factors.find_factor(connection, organisation, person)
    if known is None:
        raise Refused("second_factor_missing")
    if known.confirmed_at is not None:
        raise Refused("second_factor_set")
    _take_digits(connection, key, organisation, person, known.sealed, _plain(code))
    second_factors.confirm_factor(connection, organisation, person, utc_now())
    return renew_codes(connection, organisation, person)


def renew_codes(connection: Connection, organisation: str, person: str) -> list[str]:
    """Return recovery codes in place of those a person had."""
    codes = [new_code(RECOVERY_CHARACTERS) for _ in range(RECOVERY_CODES)]
    second_factors.replace_codes(connection, organisation, person, map(_hash_of, codes))
    return ["-".join(code[at : at + 4] for at in range(0, RECOVERY_CHARACTERS, 4)) for code in codes]


def is_set(connection: Connection, organisation: str, person: str) -> bool:
    """Tell whether a person has a second factor that counts."""
    known = second_factors.find_factor(connection, organisation, person)
    return known is not None and known.confirmed_at is not None


def take(connection: Connection, key: OfficeKey, organisation: str, person: str, code: str) -> str:
    """Take a person's code; return what it was: ``totp`` or ``recovery``.

    Raises Refused with `second_factor_wrong`, or `second_factor_missing` when he has none that counts.
    """
    known = second_factors.find_factor(connection, organisation, person)
    if known is None or known.confirmed_at is None:
        raise Refused("second_factor_missing")
    plain = _plain(code)
    if len(plain) == RECOVERY_CHARACTERS:
        if not second_factors.claim_code(connection, organisation, person, _hash_of(plain)):
            raise Refused("second_factor_wrong")
        return "recovery"
    _take_digits(connection, key, organisation, person, known.sealed, plain)
    return "totp"


def remove(connection: Connection, organisation: str, person: str) -> bool:
    """Take a person's second factor and recovery codes away; return whether he had one."""
    return second_factors.delete_factor(connection, organisation, person)


def _take_digits(
    connection: Connection, key: OfficeKey, organisation: str, person: str, sealed: str, digits: str
) -> None:
    generator = pyotp.TOTP(open_secret(key, _PURPOSE, sealed), digits=DIGITS, interval=STEP_S)
    now = unix_now() // STEP_S
    # Every step is compared, so that the time taken does not tell which one fits.
    fitting = [
        step
        for step in range(now - STEPS_ASIDE, now + STEPS_ASIDE + 1)
        if hmac.compare_digest(generator.generate_otp(step).encode(), digits.encode("utf-8", "replace"))
    ]
    if not fitting or not second_factors.claim_step(connection, organisation, person, fitting[-1]):
        raise Refused("second_factor_wrong")


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").upper()


def _hash_of(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()
