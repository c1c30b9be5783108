"""The journal on both databases: looks are noted together and once, deeds at once, and both are kept so many days."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from schemas.problems import Refused
from server.clock import telling, unix_ms
from server.services import journal as journal_service
from server.services.journal import DAY_MS, SAME_LOOK_MS, Deed, Journal, forget_old_entries, search_journal
from server.store.database import reading
from server.store.journal import Search
from server.store.tables import JournalEntry
from tests.server.builders import Firm


def subjects(firm: Firm, search: Search | None = None, since_ms: int = 0) -> list[str]:
    """Return the subjects of the entries that are found, newest first."""
    with reading(firm.engine) as connection:
        return [entry.subject for entry in search_journal(connection, firm.id, search or Search(), since_ms)]


def look(firm: Firm, subject: str, person: str = "") -> Deed:
    return Deed(person or firm.company.dana, "read", "orders", subject, "", "192.0.2.1")


def test_looks_are_written_together_and_the_same_one_once(firm: Firm) -> None:
    now = unix_ms()
    journal = Journal(firm.engine, lambda: now)

    for subject in ("a", "b", "a", "a"):
        journal.note(firm.id, look(firm, subject))
    before = subjects(firm)
    first = journal.write()
    now += SAME_LOOK_MS
    journal.note(firm.id, look(firm, "a"))
    second = journal.write()

    assert (before, first, second) == ([], 2, 1)
    assert sorted(subjects(firm)) == ["a", "a", "b"]


def test_the_journal_is_searched_by_person_record_and_time(firm: Firm, other_firm: Firm) -> None:
    start = unix_ms() - 10 * DAY_MS
    for day, (subject, person) in enumerate(
        (("a", firm.company.dana), ("b", firm.company.aud), ("a", firm.company.aud))
    ):
        with telling(lambda day=day: start + day * DAY_MS):
            journal = Journal(firm.engine)
            journal.note(firm.id, look(firm, subject, person))
            journal.write()
    Journal(firm.engine).note_at_once(other_firm.id, look(firm, "theirs"))

    assert subjects(firm) == ["a", "b", "a"]
    assert subjects(firm, Search(person=firm.company.aud)) == ["a", "b"]
    assert subjects(firm, Search(subject="b")) == ["b"]
    assert subjects(firm, Search(act="export")) == []
    assert subjects(firm, since_ms=start + DAY_MS) == ["a", "b"]
    with reading(firm.engine) as connection:
        last = search_journal(connection, firm.id, Search())[1]
    assert subjects(firm, Search(before=last.id)) == ["a"]


def test_what_was_noted_waits_while_the_database_is_away_and_then_stops_everything(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(firm.engine)
    is_away = True

    def append(connection: object, entries: list[object]) -> None:
        if is_away:
            raise Refused("database_busy")
        original(connection, entries)  # type: ignore[arg-type]

    original = journal_service.journal.append_entries
    monkeypatch.setattr(journal_service.journal, "append_entries", append)
    monkeypatch.setattr(journal_service, "WAITING_MAX", 2)
    for subject in ("a", "b"):
        journal.note(firm.id, look(firm, subject))
    with pytest.raises(Refused, match="database_busy"):
        journal.note(firm.id, look(firm, "c"))
    is_away = False
    journal.note(firm.id, look(firm, "c"))
    journal.write()

    assert sorted(subjects(firm)) == ["a", "b", "c"]


def test_what_is_older_than_the_setting_says_is_forgotten(firm: Firm, other_firm: Firm) -> None:
    now = unix_ms()
    for company in (firm, other_firm):
        for days in (0, 399, 401):
            with telling(lambda days=days: now - days * DAY_MS):
                Journal(firm.engine).note_at_once(company.id, look(firm, str(days)))

    forget_old_entries(firm.engine, 400, now)

    assert subjects(firm) == subjects(other_firm) == ["0", "399"]


def test_odd_texts_are_kept_as_far_as_a_database_takes_them(firm: Firm) -> None:
    Journal(firm.engine).note_at_once(firm.id, Deed(firm.company.dana, "search", "trace", "", "a\0b" + "长" * 1000))

    (entry,) = firm.rows(JournalEntry)
    assert entry.detail.startswith("a�b长") and len(entry.detail) == 400


def test_a_search_finds_its_page_among_many_without_reading_them_all(firm: Firm) -> None:
    journal = Journal(firm.engine)
    for number in range(300):
        journal.note(firm.id, look(firm, f"order {number}"))
    journal.write()

    assert len(subjects(firm)) == journal_service.ENTRIES_MAX
    asked = "SELECT id FROM journal WHERE organisation = 'x' AND subject = 'y' ORDER BY id DESC LIMIT 100"
    with reading(firm.engine) as connection:
        if connection.dialect.name == "sqlite":
            plan = str(connection.execute(text(f"EXPLAIN QUERY PLAN {asked}")).all())
            assert "journal_by_subject" in plan and "TEMP B-TREE" not in plan
