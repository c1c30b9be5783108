"""The working calendar and the service terms of the made-up company: the presets of the handbooks."""

from __future__ import annotations

from typing import Final

from server.demo.records import DemoRecord, refer
from server.domain.presets import china_calendar, service_terms

BY_MODEL: Final = {"ba400": "b", "vm850": "d", "tl360": "d"}
"""The contracts of machines, by model; for all others the standard terms hold."""

KEY_EQUIPMENT: Final = ("LC30-23-0009",)


CHARGES: Final = {
    "labour_rates": [
        {"hour_cents": 18_000, "travel_cents": 12_000},
        {"hour_cents": 26_000, "travel_cents": 12_000, "level": "senior"},
        {"hour_cents": 32_000, "travel_cents": 20_000, "service": "retrofit"},
    ],
    "labour_step_minutes": 30,
}
"""What the made-up company charges outside warranty. Source: handbook V9."""


def calendars() -> list[DemoRecord]:
    """Return the working calendar."""
    return [DemoRecord("working_calendar", "china", china_calendar())]


def terms() -> list[DemoRecord]:
    """Return the service terms. Source: handbook G2-G5."""
    presets = service_terms(refer("working_calendar", "china"))
    return [DemoRecord("service_terms", short, values | CHARGES) for short, values in presets.items()]
