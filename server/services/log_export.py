"""The whole log as one file of lines, which `gongdan-verify` checks without us."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, text

from server.keys import OfficeKey
from server.services.devices import read_checkpoint
from server.store import devices
from sync import canonical
from sync.checkpoint import write_checkpoint

FORMAT: Final = "gongdan-log/1"
ROWS_AT_ONCE: Final = 500

_ENTRIES: Final = text("SELECT position, sealed, receipt FROM log WHERE organisation = :o ORDER BY position")


def export_log(connection: Connection, key: OfficeKey, organisation: str) -> Iterator[bytes]:
    """Yield the lines of the file: what it is, each entry, and the checkpoint that the office signs."""
    row = devices.read_organisation(connection, organisation)
    head = {
        "format": FORMAT,
        "organisation": organisation,
        "organisation_name": row.name,
        "office_device": row.office_device,
        "office_key": key.public_key,
    }
    yield _spell(head)
    entries = connection.execute(_ENTRIES, {"o": organisation}, execution_options={"yield_per": ROWS_AT_ONCE})
    for position, sealed, receipt in entries:
        yield _spell({"position": position, "sealed": sealed.decode("utf-8"), "receipt": receipt})
    end = read_checkpoint(connection, organisation)
    yield _spell({"checkpoint": write_checkpoint(end, bytes.fromhex(key.public_key), key.sign)})


def _spell(document: dict[str, Any]) -> bytes:
    return f"{canonical.dump(document)}\n".encode()
