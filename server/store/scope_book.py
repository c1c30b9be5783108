"""Who holds what: keeps feed, holdings and scope checksums in step with the records.

The feed has one row for each record a holder has or had: the position at which it last changed for him,
the position at which it entered his scope, and whether it has left again. A pull is a range of it, a
snapshot is all of it, and an evicted record is known from what was delivered. Rules: sync/scope.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Table, select

from schemas import Audience
from server.store.bulk import delete_keys, insert, select_among, upsert
from server.store.stored_record import Record
from server.store.tables import FeedRow, Holder, Holding, Link, Reach
from sync.checksum import add, parse, spell
from sync.scope import (
    CARRIED_KINDS,
    EVERYBODY,
    FOLLOWED_KINDS,
    carried_closure,
    direct_holder,
    followed_ids,
    is_root,
    structure,
)

_FEED: Table = FeedRow.__table__  # type: ignore[assignment]
_HOLDERS: Table = Holder.__table__  # type: ignore[assignment]
_HOLDINGS: Table = Holding.__table__  # type: ignore[assignment]
_REACHES: Table = Reach.__table__  # type: ignore[assignment]
_LINKS: Table = Link.__table__  # type: ignore[assignment]


@dataclass(slots=True)
class FeedState:
    """One feed row in memory; `counted` tells whether the database's checksum includes the record."""

    position: int
    entered: int
    gone: bool
    counted: bool
    dirty: bool = False


@dataclass(frozen=True, slots=True)
class Carriage:
    """What a root carries, and to whom; a root that nobody holds carries nothing."""

    holder: str | None
    ids: frozenset[str]


NOTHING: Final = Carriage(None, frozenset())


@dataclass(frozen=True, slots=True)
class ScopeRows:
    """What is known of who holds what; of an id that is in a mapping all is known."""

    feed: dict[str, dict[str, FeedState]] = field(default_factory=dict)
    """record id -> holder -> his feed row"""
    reach: dict[str, dict[str, int]] = field(default_factory=dict)
    """record id -> holder -> how many roots bring it to him"""
    by_root: dict[str, Carriage] = field(default_factory=dict)
    """root id -> what it carries to whom"""
    closures: dict[str, frozenset[str]] = field(default_factory=dict)
    """id of a record that others carry -> itself and all that it carries"""


@dataclass(slots=True)
class ScopeBook:
    """The scope side of a workspace: `touch` while a set is applied, `settle` after it, `flush` at the end."""

    connection: Connection
    organisation: str
    find: Callable[[str], Record | None]
    load_records: Callable[[Iterable[str]], None]
    rows: ScopeRows = field(default_factory=ScopeRows)
    _feed: dict[str, dict[str, FeedState]] = field(init=False)
    _reach: dict[str, dict[str, int]] = field(init=False)
    _by_root: dict[str, Carriage] = field(init=False)
    _children: dict[str, set[str]] = field(default_factory=dict)
    _touched: dict[str, Record] = field(default_factory=dict)
    _restructured: dict[str, Record] = field(default_factory=dict)
    _reroot: set[str] = field(default_factory=set)
    _dirty_roots: set[str] = field(default_factory=set)
    _dirty_reach: set[str] = field(default_factory=set)
    _new_links: dict[str, set[str]] = field(default_factory=dict)
    """parent id -> ids of records that follow it, written in this transaction"""
    _moved: dict[str, None] = field(default_factory=dict)
    """ids of records of which a feed row changed, in order"""

    def __post_init__(self) -> None:
        """Give the rows their short names."""
        self._feed, self._reach, self._by_root = self.rows.feed, self.rows.reach, self.rows.by_root

    def load(self, written: Iterable[str], restructured: Iterable[str]) -> None:
        """Read what is known of who holds some records.

        `written` are the records about to be written or added to; `restructured` those whose own holders, or
        the holders of what they carry, may change.
        """
        self._load_feed(written)
        records = [record for record_id in restructured if (record := self.find(record_id)) is not None]
        self._load_roots({record.id for record in records if _is_root(record)})
        self._load_reach({record.id for record in records if not _is_catalogue(record)})

    def know_fresh(self, record_id: str) -> None:
        """Note that a record is being created: nothing about it is in the database."""
        self._feed[record_id] = {}
        self._reach[record_id] = {}
        self._by_root[record_id] = NOTHING
        self._children[record_id] = set()

    def touch(self, record: Record, before: tuple[Any, ...] | None) -> None:
        """Note that a record was written; `before` is its structure until then, None when it is new."""
        self._touched[record.id] = record
        kind = record.schema_kind
        after = structure(kind, record.body) if kind and not record.deleted else None
        if kind is None or (before == after and after is not None):
            return
        self._restructured[record.id] = record
        if record.kind in CARRIED_KINDS:
            # What it carries others may carry through it; such records seldom change.
            self.rows.closures.clear()
        if is_root(kind):
            self._reroot.add(record.id)
        elif kind.carried and before is not None:
            self._reroot |= self._roots_of(record.id)
        for parent in followed_ids(kind, record.body):
            self._new_links.setdefault(parent, set()).add(record.id)

    def has_held(self, person: str, record_id: str) -> bool:
        """Tell whether a record was ever delivered to a person's devices."""
        if record_id not in self._feed:
            self._load_feed({record_id})
        rows = self._feed[record_id]
        return person in rows or EVERYBODY in rows

    def settle(self, position: int, author: str | None) -> None:
        """Bring the feed up to date after a set was applied at `position`.

        `author` is the person whose device wrote it; what he wrote but does not hold is evicted from his
        device, so that it does not keep a copy nobody updates.
        """
        affected = self._place_roots()
        candidates = dict(self._restructured)
        for record_id in affected | self._followers_of(affected):
            record = self.find(record_id)
            if record is not None:
                candidates.setdefault(record_id, record)
        self._load_feed([*self._touched, *candidates])
        self._load_reach({parent for record in candidates.values() for parent in (record.id, *_followed(record))})
        for record in candidates.values():
            self._place(record, position)
        for record_id in self._touched:
            self._move_on(record_id, position, author)
        self._touched, self._restructured, self._reroot = {}, {}, set()

    def flush(self, before: dict[str, int], fresh: Set[str]) -> None:
        """Write feed, holdings, links and the holders' checksums.

        `before` has the digests that the records written by this transaction had, 0 for those it created, whose ids
        are `fresh`: nothing is stored of them.
        """
        rows: list[tuple[Any, ...]] = []
        changes: dict[str, list[int]] = {}
        for record_id in {**before, **self._moved}:
            record = self.find(record_id)
            assert record is not None
            new = record.current_digest()
            old = before.get(record_id, new)
            for holder, state in self._feed.get(record_id, {}).items():
                count = int(not state.gone) - int(state.counted)
                digest = (0 if state.gone else new) - (old if state.counted else 0)
                # A holder who gained and lost within this transaction gets his row too, as over several of them.
                if count or digest or state.dirty:
                    total = changes.setdefault(holder, [0, 0])
                    total[0], total[1] = add(total[0], digest), total[1] + count
                if state.dirty:
                    rows.append((self.organisation, record_id, holder, state.position, state.entered, state.gone))
                    state.counted, state.dirty = not state.gone, False
        self._write(_FEED, rows, fresh, 1)
        self._flush_holders(changes)
        self._flush_holdings(fresh)
        links = [(self.organisation, parent, child) for parent, kids in self._new_links.items() for child in kids]
        self._write(_LINKS, links, fresh, 2)
        reached = [(i, holder, roots) for i in self._dirty_reach for holder, roots in self._reach[i].items()]
        self._write(_REACHES, [(self.organisation, *key) for key in reached if key[2]], fresh, 1)
        gone = [(self.organisation, *key[:2]) for key in reached if not key[2] and key[0] not in fresh]
        delete_keys(self.connection, _REACHES, gone)

    def _write(self, table: Table, rows: list[tuple[Any, ...]], fresh: Set[str], place: int) -> None:
        """Write rows; `place` is where they name the record that they belong to."""
        insert(self.connection, table, [row for row in rows if row[place] in fresh])
        upsert(self.connection, table, [row for row in rows if row[place] not in fresh])

    def _flush_holdings(self, fresh: Set[str]) -> None:
        held = {root: carriage for root in self._dirty_roots if (carriage := self._by_root[root]).holder}
        rows = [(self.organisation, root, c.holder, ",".join(sorted(c.ids))) for root, c in held.items()]
        self._write(_HOLDINGS, rows, fresh, 1)
        delete_keys(self.connection, _HOLDINGS, [(self.organisation, root) for root in self._dirty_roots - held.keys()])

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

    def _place_roots(self) -> set[str]:
        """Recompute what the roots of a set carry to whom; return the ids that somebody gained or lost."""
        self._load_roots(self._reroot)
        moves = [(self._by_root[root], self._carry(root)) for root in self._reroot]
        moves = [(before, after) for before, after in moves if before != after]
        self._load_reach({record_id for before, after in moves for record_id in before.ids | after.ids})
        changed: set[str] = set()
        for before, after in moves:
            changed.update(self._shift(before, -1), self._shift(after, +1))
        return changed

    def _carry(self, root_id: str) -> Carriage:
        """Work out what a root carries as it stands, and remember it."""
        root = self.find(root_id)
        assert root is not None and root.schema_kind is not None
        holder = None if root.deleted else direct_holder(root.schema_kind, root.body)
        carriage = Carriage(holder, self._closure_of(root)) if holder else NOTHING
        if carriage != self._by_root[root_id]:
            self._by_root[root_id] = carriage
            self._dirty_roots.add(root_id)
        return carriage

    def _closure_of(self, root: Record) -> frozenset[str]:
        """Return the ids of a root that exists and of all that it carries; many carry the same."""
        closures = self.rows.closures
        targets = list(root.carried_ids())
        for target in targets:
            if target not in closures:
                closures[target] = frozenset(carried_closure(target, self._find_body))
        return frozenset({root.id}).union(*(closures[target] for target in targets))

    def _shift(self, carriage: Carriage, by: int) -> Iterator[str]:
        """Add to or take from how many roots bring records to a holder; yield those he gains or loses by it."""
        if carriage.holder is None:
            return
        for record_id in carriage.ids:
            reach = self._reach[record_id]
            before = reach.get(carriage.holder, 0)
            reach[carriage.holder] = before + by
            self._dirty_reach.add(record_id)
            if before == 0 or before + by == 0:
                yield record_id

    def _place(self, record: Record, position: int) -> None:
        """Let a record enter and leave the scopes it should."""
        states = self._feed[record.id]
        audience = self._audience(record)
        for holder in audience:
            state = states.get(holder)
            if state is None or state.gone:
                counted = state.counted if state else False
                states[holder] = FeedState(position, position, False, counted, dirty=True)
                self._moved[record.id] = None
        for holder, state in states.items():
            if not state.gone and holder not in audience:
                state.position, state.gone, state.dirty = position, True, True
                self._moved[record.id] = None

    def _move_on(self, record_id: str, position: int, author: str | None) -> None:
        """Bring a written record to its holders again, and take it from an author who does not hold it."""
        states = self._feed[record_id]
        self._moved[record_id] = None
        for state in states.values():
            if not state.gone:
                state.position, state.dirty = position, True
        if author is None or any(not states[h].gone for h in (author, EVERYBODY) if h in states):
            return
        counted = states[author].counted if author in states else False
        states[author] = FeedState(position, position, True, counted, dirty=True)

    def _audience(self, record: Record) -> set[str]:
        kind = record.schema_kind
        if kind is None or record.deleted:
            return set()
        direct = direct_holder(kind, record.body)
        if direct == EVERYBODY:
            return {EVERYBODY}
        sources = (record.id, *followed_ids(kind, record.body))
        return {holder for source in sources for holder, roots in self._reach[source].items() if roots}

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

    def _load_reach(self, ids: Iterable[str]) -> None:
        unknown = {record_id for record_id in ids if record_id not in self._reach}
        self._reach.update({record_id: {} for record_id in unknown})
        for row in select_among(self.connection, _REACHES, ("id", "holder", "roots"), "id", self.organisation, unknown):
            self._reach[row.id][row.holder] = row.roots

    def _roots_of(self, record_id: str) -> set[str]:
        """Return the roots that carry a record. It reads all holdings: machines and sites seldom move."""
        pattern = f"%{record_id}%"
        where = (_HOLDINGS.c.organisation == self.organisation, _HOLDINGS.c.carried.like(pattern))
        stored = set(self.connection.execute(select(_HOLDINGS.c.root).where(*where)).scalars())
        self._load_roots(stored)
        return {root for root, carriage in self._by_root.items() if record_id in carriage.ids}

    def _load_roots(self, roots: set[str]) -> None:
        unknown = {root for root in roots if root not in self._by_root}
        self._by_root.update(dict.fromkeys(unknown, NOTHING))
        columns = ("root", "holder", "carried")
        for row in select_among(self.connection, _HOLDINGS, columns, "root", self.organisation, unknown):
            self._by_root[row.root] = Carriage(row.holder, frozenset(row.carried.split(",")))


def _is_root(record: Record) -> bool:
    kind = record.schema_kind
    return kind is not None and is_root(kind)


def _is_catalogue(record: Record) -> bool:
    kind = record.schema_kind
    return kind is not None and kind.audience is Audience.EVERYBODY


def _followed(record: Record) -> tuple[str, ...]:
    kind = record.schema_kind
    return followed_ids(kind, record.body) if kind else ()
