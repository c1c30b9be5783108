"""Editing working calendars and service terms row by row, and saying which terms hold for whom. Source: handbook G1-G5.

Each edit is one change-set by a person of the office; what follows from it the clocks find out (service_clocks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Engine

from schemas.problems import Refused
from server.domain.presets import china_calendar, service_terms
from server.keys import new_id
from server.services.names import find_one
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store import records
from server.store.database import reading
from sync.changeset import Change
from sync.receipt import Receipt

Values = dict[str, Any]
Row = Mapping[str, Any]

LIMIT_KEY: Final = ("step", "grade", "area", "service", "key_equipment")
"""What a limit is for; a set of terms has one limit for each."""


def write_presets(office: Office, organisation: str, actor: str) -> Receipt:
    """Give an organisation the working calendar of mainland China and the handbooks' service terms to begin with."""
    calendar = new_id()
    changes = [Change("working_calendar", calendar, "create", china_calendar(), {})]
    changes += [Change("service_terms", new_id(), "create", values, {}) for values in service_terms(calendar).values()]
    return expect_taken_in(office.write(organisation, actor, "service.presets", changes))


def find_by_name(engine: Engine, organisation: str, kind: str, called: str) -> tuple[str, Values]:
    """Return id and values of a calendar or of terms, by id or either name. Raises Refused with `not_found`."""
    with reading(engine) as connection:
        found = find_one(
            connection, organisation, kind, called, lambda body: called in (body["name"], body.get("name_en"))
        )
        return found, records.bodies_of(connection, organisation, [found])[found][1]


def put_days(engine: Engine, office: Office, organisation: str, actor: str, calendar: str, row: Row) -> Receipt:
    """Put holidays or make-up working days into a calendar's table, in the place of those that begin the same day."""

    def edit(rows: list[Row]) -> list[Row]:
        kept = [other for other in rows if other["first_on"] != row["first_on"]]
        return sorted([*kept, _given(row)], key=lambda one: (str(one["first_on"]), str(one["type"])))

    return _edit_rows(engine, office, organisation, actor, ("working_calendar", calendar, "special_days"), edit)


def remove_days(engine: Engine, office: Office, organisation: str, actor: str, calendar: str, first_on: str) -> Receipt:
    """Take the days that begin on a day out of a calendar's table. Raises Refused with `not_found`."""

    def edit(rows: list[Row]) -> list[Row]:
        kept = [row for row in rows if row["first_on"] != first_on]
        if len(kept) == len(rows):
            raise Refused("not_found", what=first_on)
        return kept

    return _edit_rows(engine, office, organisation, actor, ("working_calendar", calendar, "special_days"), edit)


def announce_year(
    engine: Engine, office: Office, organisation: str, actor: str, calendar: str, year: int, source: str | None
) -> Receipt:
    """Say that a year's holidays and make-up days are announced and in the table."""

    def edit(rows: list[Row]) -> list[Row]:
        kept = [row for row in rows if row["year"] != year]
        return sorted([*kept, _given({"year": year, "source": source})], key=lambda row: int(row["year"]))

    return _edit_rows(engine, office, organisation, actor, ("working_calendar", calendar, "announced_years"), edit)


def put_limit(engine: Engine, office: Office, organisation: str, actor: str, terms: str, row: Row) -> Receipt:
    """Put a limit into a set of terms, in the place of the one for the same; without an amount it is taken out.

    Raises Refused with `not_found`, or `value_invalid` for a row that is none.
    """

    def edit(rows: list[Row]) -> list[Row]:
        kept = [other for other in rows if _key_of(other) != _key_of(row)]
        if row.get("amount") is None and len(kept) == len(rows):
            raise Refused("not_found", what=" ".join(str(part) for part in _key_of(row) if part))
        return [*kept, _given(row)] if row.get("amount") is not None else kept

    return _edit_rows(engine, office, organisation, actor, ("service_terms", terms, "limits"), edit)


def make_standard(engine: Engine, office: Office, organisation: str, actor: str, terms: str) -> Receipt:
    """Let a set of terms hold where nothing else is named, and no other."""
    chosen, _ = find_by_name(engine, organisation, "service_terms", terms)
    with reading(engine) as connection:
        known = dict(records.bodies_of_kind(connection, organisation, "service_terms"))
    changes = [
        Change("service_terms", key, "update", {"standard": key == chosen}, {"standard": body.get("standard")})
        for key, body in known.items()
        if bool(body.get("standard")) != (key == chosen)
    ]
    if not changes:
        raise Refused("value_invalid", field="standard", detail=terms)
    return expect_taken_in(office.write(organisation, actor, "terms.standard", changes))


def give_terms(
    engine: Engine, office: Office, organisation: str, actor: str, kind: str, record_id: str, values: Mapping[str, Any]
) -> Receipt:
    """Name the terms that hold for a customer, site, machine or order, or its area, or that it is key equipment.

    Raises Refused with `not_found`.
    """
    with reading(engine) as connection:
        found = records.body_of(connection, organisation, record_id)
    if found is None or found[0] != kind:
        raise Refused("not_found", what=f"{kind} {record_id}")
    was = {name: found[1].get(name) for name in values}
    change = Change(kind, record_id, "update", dict(values), was)
    return expect_taken_in(office.write(organisation, actor, "terms.give", [change]))


def _edit_rows(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    table: tuple[str, str, str],
    edit: Callable[[list[Row]], list[Row]],
) -> Receipt:
    """Replace the rows of a table that is a field of a record called by its name."""
    kind, called, field = table
    record_id, body = find_by_name(engine, organisation, kind, called)
    rows = list(body.get(field) or ())
    change = Change(kind, record_id, "update", {field: edit(rows)}, {field: body.get(field)})
    return expect_taken_in(office.write(organisation, actor, f"{kind}.edit", [change]))


def _key_of(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) or None for name in LIMIT_KEY)


def _given(row: Row) -> Values:
    return {name: value for name, value in row.items() if value is not None}
