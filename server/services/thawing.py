"""Letting a frozen device go on after a person has looked at its forked chain."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine

from schemas.problems import Refused
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store.database import writing
from server.store.workspace import open_workspace
from sync.changeset import Change


def thaw(engine: Engine, office: Office, organisation: str, actor: str, device: str) -> None:
    """Take change-sets of a frozen device in again, from the last one of its chain that was taken in.

    The log keeps who decided it: a change-set that states the device to be active. What was kept aside stays
    so. Raises Refused with `device_unknown`, or `device_revoked`, which nothing undoes.
    """
    with writing(engine) as connection:
        store = open_workspace(connection, organisation)
        known = store.device(device)
        if known is None:
            raise Refused("device_unknown")
        if known.state == "revoked":
            raise Refused("device_revoked")
        confirmed = Change("device", device, "update", {"state": "active"}, {"state": "active"})
        expect_taken_in(office.write_in(store, actor, "device.thaw", [confirmed]))
        store.set_device(device, replace(known, frozen=False))
        store.flush()
