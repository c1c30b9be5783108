"""Who holds what: keeps feed, holdings and scope checksums in step with the records.

The feed has one row for each record a holder has or had: the position at which it last changed for him,
the position at which it entered his scope, and whether it has left again. A pull is a range of it, a
snapshot is all of it, and an evicted record is known from what was delivered. Rules: sync/scope.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Table

from schemas import KINDS, Audience
from server.store.bulk import delete_keys, select_among, upsert
from server.store.stored_record import Record
from server.store.tables import FeedRow, Holder, Holding, Link
from sync.checksum import add, parse, record_digest, spell
from sync.scope import EVERYBODY, carried_closure, direct_holder, followed_ids, is_root

_FEED: Table = FeedRow.__table__  # type: ignore[assignment]
_HOLDERS: Table = Holder.__table__  # type: ignore[assignment]
_HOLDINGS: Table = Holding.__table__  # type: ignore[assignment]
_LINKS: Table = Link.__table__  # type: ignore[assignment]


FOLLOWED_KINDS: Final = frozenset(
    rule.refers_to for kind in KINDS.values() for rule in kind.references.values() if rule.follows
)
"""Kinds that some other kind follows."""


@dataclass(slots=True)
class FeedState:
    """One feed row in memory; `counted` tells whether the database's checksum includes the record."""

    position: int
    entered: int
    gone: bool
    counted: bool
    dirty: bool = False


@dataclass(slots=True)
class ScopeBook:
    """The scope side of a workspace: `touch` while a set is applied, `settle` after it, `flush` at the end."""

    connection: Connection
    organisation: str
    find: Callable[[str], Record | None]
    load_records: Callable[[Iterable[str]], None]
    _feed: dict[str, dict[str, FeedState]] = field(default_factory=dict)
    _holders_of: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """record id -> holder -> the roots that bring it to him"""
    _by_root: dict[str, dict[str, str]] = field(default_factory=dict)
    """root id -> record id -> holder"""
    _children: dict[str, set[str]] = field(default_factory=dict)
    _touched: dict[str, Record] = field(default_factory=dict)
    _reroot: set[str] = field(default_factory=set)
    _new_holdings: dict[tuple[str, str], str] = field(default_factory=dict)
    _lost_holdings: set[tuple[str, str]] = field(default_factory=set)
    _new_links: dict[str, set[str]] = field(default_factory=dict)
    """parent id -> ids of records that follow it, written in this transaction"""

    def load(self, written: Iterable[str], known: Iterable[Record]) -> None:
        """Read what the scope of records about to be written, and of all records around them, depends on."""
        records = [record for record_id in written if (record := self.find(record_id)) is not None]
        self._load_feed({record.id for record in records})
        self._load_roots({record.id for record in records if _is_root(record)})
        linked = {record.id for record in known if not _is_catalogue(record)}
        self._load_holders(linked | {parent for record in records for parent in _followed(record)})

    def know_fresh(self, record_id: str) -> None:
        """Note that a record is being created: nothing about it is in the database."""
        self._feed[record_id] = {}
        self._holders_of[record_id] = {}
        self._by_root[record_id] = {}
        self._children[record_id] = set()

    def touch(self, record: Record, values: dict[str, Any]) -> None:
        """Note that a record was written."""
        self._touched[record.id] = record
        kind = record.schema_kind
        if kind is None:
            return
        if is_root(kind):
            self._reroot.add(record.id)
        elif any(name in values for name in kind.carried) and not _is_new(record):
            self._load_holders({record.id})
            self._reroot |= {root for roots in self._holders_of[record.id].values() for root in roots}
        if any(name in values for name in kind.followed):
            for parent in followed_ids(kind, record.body):
                self._new_links.setdefault(parent, set()).add(record.id)

    def has_held(self, person: str, record_id: str) -> bool:
        """Tell whether a record was ever delivered to a person's devices."""
        self._load_feed({record_id})
        rows = self._feed[record_id]
        return person in rows or EVERYBODY in rows

    def settle(self, position: int, author: str | None) -> None:
        """Bring the feed up to date after a set was applied at `position`.

        `author` is the person whose device wrote it; what he wrote but does not hold is evicted from his
        device, so that it does not keep a copy nobody updates.
        """
        self.load_records({target for r in self._touched.values() for target in r.carried_ids()})
        affected: set[str] = set()
        for root in self._reroot:
            affected |= self._place_root(root)
        candidates = dict(self._touched)
        followers = self._followers_of(affected)
        for record_id in affected | followers:
            record = self.find(record_id)
            if record is not None:
                candidates.setdefault(record_id, record)
        self._load_feed(candidates)
        self._load_holders({parent for record in candidates.values() for parent in (record.id, *_followed(record))})
        for record in candidates.values():
            self._place(record, position, record.id in self._touched, author)
        self._touched, self._reroot = {}, set()

    def flush(self, dirty: dict[str, Record]) -> None:
        """Write feed, holdings, links and the holders' checksums."""
        rows, changes = [], {}
        for record_id, states in self._feed.items():
            record = dirty.get(record_id)
            if record is None and not any(state.dirty for state in states.values()):
                continue
            record = record or self.find(record_id)
            assert record is not None
            old, new = _digests(record)
            for holder, state in states.items():
                count = int(not state.gone) - int(state.counted)
                digest = (0 if state.gone else new) - (old if state.counted else 0)
                if count or digest:
                    total = changes.setdefault(holder, [0, 0])
                    total[0], total[1] = add(total[0], digest), total[1] + count
                if state.dirty:
                    rows.append((self.organisation, holder, record_id, state.position, state.entered, state.gone))
        upsert(self.connection, _FEED, rows)
        self._flush_holders(changes)
        delete_keys(self.connection, _HOLDINGS, [(self.organisation, *key) for key in self._lost_holdings])
        upsert(self.connection, _HOLDINGS, [(self.organisation, *k, v) for k, v in self._new_holdings.items()])
        links = [(self.organisation, parent, child) for parent, kids in self._new_links.items() for child in kids]
        upsert(self.connection, _LINKS, links, update=False)

    def _flush_holders(self, changes: dict[str, list[int]]) -> None:
        stored = select_among(
            self.connection, _HOLDERS, ("holder", "checksum", "count"), "holder", self.organisation, changes
        )
        totals = {row.holder: (parse(row.checksum), row.count) for row in stored}
        rows = []
        for holder, (digest, count) in changes.items():
            checksum, held = totals.get(holder, (0, 0))
            rows.append((self.organisation, holder, spell(add(checksum, digest)), held + count))
        upsert(self.connection, _HOLDERS, rows)

    def _place_root(self, root_id: str) -> set[str]:
        """Recompute what a root carries to whom; return the ids whose holders changed."""
        self._load_roots({root_id})
        root = self.find(root_id)
        assert root is not None and root.schema_kind is not None
        holder = None if root.deleted else direct_holder(root.schema_kind, root.body)
        before = self._by_root[root_id]
        after = dict.fromkeys(carried_closure(root_id, self._find_body), holder) if holder else {}
        changed = {record_id for record_id in before.keys() | after.keys() if before.get(record_id) != after.get(record_id)}
        self._load_holders(changed)
        for record_id in changed:
            self._move_holding(root_id, record_id, before.get(record_id), after.get(record_id))
        return changed

    def _move_holding(self, root: str, record_id: str, before: str | None, after: str | None) -> None:
        holders = self._holders_of[record_id]
        if before is not None:
            holders[before].discard(root)
            if not holders[before]:
                del holders[before]
            del self._by_root[root][record_id]
            self._new_holdings.pop((root, record_id), None)
            self._lost_holdings.add((root, record_id))
        if after is not None:
            holders.setdefault(after, set()).add(root)
            self._by_root[root][record_id] = after
            self._new_holdings[root, record_id] = after
            self._lost_holdings.discard((root, record_id))

    def _place(self, record: Record, position: int, touched: bool, author: str | None) -> None:
        states = self._feed[record.id]
        audience = self._audience(record)
        for holder in audience:
            state = states.get(holder)
            if state is None or state.gone:
                counted = state.counted if state else False
                states[holder] = FeedState(position, position, False, counted, dirty=True)
            elif touched:
                state.position, state.dirty = position, True
        for holder, state in states.items():
            if not state.gone and holder not in audience:
                state.position, state.gone, state.dirty = position, True, True
        if touched and author is not None and author not in audience and EVERYBODY not in audience:
            counted = states[author].counted if author in states else False
            states[author] = FeedState(position, position, True, counted, dirty=True)

    def _audience(self, record: Record) -> set[str]:
        kind = record.schema_kind
        if kind is None or record.deleted:
            return set()
        direct = direct_holder(kind, record.body)
        if direct == EVERYBODY:
            return {EVERYBODY}
        holders = set(self._holders_of[record.id])
        for parent in followed_ids(kind, record.body):
            holders |= self._holders_of[parent].keys()
        return holders

    def _followers_of(self, parents: set[str]) -> set[str]:
        parents = {parent for parent in parents if (found := self.find(parent)) and found.kind in FOLLOWED_KINDS}
        unknown = parents - self._children.keys()
        for row in select_among(self.connection, _LINKS, ("parent", "id"), "parent", self.organisation, unknown):
            self._children.setdefault(row.parent, set()).add(row.id)
        for parent in unknown:
            self._children.setdefault(parent, set())
        followers = {child for parent in parents for child in self._children[parent]}
        followers |= {child for parent in parents for child in self._new_links.get(parent, ())}
        self.load_records(followers)
        return followers

    def _find_body(self, record_id: str) -> tuple[str, dict[str, Any]] | None:
        record = self.find(record_id)
        return None if record is None or record.deleted else (record.kind, record.body)

    def _load_feed(self, ids: Iterable[str]) -> None:
        unknown = {record_id for record_id in ids if record_id not in self._feed}
        self._feed.update({record_id: {} for record_id in unknown})
        columns = ("id", "holder", "position", "entered", "gone")
        for row in select_among(self.connection, _FEED, columns, "id", self.organisation, unknown):
            self._feed[row.id][row.holder] = FeedState(row.position, row.entered, bool(row.gone), not row.gone)

    def _load_holders(self, ids: Iterable[str]) -> None:
        unknown = {record_id for record_id in ids if record_id not in self._holders_of}
        self._holders_of.update({record_id: {} for record_id in unknown})
        for row in select_among(self.connection, _HOLDINGS, ("id", "root", "holder"), "id", self.organisation, unknown):
            self._holders_of[row.id].setdefault(row.holder, set()).add(row.root)

    def _load_roots(self, roots: set[str]) -> None:
        unknown = {root for root in roots if root not in self._by_root}
        self._by_root.update({root: {} for root in unknown})
        columns = ("root", "id", "holder")
        for row in select_among(self.connection, _HOLDINGS, columns, "root", self.organisation, unknown):
            self._by_root[row.root][row.id] = row.holder


def _is_root(record: Record) -> bool:
    kind = record.schema_kind
    return kind is not None and is_root(kind)


def _is_catalogue(record: Record) -> bool:
    kind = record.schema_kind
    return kind is not None and kind.audience is Audience.EVERYBODY


def _is_new(record: Record) -> bool:
    return record.loaded_text is None


def _followed(record: Record) -> tuple[str, ...]:
    kind = record.schema_kind
    return followed_ids(kind, record.body) if kind else ()


def _digests(record: Record) -> tuple[int, int]:
    new = record_digest(record.kind, record.id, record.text)
    if record.loaded_text is None:
        return 0, new
    if record.loaded_text == record.text:
        return new, new
    return record_digest(record.kind, record.id, record.loaded_text), new
