"""The order to destroy a revoked device's keys: a statement of the office that nobody else can make.

Whoever stands between a device and its server can answer "revoked"; only the office's key can order this. The
statement names the device, a number it has just drawn, and the end of its chain, which the server has: so it serves
for no other device, at no other time, and not before everything unsent was handed in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from schemas.base import INSTANT_PATTERN
from schemas.problems import Refused
from sync.chain import Verify

NONCE_PATTERN: Final = r"[0-9a-f]{64}\Z"
"""256 random bits, drawn by the device for each question."""

_INSTANT = re.compile(INSTANT_PATTERN).match
_SIGNATURE = re.compile(r"[0-9a-f]{128}\Z").match


@dataclass(frozen=True, slots=True)
class WipeQuestion:
    """What a device asks: whether to destroy its keys, given that the server has its chain up to `seq` and `digest`."""

    organisation: str
    device: str
    nonce: str
    seq: int
    digest: str


def spell_order(question: WipeQuestion, ordered_at: str) -> bytes:
    """Return the bytes the office signs to say yes."""
    lines = ("gongdan-wipe", question.organisation, question.device, question.nonce)
    return "".join(f"{line}\n" for line in (*lines, question.seq, question.digest, ordered_at)).encode("ascii")


def spell_confirmation(organisation: str, device: str, ordered_at: str) -> bytes:
    """Return the bytes by which a device says that its keys are destroyed.

    It signs them while it still has the key and sends them when it has not: only a device that was ordered can.
    """
    return "".join(f"{line}\n" for line in ("gongdan-wiped", organisation, device, ordered_at)).encode("ascii")


def read_order(answer: dict[str, Any], question: WipeQuestion, server_key: str, verify: Verify) -> str:
    """Return when the office gave the order.

    `answer` has `ordered_at` and `signature`; `server_key` is the office's as told at enrolment. Raises Refused with
    `answer_not_understood` unless the answer is the office's own to this very question.
    """
    ordered_at, signature = answer.get("ordered_at"), answer.get("signature")
    if not (isinstance(ordered_at, str) and _INSTANT(ordered_at)):
        raise Refused("answer_not_understood")
    if not (isinstance(signature, str) and _SIGNATURE(signature)):
        raise Refused("answer_not_understood")
    try:
        key = bytes.fromhex(server_key)
    except ValueError:
        raise Refused("answer_not_understood") from None
    if not verify(key, spell_order(question, ordered_at), bytes.fromhex(signature)):
        raise Refused("answer_not_understood")
    return ordered_at
