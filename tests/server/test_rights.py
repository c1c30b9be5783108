"""Who may do what: nobody raises himself, admins remain, accounts are disabled, links set passwords, all noted."""

from __future__ import annotations

import threading

import pytest

from schemas.problems import Refused
from server.clock import telling, unix_ms, unix_now, utc_now
from server.domain.access_rules import AccessRules
from server.keys import new_id
from server.services import accounts, invitations, rights
from server.services.rights import Author
from server.store import sessions
from server.store.database import reading, writing
from server.store.sessions import KnownSession
from server.store.tables import JournalEntry, PasswordLink
from tests.cast import PASSWORD
from tests.server.builders import Firm, create, faults_of, update


@pytest.fixture
def author(firm: Firm) -> Author:
    """Dana, who is an admin with an account of her own."""
    open_account(firm, firm.company.dana)
    return Author(firm.id, firm.company.dana, "192.0.2.1")


def open_account(firm: Firm, person: str) -> None:
    """Give a person a login that is his id, and a session."""
    with writing(firm.engine) as connection:
        accounts.open_account(connection, firm.id, person, person, PASSWORD)
        sessions.insert_session(connection, firm.id, new_id(), KnownSession(person, "password", 0), unix_now() + 60)


def add_person(firm: Firm, *roles: str) -> str:
    """Add somebody with an account."""
    person = new_id()
    firm.ensure(create("person", person, name="某人", roles=list(roles), active=True))
    open_account(firm, person)
    return person


def noted(firm: Firm) -> list[tuple[str, str]]:
    """Return what the journal holds, oldest first: act and subject."""
    return [(row.act, row.subject) for row in sorted(firm.rows(JournalEntry), key=lambda row: str(row.id))]


def change_roles(firm: Firm, author: Author, person: str, seen: list[str], roles: list[str]) -> None:
    rights.change_roles(firm.engine, firm.office, author, person, seen, roles)


def test_an_admin_changes_the_roles_of_another_and_the_log_says_so(firm: Firm, author: Author) -> None:
    person = add_person(firm, "auditor")

    change_roles(firm, author, person, ["auditor"], ["stock_keeper", "dispatcher"])

    assert firm.body(person)["roles"] == ["dispatcher", "stock_keeper"]
    assert noted(firm) == [("roles", person)]
    (row,) = firm.rows(JournalEntry)
    assert (row.person, row.detail, row.address) == (author.person, "auditor -> dispatcher, stock_keeper", "192.0.2.1")


def test_nobody_changes_his_own_roles_by_any_door(firm: Firm, author: Author) -> None:
    for act in (
        lambda: change_roles(firm, author, author.person, ["dispatcher", "admin"], ["admin"]),
        lambda: rights.set_disabled(firm.engine, author, author.person, True),
    ):
        with pytest.raises(Refused, match="own_roles"):
            act()
    raised = update("person", author.person, roles=(["dispatcher", "admin"], ["dispatcher", "admin", "manager"]))
    by_the_door = firm.write(raised)

    assert by_the_door.changes[0].fault is not None and by_the_door.changes[0].fault.code == "own_roles"
    assert firm.body(author.person)["roles"] == ["dispatcher", "admin"] and noted(firm) == []


def test_only_an_admin_makes_and_unmakes_one(firm: Firm, author: Author) -> None:
    boss, clerk = add_person(firm, "manager"), add_person(firm, "auditor")

    answers = [
        firm.write(update("person", clerk, roles=(["auditor"], ["admin"])), actor=boss),
        firm.write(update("person", author.person, roles=(["dispatcher", "admin"], ["dispatcher"])), actor=boss),
        firm.write(create("person", new_id(), name="新人", roles=["admin"]), actor=boss),
        firm.write(update("person", clerk, roles=(["auditor"], ["stock_keeper"])), actor=boss),
        firm.write(create("person", new_id(), name="新人", roles=["engineer"]), actor=boss),
    ]

    assert [answer.verdict for answer in answers] == ["refused"] * 3 + ["applied"] * 2


def test_the_last_admin_stays_by_any_door(firm: Firm, author: Author) -> None:
    second, boss = add_person(firm, "admin"), add_person(firm, "manager")
    hers = update("person", author.person, roles=(["dispatcher", "admin"], ["dispatcher"]))
    unaccounted = new_id()
    firm.ensure(create("person", unaccounted, name="没有账号", roles=["admin"]))

    ended_by_a_manager = firm.write(update("person", second, active=(True, False)), actor=boss)
    from_a_device = firm.send(firm.dana, update("person", second, roles=(["admin"], ["auditor"])))
    himself = firm.write(update("person", second, active=(True, False)), actor=second)
    rights.set_disabled(firm.engine, author, second, True)
    with pytest.raises(Refused, match="admins_too_few"):
        firm.write(hers, actor=second)
    firm.ensure(update("person", unaccounted, roles=(["admin"], ["auditor"])))
    with_nobody_else = firm.write(hers, update("person", second, active=(True, False)), actor=firm.company.system)

    assert [faults_of(one) for one in (ended_by_a_manager, from_a_device)] == [["writer_not_allowed"]] * 2
    assert (faults_of(himself), faults_of(with_nobody_else)) == (["own_roles"], ["admins_too_few"] * 2)
    assert firm.body(author.person)["roles"] == ["dispatcher", "admin"] and firm.body(second)["active"] is True


def test_roles_are_changed_by_who_has_seen_those_that_stand(firm: Firm, author: Author) -> None:
    person = add_person(firm, "auditor", "dispatcher")
    change_roles(firm, author, person, ["dispatcher", "auditor"], ["stock_keeper"])

    late = firm.write(update("person", person, roles=(["auditor", "dispatcher"], ["auditor"])))
    with pytest.raises(Refused, match="changed_meanwhile"):
        change_roles(firm, author, person, ["auditor", "dispatcher"], ["manager"])

    assert faults_of(late) == ["changed_meanwhile"] and firm.body(person)["roles"] == ["stock_keeper"]


def test_the_last_admins_remain_even_when_two_are_taken_away_at_once(firm: Firm, author: Author) -> None:
    second = add_person(firm, "admin")
    hers = Author(firm.id, second)
    together = threading.Barrier(2)
    answers: list[str] = []

    def disable(author: Author, person: str) -> None:
        together.wait()
        try:
            rights.set_disabled(firm.engine, author, person, True)
            answers.append("done")
        except Refused as refused:
            answers.append(refused.code)

    threads = [
        threading.Thread(target=disable, args=(author, second)),
        threading.Thread(target=disable, args=(hers, author.person)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["admins_too_few", "done"]


def test_the_organisation_says_how_many_admins_remain(firm: Firm, author: Author) -> None:
    with pytest.raises(Refused, match="admins_too_few"):
        rights.change_rules(firm.engine, author, AccessRules(admins_least=2))
    second = add_person(firm, "admin")
    rules = AccessRules(frozenset({"admin", "auditor"}), 2)
    rights.change_rules(firm.engine, author, rules)

    with reading(firm.engine) as connection:
        assert rights.read_access_rules(connection, firm.id) == rules
    with pytest.raises(Refused, match="admins_too_few"):
        change_roles(firm, author, second, ["admin"], ["auditor"])
    assert firm.body(second)["roles"] == ["admin"]
    assert [act for act, _subject in noted(firm)] == ["policy"]


def test_a_disabled_account_lets_nobody_in_until_it_is_enabled(firm: Firm, author: Author) -> None:
    person = add_person(firm, "auditor")

    def is_in() -> tuple[bool, int]:
        with reading(firm.engine) as connection:
            found = accounts.find_signed_in(connection, firm.id, person)
            return found is not None, sessions.count_sessions(connection, firm.id, unix_now()).get(person, 0)

    before = is_in()
    rights.set_disabled(firm.engine, author, person, True)
    disabled = is_in()
    with pytest.raises(Refused, match="account_disabled"):
        invitations.invite(firm.engine, author, person, person)
    rights.set_disabled(firm.engine, author, person, False)

    assert (before, disabled, is_in()) == ((True, 1), (False, 0), (True, 0))
    assert noted(firm) == [("disable", person), ("enable", person)]


def test_a_person_is_signed_out_everywhere(firm: Firm, author: Author) -> None:
    person = add_person(firm, "auditor")
    open_account(firm, person)

    assert rights.end_sessions(firm.engine, author, person) == 2
    with reading(firm.engine) as connection:
        assert sessions.count_sessions(connection, firm.id, unix_now()) == {author.person: 1}


def test_a_link_sets_a_password_once_and_ends_the_sessions(firm: Firm, author: Author) -> None:
    person = add_person(firm, "auditor")
    first = invitations.invite(firm.engine, author, person, f"aud-{person}")
    second = invitations.invite(firm.engine, author, person, f"aud-{person}")

    with pytest.raises(Refused, match="password_link_invalid"):
        invitations.accept(firm.engine, first.secret, "another long password")
    with pytest.raises(Refused, match="value_invalid"):
        invitations.accept(firm.engine, second.secret, "short")
    login = invitations.accept(firm.engine, second.secret, "another long password")
    with pytest.raises(Refused, match="password_link_invalid"):
        invitations.accept(firm.engine, second.secret, "a third long password")

    with reading(firm.engine) as connection:
        account = accounts.find_account(connection, login)
        assert sessions.count_sessions(connection, firm.id, unix_now()).get(person) is None
    assert account is not None and accounts.password_fits(account, "another long password")
    assert noted(firm) == [("invite", person), ("invite", person), ("password", person)]


def test_links_end_with_their_time_and_lie_in_the_database_as_hashes(firm: Firm, author: Author) -> None:
    person = add_person(firm, "auditor")
    link = invitations.invite(firm.engine, author, person, person)
    stored = str(firm.rows(PasswordLink))
    later = unix_ms() + (invitations.LINK_HOURS * 3600 + 1) * 1000

    with telling(lambda: later), pytest.raises(Refused, match="password_link_invalid"):
        invitations.accept(firm.engine, link.secret, "another long password")
    with telling(lambda: later):
        invitations.remove_expired_links(firm.engine, utc_now())

    assert link.secret not in stored and firm.rows(PasswordLink) == []


def test_who_has_no_role_at_the_office_is_not_invited(firm: Firm, other_firm: Firm, author: Author) -> None:
    for person, code in ((firm.company.wei, "role_not_allowed"), (other_firm.company.aud, "record_missing")):
        with pytest.raises(Refused, match=code):
            invitations.invite(firm.engine, author, person, "somebody")
    with pytest.raises(Refused, match="record_exists"):
        invitations.invite(firm.engine, author, firm.company.aud, author.person)


def test_colleagues_are_listed_with_all_that_lets_them_in(firm: Firm, other_firm: Firm, author: Author) -> None:
    invitations.invite(firm.engine, author, firm.company.aud, f"aud-{firm.id}")

    with reading(firm.engine) as connection:
        found = {one.person: one for one in rights.list_colleagues(connection, firm.id, unix_now(), utc_now())}

    dana, aud = found[firm.company.dana], found[firm.company.aud]
    assert firm.company.wei not in found and other_firm.company.aud not in found
    assert dana.is_let_in and dana.sessions == 1 and dana.invited_until is None
    assert not aud.is_let_in and aud.invited_until is not None
