"""A backup from before an erasure does not bring back what was erased, nor does what comes in until it is again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from server.domain.erasure import Wanted
from server.keys import OfficeKey, new_id
from server.reception import Reception
from server.services import erasing
from server.services.erasing_again import erase_again
from server.services.erasing_late import name_late
from server.services.office import Office
from server.services.proofs import replay, verify_log
from server.services.restoring import back_up, restore
from server.store.database import open_engine
from server.store.disk_files import DiskFiles
from server.store.migrate import upgrade
from server.store.tables import LogEntry, RecordRow
from sync.openings import is_stand_in
from tests.server.builders import Firm, open_firm, update

NAME, ANEW = "王建国", "赵建国"


@contextmanager
def opened(file: Path) -> Iterator[Engine]:
    """Open an embedded database."""
    engine = open_engine(f"sqlite:///{file}")
    try:
        yield engine
    finally:
        engine.dispose()


def means_of(firm: Firm, folder: Path) -> erasing.Means:
    """Return what acts are done with, which outlives the database."""
    return erasing.Means(firm.engine, firm.office, DiskFiles(folder / "blobs"), folder / "erasures")


def erase(firm: Firm, folder: Path, *words: str) -> None:
    """Erase what tells of somebody."""
    erasing.erase(means_of(firm, folder), firm.id, firm.company.dana, Wanted(words), "asked")


def has(firm: Firm, word: str) -> bool:
    """Tell whether the log or a record has a word."""
    rows = [bytes(row.sealed) for row in firm.rows(LogEntry)] + [row.body.encode() for row in firm.rows(RecordRow)]
    return any(word.encode() in row for row in rows)


def on(engine: Engine, firm: Firm) -> Firm:
    """Return a company as a server has it that goes on with another database."""
    office = Office(engine, firm.office.key)
    reception = Reception(engine, shelf=office.shelf, erasure_secret=office.key.token_secret)
    return replace(firm, engine=engine, office=office, reception=reception)


def test_nothing_comes_back_with_a_backup_and_those_who_had_not_seen_the_act(
    tmp_path: Path, office_key: OfficeKey
) -> None:
    with opened(tmp_path / "first.sqlite") as engine:
        upgrade(engine)
        firm = open_firm(engine, Office(engine, office_key))
        firm.ensure(update("work_order", firm.order, contact=(None, NAME)), actor=firm.company.dana)
        firm.catch_up(firm.wei, firm.lin)
        back_up(engine, tmp_path / "backup.sqlite")
        erase(firm, tmp_path, NAME)
    restore(tmp_path / "backup.sqlite", tmp_path / "second.sqlite")
    with opened(tmp_path / "second.sqlite") as engine:
        firm = on(engine, firm)
        # The act stands nowhere yet; what was written before it was seen comes in, and more than was lost.
        early = firm.send(firm.wei, update("work_order", firm.order, symptom=("离心机异响", f"{NAME}说有异响")))
        for _ in range(9):
            firm.write(update("customer", firm.company.chen, note=(None, new_id())))
        seen = len(firm.log())
        late = firm.wei.seal(
            "note", update("work_order", firm.order, appointment_note=(None, f"与{NAME}约好")), basis=seen
        )

        assert erase_again(means_of(firm, tmp_path)) == 1
        (answer,) = firm.push(late)

        assert {early.verdict, answer.verdict} <= {"applied", "merged"}
        assert not has(firm, NAME)
        assert all(is_stand_in(firm.body(firm.order)[name]) for name in ("contact", "symptom", "appointment_note"))
        assert erase_again(means_of(firm, tmp_path)) == 0
        assert name_late(engine, firm.office, firm.id) == 1
        assert verify_log(engine, firm.id).discrepancies == ()
        assert replay(engine, firm.id, f"sqlite:///{tmp_path / 'scratch'}").discrepancies == ()


def test_what_was_told_anew_before_the_backup_stays(tmp_path: Path, office_key: OfficeKey) -> None:
    with opened(tmp_path / "first.sqlite") as engine:
        upgrade(engine)
        firm = open_firm(engine, Office(engine, office_key))
        firm.ensure(update("work_order", firm.order, contact=(None, NAME)), actor=firm.company.dana)
        erase(firm, tmp_path, NAME)
        was = firm.body(firm.order)["contact"]
        firm.ensure(update("work_order", firm.order, contact=(was, NAME), symptom=("离心机异响", ANEW)))
        back_up(engine, tmp_path / "backup.sqlite")
        erase(firm, tmp_path, ANEW)
    restore(tmp_path / "backup.sqlite", tmp_path / "second.sqlite")
    with opened(tmp_path / "second.sqlite") as engine:
        firm = on(engine, firm)

        assert erase_again(means_of(firm, tmp_path)) == 1

        assert firm.body(firm.order)["contact"] == NAME and not has(firm, ANEW)
