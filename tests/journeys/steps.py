"""What the journeys begin with: an office, an order, a device of Wei's."""

from __future__ import annotations

import re
from typing import Final

from scripts.demo_stage import Stage

MACHINE: Final = "MC12-2403-0018"
WEIS_DEVICE: Final = "Wei's phone"
ORDER: Final = ("--machine", MACHINE, "--grade", "urgent", "--term", "标准服务（A）")


def make_order(stage: Stage, *more: str, symptom: str = "noise") -> str:
    """Let the office write an order, and return its number."""
    told = stage.office("orders", "create", "--by", "dana", *ORDER, "--symptom", symptom, *more)
    found = re.search(r"GD\d+", told)
    assert found is not None, told
    return found[0]


def invite(stage: Stage) -> str:
    """Let the office write an enrolment code for Wei."""
    told = stage.office("enrol", "--person", "wei")
    found = re.search(r"gongdan-enrol:\S+", told)
    assert found is not None, told
    return found[0]


def enrol(stage: Stage) -> None:
    """Enrol Wei's device."""
    stage.device("enrol", invite(stage), "--name", WEIS_DEVICE)


def begin_work(stage: Stage, *more: str, symptom: str = "noise") -> str:
    """Assign Wei an order that he has begun on his device, which has not told so yet; return its number."""
    number = make_order(stage, "--engineer", "wei", *more, symptom=symptom)
    enrol(stage)
    stage.device("sync")
    stage.device("start", number)
    return number
