"""The office's own change-sets: what dispatchers and the server itself write goes through the same door."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine, Table, insert, select

from schemas import SCHEMA_VERSION
from server.clock import unix_ms, utc_now
from server.domain.catalogue import OFFICE
from server.intake import accept, examine
from server.keys import OfficeKey, draw_bytes, new_id, verify_signature
from server.request_trace import current_trace_id
from server.services.admins import expect_left, list_admins
from server.store import json_text
from server.store.database import transact, writing
from server.store.kept import Shelf
from server.store.tables import DeviceHead, Organisation
from server.store.workspace import Workspace, open_workspace
from sync import chain, clock, openings, receipt
from sync.changeset import Change, ChangeSet
from sync.receipt import Receipt

_ORGANISATIONS: Table = Organisation.__table__  # type: ignore[assignment]
_DEVICES: Table = DeviceHead.__table__  # type: ignore[assignment]

Plan = Callable[[Workspace], Sequence[Change]]
"""The records as they stand, under the organisation's lock -> the changes of a set"""


class Office:
    """Writes in the name of the office, signed with the office's key."""

    def __init__(self, engine: Engine, key: OfficeKey) -> None:
        """Write into the database of `engine` with the office's `key`."""
        self._engine = engine
        self.key = key
        self.shelf = Shelf()

    def found(self, name: str) -> str:
        """Create an organisation with its office device and system person; return its id."""
        with writing(self._engine) as connection:
            organisation, device, person = new_id(), new_id(), new_id()
            self._insert_organisation(connection, organisation, name, device, person)
            store = open_workspace(connection, organisation)
            founder = {"name": str(OFFICE), "name_en": OFFICE.english, "roles": ["admin"]}
            desk = {
                "person_id": person,
                "public_key": self.key.public_key,
                "name": str(OFFICE),
                "state": "active",
                "enrolled_at": utc_now(),
            }
            changes = (Change("person", person, "create", founder, {}), Change("device", device, "create", desk, {}))
            self.write_in(store, person, "organisation.found", changes)
            store.flush()
        return organisation

    def write(self, organisation: str, actor: str, intent: str, changes: Sequence[Change]) -> Receipt:
        """Write one change-set in the name of a person of the office and return its receipt.

        `was` of each update must be what that person saw. Raises Refused with `database_busy`, `disk_full` or
        `erased_meanwhile`.
        """
        return self.write_planned(organisation, actor, intent, lambda _store: changes)

    def write_planned(self, organisation: str, actor: str, intent: str, plan: Plan) -> Receipt:
        """Write the changes that `plan` makes of what stands, which nobody changes meanwhile; return the receipt.

        Raises what `plan` raises, then nothing is written; and what `write` raises.
        """
        written: list[Receipt] = []

        def work(connection: Connection) -> tuple[Workspace, Receipt]:
            store = open_workspace(connection, organisation, self.shelf)
            for earlier in written:
                # An earlier run may be stored although its answer was lost; a number was used once, or not at all.
                stored = store.stored(earlier.device, earlier.seq) if store.device(earlier.device) else None
                if stored is not None and stored[0] == earlier.digest:
                    store.flush()
                    return store, receipt.load(stored[1])
            answer = self.write_in(store, actor, intent, plan(store))
            store.flush()
            written.append(answer)
            return store, answer

        store, answer = transact(self._engine, work, is_repeatable=True)
        self.shelf.put(organisation, store.leave())
        return answer

    def write_in(self, store: Workspace, actor: str, intent: str, changes: Sequence[Change]) -> Receipt:
        """Write one change-set inside an open workspace; several may share one transaction.

        Raises Refused with `admins_too_few` or `erased_meanwhile`, and then nothing of the transaction may be kept.
        """
        device = store.office_device
        if store.device(device) is None:
            raise LookupError(f"organisation {store.organisation} has no office device")
        changes = self._screen_seen(store, changes)
        head, now = store.head(device), utc_now()
        store.trace_id = current_trace_id()
        changeset = ChangeSet(
            id=new_id(),
            organisation=store.organisation,
            device=device,
            seq=head.seq + 1,
            prev=head.digest,
            actor=actor,
            intent=intent,
            schema=SCHEMA_VERSION,
            captured_at=now,
            offset_ms=0,
            clock=clock.tick(clock.ORIGIN, unix_ms()),
            basis=store.position,
            witness=f"{store.frontier.size} {store.frontier.root.hex()}" if store.frontier.size else "",
            changes=tuple(changes),
        )
        sealed = openings.seal(changeset, self.key.sign, draw_bytes, json_text.spell)
        public_key = bytes.fromhex(store.devices[device].public_key)
        arrival = examine(sealed.line, store.organisation, lambda _device: public_key, verify_signature, now)
        store.load([arrival])
        admins = list_admins(store, changes)
        answer = receipt.load(accept(store, arrival))
        if admins:
            expect_left(store, admins)
        return answer

    def _screen_seen(self, store: Workspace, changes: Sequence[Change]) -> Sequence[Change]:
        """Return changes without what was erased after somebody saw it."""
        if not store.erased_at:
            return changes
        store.erasure_secret = self.key.token_secret
        standing = (store.record(change.id) if change.was else None for change in changes)
        return [
            store.screen().screen_seen(change, record.body) if record is not None else change
            for change, record in zip(changes, standing, strict=True)
        ]

    def _insert_organisation(
        self, connection: Connection, organisation: str, name: str, device: str, person: str
    ) -> None:
        row = {"organisation": organisation, "name": name, "epoch": new_id(), "position": 0, "frontier": "0"}
        connection.execute(insert(_ORGANISATIONS).values(**row, office_device=device, office_person=person))
        connection.execute(
            insert(_DEVICES).values(
                organisation=organisation,
                device=device,
                person=person,
                public_key=self.key.public_key,
                state="active",
                frozen=False,
                seq=0,
                digest=chain.FIRST_PREV,
            )
        )


def organisations(connection: Connection) -> list[tuple[str, str]]:
    """Return id and name of every organisation, by name."""
    columns = (_ORGANISATIONS.c.organisation, _ORGANISATIONS.c.name)
    rows = connection.execute(select(*columns).order_by(_ORGANISATIONS.c.name)).all()
    return [(row.organisation, row.name) for row in rows]
