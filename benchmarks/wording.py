"""What people write in the benchmarks' orders: Chinese sentences from a service desk's vocabulary.

Whole sentences from a short list would repeat and compress far better than what people write, which would
flatter every figure of bytes on the wire; so words are combined freely.
"""

import random
import tomllib
from pathlib import Path
from typing import Any

WORDS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8"))
FAULTS_REPORTED = 4  # brings an order to 1.2 KB as JSON


def write_symptom(chance: random.Random) -> str:
    """Write what the customer reports: what fails, when, what was tried, what it costs him."""
    faults = "；".join(_write_fault(chance) for _ in range(FAULTS_REPORTED))
    tried = f"已{_pick(chance, 'actions')}并{_pick(chance, 'actions')}，{_pick(chance, 'outcomes')}"
    return f"{faults}。{tried}。目前{_pick(chance, 'effects')}，约{_write_amount(chance)}。"


def write_instructions(chance: random.Random) -> str:
    """Write what the dispatcher asks of the engineer."""
    return "请" + "，".join(chance.sample(WORDS["needs"], 6)) + "。"


def write_visit_note(chance: random.Random) -> str:
    """Write what the customer says about the appointment."""
    return "，".join(chance.sample(WORDS["needs"], 2))


def write_diagnosis(chance: random.Random) -> str:
    """Write an engineer's first finding."""
    return f"{_write_fault(chance)}，已{_pick(chance, 'actions')}，{_pick(chance, 'outcomes')}"


def write_name(chance: random.Random) -> str:
    """Write a person's name."""
    return _pick(chance, "surnames") + _pick(chance, "given_names") + _pick(chance, "given_names")


def write_phone(chance: random.Random) -> str:
    """Write a mobile number."""
    return f"13{chance.randrange(10**9):09}"


def write_address(chance: random.Random) -> str:
    """Write a street address."""
    street, house = _pick(chance, "streets"), f"{chance.randint(1, 999)}号{chance.randint(1, 20)}号楼"
    return f"{_pick(chance, 'cities')}市{street}{house}"


def write_company(chance: random.Random) -> str:
    """Write a customer's name."""
    return _pick(chance, "cities") + _pick(chance, "brands") + _pick(chance, "trades")


def write_city(chance: random.Random) -> str:
    """Write a city's name."""
    return _pick(chance, "cities")


def _pick(chance: random.Random, words: str) -> str:
    return str(chance.choice(WORDS[words]))


def _write_fault(chance: random.Random) -> str:
    place = _pick(chance, "when") + _pick(chance, "parts") + _pick(chance, "places")
    second = _pick(chance, "parts") + _pick(chance, "faults")
    return f"{place}{_pick(chance, 'faults')}，{second}，实测{_write_amount(chance)}"


def _write_amount(chance: random.Random) -> str:
    return f"{chance.randint(2, 4000)}{_pick(chance, 'units')}"
