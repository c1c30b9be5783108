"""Devices: whose signature a request carries, their stored receipts, and revoking a lost one."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from server.keys import OfficeKey, verify_signature
from server.services.office import Office
from server.store import devices
from server.store.devices import KnownDevice, find_standing
from server.store.feed import FeedEnd
from sync.changeset import Change
from sync.checkpoint import Checkpoint, write_checkpoint
from sync.receipt import Receipt
from sync.request_signature import SignedRequest
from sync.transparency import Frontier

RECEIPTS_MAX: Final = 500
"""About 150 KB of receipts; a device asks again from the last number it was given."""


def find_signer(engine: Engine, signed: SignedRequest) -> tuple[KnownDevice, FeedEnd]:
    """Return the device whose key made a request's signature, and the end of its feed.

    Raises Refused with `device_unknown`, or `request_not_signed` when its key does not fit.
    """
    found = find_standing(engine, signed.organisation, signed.device)
    if found is None:
        raise Refused("device_unknown")
    if not is_signer(found[0], signed):
        raise Refused("request_not_signed")
    return found


def is_signer(device: KnownDevice, signed: SignedRequest) -> bool:
    """Tell whether a device's key made a request's signature."""
    return verify_signature(bytes.fromhex(device.public_key), signed.base, signed.signature)


def find_device(connection: Connection, organisation: str, device: str) -> KnownDevice | None:
    """Return one device of an organisation, or None."""
    return devices.find_device(connection, organisation, device)


def list_devices(connection: Connection, organisation: str) -> list[KnownDevice]:
    """Return all devices of an organisation, ordered by id."""
    return devices.list_devices(connection, organisation)


def read_receipts(connection: Connection, organisation: str, device: str, from_seq: int) -> list[str]:
    """Return up to RECEIPTS_MAX stored receipts of a device from a sequence number on."""
    return devices.read_receipts(connection, organisation, device, from_seq, RECEIPTS_MAX)


def read_epoch(connection: Connection, organisation: str) -> tuple[str, int]:
    """Return the feed epoch of an organisation and its newest log position."""
    row = devices.read_organisation(connection, organisation)
    return row.epoch, row.position


def read_checkpoint(connection: Connection, organisation: str) -> Checkpoint:
    """Return size and root of an organisation's log."""
    frontier = Frontier.load(devices.read_organisation(connection, organisation).frontier)
    return Checkpoint(organisation, frontier.size, frontier.root)


@lru_cache(maxsize=1024)
def sign_checkpoint(key: OfficeKey, organisation: str, witness: str) -> str | None:
    """Return size and root, as devices carry them, as a checkpoint signed by the office; None for an empty log."""
    if not witness:
        return None
    size, root = witness.split()
    checkpoint = Checkpoint(organisation, int(size), bytes.fromhex(root))
    return write_checkpoint(checkpoint, bytes.fromhex(key.public_key), key.sign)


def revoke(office: Office, organisation: str, author: str, device: str) -> Receipt:
    """Revoke a device: it gets no further data and its further change-sets are kept aside."""
    change = Change("device", device, "update", {"state": "revoked"}, {"state": "active"})
    return office.write(organisation, author, "device.revoke", [change])
