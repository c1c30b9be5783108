"""What the tests of the spine say and ask: a company with its devices, changes in one line, a device that pulls."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Table, select

from server.clock import utc_now
from server.keys import new_id
from server.reception import Reception
from server.services.office import Office
from server.store.database import reading
from server.store.feed import PageQuery, write_page
from server.store.records import bodies_of_kind, body_of
from server.store.tables import Base, LogEntry, RecordRow
from sync import canonical, receipt
from sync.changeset import Change
from sync.checksum import add, record_digest, spell
from sync.receipt import Receipt
from sync.session import Cursor, PullSession, write_head
from tests.cast import Company, Device, found_company, order_body

Body = dict[str, Any]
GTIN = "09506000134352"
NOON = "2026-11-20T12:00:00Z"


def create(kind: str, record_id: str, /, **values: Any) -> Change:
    """Return the creation of a record."""
    return Change(kind, record_id, "create", values, {})


def update(kind: str, record_id: str, /, **moves: tuple[Any, Any]) -> Change:
    """Return an update; each field is given as (what the author saw, what he wants)."""
    new = {name: after for name, (_before, after) in moves.items()}
    return Change(kind, record_id, "update", new, {name: before for name, (before, _after) in moves.items()})


def delete(kind: str, record_id: str, /, **seen: Any) -> Change:
    """Return a delete by somebody who saw these values."""
    return Change(kind, record_id, "delete", {}, seen)


@dataclass
class Firm:
    """A company on a server, with a device for Wei, for Lin, and one for Dana."""

    engine: Engine
    office: Office
    reception: Reception
    company: Company
    wei: Device
    lin: Device
    dana: Device

    @property
    def id(self) -> str:
        """The organisation's id."""
        return self.company.organisation

    @property
    def order(self) -> str:
        """The order assigned to Wei."""
        return self.company.order

    def push(self, *lines: bytes, sender: str = "") -> list[Receipt]:
        """Hand sealed lines in and read the receipts."""
        return [receipt.load(answer) for answer in self.push_raw(*lines, sender=sender)]

    def push_raw(self, *lines: bytes, sender: str = "") -> list[str]:
        """Hand sealed lines in and return the receipts as they are."""
        return self.reception.submit(self.id, sender or self.wei.id, list(lines))

    def send(self, device: Device, *changes: Change, **frame: Any) -> Receipt:
        """Seal changes on a device and hand them in."""
        (answer,) = self.push(device.seal("test.act", *changes, **frame), sender=device.id)
        return answer

    def write(self, *changes: Change, actor: str = "") -> Receipt:
        """Write changes at the office in Dana's name."""
        return self.office.write(self.id, actor or self.company.dana, "test.office", changes)

    def ensure(self, *changes: Change, actor: str = "") -> None:
        """Write changes at the office; fail unless all were applied."""
        answer = self.write(*changes, actor=actor or self.company.system)
        assert answer.verdict == "applied", answer

    def body(self, record_id: str) -> Body:
        """Return a record as it stands."""
        with reading(self.engine) as connection:
            found = body_of(connection, self.id, record_id)
        assert found is not None, f"no record {record_id}"
        return found[1]

    def has(self, record_id: str) -> bool:
        """Tell whether there is such a record."""
        with reading(self.engine) as connection:
            return body_of(connection, self.id, record_id) is not None

    def bodies(self, kind: str) -> list[Body]:
        """Return every record of a kind, with its id beside its values."""
        with reading(self.engine) as connection:
            return [{"id": key, **values} for key, values in bodies_of_kind(connection, self.id, kind)]

    def rows(self, model: type[Base]) -> list[Any]:
        """Return this company's rows of a table."""
        table: Table = model.__table__  # type: ignore[assignment]
        with reading(self.engine) as connection:
            return list(connection.execute(select(table).where(table.c.organisation == self.id)))

    def log(self) -> list[Any]:
        """Return the log, in order."""
        return sorted(self.rows(LogEntry), key=lambda row: int(row.position))

    def records(self) -> dict[str, tuple[str, Body]]:
        """Return every record that is not deleted: id -> kind and body."""
        return {row.id: (row.kind, json.loads(row.body)) for row in self.rows(RecordRow) if not row.deleted}

    def catch_up(self, *devices: Device) -> None:
        """Let devices have seen everything that is in the log."""
        for device in devices:
            device.basis = len(self.log())

    def add_order(self, engineer: str | None = None, machine: str | None = None, **more: Any) -> str:
        """Create another order and return its id."""
        order = new_id()
        number = f"GD-{order[-8:]}"
        body = order_body(number, self.company.chen, machine_id=machine, engineer_id=engineer, **more)
        self.ensure(create("work_order", order, **body))
        return order

    def add_machine(self, **more: Any) -> str:
        """Create another machine of Chen's and return its id."""
        machine = new_id()
        model = self.bodies("model")[0]["id"]
        body = {"model_id": model, "serial": f"S-{machine[-6:]}", "customer_id": self.company.chen, **more}
        self.ensure(create("machine", machine, **body))
        return machine


def open_firm(engine: Engine, office: Office, name: str = "晟远服务") -> Firm:
    """Found a company and give its people devices."""
    company = found_company(office, engine, name)
    people = (company.wei, company.lin, company.dana)
    wei, lin, dana = devices = [Device(company.organisation, person, new_id()) for person in people]
    reception = Reception(engine, shelf=office.shelf, erasure_secret=office.key.token_secret)
    firm = Firm(engine, office, reception, company, wei, lin, dana)
    firm.ensure(*(device_record(device) for device in devices))
    firm.catch_up(*devices)
    return firm


def device_record(device: Device) -> Change:
    """Return the creation of a device's record."""
    values = {"person_id": device.person, "public_key": device.public_key, "name": "平板", "state": "active"}
    return create("device", device.id, **values, enrolled_at=utc_now())


def photo(order: str, /, **more: Any) -> Change:
    """Return a photo taken at an order."""
    named = {"order_id": order, "purpose": "fault", "original_sha256": "ab" * 32}
    return create("photo", new_id(), **{**named, "media_type": "image/jpeg", "size_bytes": 1, **more})


def fitted(order: str, machine: str, serial: str, at: str = NOON, /, **more: Any) -> Change:
    """Return a part fitted into a machine."""
    named = {"order_id": order, "machine_id": machine, "gtin": GTIN, "serial": serial, "fitted_at": at}
    return create("part_fitted", new_id(), **{**named, "part_name": "轴承", **more})


def removed(order: str, machine: str, serial: str, at: str = NOON, /, **more: Any) -> Change:
    """Return a part taken out of a machine."""
    named = {"order_id": order, "machine_id": machine, "gtin": GTIN, "serial": serial, "removed_at": at}
    return create("part_removed", new_id(), **{**named, **more})


def faults_of(answer: Receipt) -> list[str | None]:
    """Return the code of each change's fault, None where there is none."""
    return [verdict.fault.code if verdict.fault else None for verdict in answer.changes]


@dataclass
class Handset:
    """A device as simple as can be: it pulls, holds what it is told to, and checks what it can."""

    firm: Firm
    person: str
    pull: PullSession
    held: dict[str, tuple[str, Body]] = field(default_factory=dict)
    ops: list[str] = field(default_factory=list)
    """The names of the ops of the last run."""

    def sync(self, *page_sizes: int) -> None:
        """Pull to the end in pages of these sizes, the last repeated, and check count and checksum."""
        sizes = iter(page_sizes)
        size = 2000
        self.pull.done = False
        self.ops = []
        while not self.pull.done:
            size = next(sizes, size)
            self.turn_page(size)

    def turn_page(self, size: int) -> None:
        """Pull one page."""
        query = self.pull.next_query()
        assert query is not None
        asked = PageQuery(int(query["since"]), query["epoch"], query.get("after"))
        with reading(self.firm.engine) as connection:
            head, lines = write_page(connection, self.firm.id, self.person, asked, utc_now(), size)
        head, ops = self.pull.receive([write_head(head), *lines])
        for op in ops:
            self.ops.append(op.name)
            self._apply(op.name, op.id, op.kind, op.values)
        self.pull.advance(head)
        if self.pull.done:
            assert (head.count, head.checksum) == (len(self.held), self.checksum())

    def checksum(self) -> str:
        """Return the checksum of what is held."""
        digests = (record_digest(kind, key, canonical.dump(body)) for key, (kind, body) in self.held.items())
        return spell(add(0, *digests))

    def _apply(self, name: str, record_id: str, kind: str, values: Body | None) -> None:
        if name == "put":
            assert values is not None
            self.held[record_id] = (kind, dict(values))
        elif name == "patch":
            assert values is not None
            self.held[record_id][1].update(values)
        else:
            self.held.pop(record_id, None)


def handset(firm: Firm, person: str) -> Handset:
    """Return an empty handset of a person."""
    return Handset(firm, person, PullSession(Cursor()))
