"""Finding records by what people call them: a person, a machine, an order, a part of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from schemas.problems import Refused
from server.services.accounts import find_account
from server.services.office import organisations
from server.store import records

Body = dict[str, Any]


def find_organisation(connection: Connection, called: str | None) -> str:
    """Return the id of an organisation by id or name, or of the only one.

    Raises Refused with `not_found` when there is none of that name, or several and none named.
    """
    known = organisations(connection)
    chosen = [found for found, name in known if called in (None, found, name)]
    if len(chosen) != 1:
        names = ", ".join(name for _, name in known) or "-"
        raise Refused("not_found", what=f"organisation {called or ''} ({names})")
    return chosen[0]


def find_person(connection: Connection, organisation: str, called: str) -> str:
    """Return the id of a person by id, login, name, or the beginning of his English name.

    Raises Refused with `not_found`, also when several fit.
    """
    account = find_account(connection, called)
    if account is not None and account.organisation == organisation:
        return account.person
    wanted = called.casefold()

    def fits(body: Body) -> bool:
        english = str(body.get("name_en") or "").casefold()
        return body["name"] == called or english == wanted or english.startswith(f"{wanted} ")

    return find_one(connection, organisation, "person", called, fits)


def find_one(connection: Connection, organisation: str, kind: str, called: str, fits: Callable[[Body], bool]) -> str:
    """Return the id of the only record of a kind that has the id `called` or fits.

    Raises Refused with `not_found` when there is none or more than one.
    """
    by_id = records.body_of(connection, organisation, called)
    if by_id is not None and by_id[0] == kind:
        return called
    found = [record_id for record_id, body in records.bodies_of_kind(connection, organisation, kind) if fits(body)]
    if len(found) != 1:
        count = f" ({len(found)})" if found else ""
        raise Refused("not_found", what=f"{kind} {called}{count}")
    return found[0]
