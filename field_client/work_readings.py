"""Numbers against their limits: single ones, and series of readings over several channels. Source: handbook I2."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from field_client.store import Values
from schemas.base import DECIMAL_PATTERN
from schemas.job_sheet import POINTS_MAX
from schemas.problems import Refused

Verdict = Literal["passed", "failed", "skipped", "noted"]

Points = Sequence[tuple[str, str]]
"""(seconds since the series began, reading), as they were typed"""

SECONDS: Final = "s"

_DECIMAL = re.compile(DECIMAL_PATTERN).match


@dataclass(frozen=True, slots=True)
class Series:
    """A series as it is recorded: its channels with their points, in words, and what is beyond limits or missing."""

    readings: list[Values]
    summary: str
    verdict: Verdict
    beyond: tuple[Values, ...]
    missing: tuple[Values, ...]


def spell_number(label: str, unit: str | None, value: str) -> str:
    """Return a typed number as it is recorded; raises Refused with `value_invalid`."""
    value = value.strip().removesuffix(unit or "").strip().removeprefix("+")
    spelled = f"0{value}" if value.startswith(".") else value
    if _DECIMAL(spelled) is None:
        raise Refused("value_invalid", field=label, detail=f"例如 / such as 12.5 {unit or ''}".strip())
    return spelled


def judge_number(limits: Values, spelled: str) -> Verdict:
    """Tell whether a number keeps the `low` and `high` of an item or channel."""
    low, high = limits.get("low"), limits.get("high")
    if low is None and high is None:
        return "noted"
    number = Decimal(spelled)
    is_within = (low is None or number >= Decimal(low)) and (high is None or number <= Decimal(high))
    return "passed" if is_within else "failed"


def judge_series(item: Values, given: Mapping[str, Points]) -> Series:
    """Return the series of an item from what was typed for each channel.

    Points are put in order of time; one without a reading is left out. Raises Refused with `value_invalid` for a
    channel the item has not, for no reading at all, too many, or two at one time.
    """
    channels = {channel["key"]: channel for channel in item.get("channels") or ()}
    if not given.keys() <= channels.keys():
        raise Refused("value_invalid", field=item["label"], detail=", ".join(sorted(given.keys() - channels.keys())))
    readings = {key: _spell_points(channel, given.get(key, ())) for key, channel in channels.items()}
    if not any(readings.values()):
        raise Refused("value_invalid", field=item["label"], detail="读数 / readings")
    verdicts = {
        key: [judge_number(channels[key], point["value"]) for point in points] for key, points in readings.items()
    }
    judged = {verdict for of_channel in verdicts.values() for verdict in of_channel}
    return Series(
        readings=[{"channel": key, "points": points} for key, points in readings.items() if points],
        summary="；".join(_sum_up(channels[key], points) for key, points in readings.items() if points),
        verdict="failed" if "failed" in judged else "passed" if "passed" in judged else "noted",
        beyond=tuple(channels[key] for key, of_channel in verdicts.items() if "failed" in of_channel),
        missing=tuple(channels[key] for key, points in readings.items() if not points),
    )


def _spell_points(channel: Values, given: Points) -> list[Values]:
    label, unit = channel["label"], channel.get("unit")
    points = [
        {"t_s": spell_number(label, SECONDS, t), "value": spell_number(label, unit, value)}
        for t, value in given
        if value.strip()
    ]
    if len(points) > POINTS_MAX:
        raise Refused("value_invalid", field=label, detail=f"1 - {POINTS_MAX}")
    times = [Decimal(point["t_s"]) for point in points]
    twice = sorted({time for time in times if times.count(time) > 1})
    if twice:
        raise Refused("value_invalid", field=label, detail=f"{twice[0]} s × 2")
    return sorted(points, key=lambda point: Decimal(point["t_s"]))


def _sum_up(channel: Values, points: list[Values]) -> str:
    values = sorted((point["value"] for point in points), key=Decimal)
    spread = values[0] if values[0] == values[-1] else f"{values[0]}–{values[-1]}"
    return f"{channel['label']} {spread} {channel.get('unit') or ''}".rstrip()
