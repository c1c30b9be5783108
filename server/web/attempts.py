"""Slowing down guesses: how often somebody may try to sign in or to enrol.

Counts are kept in each process's memory: with several processes an attacker has as many times the
attempts, which the limits leave room for.
"""

from __future__ import annotations

from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from schemas.problems import Refused
from server.clock import unix_now

SIGN_INS_PER_LOGIN: Final = RateLimitItemPerMinute(10, 5, namespace="sign-in-login")
"""Per login and address: a person who mistypes needs three; a guesser gets 3,000 a day, far from any dictionary."""

SIGN_INS_PER_ADDRESS: Final = RateLimitItemPerMinute(100, 5, namespace="sign-in-address")
"""An office of fifty behind one address signs in within five minutes in the morning, some of them twice."""

ENROLMENTS_PER_ADDRESS: Final = RateLimitItemPerMinute(60, 5, namespace="enrol-address")
"""A training room enrols thirty devices at once; a code has 100 bits, so guessing is hopeless anyway."""


class Attempts:
    """Counts attempts in fixed windows."""

    def __init__(self) -> None:
        """Begin with no attempts counted."""
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def count(self, limit: RateLimitItem, *keys: str) -> None:
        """Count one attempt; raises Refused with `too_many_attempts` when it is one too many."""
        if not self._limiter.hit(limit, *keys):
            window = self._limiter.get_window_stats(limit, *keys)
            raise Refused("too_many_attempts", seconds=max(1, int(window.reset_time) - unix_now()))

    def forget(self, limit: RateLimitItem, *keys: str) -> None:
        """Begin again for somebody who has succeeded."""
        self._limiter.clear(limit, *keys)
