"""Making the staged steps of a pull take effect, inside the caller's transaction.

Rule 1: whole records that are new here are written by SQL alone.
Rule 2: changes of records without edits are merged here and written together.
Rule 3: all else goes one by one, in its order: evictions, records with edits, records that come more than once.
"""

from __future__ import annotations

from typing import Any, Final

from field_client.store import Store, fields_looked_up
from field_client.store_stock import MOVE, count_moves
from sync import canonical, checksum

ROWS_AT_ONCE: Final = 500
"""Changed records in memory together: about 1.2 MB with what they were."""

# `is_known` tells rule 2 from rule 1; what is not in this table falls under rule 3.
_CHOOSE_PLAIN: Final = (
    "CREATE TEMP TABLE plain (n INTEGER PRIMARY KEY, is_known INTEGER);"
    " INSERT INTO plain SELECT i.n, r.id IS NOT NULL FROM incoming i LEFT JOIN records r ON r.id = i.id"
    " WHERE (r.id IS NULL AND i.name = 'put' OR i.name IN ('put', 'patch')"
    " AND r.base IS NOT NULL AND r.local IS NULL AND r.kind = i.kind)"
    " AND NOT EXISTS (SELECT 1 FROM edits e WHERE e.id = i.id)"
    " AND i.id NOT IN (SELECT id FROM incoming GROUP BY id HAVING count(*) > 1)"
)
_NEW: Final = "FROM plain p JOIN incoming i ON i.n = p.n WHERE p.is_known = 0"
_NEW_LOOKED_UP: Final = (
    "FROM plain p JOIN incoming i ON i.n = p.n JOIN json_each(i.body, '$.' || ?2) item"
    " WHERE p.is_known = 0 AND i.kind = ?1 AND item.type = 'text'"
)
_CHANGED: Final = (
    "SELECT i.n, i.name, i.id, i.kind, i.body, i.digest, r.base, r.digest"
    " FROM plain p JOIN incoming i ON i.n = p.n JOIN records r ON r.id = i.id"
    " WHERE p.is_known = 1 AND p.n > ? ORDER BY p.n LIMIT ?"
)
_REST: Final = (
    "SELECT n, name, id, kind, body, digest FROM incoming i WHERE n > ?"
    " AND NOT EXISTS (SELECT 1 FROM plain p WHERE p.n = i.n) ORDER BY n LIMIT 1"
)


def apply_incoming(store: Store, total: int, held: int) -> tuple[int, int]:
    """Apply and clear the staged steps; return the checksum and count that hold afterwards."""
    store.db.execute(_CHOOSE_PLAIN)
    added, count = _add_new(store)
    total = checksum.add(total, added, _write_changed(store))
    held += count
    last = 0
    while found := store.row(_REST, last):
        last, *step = found
        change, count = _take_step(store, *step)
        total, held = checksum.add(total, change), held + count
    store.db.execute("DROP TABLE plain; DELETE FROM incoming")
    return total, held


def digest_of(kind: str, record_id: str, body: str) -> bytes:
    """Return the digest of a record as 16 bytes."""
    return checksum.record_digest(kind, record_id, body).to_bytes(16, "big")


def _add_new(store: Store) -> tuple[int, int]:
    digests = [int.from_bytes(digest, "big") for (digest,) in store.rows(f"SELECT i.digest {_NEW}")]
    columns = "i.id, i.kind, i.body, i.digest"
    store.db.execute(f"INSERT INTO records (id, kind, base, digest) SELECT {columns} {_NEW}")
    moves = list(store.rows(f"SELECT i.body {_NEW} AND i.kind = ?", MOVE))
    count_moves(store.db, [canonical.load(body) for (body,) in moves], 1)
    for (kind,) in list(store.rows(f"SELECT DISTINCT i.kind {_NEW}")):
        for name in fields_looked_up(kind):
            store.db.execute(
                f"INSERT OR IGNORE INTO lookups SELECT ?1, ?2, item.value, i.id {_NEW_LOOKED_UP}",
                (kind, name),
            )
    return sum(digests), len(digests)


def _write_changed(store: Store) -> int:
    """Merge and write the changes of records without edits; return the change of the checksum."""
    total = last = 0
    while rows := list(store.rows(_CHANGED, last, ROWS_AT_ONCE)):
        last = rows[-1][0]
        written = []
        for _, name, record_id, kind, body, digest, base, before in rows:
            old, values = canonical.load(base), canonical.load(body)
            if name == "patch":
                values = old | values
                body = canonical.dump(values)
                digest = digest_of(kind, record_id, body)
            store.index(record_id, kind, old, values)
            total += int.from_bytes(digest, "big") - int.from_bytes(before, "big")
            written.append((body, digest, record_id))
        store.db.executemany("UPDATE records SET base = ?, digest = ? WHERE id = ?", written)
    return total


def _take_step(store: Store, name: str, record_id: str, kind: str, body: Any, digest: Any) -> tuple[int, int]:
    """Apply one step; return the change of the checksum and of the count."""
    found = store.row("SELECT base FROM records WHERE id = ? AND base IS NOT NULL", record_id)
    if name == "evict":
        return store.evict(record_id), -1 if found else 0
    if name == "put":
        return store.write_base(record_id, kind, body, digest), 0 if found else 1
    if found is None:
        # The checksum at the end of the run tells that it is missing, and the repair fetches it whole.
        return 0, 0
    body = canonical.dump(canonical.load(found[0]) | canonical.load(body))
    return store.write_base(record_id, kind, body, digest_of(kind, record_id, body)), 0
