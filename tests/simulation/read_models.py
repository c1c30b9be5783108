"""What the server keeps beside its log and records to answer quickly, held to the log at rest, table by table.

Every row is worked out from the truth by the oracle's own words; none may be missing, odd or left over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.simulation.part_history import Moment, find_doubles, tell_moments, tell_versions
from tests.simulation.suspicions import like
from tests.simulation.truth import Truth, merkle_root
from tests.simulation.world import Broken

Row = tuple[Any, ...]

_SPANS = (
    'SELECT fact, known_from, known_until, maker, serial, batch, machine, "order", begins_at, ends_at, removal,'
    " removal_order, removal_known, withdrawn, again, serial_folded, batch_folded, part, batch_id, supplier, quantity"
    " FROM part_spans"
)
_TILES = "SELECT level, number, hash FROM log_tiles"
_INQUIRIES = "SELECT id, review, person, state FROM inquiries"
_MACHINES = "SELECT id, serial, model, customer, site, serial_folded FROM machine_serials"
_DOUBLES = "SELECT fact FROM double_spans"
_RECALLED = "SELECT id, recall, part, gtin FROM recalled_parts"


def check_read_models(database: Any, truth: Truth, tile_levels: int) -> None:
    """Hold the tables that `database` has to the truth; raises Broken with the rows that differ."""
    moments = tell_moments(truth.part_facts.values())
    expected = {
        _SPANS: list(_tell_spans(truth, moments)),
        _DOUBLES: [(fact,) for fact in find_doubles(moments)],
        _TILES: list(_tell_tiles(truth.entries, tile_levels)),
        _INQUIRIES: _rows_of(truth, "inquiry", "review_id", "person_id", "state"),
        _MACHINES: [
            (key, serial, *others, like(serial))
            for key, serial, *others in _rows_of(truth, "machine", "serial", "model_id", "customer_id", "site_id")
        ],
        _RECALLED: [
            (key, recall, part, truth.body_of(part).get("gtin"))
            for key, recall, part in _rows_of(truth, "recalled_part", "recall_id", "part_id")
        ],
    }
    for statement, rows in expected.items():
        stored = [tuple(row) for row in database.execute(statement).fetchall()]
        missing, odd = set(rows) - set(stored), set(stored) - set(rows)
        if missing or odd or len(rows) != len(stored):
            table = statement.rpartition(" ")[2]
            raise Broken(f"table {table}: missing are {_show(missing)}, odd are {_show(odd)}")


def check_questions(truth: Truth) -> None:
    """Hold that nobody is asked about what is decided."""
    for key, fact in truth.facts.items():
        review = truth.body_of(fact.body.get("review_id")) if fact.kind == "inquiry" else {}
        if review.get("state") == "settled" and fact.body["state"] == "open":
            raise Broken(f"question {key} stays open, although {fact.body['review_id']} is decided")


def _tell_spans(truth: Truth, moments: list[Moment]) -> Iterator[Row]:
    for version in tell_versions(moments):
        fact = version.stay.fact
        values = truth.body_of(fact.id)
        batch = truth.body_of(values.get("batch_id"))
        folded = (like(number) if number is not None else None for number in (fact.serial, fact.batch))
        kin = (values.get("part_id") or batch.get("part_id"), values.get("batch_id"))
        supplier = values.get("supplier_id") or batch.get("supplier_id")
        yield (*version.row(), *folded, *kin, supplier, values.get("quantity") or 1)


def _tell_tiles(entries: list[bytes], levels: int) -> Iterator[Row]:
    level = levels
    while len(entries) >> level:
        for number in range(len(entries) >> level):
            yield level, number, merkle_root(entries[number << level : (number + 1) << level]).hex()
        level += levels


def _rows_of(truth: Truth, kind: str, *names: str) -> list[Row]:
    """Return id and some values of each record of a kind that is there."""
    found = ((key, fact) for key, fact in truth.facts.items() if fact.kind == kind and not fact.deleted)
    return [(key, *(fact.body.get(name) for name in names)) for key, fact in found]


def _show(rows: set[Row]) -> str:
    return "; ".join(map(str, sorted(rows, key=repr)[:3])) or "none"
