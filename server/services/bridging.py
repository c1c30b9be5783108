"""Letting a device go on whose chain has a hole that nobody can fill.

The server lost acknowledged sets with a restore, and the device, which was told that they were safe, has let
go of them. Everything it writes since would wait for them for ever. A person who has looked decides to go on;
the log keeps who it was, and which sets are missing.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from server.clock import utc_now
from server.reception import let_in_held
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store import records
from server.store.database import transact
from server.store.devices import Gap, list_gaps, read_held
from server.store.workspace import open_workspace
from sync import codec
from sync.chain import Sealed
from sync.changeset import Change


def bridge(engine: Engine, office: Office, organisation: str, actor: str, device: str) -> Gap:
    """Give up the sets that a device's held ones wait for, take those in, and return which were given up.

    Should one of them come after all it is kept aside. Raises Refused with `device_unknown`,
    `device_revoked`, `nothing_missing`, or what forbids the author to write.
    """

    def work(connection: Connection) -> Gap:
        store = open_workspace(connection, organisation)
        known = store.device(device)
        if known is None:
            raise Refused("device_unknown")
        if known.state == "revoked":
            raise Refused("device_revoked")
        gap = list_gaps(connection, organisation).get(device)
        if gap is None:
            raise Refused("nothing_missing")
        first_held = codec.decode(Sealed(read_held(connection, organisation, device, gap.last + 1)).payload)
        new = {"resumed_seq": gap.last, "resumed_digest": first_held.prev}
        found = records.body_of(connection, organisation, device)
        was = {name: found[1].get(name) if found else None for name in new}
        expect_taken_in(office.write_in(store, actor, "device.bridge", [Change("device", device, "update", new, was)]))
        let_in_held(store, device, utc_now())
        store.flush()
        return gap

    return transact(engine, work)
