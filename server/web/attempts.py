"""Slowing down guesses: how often somebody may try to sign in or to enrol, whichever process he meets.

Rule 1: what was tried is kept as a digest only: people type passwords where logins belong.
Rule 2: an attempt is counted before it is judged, so that many at once do not slip through.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from schemas.problems import Refused
from server.clock import unix_now
from server.store import attempts
from server.store.database import writing


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts of a sort in each window of so many seconds."""

    name: str
    amount: int
    window_s: int = 300


SIGN_INS_PER_LOGIN: Final = Limit("sign-in login", 10)
"""Per login and address: a person who mistypes needs three; a guesser gets 2,880 a day, far from any dictionary.
There is no limit for a login alone: whoever has enough addresses could then keep its owner out."""

SIGN_INS_PER_ADDRESS: Final = Limit("sign-in address", 100)
"""An office of fifty behind one address signs in within five minutes in the morning, some of them twice."""

CODES_PER_PERSON: Final = Limit("second factor", 10)
"""Of a million codes three count at a time: a guesser who has the password needs months, and is seen in the journal."""

PROOFS_PER_PERSON: Final = Limit("proof", 10)
"""Who is signed in and types his password again; a passer-by at an open screen guesses no more than at the door."""

LINKS_PER_ADDRESS: Final = Limit("password link", 60)
"""A link has 256 bits; this only spares the server the hashing of passwords."""

ENROLMENTS_PER_ADDRESS: Final = Limit("enrol address", 60)
"""A training room enrols thirty devices at once; a code has 100 bits, so guessing is hopeless anyway."""


class Attempts:
    """Counts attempts in windows that begin with the first, in the database of all processes."""

    def __init__(self, engine: Engine) -> None:
        """Count in the database of `engine`."""
        self._engine = engine

    def count(self, limit: Limit, *keys: str) -> None:
        """Count one attempt; raises Refused with `too_many_attempts` when it is one too many."""
        now = unix_now()
        with writing(self._engine) as connection:
            tried, ends_at = attempts.count_attempt(connection, _digest(limit, keys), now, now + limit.window_s)
            if tried == 1:
                attempts.delete_ended(connection, now)
        if tried > limit.amount:
            raise Refused("too_many_attempts", seconds=ends_at - now)

    def forget(self, limit: Limit, *keys: str) -> None:
        """Begin again for somebody who has succeeded."""
        with writing(self._engine) as connection:
            attempts.forget_attempts(connection, _digest(limit, keys))


def _digest(limit: Limit, keys: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join((limit.name, *keys)).encode("utf-8", "replace")).hexdigest()
