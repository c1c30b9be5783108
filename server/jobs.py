"""What time itself brings about: uploads and codes whose time is over are cleared away.

Every process has the round in mind, and whichever comes first does it; that a round is missed or done twice
changes nothing. `gongdan-server tidy` does one round, for those who prefer a timer of the system's.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from typing import Final

from sqlalchemy import Engine

from schemas.problems import Refused
from server.clock import spell_instant, unix_ms
from server.event_log import EVENTS
from server.services.blobs import clear_uploads
from server.services.enrolment import remove_expired_codes
from server.store.blob_files import BlobFiles
from server.store.ownership import sole

ROUND_EVERY_S: Final = 3600.0
"""What is cleared has been unused for days; an hour more costs nothing."""


@dataclass(frozen=True, slots=True)
class Tidied:
    """What one round cleared away."""

    uploads: int
    codes: int
    unknown_uploads: int = 0
    incomplete_files: int = 0


@dataclass(slots=True)
class Rounds:
    """Makes a round at once and then every hour, until told to stop."""

    engine: Engine
    files: BlobFiles
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Make no further round, and return when the one at work is done."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                tidied = tidy(self.engine, self.files)
            except (Refused, OSError) as error:
                EVENTS.warning("not_tidied", extra={"facts": {"why": str(error)}})
            else:
                if tidied is not None:
                    EVENTS.info("tidied", extra={"facts": asdict(tidied)})
            self._stopped.wait(ROUND_EVERY_S)


def tidy(engine: Engine, files: BlobFiles) -> Tidied | None:
    """Make one round and return what was cleared away; None when somebody else is at it.

    Raises Refused with `database_busy` or `disk_full`, OSError when a file cannot be deleted.
    """
    with sole(engine, "rounds") as is_ours:
        if not is_ours:
            return None
        now_ms = unix_ms()
        cleared = clear_uploads(engine, files, now_ms)
        codes = remove_expired_codes(engine, spell_instant(now_ms))
        return Tidied(cleared.expired, codes, cleared.unknown, cleared.incomplete)
