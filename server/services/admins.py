"""How many admins remain: so many who can sign in as the organisation's rules say, whoever changes what.

The door itself sees that one remains by the records; accounts are no records, so who of them can sign in is seen to
here, for all that is written through the office.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from schemas.problems import Refused
from server.domain.access_rules import is_working_admin, read_rules
from server.domain.authority import is_admin
from server.store import accounts, policies
from server.store.workspace import Workspace
from sync.changeset import Change


def expect_admins(connection: Connection, organisation: str, people: Mapping[str, Mapping[str, Any]]) -> None:
    """See that enough admins who can sign in are among some people. Raises Refused with `admins_too_few`.

    The organisation's lock is held.
    """
    least = read_rules(policies.read_policies(connection, organisation)).admins_least
    let_in = list_let_in(connection, organisation)
    if sum(is_working_admin(body, person in let_in) for person, body in people.items()) < least:
        raise Refused("admins_too_few", least=least)


def list_let_in(connection: Connection, organisation: str) -> set[str]:
    """Return the people whose accounts let them in."""
    known = accounts.list_accounts(connection, organisation)
    return {person for person, account in known.items() if not account.disabled_at}


def list_admins(store: Workspace, changes: Sequence[Change]) -> list[str]:
    """Return the people whom some changes speak of and who are admins as things stand."""
    named = {change.id for change in changes if change.kind == "person" and change.op != "create"}
    return [person for person in named if (found := store.record(person)) is not None and is_admin(found.body)]


def expect_left(store: Workspace, before: Sequence[str]) -> None:
    """See that enough admins are left where one of `before` is none any more. Raises Refused with `admins_too_few`."""
    unmade = [person for person in before if (found := store.record(person)) is not None and not is_admin(found.body)]
    if unmade and not list_let_in(store.connection, store.organisation).isdisjoint(unmade):
        expect_admins(store.connection, store.organisation, store.people())
