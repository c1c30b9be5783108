"""Ordering a revoked device to destroy its keys, once everything it had to say is here."""

from __future__ import annotations

from sqlalchemy import Connection

from schemas.problems import Refused
from server.clock import utc_now
from server.keys import OfficeKey
from server.store import devices
from sync.wipe_order import WipeQuestion, spell_order


def order_wipe(connection: Connection, key: OfficeKey, question: WipeQuestion) -> tuple[str, str]:
    """Return when the order was given and the office's signature on it, in hexadecimal.

    Raises Refused with `device_not_revoked`, or `escrow_missing` while the end of the device's chain is not here.
    """
    known = devices.find_device(connection, question.organisation, question.device)
    if known is None or known.state != "revoked":
        raise Refused("device_not_revoked")
    if question.seq and not devices.has_set(connection, question.organisation, question.device, question.digest):
        raise Refused("escrow_missing")
    ordered_at = utc_now()
    return ordered_at, key.sign(spell_order(question, ordered_at)).hex()
