"""What follows a record is found by the links of that record, however many records of the kind there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from server.keys import new_id
from server.services.warranty import ORDERS_OF
from server.store import board, records
from server.store.database import open_engine, reading
from server.store.migrate import upgrade

Look = Callable[[Connection, str], object]

LOOKS: dict[str, Look] = {
    "of one kind": lambda connection, key: board.list_followers_of_kind(connection, key, key, "photo"),
    "the newest": lambda connection, key: board.find_newest_follower(connection, key, key, "visit"),
    "of some kinds": lambda connection, key: records.stamped_followers(connection, key, [key], ["photo", "signature"]),
    "a machine's orders": lambda connection, key: connection.execute(
        ORDERS_OF, {"organisation": key, "machine": key}
    ).all(),
}


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How SQLite, which has no statistics, goes about each look-up."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('followers') / 'empty.sqlite'}")
    upgrade(engine)
    asked: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    told = {}
    with reading(engine) as connection:
        for name, look in LOOKS.items():
            event.listen(connection, "before_cursor_execute", listen)
            look(connection, new_id())
            event.remove(connection, "before_cursor_execute", listen)
            ((statement, given),) = asked
            asked.clear()
            told[name] = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all())
    engine.dispose()
    return told


@pytest.mark.parametrize("name", LOOKS)
def test_followers_are_found_by_their_links(plans: dict[str, str], name: str) -> None:
    assert "SEARCH l USING COVERING INDEX" in plans[name]
    assert "(organisation=? AND kind=?)" not in plans[name]
