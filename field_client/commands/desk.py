"""What every command begins with: the settings, the PIN, the open device; and how it tells what to know."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from field_client.desk import Desk, make_desk
from field_client.device_log import open_device_log
from field_client.keys import unlock
from field_client.notices import Notice
from field_client.settings import Settings, read_settings
from field_client.store import Store
from field_client.wiping import refuse_wiped
from pages.speech import Speech
from schemas.problems import Refused
from schemas.shown_text import show_text


def load_settings() -> tuple[Settings, Speech]:
    """Read the settings; a wrong one is a wrong call."""
    try:
        settings = read_settings()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return settings, Speech(settings.language)


def read_pin(settings: Settings, pin_file: Path | None, *, is_new: bool = False) -> str:
    """Return the PIN from the file, the setting, or the person."""
    if pin_file is not None:
        return pin_file.read_text(encoding="utf-8").strip()
    return settings.pin or str(click.prompt("PIN", hide_input=True, confirmation_prompt=is_new, err=True))


@contextmanager
def opened_desk(pin_file: Path | None) -> Iterator[Desk]:
    """Open the device with the person's PIN; raises Refused with `not_enrolled`, `pin_wrong` and the like."""
    settings, say = load_settings()
    refuse_wiped(settings)
    if not settings.keyring.exists():
        raise Refused("not_enrolled")
    open_device_log(settings.log, settings.log_level)
    keyring = unlock(settings.keyring, read_pin(settings, pin_file), int(time.time()))
    store = Store(settings.database, keyring.database_key)
    try:
        yield make_desk(settings, say, keyring, store)
    finally:
        store.close()


def tell(say: Speech, notices: Iterable[Notice]) -> None:
    """Say what a person should know."""
    for notice in notices:
        click.secho(f"! {show_text(notice.sentence(say.language))}", fg="yellow")
