"""`enrol`: a new device makes its key and becomes known to the server."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import click

from field_client.codes import read_photo
from field_client.commands.desk import load_settings, read_pin
from field_client.enrolment import enrol_device, parse_invitation, refuse_open_line
from field_client.keys import Keyring, create_keyring, save_keyring, unlock
from field_client.settings import Settings
from field_client.wiping import begin_anew
from schemas.problems import Refused


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
    said = invitation or _read_image(image)
    refuse_open_line(parse_invitation(said)[0])
    keyring = _open_or_make_keyring(settings, pin_file)
    desk = enrol_device(settings, say, keyring, said, name)
    with closing(desk.store):
        person = desk.store.recall("person_name")
    click.echo(
        say(f"已登记，使用人：{person}。下一步：gongdan-field sync", f"Enrolled for {person}. Next: gongdan-field sync")
    )


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
