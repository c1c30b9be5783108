"""Keeps the device open between requests: one thread at a time, until it is locked or nobody has touched it for long.

Rule 1: the PIN is never kept; what is kept while open is the keyring it opened.
Rule 2: what runs beside the pages (a sync) works through a store of its own, on the same keyring.
Rule 3: locking forgets the keyring and closes the store; a sync that is running comes to its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from field_client.desk import Desk, make_desk
from field_client.device_log import open_device_log, tell
from field_client.enrolment import enrol_device
from field_client.keys import Keyring, create_keyring, save_keyring, unlock
from field_client.settings import Settings
from field_client.store import Store
from field_client.wiping import begin_anew, was_wiped
from pages.speech import Speech
from schemas.problems import Refused


class Stage(Enum):
    """How far the device is from being worked with."""

    FIRST = "first"
    """It has no keys, or its server never answered: it must be enrolled."""
    LOCKED = "locked"
    OPEN = "open"


class DeskKeeper:
    """The one open device of this process."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep the device in the folder that `settings` names; `clock` counts seconds."""
        self.settings = settings
        self.lock = threading.RLock()
        """Whoever works with the desk holds it."""
        self._clock = clock
        self._desk: Desk | None = None
        self._touched = clock()

    @property
    def stage(self) -> Stage:
        """How far the device is; one that nobody touched for long is locked by asking."""
        with self.lock:
            if self._desk is not None and self._clock() - self._touched > self.settings.lock_s:
                self.close()
            if self._desk is not None:
                return Stage.OPEN
            if was_wiped(self.settings) or not self._is_enrolled():
                return Stage.FIRST
            return Stage.LOCKED

    def touch(self) -> None:
        """Note that a person is there."""
        self._touched = self._clock()

    def desk(self) -> Desk:
        """Return the open device, for a caller who holds the lock; raises Refused with `device_locked`."""
        if self.stage is not Stage.OPEN or self._desk is None:
            raise Refused("device_locked")
        return self._desk

    def open(self, pin: str) -> None:
        """Open the device; raises Refused with `pin_wrong`, `too_many_attempts`, `not_enrolled` and the like."""
        with self.lock:
            keyring = unlock(self.settings.keyring, pin, int(time.time()))
            self._put(self.open_beside(keyring))
            open_device_log(self.settings.log, self.settings.log_level)
            tell("unlocked")

    def enrol(self, invitation: str, pin: str, name: str | None) -> None:
        """Make a device of this folder; raises Refused as `enrol_device` and `create_keyring` do.

        An enrolment that was cut off goes on with the PIN it began with.
        """
        with self.lock:
            begin_anew(self.settings)
            if self.settings.keyring.exists():
                keyring = unlock(self.settings.keyring, pin, int(time.time()))
            else:
                keyring, sealed = create_keyring(pin)
                save_keyring(self.settings.keyring, sealed)
            self._put(enrol_device(self.settings, Speech(self.settings.language), keyring, invitation, name))

    def open_beside(self, keyring: Keyring | None = None) -> Desk:
        """Return the device open a second time, with a store of its own that the caller closes.

        Raises Refused with `device_locked` where no keyring is given and the device is not open.
        """
        keyring = keyring or self.desk().keyring
        store = Store(self.settings.database, keyring.database_key)
        try:
            return make_desk(self.settings, Speech(self.settings.language), keyring, store)
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Lock the device."""
        with self.lock:
            if self._desk is not None:
                self._desk.store.close()
                self._desk = None
                tell("locked")

    def _put(self, desk: Desk) -> None:
        self.close()
        self._desk = desk
        self.touch()

    def _is_enrolled(self) -> bool:
        """Tell whether keys and a database are there; whether a server ever answered is only seen when it is open."""
        return self.settings.keyring.exists() and self.settings.database.exists()


def is_quiet(path: str, headers: Any) -> bool:
    """Tell whether a request came from a script by itself and not from a touch: it must not keep the device open."""
    return headers.get("X-Gongdan-Quiet") == "1" or path.startswith("/static/")
