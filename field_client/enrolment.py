"""Making a device known to its server: the invitation, the device's own key, and what the server answers.

Rule 1: a device that was enrolled keeps its key, its id and its outbox, or it stays as it is. Only one that its server
        does not know any more, since it was restored from an older backup, is enrolled again.
"""

from __future__ import annotations

import ipaddress
import platform
import re
from typing import Any, Final
from urllib.parse import urlsplit

from field_client.desk import Desk, make_desk
from field_client.device_log import open_device_log
from field_client.keys import Keyring
from field_client.outbox import parse_instant, wall_ms
from field_client.patience import Patience
from field_client.settings import Settings
from field_client.store import Store
from field_client.transport import Caller, Transport
from pages.speech import Speech
from schemas.problems import Refused

_INVITATION: Final = re.compile(r"gongdan-enrol:(https?://[^#\s]+)#([A-Za-z0-9-]{1,64})\Z")

ANSWERS: Final = ("organisation", "device", "person", "person_name", "server_key", "certificate")

NO_CERTIFICATE: Final = "00" * 64
"""What a device shows that enrolled with a server that gave none."""


def enrol_device(settings: Settings, say: Speech, keyring: Keyring, invitation: str, name: str | None) -> Desk:
    """Register the device with the server that the invitation names; return it open, its store to be closed.

    `name` is what the office calls the device, the machine's own name where None. Raises Refused with
    `enrolment_code_invalid`, `server_not_trusted`, `already_enrolled`, `certificate_differs` when the code is not for
    the person whose device this is, and as a request to the server does.
    """
    base_url, code = parse_invitation(invitation)
    refuse_open_line(base_url)
    store = Store(settings.database, keyring.database_key)
    try:
        open_device_log(settings.log, settings.log_level)
        # Somebody stands there and waits: whether to try again is theirs to say.
        transport = Transport(
            base_url, _find_caller(store, keyring), wall_ms, timeout_s=settings.timeout_s, patience=Patience(0)
        )
        request = {"code": code, "public_key": keyring.public_key.hex(), "name": name or platform.node()}
        _remember(store, base_url, _introduce(store, transport, request))
        return make_desk(settings, say, keyring, store)
    except BaseException:
        store.close()
        raise


def parse_invitation(text: str) -> tuple[str, str]:
    """Return address and one-time code; raises Refused with `enrolment_code_invalid`."""
    found = _INVITATION.match(text.strip())
    if found is None:
        raise Refused("enrolment_code_invalid")
    return found[1], found[2]


def refuse_open_line(base_url: str) -> None:
    """Refuse a server that would be reached without TLS over networks that are not the office's own.

    Raises Refused with `server_not_trusted`: whoever can forge receipts can make a device believe its work arrived.
    """
    address = urlsplit(base_url)
    host = "127.0.0.1" if address.hostname == "localhost" else str(address.hostname)
    try:
        is_ours = ipaddress.ip_address(host).is_private
    except ValueError:
        is_ours = False
    if address.scheme != "https" and not is_ours:
        raise Refused("server_not_trusted", detail="http")


def _find_caller(store: Store, keyring: Keyring) -> Caller | None:
    organisation, device = store.recall("organisation"), store.recall("device")
    return None if device is None else Caller(organisation, device, keyring.sign)


def _introduce(store: Store, transport: Transport, request: dict[str, str]) -> dict[str, Any]:
    """Ask the server to know this device, as the one it was if it was one, and return what it says of it."""
    known = {name: store.recall(name) for name in ("organisation", "device", "person")}
    if known["device"] is not None:
        _require_forgotten(transport)
        request |= {"device": known["device"], "certificate": store.recall("certificate", NO_CERTIFICATE)}
    wanted = dict.fromkeys((*ANSWERS, "server_time"), str)
    answer = transport.ask("/enrol", request, wanted, is_signed=False)
    if known["device"] is not None and known != {name: answer[name] for name in known}:
        raise Refused("answer_not_understood")
    return answer


def _require_forgotten(transport: Transport) -> None:
    try:
        transport.ask("/token", {}, {"token": str})
    except Refused as refusal:
        if refusal.code != "device_unknown":
            raise
    else:
        raise Refused("already_enrolled")


def _remember(store: Store, base_url: str, answer: dict[str, str]) -> None:
    try:
        offset_ms = parse_instant(answer["server_time"]) - wall_ms()
    except ValueError:
        raise Refused("answer_not_understood") from None
    # The epoch is left to the first page: until then the device has followed no feed at all.
    store.remember(base_url=base_url, offset_ms=offset_ms, **{name: answer[name] for name in ANSWERS})
