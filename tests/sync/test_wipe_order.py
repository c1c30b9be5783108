"""Only the office's own answer to this very question makes a device destroy its keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.problems import Refused
from sync.wipe_order import WipeQuestion, read_order, spell_order
from tests.sync.made_up import FIRST, LIN_KEY, WEI_KEY, verifies

OFFICE_KEY = bytes(LIN_KEY.verify_key).hex()
ASKED = WipeQuestion(FIRST.organisation, FIRST.device, "5a" * 32, 7, "ab" * 32)
AT = "2026-11-21T02:15:59.123Z"


def answer_to(question: WipeQuestion, ordered_at: str = AT) -> dict[str, Any]:
    """Return what the office answers."""
    return {"ordered_at": ordered_at, "signature": LIN_KEY.sign(spell_order(question, ordered_at)).signature.hex()}


def is_refused(answer: dict[str, Any], question: WipeQuestion = ASKED, key: str = OFFICE_KEY) -> bool:
    """Tell whether an answer is no order."""
    try:
        read_order(answer, question, key, verifies)
    except Refused as refusal:
        return refusal.code == "answer_not_understood"
    return False


def test_the_offices_answer_is_an_order() -> None:
    assert read_order(answer_to(ASKED), ASKED, OFFICE_KEY, verifies) == AT


@pytest.mark.parametrize(
    "other",
    [
        {"organisation": FIRST.id},
        {"device": FIRST.id},
        {"nonce": "5b" * 32},
        {"seq": 8},
        {"digest": "ac" * 32},
    ],
)
def test_an_order_serves_no_other_question(other: dict[str, Any]) -> None:
    assert is_refused(answer_to(replace(ASKED, **other)))
    assert is_refused(answer_to(ASKED), replace(ASKED, **other))


def test_an_order_by_anybody_but_the_office_is_none() -> None:
    assert is_refused(answer_to(ASKED), key=bytes(WEI_KEY.verify_key).hex())
    assert is_refused(answer_to(ASKED), key="no key")
    assert is_refused({**answer_to(ASKED), "ordered_at": "2026-11-21T02:15:59.124Z"})


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ordered_at": AT},
        {"ordered_at": AT, "signature": "00" * 64},
        {"ordered_at": AT, "signature": "zz" * 64},
        {"ordered_at": AT, "signature": 1},
        {"ordered_at": [AT], "signature": "00" * 64},
        {"ordered_at": f"{AT}\n", "signature": "00" * 64},
        {"ordered_at": "soon", "signature": "00" * 64},
    ],
)
def test_what_is_no_answer_is_no_order(answer: dict[str, Any]) -> None:
    assert is_refused(answer)


def test_an_order_is_no_other_statement_of_the_office() -> None:
    assert spell_order(ASKED, AT).startswith(b"gongdan-wipe\n")
    assert spell_order(ASKED, AT).count(b"\n") == 7
