"""What the office erases of persons goes from here too: from the records by the feed, from what was sent by this.

Rule 1: an act of erasing (schemas/erasure.py) names openings by the hashes of their commitments. Whatever lines in the
        outbox have them, sent or not, get the act's stand-ins instead; signature and digest stay.
Rule 2: what is seen of a record is worked out anew from the lines as they are then.
Rule 3: a file that an act names is noted with the act, and its bytes go as soon as nothing else is at them. What is
        noted stays noted, also when the server that said so is restored from a backup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from field_client.evidence import EvidenceFolder
from field_client.store import Store
from schemas.problems import Refused
from sync import canonical, openings
from sync.chain import Sealed

ROWS_AT_ONCE: Final = 200

Act = Mapping[str, Any]


def list_acts(store: Store) -> list[Act]:
    """Return the acts of erasing among what is staged."""
    sql = "SELECT body FROM incoming WHERE kind = 'erasure' AND name IN ('put', 'patch')"
    return [canonical.load(body) for (body,) in store.rows(sql)]


def take_out(store: Store, acts: Iterable[Act]) -> int:
    """Take what some acts name out of the lines in the outbox, and note their files; return how many lines changed."""
    acts = list(acts)
    _note_files(store, acts)
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


def _note_files(store: Store, acts: Iterable[Act]) -> None:
    """Note the files that some acts name: they are neither sent nor fetched any more."""
    if not store.recall("erasures_read", 0):
        # Acts may have come while an older release of this program did not look for files in them.
        acts = [*acts, *(record.values for record in store.of_kind("erasure"))]
        store.remember(erasures_read=1)
    note_erased(store, {name: str(act.get("erased_at")) for act in acts for name in act.get("files") or ()})


def note_erased(store: Store, erased: Mapping[str, str]) -> None:
    """Note files by name, with the moment at which they were erased, empty where that is not known."""
    with store.transaction():
        for name, erased_at in sorted(erased.items()):
            store.db.execute(_NOTE, (name, erased_at))
            store.db.execute("UPDATE blobs SET state = 'erased', upload_url = NULL WHERE sha256 = ?", (name,))
            store.db.execute("DELETE FROM downloads WHERE sha256 = ?", (name,))


def drop_files(store: Store, files: EvidenceFolder) -> int:
    """Drop the bytes of files that were erased, whoever was cut off before he came to it; return how many were here."""
    dropped = files.names() & {name for (name,) in store.rows("SELECT sha256 FROM erased_files")}
    for name in sorted(dropped):
        files.free(name)
    return len(dropped)


def find_erased(store: Store, names: Iterable[str | None]) -> dict[str, str]:
    """Return the moments at which those files were erased that were, by name."""
    sql = "SELECT sha256, erased_at FROM erased_files WHERE sha256 = ?"
    return dict(row for name in names if name for row in store.rows(sql, name))


def refuse_erased(store: Store, name: str | None) -> None:
    """Raise Refused with `file_erased` for a file that was erased."""
    for erased_at in find_erased(store, [name]).values():
        raise Refused("file_erased", at=erased_at[:10] or "—")


_NOTE: Final = (
    "INSERT INTO erased_files VALUES (?, ?) ON CONFLICT DO UPDATE SET erased_at = excluded.erased_at"
    " WHERE erased_at = ''"
)

_LINES: Final = "SELECT seq, line FROM outbox WHERE seq > ? AND instr(line, X'09') > 0 ORDER BY seq LIMIT ?"
