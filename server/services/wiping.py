"""Ordering a revoked device to destroy its keys, once everything it had to say is here, and hearing that it did."""

from __future__ import annotations

from sqlalchemy import Connection

from schemas.problems import Refused
from server.clock import utc_now
from server.keys import OfficeKey, verify_signature
from server.store import devices, wipes
from sync.wipe_order import WipeQuestion, spell_confirmation, spell_order


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
    wipes.note_order(connection, question.organisation, question.device, ordered_at)
    return ordered_at, key.sign(spell_order(question, ordered_at)).hex()


def confirm_wipe(connection: Connection, organisation: str, device: str, ordered_at: str, signature: str) -> None:
    """Write down that a device has destroyed its keys, as it said before it did.

    Raises Refused with `bad_signature` unless the device's own key, now gone, signed it, and `device_not_revoked`
    when it was never ordered.
    """
    known = devices.find_device(connection, organisation, device)
    said = spell_confirmation(organisation, device, ordered_at)
    if known is None or not verify_signature(bytes.fromhex(known.public_key), said, bytes.fromhex(signature)):
        raise Refused("bad_signature")
    if known.state != "revoked" or not wipes.confirm_wipe(connection, organisation, device, utc_now()):
        raise Refused("device_not_revoked")
