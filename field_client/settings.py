"""Every option of the field client: environment variable, default, meaning."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its environment variable, its default as text, and what it is for."""

    variable: str
    default: str
    meaning: str


OPTIONS: Final = (
    Option("GONGDAN_FIELD_DATA", "~/.gongdan", "Folder of the device's key, encrypted database and photos."),
    Option("GONGDAN_LANGUAGE", "zh", "Language of what the client says: zh or en."),
    Option("GONGDAN_PIN", "", "The PIN, for scripts; when empty it is asked for."),
    Option("GONGDAN_PHOTO_LOCATION", "keep", "Whether the place of a photo is recorded: keep or drop."),
    Option("GONGDAN_FREE_PHOTOS", "no", "Whether a file goes once the server has verified it: yes or no."),
    Option("GONGDAN_TIMEOUT_S", "60", "Seconds to wait for the server's next bytes."),
    Option("GONGDAN_PATIENCE_S", "120", "Seconds a sync waits for a line that broke to come back."),
    Option("GONGDAN_UI_PORT", "8377", "Port of the device's own pages, on this machine only."),
    Option("GONGDAN_LOCK_S", "600", "Seconds without a touch after which the pages lock."),
    Option("GONGDAN_SYNC_EVERY_S", "300", "Seconds between syncs that the open pages begin by themselves; 0: none."),
    Option("GONGDAN_FIELD_LOG_LEVEL", "info", "What the device's log holds: debug, info, warning or error."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one device, read once at start."""

    data: Path
    language: str
    pin: str
    keep_photo_location: bool
    free_photos: bool
    timeout_s: float
    log_level: str
    patience_s: float
    ui_port: int
    lock_s: float
    sync_every_s: float

    @property
    def database(self) -> Path:
        """The encrypted database."""
        return self.data / "device.sqlite"

    @property
    def keyring(self) -> Path:
        """The file that holds the device's key, locked by the PIN."""
        return self.data / "keyring.json"

    @property
    def ui_token(self) -> Path:
        """The file that holds the secret by which the pages know the person at this device."""
        return self.data / "ui.token"

    @property
    def log(self) -> Path:
        """The device's log, for the hotline; older ones have a number behind the name."""
        return self.data / "device.log"

    @property
    def evidence(self) -> Path:
        """The folder of encrypted photos and strokes."""
        return self.data / "evidence"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the options from environment variables.

    Raises ValueError when a number is not one or a word is not among those allowed.
    """
    values = {option.variable: environment.get(option.variable) or option.default for option in OPTIONS}
    return Settings(
        data=Path(values["GONGDAN_FIELD_DATA"]).expanduser().absolute(),
        language=_choose(values, "GONGDAN_LANGUAGE", ("zh", "en")),
        pin=values["GONGDAN_PIN"],
        keep_photo_location=_choose(values, "GONGDAN_PHOTO_LOCATION", ("keep", "drop")) == "keep",
        free_photos=_choose(values, "GONGDAN_FREE_PHOTOS", ("yes", "no")) == "yes",
        timeout_s=float(values["GONGDAN_TIMEOUT_S"]),
        log_level=_choose(values, "GONGDAN_FIELD_LOG_LEVEL", ("debug", "info", "warning", "error")),
        patience_s=float(values["GONGDAN_PATIENCE_S"]),
        ui_port=int(values["GONGDAN_UI_PORT"]),
        lock_s=float(values["GONGDAN_LOCK_S"]),
        sync_every_s=float(values["GONGDAN_SYNC_EVERY_S"]),
    )


def _choose(values: Mapping[str, str], variable: str, words: tuple[str, ...]) -> str:
    word = values[variable]
    if word not in words:
        raise ValueError(f"{variable} is {word!r}; it must be {' or '.join(words)}")
    return word
