"""What intake asks of the read models to find facts that cannot all be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, Table, select

from schemas.stock import StockKey
from server.domain.findings import order_of
from server.domain.trace import fold
from server.store.bulk import delete_keys, select_among, upsert
from server.store.recalls import find_naming
from server.store.review_tables import MachineSerial
from server.store.tables import ReviewRow, SignedOrder, StockBalance
from sync.changeset import Change

_SIGNED: Table = SignedOrder.__table__  # type: ignore[assignment]
_REVIEWS: Table = ReviewRow.__table__  # type: ignore[assignment]
_MACHINES: Table = MachineSerial.__table__  # type: ignore[assignment]
_STOCK: Table = StockBalance.__table__  # type: ignore[assignment]


@dataclass(slots=True)
class FindingsStore:
    """Answers from the database, joined with what the open transaction has added itself."""

    connection: Connection
    organisation: str
    _signed: dict[str, str | None] = field(default_factory=dict)
    _opened: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _machines: dict[str, set[str]] = field(default_factory=dict)
    """folded serial number -> ids of the machines that bear it"""
    _balances: dict[StockKey, int] = field(default_factory=dict)
    _counted: set[tuple[str, str]] = field(default_factory=set)
    """places and parts of which all balances are known"""
    _moved: set[StockKey] = field(default_factory=set)
    _recalled: dict[str, set[str]] = field(default_factory=dict)
    """id or GTIN of a part -> the records of what recalls name of it"""

    def load(self, changes: Iterable[Change]) -> None:
        """Read what is known of the orders, machines and parts that some changes speak of."""
        orders, machines, parts = set(), set(), set()
        for change in changes:
            order = order_of(change.kind, change.id, change.set)
            serial = change.set.get("serial")
            if order is not None and (change.kind, change.op) != ("work_order", "create"):
                orders.add(order)
            if isinstance(serial, str) and (change.kind, change.op) == ("machine", "create"):
                machines.add(fold(serial))
            if change.kind == "part_fitted":
                parts |= {value for name in ("part_id", "gtin") if isinstance(value := change.set.get(name), str)}
        self._load_recalled(parts)
        self._load_signed(orders)
        self._load_machines(machines)

    def machines_like(self, serial: str) -> list[str]:
        """Return the ids of the machines whose serial number is like one, but for case and width; oldest id first."""
        folded = fold(serial)
        self._load_machines({folded})
        return sorted(self._machines[folded])

    def add_machine(self, serial: str, machine: str) -> None:
        """Remember a machine that is not in the database yet."""
        folded = fold(serial)
        self._load_machines({folded})
        self._machines[folded].add(machine)

    def signature_of(self, order: str) -> str | None:
        """Return the id of the newest signature under a job sheet of a loaded order, or None."""
        return self._signed.get(order)

    def add_signature(self, order: str, signature: str) -> None:
        """Remember a signature that is not in the database yet."""
        self._signed[order] = signature

    def open_conflicts(self, subject: str, name: str) -> list[str]:
        """Return the ids of the conflicts on a field of a record that are open, or were in this transaction."""
        statement = select(_REVIEWS.c.id).where(
            _REVIEWS.c.organisation == self.organisation,
            _REVIEWS.c.subject == subject,
            _REVIEWS.c.state == "open",
            _REVIEWS.c.kind == "conflict",
            _REVIEWS.c.field == name,
        )
        stored = list(self.connection.execute(statement).scalars())
        return [*stored, *self._opened.get((subject, name), ())]

    def add_conflict(self, subject: str, name: str, conflict: str) -> None:
        """Remember a conflict that is not in the database yet."""
        self._opened.setdefault((subject, name), []).append(conflict)

    def recalled_parts(self, names: Iterable[str | None]) -> list[str]:
        """Return the records of what recalls name of a part, which is known by its id, its GTIN, or both."""
        known = {name for name in names if name}
        self._load_recalled(known)
        return sorted({record for name in known for record in self._recalled[name]})

    def add_recalled(self, record: str, names: Iterable[str | None]) -> None:
        """Remember what a recall names of a part, which is not in the database yet."""
        known = {name for name in names if name}
        self._load_recalled(known)
        for name in known:
            self._recalled[name].add(record)

    def drop_recalled(self, record: str, names: Iterable[str | None]) -> None:
        """Forget what a recall named by mistake, which is not in the database yet."""
        known = {name for name in names if name}
        self._load_recalled(known)
        for name in known:
            self._recalled[name].discard(record)

    def balance(self, key: StockKey) -> int:
        """Return how many are where the key says."""
        if (key.place, key.part) not in self._counted:
            columns = (_STOCK.c.batch, _STOCK.c.serial, _STOCK.c.quantity)
            where = (_STOCK.c.organisation == self.organisation, _STOCK.c.place == key.place, _STOCK.c.part == key.part)
            for row in self.connection.execute(select(*columns).where(*where)):
                self._balances[StockKey(key.place, key.part, row.batch, row.serial)] = row.quantity
            self._counted.add((key.place, key.part))
        return self._balances.get(key, 0)

    def add_to_balance(self, key: StockKey, change: int) -> None:
        """Count a move, which is not in the database yet."""
        self._balances[key] = self.balance(key) + change
        self._moved.add(key)

    def flush(self) -> None:
        """Write the balances that changed; what is at zero is forgotten, or serial numbers would pile up."""
        rows = [(self.organisation, *_key(moved), self._balances[moved]) for moved in sorted(self._moved)]
        upsert(self.connection, _STOCK, [row for row in rows if row[-1]])
        delete_keys(self.connection, _STOCK, [row[:-1] for row in rows if not row[-1]])

    def _load_recalled(self, names: set[str]) -> None:
        unknown = names - self._recalled.keys()
        self._recalled.update({name: set() for name in unknown})
        for row in find_naming(self.connection, self.organisation, unknown) if unknown else ():
            for name in (row.part, row.gtin):
                if name in unknown:
                    self._recalled[name].add(row.id)

    def _load_signed(self, orders: set[str]) -> None:
        unknown = orders - self._signed.keys()
        self._signed.update(dict.fromkeys(unknown))
        for row in select_among(self.connection, _SIGNED, ("order", "signature"), "order", self.organisation, unknown):
            self._signed[row.order] = row.signature

    def _load_machines(self, folded: set[str]) -> None:
        unknown = folded - self._machines.keys()
        rows = select_among(
            self.connection, _MACHINES, ("serial_folded", "id"), "serial_folded", self.organisation, unknown
        )
        self._machines.update({serial: set() for serial in unknown})
        for row in rows:
            self._machines[row.serial_folded].add(row.id)


def _key(moved: StockKey) -> tuple[str, str, str, str]:
    return moved.place, moved.part, moved.batch, moved.serial
