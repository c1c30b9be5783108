"""What a person has typed and not yet done: kept in the encrypted database, so that no reload or crash takes it.

Rule 1: a draft belongs to one form, named by a key; saving again replaces it.
Rule 2: throwing one away only marks it: until it is replaced it can be brought back.
Rule 3: an act and the end of its draft are one transaction of the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from field_client.store import Store
from schemas.problems import Refused
from sync import canonical

DRAFT_BYTES_MAX: Final = 256 * 1024
"""As much as a change-set may hold: a longer text could not be handed in."""

DRAFTS_MAX: Final = 500
"""Forms begun and left; beyond it the oldest that were thrown away go."""

KEY_CHARACTERS_MAX: Final = 200
"""A key names a page, a record and a form."""

_FORGET_OLDEST: Final = (
    "DELETE FROM drafts WHERE key IN (SELECT key FROM drafts WHERE discarded_at IS NOT NULL"
    " ORDER BY discarded_at DESC LIMIT -1 OFFSET ?)"
)

Typed = dict[str, list[str]]
"""form field name -> its values, as a browser sends them"""


def save_draft(store: Store, key: str, typed: Mapping[str, list[str]], now: str) -> None:
    """Keep what stands in a form at the moment `now`.

    Raises Refused with `draft_too_large`, `disk_full` or `database_busy`.
    """
    body = canonical.dump(dict(typed))
    if len(body.encode()) > DRAFT_BYTES_MAX or len(key) > KEY_CHARACTERS_MAX:
        raise Refused("draft_too_large", limit=DRAFT_BYTES_MAX)
    with store.transaction():
        store.db.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, NULL)", (key, body, now))
        store.db.execute(_FORGET_OLDEST, (DRAFTS_MAX,))


def read_draft(store: Store, key: str) -> Typed:
    """Return what was typed into a form, or nothing."""
    found = store.row("SELECT body FROM drafts WHERE key = ? AND discarded_at IS NULL", key)
    return {} if found is None else canonical.load(found[0])


def discard_draft(store: Store, key: str, now: str) -> bool:
    """Throw a draft away; tell whether there was one."""
    with store.transaction():
        sql = "UPDATE drafts SET discarded_at = ? WHERE key = ? AND discarded_at IS NULL"
        store.db.execute(sql, (now, key))
        return store.db.changes() > 0


def restore_draft(store: Store, key: str) -> bool:
    """Bring a draft back that was thrown away; tell whether there was one."""
    with store.transaction():
        store.db.execute("UPDATE drafts SET discarded_at = NULL WHERE key = ?", (key,))
        return store.db.changes() > 0


def list_drafts(store: Store) -> list[str]:
    """Return the keys of the forms that were begun, the latest first."""
    return [key for (key,) in store.rows("SELECT key FROM drafts WHERE discarded_at IS NULL ORDER BY changed_at DESC")]
