"""What the office erases of persons goes from here too: from the records by the feed, from what was sent by this.

Rule 1: an act of erasing (schemas/erasure.py) names openings by the hashes of their commitments. Whatever lines in the
        outbox have them, sent or not, get the act's stand-ins instead; signature and digest stay.
Rule 2: what is seen of a record is worked out anew from the lines as they are then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from field_client.store import Store
from sync import canonical, openings
from sync.chain import Sealed

ROWS_AT_ONCE: Final = 200

Act = Mapping[str, Any]


def list_acts(store: Store) -> list[Act]:
    """Return the acts of erasing among what is staged."""
    sql = "SELECT body FROM incoming WHERE kind = 'erasure' AND name IN ('put', 'patch')"
    return [canonical.load(body) for (body,) in store.rows(sql)]


def take_out(store: Store, acts: Iterable[Act]) -> int:
    """Take what some acts name out of the lines in the outbox; return how many lines were changed."""
    gone = {
        one["hash"]: {"erased": one["stand_in"]}
        for act in acts
        for one in act.get("openings") or ()
        if openings.is_stand_in(one.get("stand_in"))
    }
    changed = last = 0
    edited: set[str] = set()
    while gone and (rows := list(store.rows(_LINES, last, ROWS_AT_ONCE))):
        last = rows[-1][0]
        for seq, line in rows:
            sealed = Sealed(bytes(line))
            without = openings.replace_openings(sealed, gone)
            if without is not sealed:
                store.db.execute("UPDATE outbox SET line = ? WHERE seq = ?", (without.line, seq))
                edited.update(found for (found,) in store.rows("SELECT id FROM edits WHERE seq = ?", seq))
                changed += 1
    store.refresh(edited)
    return changed


_LINES: Final = "SELECT seq, line FROM outbox WHERE seq > ? AND instr(line, X'09') > 0 ORDER BY seq LIMIT ?"
