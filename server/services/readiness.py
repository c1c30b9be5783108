"""Whether the server can do its work: database, migrations, disk."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from schemas.problems import Refused
from server.store.blob_files import BlobFiles
from server.store.database import reading
from server.store.schema_state import applied_revisions, suits

OK: Final = "ok"


def check_database(engine: Engine) -> dict[str, str]:
    """Return the state of the database and of its migrations."""
    try:
        with reading(engine) as connection:
            applied = applied_revisions(connection)
    except Refused as refused:
        return {"database": refused.code, "migrations": "unknown"}
    return {"database": OK, "migrations": OK if suits(applied) else "pending"}


def check_disk(folder: Path) -> dict[str, str]:
    """Return whether a file can be written in a folder."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"ready")
            file.flush()
    except OSError:
        return {"disk": "not_writable"}
    return {"disk": OK}


def check_files(files: BlobFiles) -> dict[str, str]:
    """Return whether uploaded files can be stored and read."""
    try:
        files.check()
    except Refused as refused:
        return {"files": refused.code}
    except OSError:
        return {"files": "not_writable"}
    return {"files": OK}
