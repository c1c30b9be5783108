"""Being the only one: of many processes on one database, at most one does a thing at a time.

Nothing is written down, so nothing is left behind by a process that dies: PostgreSQL lets go of the lock with
the connection, the system with the file.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from server.store.database import glimpsing

_TRY = text("SELECT pg_try_advisory_lock(hashtextextended(:what, 0))")
_LET_GO = text("SELECT pg_advisory_unlock(hashtextextended(:what, 0))")


@contextmanager
def sole(engine: Engine, what: str) -> Iterator[bool]:
    """Tell whether this process is the one to do `what` until the end of the block; nobody waits.

    Raises Refused as `server.store.database.glimpsing` does.
    """
    if engine.dialect.name == "postgresql":
        with glimpsing(engine) as connection:
            is_sole = bool(connection.execute(_TRY, {"what": what}).scalar())
            try:
                yield is_sole
            finally:
                if is_sole:
                    connection.execute(_LET_GO, {"what": what})
        return
    with Path(f"{engine.url.database}.{what}-lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
