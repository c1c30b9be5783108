"""Whether the server can do its work: database, migrations, writing, clock, disk, files.

Rule 1: a code is never reused for another meaning and never renamed once released.
Rule 2: whoever asks is answered soon, also while a check hangs; one check runs at a time, however many ask.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

from sqlalchemy import Engine

from schemas.problems import PROBLEMS, Refused
from server.clock import unix_ms
from server.domain.times import milliseconds
from server.settings import Settings
from server.store.blob_files import BlobFiles
from server.store.database import reading, writing
from server.store.pulse import newest_instant, try_writing
from server.store.schema_state import applied_revisions, suits

OK: Final = "ok"

SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "pending": ("请运行 gongdan-server migrate。", "The tables are of another release: run gongdan-server migrate."),
    "unknown": ("数据库读不到，无从得知。", "The database cannot be read, so nobody knows."),
    "not_writable": ("文件夹无法写入。", "The folder cannot be written."),
    "disk_low": ("磁盘空间低于设定值。", "The disk has less room than the setting asks for."),
    "clock_behind": ("服务器时钟早于日志最新记录，请校准。", "The clock is behind the newest log entry."),
    "check_slow": ("检查没有及时完成。", "The checks did not come to an end in time."),
}  # fmt: skip
"""The codes of this page; others are those of problems (`schemas/problems.py`)."""

FRESH_S: Final = 0.5
"""A good answer serves for so long, so that any number of callers cost two looks a second."""

TRUSTED_S: Final = 15.0
"""A good answer is repeated for so long while the next check is slow: under load everything is slow and well."""

SETTLED_WAIT_S: Final = 0.5
PATIENCE_S: Final = 5.0
"""How long a caller waits for a check, with and without an answer that may be repeated; balancers wait ten."""

CLOCK_BEHIND_MS: Final = 60_000
"""More than several servers on one network differ by."""


class Readiness:
    """Answers whether this process can do its work."""

    def __init__(self, settings: Settings, engine: Engine, files: BlobFiles) -> None:
        """Check nothing yet."""
        self._settings = settings
        self._engine = engine
        self._files = files
        self._guard = threading.Lock()
        self._running: threading.Event | None = None
        self._found: dict[str, str] = {}
        self._found_at = 0.0
        self._good: dict[str, str] = {}
        self._good_at = -TRUSTED_S

    def read(self) -> dict[str, str]:
        """Return the state of each thing that is needed, `OK` or a code."""
        with self._guard:
            if monotonic() - self._good_at < FRESH_S:
                return self._good
            running = self._running
            if running is None:
                running = self._running = threading.Event()
                threading.Thread(target=self._check, args=(running,), name="readiness", daemon=True).start()
            trusted = self._good if monotonic() - self._good_at < TRUSTED_S else None
        if running.wait(PATIENCE_S if trusted is None else SETTLED_WAIT_S):
            return self._found
        return trusted if trusted is not None else {"checks": "check_slow"}

    def _check(self, running: threading.Event) -> None:
        found = {"checks": "check_slow"}
        try:
            found = check_everything(self._settings, self._engine, self._files)
        finally:
            with self._guard:
                self._found, self._running = found, None
                if all(state == OK for state in found.values()):
                    self._good, self._good_at = found, monotonic()
            running.set()


def check_everything(settings: Settings, engine: Engine, files: BlobFiles) -> dict[str, str]:
    """Return the state of each thing that is needed."""
    checks = check_database(engine)
    if checks["migrations"] == OK:
        checks |= check_writing(engine) | check_clock(engine, unix_ms())
    return {**checks, **check_disk(settings.data, settings.disk_free_bytes_min), **check_files(files)}


def explain(checks: dict[str, str]) -> list[dict[str, str]]:
    """Return what is not as it must be, with its code and a sentence in two languages."""
    reasons = []
    for check, code in checks.items():
        if code != OK:
            problem = PROBLEMS.get(code)
            zh, en = (problem.zh, problem.en) if problem is not None else SENTENCES[code]
            reasons.append({"check": check, "code": code, "zh": zh, "en": en})
    return reasons


def check_database(engine: Engine) -> dict[str, str]:
    """Return the state of the database and of its migrations."""
    try:
        with reading(engine) as connection:
            applied = applied_revisions(connection)
    except Refused as refused:
        return {"database": refused.code, "migrations": "unknown"}
    return {"database": OK, "migrations": OK if suits(applied) else "pending"}


def check_writing(engine: Engine) -> dict[str, str]:
    """Return whether the database takes a write; it is undone."""
    try:
        with suppress(_UndoneError), writing(engine) as connection:
            try_writing(connection)
            raise _UndoneError
    except Refused as refused:
        return {"writing": refused.code}
    return {"writing": OK}


def check_clock(engine: Engine, now_ms: int) -> dict[str, str]:
    """Return whether the clock has come at least to where it was when the newest entry of the log came."""
    try:
        with reading(engine) as connection:
            newest = newest_instant(connection)
    except Refused as refused:
        return {"clock": refused.code}
    is_behind = newest is not None and milliseconds(newest) > now_ms + CLOCK_BEHIND_MS
    return {"clock": "clock_behind" if is_behind else OK}


class _UndoneError(Exception):
    """Ends a transaction that was only tried."""


def check_disk(folder: Path, free_bytes_min: int = 0) -> dict[str, str]:
    """Return whether a file can be written in a folder, and whether there is room."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"ready")
            file.flush()
        free_bytes = shutil.disk_usage(folder).free
    except OSError:
        return {"disk": "not_writable"}
    return {"disk": OK if free_bytes >= free_bytes_min else "disk_low"}


def check_files(files: BlobFiles) -> dict[str, str]:
    """Return whether uploaded files can be stored and read."""
    try:
        files.check()
    except Refused as refused:
        return {"files": refused.code}
    except OSError:
        return {"files": "not_writable"}
    return {"files": OK}
