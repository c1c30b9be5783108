"""Making a device known to its server: the invitation, the device's own key, and what the server answers."""

from __future__ import annotations

import ipaddress
import platform
import re
from typing import Final
from urllib.parse import urlsplit

from field_client.desk import Desk, make_desk
from field_client.device_log import open_device_log
from field_client.keys import Keyring
from field_client.outbox import parse_instant, wall_ms
from field_client.patience import Patience
from field_client.settings import Settings
from field_client.speech import Speech
from field_client.store import Store
from field_client.transport import Transport
from schemas.problems import Refused

_INVITATION: Final = re.compile(r"gongdan-enrol:(https?://[^#\s]+)#([A-Za-z0-9-]{1,64})\Z")

ANSWERS: Final = ("organisation", "device", "person", "person_name", "server_key")


def enrol_device(settings: Settings, say: Speech, keyring: Keyring, invitation: str, name: str | None) -> Desk:
    """Register the device with the server that the invitation names; return it open, its store to be closed.

    `name` is what the office calls the device, the machine's own name where None. Raises Refused with
    `enrolment_code_invalid`, `server_not_trusted`, `already_enrolled`, and as a request to the server does.
    """
    base_url, code = parse_invitation(invitation)
    refuse_open_line(base_url)
    store = Store(settings.database, keyring.database_key)
    try:
        if store.recall("device") is not None:
            raise Refused("already_enrolled")
        open_device_log(settings.log, settings.log_level)
        # Somebody stands there and waits: whether to try again is theirs to say.
        transport = Transport(base_url, None, wall_ms, timeout_s=settings.timeout_s, patience=Patience(0))
        request = {"code": code, "public_key": keyring.public_key.hex(), "name": name or platform.node()}
        wanted = dict.fromkeys((*ANSWERS, "server_time"), str)
        _remember(store, base_url, transport.ask("/enrol", request, wanted, is_signed=False))
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


def _remember(store: Store, base_url: str, answer: dict[str, str]) -> None:
    try:
        offset_ms = parse_instant(answer["server_time"]) - wall_ms()
    except ValueError:
        raise Refused("answer_not_understood") from None
    # The epoch is left to the first page: until then the device has followed no feed at all.
    store.remember(base_url=base_url, offset_ms=offset_ms, **{name: answer[name] for name in ANSWERS})
