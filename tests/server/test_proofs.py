"""The log proves itself, everything else follows from it, and whatever was altered by hand is named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, insert, select, update

from server.services.office import Office
from server.services.proofs import REBUILT, Proof, replay, verify_log
from server.store.database import reading, writing
from server.store.tables import (
    BoardRow,
    DeviceHead,
    FeedRow,
    Holder,
    KeptAside,
    LogEntry,
    Organisation,
    PlanRow,
    RecordRow,
    ReviewRow,
    TraceFact,
)
from tests.server.builders import Firm, create, fitted, open_firm, photo, removed
from tests.server.builders import update as edit

LOG: Table = LogEntry.__table__


@pytest.fixture(scope="module")
def biography(engine: Engine, office: Office) -> Firm:
    """A company with merged, contested, refused, held and exceptional sets in its past."""
    firm = open_firm(engine, office)
    firm.write(edit("work_order", firm.order, grade=("important", "general"), contact=(None, "陈")))
    firm.send(firm.wei, edit("work_order", firm.order, grade=("important", "urgent"), contact=(None, "王")))
    firm.send(firm.wei, edit("work_order", firm.order, grade=("urgent", "important"), alarms=(None, ["E1"])))
    firm.send(firm.wei, edit("work_order", firm.order, status=("assigned", "closed")))
    early, late = (firm.wei.seal("part.fit", fitted(firm.order, firm.company.machine, name)) for name in ("S1", "S2"))
    firm.push(late)
    firm.push(early)
    second = firm.add_machine()
    firm.send(firm.wei, fitted(firm.add_order(firm.wei.person, second), second, "S1"))
    firm.send(firm.wei, removed(firm.order, firm.company.machine, "S2"), photo(firm.order))
    firm.ensure(edit("work_order", firm.order, engineer_id=(firm.wei.person, firm.lin.person)))
    (conflict,) = firm.bodies("conflict")
    firm.write(
        edit("work_order", firm.order, grade=("general", "important")),
        edit("conflict", conflict["id"], state=("open", "settled"), settled_as=(None, "incoming")),
    )
    return firm


@pytest.fixture
def lived(biography: Firm) -> Iterator[Firm]:
    """That company, put back after the test as it was before."""
    tables: list[Table] = [model.__table__ for model in (*REBUILT, LogEntry, DeviceHead, Organisation, KeptAside)]
    with reading(biography.engine) as connection:
        kept = {
            table: [row._asdict() for row in connection.execute(select(table).where(of(biography, table)))]
            for table in tables
        }
    yield biography
    with writing(biography.engine) as connection:
        for table, rows in kept.items():
            connection.execute(delete(table).where(of(biography, table)))
            if rows:
                connection.execute(insert(table), rows)


def of(firm: Firm, table: Table) -> ColumnElement[bool]:
    """Return the condition that picks a company's rows."""
    return table.c.organisation == firm.id


def check(firm: Firm, tmp_path: Path) -> tuple[Proof, Proof]:
    """Return what the log's own proof and the rebuild find."""
    return verify_log(firm.engine, firm.id), replay(firm.engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}")


def tamper(firm: Firm, statement: Callable[[Connection], Any]) -> None:
    """Do something to the database by hand."""
    with writing(firm.engine) as connection:
        statement(connection)


def rewrite(firm: Firm, position: int, **values: Any) -> None:
    """Change an entry of the log by hand."""
    where = row_of(firm, LogEntry, position=position)
    tamper(firm, lambda connection: connection.execute(update(LOG).where(*where).values(**values)))


def row_of(firm: Firm, model: Any, **where: Any) -> Any:
    """Return the conditions that pick this company's row."""
    table = model.__table__
    conditions = [table.c[name] == value for name, value in where.items()]
    return [of(firm, table), *conditions]


def test_an_honest_log_holds_and_rebuilds(lived: Firm, tmp_path: Path) -> None:
    proof, rebuilt = check(lived, tmp_path)

    assert (proof.discrepancies, rebuilt.discrepancies) == ((), ())
    assert proof.entries == rebuilt.entries == len(lived.log())
    assert proof.root == rebuilt.root


def test_a_replay_leaves_the_database_as_it_was(lived: Firm, tmp_path: Path) -> None:
    before = [lived.rows(model) for model in (LogEntry, RecordRow, FeedRow, DeviceHead, Organisation)]

    check(lived, tmp_path)

    assert [lived.rows(model) for model in (LogEntry, RecordRow, FeedRow, DeviceHead, Organisation)] == before


def test_one_companys_log_says_nothing_of_anothers(lived: Firm, other_firm: Firm, tmp_path: Path) -> None:
    tamper(lived, lambda c: c.execute(delete(LOG).where(*row_of(lived, LogEntry, position=5))))

    proof, rebuilt = check(other_firm, tmp_path)

    assert proof.holds and rebuilt.holds


@pytest.mark.parametrize("at", [0, 100, 200, -1], ids=["signature", "signature_end", "payload", "last_byte"])
@pytest.mark.parametrize("entry", [1, 4, -1], ids=["first", "a_device", "last"])
def test_a_changed_byte_is_named_by_its_entry(lived: Firm, at: int, entry: int) -> None:
    row = lived.log()[entry]
    altered = bytearray(row.sealed)
    altered[at] ^= 1

    rewrite(lived, row.position, sealed=bytes(altered))

    assert f"log {row.position}" in {found.place for found in verify_log(lived.engine, lived.id).discrepancies}


def test_a_byte_changed_together_with_its_digest_is_named(lived: Firm, tmp_path: Path) -> None:
    row = lived.log()[-3]
    forged = row.sealed.replace(b"photo", b"phot0") if b"photo" in row.sealed else row.sealed[:-1] + b"?"
    values = {"sealed": forged, "digest": hashlib.sha256(forged).hexdigest()}
    rewrite(lived, row.position, **values)

    proof, rebuilt = check(lived, tmp_path)

    assert any(found.place == f"log {row.position}" for found in proof.discrepancies)
    assert any(found.place == f"log {row.position}" for found in rebuilt.discrepancies)


@pytest.mark.parametrize("before_after", [('"contested"', '"applied"'), ('"position":', '"position":1'), ("{", "")])
def test_an_altered_receipt_is_named_by_its_entry(lived: Firm, before_after: tuple[str, str], tmp_path: Path) -> None:
    row = next(row for row in lived.log() if '"verdict":"contested"' in row.receipt)
    altered = row.receipt.replace(*before_after, 1)
    rewrite(lived, row.position, receipt=altered)

    proof, rebuilt = check(lived, tmp_path)

    assert not proof.holds
    assert "log" in {found.place.split()[0] for found in proof.discrepancies}
    assert f"log {row.position}" in {found.place for found in rebuilt.discrepancies}


def test_an_altered_time_of_receipt_is_named(lived: Firm) -> None:
    row = lived.log()[-1]
    values = {"received_at": "2020-01-01T00:00:00.000Z"}
    rewrite(lived, row.position, **values)

    assert f"log {row.position}" in {found.place for found in verify_log(lived.engine, lived.id).discrepancies}


@pytest.mark.parametrize("position", [1, 2, 4, 6])
def test_a_dropped_entry_is_named_by_the_one_in_its_place(lived: Firm, position: int, tmp_path: Path) -> None:
    tamper(lived, lambda c: c.execute(delete(LOG).where(*row_of(lived, LogEntry, position=position))))

    proof, rebuilt = check(lived, tmp_path)

    assert f"log {position + 1}" in {found.place for found in proof.discrepancies}
    assert not rebuilt.holds


def test_a_tail_cut_off_is_named(lived: Firm, tmp_path: Path) -> None:
    last = len(lived.log())
    tamper(lived, lambda c: c.execute(delete(LOG).where(*row_of(lived, LogEntry), LOG.c.position > last - 2)))

    proof, rebuilt = check(lived, tmp_path)

    assert "log" in {found.place for found in proof.discrepancies}
    assert {"organisations", "records"} & {found.place for found in rebuilt.discrepancies}


def test_two_entries_swapped_are_named(lived: Firm, tmp_path: Path) -> None:
    first, second = lived.log()[5:7]

    def swap(connection: Connection) -> None:
        for now, then in ((first.position, 999), (second.position, first.position), (999, second.position)):
            connection.execute(update(LOG).where(*row_of(lived, LogEntry, position=now)).values(position=then))

    tamper(lived, swap)

    proof, rebuilt = check(lived, tmp_path)

    assert {f"log {first.position}", f"log {second.position}"} <= {found.place for found in proof.discrepancies}
    assert not rebuilt.holds


def test_an_entry_slipped_in_is_named(lived: Firm) -> None:
    forged = lived.log()[-1]._asdict() | {"position": len(lived.log()) + 1, "seq": 99}
    tamper(lived, lambda c: c.execute(LOG.insert().values(**forged)))

    places = {found.place for found in verify_log(lived.engine, lived.id).discrepancies}

    assert f"log {forged['position']}" in places


def test_a_set_signed_by_another_key_is_named(lived: Firm) -> None:
    row = next(row for row in lived.log() if row.device == lived.wei.id)
    forged = lived.lin.key.sign(row.sealed[129:]).signature.hex().encode() + row.sealed[128:]
    rewrite(lived, row.position, sealed=forged)

    found = verify_log(lived.engine, lived.id).discrepancies

    assert (f"log {row.position}", "the signature does not match the content") in {(it.place, it.what) for it in found}


def test_a_root_committed_to_by_hand_is_named(lived: Firm) -> None:
    table: Table = Organisation.__table__
    forged = update(table).where(*row_of(lived, Organisation)).values(frontier="1 " + "0" * 64)
    tamper(lived, lambda connection: connection.execute(forged))

    assert {found.place for found in verify_log(lived.engine, lived.id).discrepancies} == {"log"}


def forge_body(firm: Firm, connection: Connection) -> Any:
    table: Table = RecordRow.__table__
    body = json.dumps(firm.body(firm.order) | {"grade": "general"}, ensure_ascii=False, sort_keys=True)
    return connection.execute(update(table).where(*row_of(firm, RecordRow, id=firm.order)).values(body=body))


def forge(model: Any, **values: Any) -> Callable[[Firm, Connection], Any]:
    return lambda firm, connection: connection.execute(
        update(model.__table__).where(model.__table__.c.organisation == firm.id).values(**values)
    )


def drop(model: Any) -> Callable[[Firm, Connection], Any]:
    return lambda firm, connection: connection.execute(
        delete(model.__table__).where(model.__table__.c.organisation == firm.id)
    )


@pytest.mark.parametrize(
    ("table", "alter"),
    [
        ("records", forge_body),
        ("records", forge(RecordRow, deleted=True)),
        ("records", drop(RecordRow)),
        ("feed", forge(FeedRow, gone=True)),
        ("feed", forge(FeedRow, entered=1)),
        ("feed", drop(FeedRow)),
        ("holders", forge(Holder, count=3)),
        ("order_board", forge(BoardRow, status="closed")),
        ("plans", drop(PlanRow)),
        ("reviews", drop(ReviewRow)),
        ("trace_facts", forge(TraceFact, serial="S9")),
        ("devices", forge(DeviceHead, state="revoked")),
    ],
)
def test_what_was_edited_by_hand_is_named_by_its_table(
    lived: Firm, table: str, alter: Callable[[Firm, Connection], Any], tmp_path: Path
) -> None:
    tamper(lived, lambda connection: alter(lived, connection))

    proof, rebuilt = check(lived, tmp_path)

    assert proof.holds
    assert table in {found.place for found in rebuilt.discrepancies}


def test_a_frozen_device_does_not_look_like_tampering(lived: Firm, tmp_path: Path) -> None:
    forking = replace(lived.wei, prev="e" * 64)
    answer = lived.send(forking, create("photo", lived.order, order_id=lived.order))
    assert answer.fault and answer.fault.code == "chain_broken"

    proof, rebuilt = check(lived, tmp_path)

    assert proof.holds and rebuilt.holds
