"""What this device tells the server of itself with each push and pull, for those who watch over the fleet."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Final

from field_client.store import Store
from schemas import SCHEMA_VERSION
from sync.device_report import DeviceReport

CLIENT: Final = f"gongdan-field/{version('gongdan')}"

_SETS: Final = "SELECT count(*), min(captured_at) FROM outbox WHERE state IN ('sealed', 'held')"
_FILES: Final = "SELECT count(*), coalesce(sum(size_bytes - offset), 0) FROM blobs WHERE state = 'kept'"


def read_device_report(store: Store, folder: Path, offset_ms: int) -> DeviceReport:
    """Return what waits on this device and how it fares; `offset_ms` is how far its clock is behind.

    `folder` is where its data is kept. Raises OSError when that cannot be looked at.
    """
    sets = store.row(_SETS) or (0, None)
    files = store.row(_FILES) or (0, 0)
    return DeviceReport(
        waiting_sets=sets[0],
        oldest_at=sets[1],
        waiting_files=files[0],
        waiting_bytes=files[1],
        offset_ms=offset_ms,
        schema_version=SCHEMA_VERSION,
        client=CLIENT,
        free_bytes=shutil.disk_usage(folder).free,
    )
