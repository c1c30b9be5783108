"""An engineer's calendar: valid, kept up to date, at an address that can be taken back; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar, Event

from schemas.problems import Refused
from server.domain.timetable import PLACE_TIME
from server.services import assigning, calendars
from server.services.assigning import Wish
from server.store.database import reading, writing
from tests.server.builders import Firm, update

NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(days=2)


def make_link(firm: Firm, person: str) -> str:
    """Give somebody an address."""
    with writing(firm.engine) as connection:
        return calendars.create_link(connection, firm.id, person)


def fetch(firm: Firm, secret: str, language: str = "en") -> bytes:
    """Read the calendar."""
    with reading(firm.engine) as connection:
        return calendars.read_calendar(connection, firm.id, secret, language, NOW)


def events(text: bytes) -> dict[str, Event]:
    """Return the events by order; fail unless the calendar is as RFC 5545 wants it."""
    lines = text.split(b"\r\n")
    assert lines[-1] == b"" and all(len(line) <= 75 and b"\n" not in line for line in lines)
    text.decode("utf-8")
    calendar = Calendar.from_ical(text)
    assert isinstance(calendar, Calendar)
    assert {"VERSION", "PRODID"} <= calendar.keys() and calendar["VERSION"] == "2.0" and not calendar.errors
    found = {str(event["UID"]).removesuffix("@gongdan"): event for event in calendar.walk("VEVENT")}
    assert len(found) == len(calendar.walk("VEVENT")), "a UID is unique"
    for event in found.values():
        assert {"UID", "DTSTAMP", "DTSTART", "SEQUENCE", "STATUS"} <= event.keys() and not event.errors
        assert "DTEND" not in event or event.decoded("DTEND") > event.decoded("DTSTART")
    return found


def plan(firm: Firm, order: str, person: str, start: datetime = SOON) -> None:
    """Assign an order, whatever speaks against it."""
    wish = Wish(person, start, 90)
    assigning.assign(firm.engine, firm.office, firm.id, firm.company.dana, order, wish, PLACE_TIME, despite=True)


def test_a_calendar_is_valid_and_follows_the_plan(firm: Firm) -> None:
    order, secret = firm.order, make_link(firm, firm.company.wei)
    symptom = "离心机异响, 有焦糊味; 见 \\ 照片\n" + "很长的说明。" * 40 + "\x07\r\x85\u2028"
    firm.ensure(update("work_order", order, symptom=(firm.body(order)["symptom"], symptom)), actor=firm.company.dana)
    plan(firm, order, firm.company.wei)

    first = events(fetch(firm, secret))[order]
    plan(firm, order, firm.company.wei, SOON + timedelta(hours=3))
    second = events(fetch(firm, secret))[order]

    assert first.decoded("DTSTART") == SOON and first["STATUS"] == "CONFIRMED"
    assert "陈氏实验室" in first["SUMMARY"] and "有焦糊味; 见 \\ 照片" in first["DESCRIPTION"]
    assert "- Paper: " in first["DESCRIPTION"] and "- 单据: " in events(fetch(firm, secret, "zh"))[order]["DESCRIPTION"]
    assert second.decoded("DTSTART") == SOON + timedelta(hours=3) and second["SEQUENCE"] > first["SEQUENCE"]


def test_what_is_called_off_or_given_away_is_cancelled(firm: Firm) -> None:
    order, secret, lins = firm.order, make_link(firm, firm.company.wei), make_link(firm, firm.company.lin)
    plan(firm, order, firm.company.wei)
    before = events(fetch(firm, secret))[order]

    plan(firm, order, firm.company.lin)
    after = events(fetch(firm, secret))[order]

    assert (before["STATUS"], after["STATUS"]) == ("CONFIRMED", "CANCELLED") and after["SEQUENCE"] > before["SEQUENCE"]
    assert events(fetch(firm, lins))[order]["STATUS"] == "CONFIRMED"
    firm.ensure(update("work_order", order, status=("assigned", "cancelled")), actor=firm.company.dana)
    assert events(fetch(firm, lins))[order]["STATUS"] == "CANCELLED"


def test_an_address_can_be_taken_back_and_opens_nothing_else(firm: Firm, other_firm: Firm) -> None:
    secret, other = make_link(firm, firm.company.wei), make_link(firm, firm.company.lin)
    plan(firm, firm.order, firm.company.wei)
    assert events(fetch(firm, other)) == {}

    with writing(firm.engine) as connection:
        assert calendars.revoke_links(connection, firm.id, firm.company.wei) == 1

    for company, guess in ((firm, secret), (other_firm, other), (firm, ""), (firm, "x" * 10_000), (firm, "\ud800")):
        with pytest.raises(Refused) as refused:
            fetch(company, guess)
        assert refused.value.code == "not_found"
    with writing(firm.engine) as connection, pytest.raises(Refused):
        calendars.create_link(connection, firm.id, firm.company.machine)


def test_who_has_left_has_no_calendar_and_nobody_has_many_addresses(firm: Firm) -> None:
    made = [make_link(firm, firm.company.wei) for _ in range(calendars.LINKS_MAX + 1)]
    with reading(firm.engine) as connection:
        assert len(calendars.list_links(connection, firm.id, firm.company.wei)) == calendars.LINKS_MAX

    firm.ensure(update("person", firm.company.wei, active=(None, False)))

    for secret in made:
        with pytest.raises(Refused):
            fetch(firm, secret)
