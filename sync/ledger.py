"""Whether a sealed set is next in its device's chain, a repetition, early, or a fork.

Rule 1: a set already taken in is answered with its stored receipt, whatever became of the device since.
Rule 2: the same sequence number with other bytes, taken in or still held, is a fork; the device is frozen and
both are kept.
Rule 3: a revoked or frozen device's further sets are kept aside and change nothing.
Rule 4: the next number with the right predecessor is accepted; with another predecessor it is a fork.
Rule 5: a number that was given up, after a restore that lost it, is kept aside; the chain has gone on without it.
Rule 6: a later number is held until those before it have come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.problems import Fault

HELD_MAX: Final = 1000
"""Held sets per device: a week of work is about 500; more are sent again once the gap is closed."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a device's chain as the server has it."""

    seq: int
    digest: str
    state: str
    """``active``, ``frozen`` or ``revoked``"""


@dataclass(frozen=True, slots=True)
class Accept:
    """The set is next."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The set was taken in before; answer with the stored receipt."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The set is early; keep it until those before it have come."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Refuse:
    """The set is kept aside and changes nothing; `freezes` when it proves that the chain has forked."""

    fault: Fault
    freezes: bool = False


Decision = Accept | Duplicate | Hold | Refuse


def decide(
    head: Head, seq: int, prev: str, digest: str, stored_digest: str | None, held_digest: str | None
) -> Decision:
    """Place a sealed set against its device's chain.

    `stored_digest` and `held_digest` are those of the set taken in, or held, under the same number, if any.
    """
    if stored_digest == digest:
        return Duplicate()
    if head.state == "revoked":
        return Refuse(Fault("device_revoked"))
    if seq <= head.seq and stored_digest is None:
        return Refuse(Fault("set_given_up", {"seq": seq}))
    if seq <= head.seq or held_digest not in (None, digest):
        return Refuse(Fault("sequence_reused", {"seq": seq}), freezes=True)
    if head.state == "frozen":
        return Refuse(Fault("device_frozen"))
    if seq > head.seq + HELD_MAX:
        return Refuse(Fault("too_many_held", {"limit": HELD_MAX}))
    if seq > head.seq + 1:
        return Hold(Fault("gap_in_sequence", {"expected": head.seq + 1}))
    if prev != head.digest:
        return Refuse(Fault("chain_broken", {"seq": seq}), freezes=True)
    return Accept()
