"""What a process keeps between two transactions is what it would read, and it notices when others have written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, update

from server.keys import new_id
from server.reception import Reception
from server.services.office import Office
from server.store import json_text, kept
from server.store.database import reading, writing
from server.store.kept import Kept, Shelf
from server.store.plan_tables import PlanRow
from server.store.tables import BoardRow, FeedRow, Holding, Organisation, Reach, RecordRow
from server.store.workspace import open_workspace
from sync.checksum import record_digest
from sync.scope import carried_closure
from tests.server.builders import Firm, open_firm, photo
from tests.server.builders import update as edit
from tests.server.test_scope_model import Business

SEEDS = 8


def look(firm: Firm) -> Kept | None:
    """Return what is kept of a firm, and leave it there."""
    end = next(row for row in firm.rows(Organisation))
    found = firm.office.shelf.take(firm.id, end.epoch, end.frontier)
    if found is not None:
        firm.office.shelf.put(firm.id, found)
    return found


def group(rows: list[Any], key: Callable[[Any], str], value: Callable[[Any], Any]) -> dict[str, dict[str, Any]]:
    """Return the rows by a key, then by holder."""
    grouped: dict[str, dict[str, Any]] = {}
    for row in rows:
        grouped.setdefault(key(row), {})[row.holder] = value(row)
    return grouped


def assert_as_stored(firm: Firm) -> int:
    """Compare what is kept with the tables; return how many records are kept."""
    found = look(firm)
    if found is None:
        return 0
    rows = {row.id: row for row in firm.rows(RecordRow)}
    for record_id, record in found.records.items():
        assert (record is None) == (record_id not in rows)
        if record is not None:
            assert record.row(firm.id) == tuple(rows[record_id])
            assert json_text.dump(record.body) == record.text
            assert record.current_digest() == record_digest(record.kind, record_id, record.text)
    feed = group(firm.rows(FeedRow), lambda row: row.id, lambda row: (row.position, row.entered, row.gone))
    for record_id, states in found.scope.feed.items():
        assert {h: (s.position, s.entered, s.gone) for h, s in states.items()} == feed.get(record_id, {})
        assert all(state.counted != state.gone and not state.dirty for state in states.values())
    reach = group(firm.rows(Reach), lambda row: row.id, lambda row: row.roots)
    for record_id, holders in found.scope.reach.items():
        assert {holder: roots for holder, roots in holders.items() if roots} == reach.get(record_id, {})
    holdings = {row.root: (row.holder, {*row.carried.split(",")}) for row in firm.rows(Holding)}
    for root, carriage in found.scope.by_root.items():
        assert (carriage.holder, {*carriage.ids}) == holdings.get(root, (None, set()))
    bodies = {record_id: (row.kind, json_text.load(row.body)) for record_id, row in rows.items() if not row.deleted}
    for record_id, closure in found.scope.closures.items():
        assert closure == {*carried_closure(record_id, bodies.get)}
    assert_shown_as_stored(firm, found)
    return len(found.records)


def assert_shown_as_stored(firm: Firm, found: Kept) -> None:
    """Compare the rows that are kept with those that lists read."""
    stored = {
        "order_board": {(row.id, ""): tuple(row) for row in firm.rows(BoardRow)},
        "plans": {(row.id, row.slot): tuple(row) for row in firm.rows(PlanRow)},
    }
    known = [record for record in found.records.values() if record is not None]
    for name, table in stored.items():
        shown = {(record.id, slot): row for record in known for slot, row in record.shown.get(name, {}).items()}
        about = {record.id for record in known if name in record.shown}
        assert shown == {key: row for key, row in table.items() if key[0] in about}


@pytest.mark.parametrize("seed", range(100, 100 + SEEDS))
def test_what_is_kept_is_what_is_stored(engine: Engine, office: Office, seed: int) -> None:
    business = Business(open_firm(engine, office), seed)

    kept_each_time = []
    for _ in range(30):
        business.act()
        kept_each_time.append(assert_as_stored(business.firm))
    business.check_all()

    assert min(kept_each_time) > 0


def test_another_process_that_wrote_is_noticed(firm: Firm) -> None:
    firm.send(firm.wei, edit("work_order", firm.order, status=("assigned", "in_progress")))
    assert look(firm) is not None
    elsewhere = Reception(firm.engine)
    elsewhere.submit(
        firm.id, firm.wei.id, [firm.wei.seal("test.act", edit("work_order", firm.order, diagnosis=(None, "x")))]
    )

    assert look(firm) is None
    answer = firm.send(firm.lin, photo(firm.order))
    assert answer.verdict in ("applied", "refused")
    assert_as_stored(firm)
    assert firm.body(firm.order)["diagnosis"] == "x"


def test_another_log_of_the_same_length_is_noticed(firm: Firm) -> None:
    firm.send(firm.wei, photo(firm.order))
    end = next(row for row in firm.rows(Organisation))
    shelf = firm.office.shelf
    found = shelf.take(firm.id, end.epoch, end.frontier)
    assert found is not None

    shelf.put(firm.id, found)
    assert shelf.take(firm.id, new_id(), end.frontier) is None
    shelf.put(firm.id, found)
    assert shelf.take(firm.id, end.epoch, end.frontier[:-1] + "x") is None


def test_a_transaction_that_fails_keeps_nothing(firm: Firm) -> None:
    firm.send(firm.wei, photo(firm.order))

    with pytest.raises(RuntimeError), writing(firm.engine) as connection:
        store = open_workspace(connection, firm.id, firm.office.shelf)
        store.record(firm.order)
        raise RuntimeError

    assert look(firm) is None
    firm.send(firm.wei, photo(firm.order))
    assert assert_as_stored(firm) > 0


def test_a_restored_database_is_noticed(firm: Firm) -> None:
    firm.send(firm.wei, photo(firm.order))
    with writing(firm.engine) as connection:
        connection.execute(update(Organisation).where(Organisation.organisation == firm.id).values(epoch=new_id()))

    with reading(firm.engine):
        assert look(firm) is None


def test_what_is_kept_is_bounded(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    firm.send(firm.wei, photo(firm.order))
    found = look(firm)
    assert found is not None
    monkeypatch.setattr(kept, "KEPT_RECORDS_MAX", 2 * len(found.records))

    for name in ("a", "b"):
        shelf.put(name, found)
    assert shelf.take("a", found.epoch, found.frontier) is found
    for name in ("c", "d"):
        shelf.put(name, found)

    assert all(shelf.take(name, found.epoch, found.frontier) is None for name in ("a", "b", "c", "d"))
