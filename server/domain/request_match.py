"""Which requests and orders may be the same fault told twice, and which known fixes may help; each with its reasons.

Rule 1: what is found is offered to a person; nothing is merged or decided here.
Rule 2: nothing is offered without something that says who or which machine: two people describe one fault alike.
Rule 3: what was told long ago and has ended is another fault.
Source: handbook R2, R3, F8.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.request import MatchReason
from server.domain.trace import fold

ENDED_DAYS_MAX: Final = 14
"""A fault that comes back after two weeks is told anew: it may be a repair that did not hold (W5, W6)."""

COMPARED_CHARACTERS_MAX: Final = 1000
"""What a symptom is told by stands in its first sentences; more would only cost time."""

SIMILAR_PERCENT_MIN: Final = 25
"""Of pairs of letters: two people's words for one fault share a quarter and more, for different faults a tenth."""

OFFERED_MAX: Final = 8

PHONE_DIGITS: Final = 11
"""A Chinese mobile number; a longer one begins with a country's code, which people leave out."""

_POINTS: Final = {
    "same_machine": 50, "same_serial": 45, "same_phone": 20, "same_email": 20, "same_customer": 10, "same_alarm": 25,
    "similar_symptom": 25, "hours_apart": 10, "days_apart": 0, "same_model": 30, "same_family": 15, "word_met": 20,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a fault, in a request or an order."""

    id: str
    kind: str
    number: str
    reported_at: str
    is_open: bool
    machine: str | None = None
    serial: str | None = None
    customer: str | None = None
    phone: str | None = None
    email: str | None = None
    alarms: frozenset[str] = frozenset()
    symptom: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to look at first, best first by `points`."""

    id: str
    kind: str
    title: str
    points: int
    reasons: tuple[MatchReason, ...]


@dataclass(frozen=True, slots=True)
class Fix:
    """What a known fix is found by."""

    id: str
    title: str
    model: str | None = None
    family: str | None = None
    alarms: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


def fold_phone(phone: str) -> str:
    """Return what a telephone number is compared by: its last digits, without signs and country code."""
    digits = "".join(str(unicodedata.digit(sign)) for sign in phone if sign.isdigit())
    return digits[-PHONE_DIGITS:].lstrip("0")


def fold_email(email: str) -> str:
    """Return what an address is compared by."""
    return unicodedata.normalize("NFKC", email).strip().casefold()[:120]


def fold_alarm(alarm: str) -> str:
    """Return what an alarm code is compared by: E-07, e07 and "E 07" are one."""
    return re.sub(r"[\W_]+", "", fold(alarm))


def likeness(first: str, second: str) -> int:
    """Return how alike two descriptions are, in per cent of their pairs of letters; any script will do."""
    ours, theirs = _pairs(first), _pairs(second)
    if not ours or not theirs:
        return 0
    return round(200 * len(ours & theirs) / (len(ours) + len(theirs)))


def find_duplicates(told: Told, others: Iterable[Told]) -> list[Offer]:
    """Return which of the others may be the same fault, best first, at most OFFERED_MAX."""
    offers = [offer for other in others if other.id != told.id and (offer := _compare(told, other))]
    return sorted(offers, key=lambda offer: (-offer.points, offer.title))[:OFFERED_MAX]


def find_fixes(told: Told, model: str | None, family: str | None, fixes: Iterable[Fix]) -> list[Offer]:
    """Return which known fixes may help, best first, at most OFFERED_MAX. Source: handbook R3."""
    offers = [offer for fix in fixes if (offer := _try_fix(told, model, family, fix))]
    return sorted(offers, key=lambda offer: (-offer.points, offer.title))[:OFFERED_MAX]


def told_of(record_id: str, kind: str, values: Mapping[str, Any], serial: str | None = None) -> Told:
    """Return what a request's or an order's values tell; `serial` is that of its machine's record."""
    state = values.get("state") or values.get("status")
    return Told(
        id=record_id,
        kind=kind,
        number=str(values.get("number") or ""),
        reported_at=str(values.get("reported_at") or ""),
        is_open=state not in ("solved", "duplicate", "refused", "closed", "cancelled"),
        machine=values.get("machine_id"),
        serial=serial or values.get("machine_serial"),
        customer=values.get("customer_id"),
        phone=values.get("phone"),
        email=values.get("email"),
        alarms=frozenset(values.get("alarms") or ()),
        symptom=str(values.get("symptom") or ""),
    )


def _compare(told: Told, other: Told) -> Offer | None:
    hours = _hours_between(told.reported_at, other.reported_at)
    if hours is None or (not other.is_open and hours > ENDED_DAYS_MAX * 24):
        return None
    machine, people, signs = list(_by_machine(told, other)), list(_by_people(told, other)), list(_by_signs(told, other))
    # Two machines of one customer often fail in one week; only a fault told alike is then worth a look.
    if not machine and (not people or not signs or _are_two_machines(told, other)):
        return None
    apart = MatchReason("hours_apart", {"hours": hours}) if hours < 48 else None
    reasons = (*machine, *people, *signs, apart or MatchReason("days_apart", {"days": hours // 24}))
    return Offer(other.id, other.kind, other.number, _count(reasons), reasons)


def _by_machine(told: Told, other: Told) -> Iterator[MatchReason]:
    if told.machine and told.machine == other.machine:
        yield MatchReason("same_machine", {"serial": other.serial or told.serial or ""})
    # One serial number at two makers is two machines, where both are known.
    elif not (told.machine and other.machine) and fold(told.serial or "") == fold(other.serial or "") != "":
        yield MatchReason("same_serial", {"serial": other.serial or ""})


def _are_two_machines(told: Told, other: Told) -> bool:
    if told.machine and other.machine:
        return told.machine != other.machine
    return bool(told.serial and other.serial)


def _by_people(told: Told, other: Told) -> Iterator[MatchReason]:
    phone = fold_phone(told.phone or "")
    if len(phone) > 5 and phone == fold_phone(other.phone or ""):
        yield MatchReason("same_phone")
    if told.email and other.email and fold_email(told.email) == fold_email(other.email):
        yield MatchReason("same_email")
    if told.customer and told.customer == other.customer:
        yield MatchReason("same_customer")


def _by_signs(told: Told, other: Told) -> Iterator[MatchReason]:
    alarms = _shared_alarms(told.alarms, other.alarms)
    if alarms:
        yield MatchReason("same_alarm", {"alarms": ", ".join(alarms)})
    percent = likeness(told.symptom, other.symptom)
    if percent >= SIMILAR_PERCENT_MIN:
        yield MatchReason("similar_symptom", {"percent": percent})


def _try_fix(told: Told, model: str | None, family: str | None, fix: Fix) -> Offer | None:
    if (fix.model and model and fix.model != model) or (fix.family and family and fix.family != family):
        return None
    reasons: list[MatchReason] = []
    if alarms := _shared_alarms(told.alarms, fix.alarms) or _alarms_in(told.symptom, fix.alarms):
        reasons.append(MatchReason("same_alarm", {"alarms": ", ".join(alarms)}))
    symptom = _plain(told.symptom)
    if met := [word for word in fix.words if _plain(word) and _plain(word) in symptom]:
        reasons.append(MatchReason("word_met", {"words": ", ".join(met)}))
    if not reasons:
        return None
    if fix.model and fix.model == model:
        reasons.append(MatchReason("same_model"))
    elif fix.family and fix.family == family:
        reasons.append(MatchReason("same_family"))
    return Offer(fix.id, "known_fix", fix.title, _count(reasons), tuple(reasons))


def _shared_alarms(first: Iterable[str], second: Iterable[str]) -> list[str]:
    known = {fold_alarm(alarm) for alarm in second} - {""}
    return sorted(alarm for alarm in first if fold_alarm(alarm) in known)


def _alarms_in(symptom: str, alarms: Iterable[str]) -> list[str]:
    """Return the alarms that a text speaks of, each as a word of its own: E1 is not in E12."""
    words = {fold_alarm(word) for word in re.findall(r"[0-9A-Za-z][0-9A-Za-z_-]*", _normal(symptom))}
    return sorted(alarm for alarm in alarms if len(fold_alarm(alarm)) > 1 and fold_alarm(alarm) in words)


def _count(reasons: Sequence[MatchReason]) -> int:
    points = 0
    for reason in reasons:
        share = reason.facts.get("percent", 100) if reason.code == "similar_symptom" else 100
        times = len(str(reason.facts["words"]).split(", ")) if reason.code == "word_met" else 1
        points += _POINTS[reason.code] * share * times // 100
    return points


def _pairs(text: str) -> set[str]:
    plain = re.sub(r"[\W_]+", "", _plain(text))
    return {plain[i : i + 2] for i in range(len(plain) - 1)}


def _plain(text: str) -> str:
    return "".join(_normal(text).split())


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text[:COMPARED_CHARACTERS_MAX]).casefold()


def _hours_between(first: str, second: str) -> int | None:
    try:
        apart = datetime.fromisoformat(first) - datetime.fromisoformat(second)
    except ValueError:
        return None
    return int(abs(apart.total_seconds()) // 3600)
