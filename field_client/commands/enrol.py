"""`enrol`: a new device makes its key and becomes known to the server."""

from __future__ import annotations

import ipaddress
import platform
import re
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from field_client.codes import read_photo
from field_client.commands.desk import load_settings, make_desk, read_pin
from field_client.device_log import open_device_log
from field_client.keys import Keyring, create_keyring, save_keyring, unlock
from field_client.outbox import parse_instant, wall_ms
from field_client.patience import Patience
from field_client.settings import Settings
from field_client.store import Store
from field_client.transport import Transport
from field_client.wiping import begin_anew
from schemas.problems import Refused

_INVITATION: Final = re.compile(r"gongdan-enrol:(https?://[^#\s]+)#([A-Za-z0-9-]{1,64})\Z")

ANSWERS: Final = ("organisation", "device", "person", "person_name", "server_key")


@click.command()
@click.argument("invitation", required=False)
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="登记二维码的照片 / Photo of the enrolment QR code",
)
@click.option("--name", help="终端名称 / Name of this device")
@click.pass_obj
def enrol(pin_file: Path | None, invitation: str | None, image: Path | None, name: str | None) -> None:
    """登记这台终端：gongdan-enrol:地址#登记码，或二维码照片。 / Enrol this device by text or by a photo of the code."""
    settings, say = load_settings()
    if (invitation is None) == (image is None):
        raise click.UsageError(say("请给出登记文本，或 --image 照片", "give either the text or --image"))
    begin_anew(settings)
    base_url, code = parse_invitation(invitation or _read_image(image))
    refuse_open_line(base_url)
    keyring = _open_or_make_keyring(settings, pin_file)
    store = Store(settings.database, keyring.database_key)
    try:
        if store.recall("device") is not None:
            raise Refused("already_enrolled")
        open_device_log(settings.log, settings.log_level)
        # Somebody stands there and waits: whether to try again is theirs to say.
        transport = Transport(base_url, None, wall_ms, timeout_s=settings.timeout_s, patience=Patience(0))
        request = {"code": code, "public_key": keyring.public_key.hex(), "name": name or platform.node()}
        wanted = dict.fromkeys((*ANSWERS, "server_time"), str)
        answer = transport.ask("/enrol", request, wanted, is_signed=False)
        _remember(store, base_url, answer)
        make_desk(settings, say, keyring, store)
        click.echo(
            say(
                f"已登记，使用人：{answer['person_name']}。下一步：gongdan-field sync",
                f"Enrolled for {answer['person_name']}. Next: gongdan-field sync",
            )
        )
    finally:
        store.close()


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


def _read_image(image: Path | None) -> str:
    assert image is not None
    for code in read_photo(image.read_bytes()):
        if code.raw.startswith(b"gongdan-enrol:"):
            return code.raw.decode("ascii", "replace")
    raise Refused("code_not_found")


def _open_or_make_keyring(settings: Settings, pin_file: Path | None) -> Keyring:
    """Return the keyring of an enrolment that was cut off, so that the same code and key come again, or a new one."""
    if settings.keyring.exists():
        return unlock(settings.keyring, read_pin(settings, pin_file), int(time.time()))
    keyring, sealed = create_keyring(read_pin(settings, pin_file, is_new=True))
    save_keyring(settings.keyring, sealed)
    return keyring


def _remember(store: Store, base_url: str, answer: dict[str, str]) -> None:
    try:
        offset_ms = parse_instant(answer["server_time"]) - wall_ms()
    except ValueError:
        raise Refused("answer_not_understood") from None
    # The epoch is left to the first page: until then the device has followed no feed at all.
    store.remember(base_url=base_url, offset_ms=offset_ms, **{name: answer[name] for name in ANSWERS})
