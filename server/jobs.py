"""What time itself does, beside the requests: clearing what uploads leave behind."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Final

from sqlalchemy import Engine

from schemas.problems import Refused
from server.clock import unix_ms
from server.event_log import EVENTS
from server.services.blobs import clear_uploads
from server.store.blob_files import BlobFiles

CLEAR_EVERY_S: Final = 3600
"""Uploads live for days; an hour more of their bytes costs little, and so does looking."""


def keep_clear(engine: Engine, files: BlobFiles, stop: threading.Event) -> None:
    """Clear uploads at once and then every hour until told to stop; any number of servers may do so."""
    while True:
        try:
            cleared = clear_uploads(engine, files, unix_ms())
            EVENTS.info("uploads_cleared", extra={"facts": asdict(cleared)})
        except Refused as refused:
            # Nothing depends on it but room; the database or the bucket will be there in an hour.
            EVENTS.warning("uploads_not_cleared", extra={"facts": {"code": refused.code}})
        if stop.wait(CLEAR_EVERY_S):
            return
