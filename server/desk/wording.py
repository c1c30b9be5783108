"""Times as a dispatcher says them: in the office's zone, and how long ago."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from jinja2 import Undefined

from pages.language import gettext
from pages.wording import spell_span
from server.clock import unix_ms
from server.web.wiring import wired

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000


def spell_ago(instant: str | Undefined | None) -> str:
    """Return how long ago a moment was."""
    if not instant:
        return gettext("never")
    minutes = (unix_ms() - round(datetime.fromisoformat(instant).timestamp() * 1000)) // MINUTE_MS
    return gettext("just now") if minutes < 1 else gettext("%(span)s ago", span=spell_span(minutes))


def spell_left(instant: str) -> str:
    """Return how long it is until a limit, or by how much it has passed."""
    left = (round(datetime.fromisoformat(instant).timestamp() * 1000) - unix_ms()) // MINUTE_MS
    span = spell_span(abs(left))
    return gettext("%(span)s left", span=span) if left >= 0 else gettext("%(span)s over", span=span)


def spell_moment(instant: str | Undefined | None) -> str:
    """Return a moment in the office's zone: the time alone today, else with the day; a dash where there is none."""
    if not instant:
        return "—"
    zone = wired().settings.zone
    at, today = datetime.fromisoformat(instant).astimezone(zone), datetime.fromtimestamp(unix_ms() / 1000, zone)
    if at.date() == today.date():
        return f"{at:%H:%M}"
    return f"{at:%m-%d %H:%M}" if at.year == today.year else f"{at:%Y-%m-%d %H:%M}"


def say_erased(erased_at: str) -> str:
    """Return what is said in the place of a file that was erased."""
    return gettext("erased on %(day)s", day=erased_at[:10] or "—")


def name_urgency(instant: str) -> str:
    """Return how a limit is to be shown: ``late``, ``soon`` within the hour, or nothing."""
    left = round(datetime.fromisoformat(instant).timestamp() * 1000) - unix_ms()
    return "late" if left < 0 else "soon" if left < HOUR_MS else ""
