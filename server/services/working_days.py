"""The days on which people work: those of the calendar of the standard service terms, by the office's clock.

One rule for all that plans or shows time at the office: the clock is the setting GONGDAN_TIMEZONE, the holidays and
make-up days are those of the calendar of the standard terms, else of the first calendar, else of mainland China.
"""

from __future__ import annotations

from datetime import tzinfo

from sqlalchemy import Connection

from server.domain.calendar import name_special_days
from server.domain.presets import china_calendar
from server.domain.timetable import Workdays
from server.store import records


def read_workdays(connection: Connection, organisation: str, zone: tzinfo) -> Workdays:
    """Return the working days of an organisation."""
    calendars = dict(records.bodies_of_kind(connection, organisation, "working_calendar"))
    terms = sorted(records.bodies_of_kind(connection, organisation, "service_terms"), reverse=True)
    named = (body.get("calendar_id") for _, body in terms if body.get("standard"))
    chosen = next((calendar for calendar in named if calendar in calendars), min(calendars, default=None))
    body = calendars[chosen] if chosen is not None else china_calendar()
    special = name_special_days(body)
    announced = frozenset(row["year"] for row in body.get("announced_years") or ())
    return Workdays(zone, special["holiday"], special["working_day"], announced)
