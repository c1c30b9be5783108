"""What every command begins with: the settings, the PIN, the open device; and how it speaks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from field_client.device_log import open_device_log
from field_client.evidence import EvidenceFolder
from field_client.keys import Keyring, unlock
from field_client.notices import Notice
from field_client.outbox import Identity, Outbox, wall_ms
from field_client.settings import Settings, read_settings
from field_client.store import Store
from field_client.wiping import refuse_wiped
from field_client.work import Workbench
from schemas import kind_of
from schemas.evidence import PHOTO_PURPOSE_LABELS
from schemas.lifecycle import STATE_LABELS
from schemas.order import GRADE_LABELS
from schemas.problems import Refused
from schemas.shown_text import show_text

LABELS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "status": STATE_LABELS,
    "grade": GRADE_LABELS,
    "purpose": PHOTO_PURPOSE_LABELS,
    "result": {
        "solved": ("已解决", "Solved"),
        "workaround": ("临时措施", "Workaround"),
        "needs_parts": ("待备件", "Needs parts"),
        "needs_workshop": ("返厂维修", "Needs the workshop"),
        "not_reproduced": ("未复现", "Not reproduced"),
    },
    "yes_no": {"yes": ("是", "Yes"), "no": ("否", "No")},
}
"""field name, or type of a check item -> value -> what people say in Chinese and English"""


@dataclass(frozen=True, slots=True)
class Speech:
    """Says things in the person's language."""

    language: str

    def __call__(self, zh: str, en: str) -> str:
        """Return the text of the language."""
        return show_text(zh if self.language == "zh" else en)

    def field(self, kind: str, name: str) -> str:
        """Return what people call a field."""
        known = kind_of(kind)
        rule = known.rules.get(name) if known else None
        return self(rule.label_zh, rule.label_en) if rule else name

    def value(self, name: str, value: Any) -> str:
        """Return a field's value as people say it."""
        if value is None:
            return "—"
        if isinstance(value, list):
            return "、".join(self.value(name, item) for item in value)
        if value in LABELS.get(name, {}):
            return self(*LABELS[name][value])
        return self.time(str(value)) if name.endswith("_at") else show_text(str(value))

    def limits(self, item: dict[str, Any]) -> str:
        """Return the limits of a check item with their unit, or nothing when it has none."""
        low, high, unit = item.get("low"), item.get("high"), item.get("unit") or ""
        if low is None and high is None:
            return ""
        spelled = f"{low} … {high}" if low and high else f"≥ {low}" if low else f"≤ {high}"
        return f"{spelled} {unit}".rstrip()

    def time(self, instant: str | None) -> str:
        """Return a moment in the device's own zone, to the minute."""
        if instant is None:
            return "—"
        return f"{datetime.fromisoformat(instant).astimezone():%Y-%m-%d %H:%M}"

    def tell(self, notices: Iterable[Notice]) -> None:
        """Say what a person should know."""
        for notice in notices:
            click.secho(f"! {show_text(notice.sentence(self.language))}", fg="yellow")


@dataclass(frozen=True, slots=True)
class Desk:
    """An open device."""

    settings: Settings
    keyring: Keyring
    store: Store
    outbox: Outbox
    files: EvidenceFolder
    bench: Workbench
    say: Speech


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


def make_desk(settings: Settings, say: Speech, keyring: Keyring, store: Store) -> Desk:
    """Put an open device together; raises Refused with `not_enrolled` when its server never answered."""
    known = [store.recall(name) for name in ("organisation", "device", "person")]
    if None in known:
        raise Refused("not_enrolled")
    outbox = Outbox(store, Identity(*known), keyring.sign, wall_ms)
    files = EvidenceFolder(settings.evidence, keyring)
    bench = Workbench(store, outbox, settings.keep_photo_location)
    return Desk(settings, keyring, store, outbox, files, bench, say)
