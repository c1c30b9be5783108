"""Times and sizes as a person says them: "in 2 h 10 min", "3 min ago", "1.2 MB"."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from field_client.outbox import parse_instant
from field_client.ui.language import gettext, ngettext
from field_client.ui.visit import open_desk

MINUTE_MS: Final = 60_000
HOUR_MIN: Final = 60
DAY_MIN: Final = 24 * 60


def spell_span(minutes: int) -> str:
    """Return a length of time in its two largest units."""
    if minutes >= 2 * DAY_MIN:
        return ngettext("%(num)s day", "%(num)s days", minutes // DAY_MIN)
    if minutes >= HOUR_MIN:
        hours, rest = divmod(minutes, HOUR_MIN)
        return gettext("%(hours)s h %(rest)s min", hours=hours, rest=rest)
    return gettext("%(minutes)s min", minutes=minutes)


def spell_left(instant: str) -> str:
    """Return how long it is until a limit, or by how much it has passed."""
    left = (parse_instant(instant) - parse_instant(open_desk().bench.now())) // MINUTE_MS
    span = spell_span(abs(left))
    return gettext("%(span)s left", span=span) if left >= 0 else gettext("%(span)s over", span=span)


def spell_ago(instant: str | None) -> str:
    """Return how long ago something was by the device's own clock."""
    if instant is None:
        return gettext("never")
    minutes = (open_desk().outbox.now() - parse_instant(instant)) // MINUTE_MS
    return gettext("just now") if minutes < 1 else gettext("%(span)s ago", span=spell_span(minutes))


def spell_moment(instant: str | None) -> str:
    """Return a moment in the device's own zone: the time alone today, else with the day."""
    if instant is None:
        return "—"
    at, today = datetime.fromisoformat(instant).astimezone(), datetime.fromisoformat(open_desk().bench.now())
    return f"{at:%H:%M}" if at.date() == today.astimezone().date() else f"{at:%m-%d %H:%M}"


def spell_bytes(count: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
