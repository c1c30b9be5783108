"""The device's own log: what it did with the server and when, for the hotline; a few small files in its folder.

Rule 1: no secrets, nothing of what people wrote or photographed, no names: events, codes, counts, times and ids.
Rule 2: its size is bounded, and a log that cannot be written stops nobody from working.
"""

from __future__ import annotations

import json
import logging
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

LOGGER: Final = "gongdan_field"

FILE_BYTES_MAX: Final = 256 * 1024
"""About 1,500 lines: a busy week of syncs."""

FILES_KEPT: Final = 3
"""Older files beside the one being written: a month, in one megabyte at most."""

_LOG = logging.getLogger(LOGGER)
_LOG.propagate = False
_LOG.addHandler(logging.NullHandler())


def open_device_log(path: Path, level: str) -> None:
    """Write events of at least this level (``debug``, ``info``, ``warning``, ``error``) to a file."""
    close_device_log()
    _LOG.setLevel(level.upper())
    try:
        handler = _QuietFile(path, maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT, encoding="utf-8", delay=False)
    except OSError:
        return
    handler.setFormatter(_Lines())
    _LOG.addHandler(handler)


def close_device_log() -> None:
    """Let go of the file."""
    for handler in [found for found in _LOG.handlers if isinstance(found, RotatingFileHandler)]:
        _LOG.removeHandler(handler)
        with suppress(OSError):
            handler.close()


def tell(event: str, /, level: int = logging.INFO, **facts: Any) -> None:
    """Write one event with its facts; None is left out."""
    if _LOG.isEnabledFor(level):
        _LOG.log(level, event, extra={"facts": facts})


def tell_failure(error: BaseException) -> None:
    """Write where the program failed; what the error says may be somebody's data, so only its kind is told."""
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    tell("failed", logging.ERROR, error=type(error).__name__, at_code=frames)


class _Lines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        facts = {name: value for name, value in getattr(record, "facts", {}).items() if value is not None}
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage(), **facts}
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


class _QuietFile(RotatingFileHandler):
    """A file that says nothing when it cannot be written: the disk may be full, and the work goes on."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass
