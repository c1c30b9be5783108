"""A signed checkpoint is kept each day, and a log that does not begin with one is named."""

from __future__ import annotations

import json

from sqlalchemy import Connection, Table, select, update

from server.keys import OfficeKey, new_id
from server.services.checkpoint_keeping import keep_checkpoints
from server.services.proofs import verify_log
from server.store.checkpoints import CheckpointRow, list_kept
from server.store.database import reading, writing
from server.store.tables import LogEntry, Organisation
from sync.transparency import Frontier, leaf_hash, log_entry
from tests.server.builders import Firm, photo

LOG: Table = LogEntry.__table__
ORGANISATIONS: Table = Organisation.__table__
KEPT: Table = CheckpointRow.__table__


def kept(firm: Firm) -> list[int]:
    """Return the sizes of a company's kept checkpoints."""
    with reading(firm.engine) as connection:
        return [it.size for it in list_kept(connection, firm.id)]


def test_one_is_kept_each_day_on_which_the_log_has_grown(firm: Firm, office_key: OfficeKey) -> None:
    def keep(at: str) -> None:
        keep_checkpoints(firm.engine, office_key, lambda: at)

    first = len(firm.log())
    keep("2026-11-20T00:00:00.000Z")
    firm.send(firm.wei, photo(firm.order))
    keep("2026-11-20T23:59:59.999Z")
    assert kept(firm) == [first]

    keep("2026-11-21T00:00:00.000Z")
    keep("2026-11-22T00:00:00.000Z")

    assert kept(firm) == [first, first + 1]
    assert verify_log(firm.engine, firm.id).holds


def rewrite_the_past(firm: Firm) -> None:
    """Replace the last entry by another and commit to it, as whoever has the database and no key can."""
    row = firm.log()[-1]
    receipt = json.dumps(json.loads(row.receipt) | {"verdict": "merged"}, separators=(",", ":"), sort_keys=True)
    frontier = Frontier()
    for entry in firm.log()[:-1]:
        frontier = frontier.append(leaf_hash(log_entry(entry.digest, entry.receipt)))
    frontier = frontier.append(leaf_hash(log_entry(row.digest, receipt)))

    def forge(connection: Connection) -> None:
        here = (LOG.c.organisation == firm.id, LOG.c.position == row.position)
        connection.execute(update(LOG).where(*here).values(receipt=receipt))
        end = update(ORGANISATIONS).where(ORGANISATIONS.c.organisation == firm.id)
        connection.execute(end.values(frontier=frontier.dump()))

    with writing(firm.engine) as connection:
        forge(connection)


def test_a_log_rewritten_with_its_root_is_named_by_the_checkpoint_kept(firm: Firm, office_key: OfficeKey) -> None:
    firm.send(firm.wei, photo(firm.order))
    keep_checkpoints(firm.engine, office_key)
    rewrite_the_past(firm)

    found = verify_log(firm.engine, firm.id).discrepancies

    assert [(it.place, it.code) for it in found] == [(f"checkpoint {len(firm.log())}", "checkpoint_foreign")]


def test_after_a_restoration_an_older_checkpoint_is_told_and_no_discrepancy(firm: Firm, office_key: OfficeKey) -> None:
    firm.send(firm.wei, photo(firm.order))
    keep_checkpoints(firm.engine, office_key)
    rewrite_the_past(firm)
    with writing(firm.engine) as connection:
        here = update(ORGANISATIONS).where(ORGANISATIONS.c.organisation == firm.id)
        connection.execute(here.values(epoch=new_id()))

    proof = verify_log(firm.engine, firm.id)

    assert proof.holds and [note.code for note in proof.notes] == ["log_restored"]


def test_a_checkpoint_the_office_did_not_sign_is_named(firm: Firm, office_key: OfficeKey) -> None:
    keep_checkpoints(firm.engine, office_key)
    with writing(firm.engine) as connection:
        (note,) = connection.execute(select(KEPT.c.note).where(KEPT.c.organisation == firm.id)).one()
        forged = note.replace("\n\n— ", "\n\n— x", 1)
        connection.execute(update(KEPT).where(KEPT.c.organisation == firm.id).values(note=forged))

    assert [it.code for it in verify_log(firm.engine, firm.id).discrepancies] == ["checkpoint_unsigned"]
