"""Keeping a signed checkpoint of each log once a day, so that a log which is another one later shows.

`verify-log` compares all that were kept. Where a timestamping authority is set, each is sent there too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine

from server.clock import utc_now
from server.keys import OfficeKey
from server.services.devices import read_checkpoint
from server.services.office import organisations
from server.services.timestamps import Authority
from server.store import checkpoints, devices, log_tiles
from server.store.checkpoints import KeptCheckpoint
from server.store.database import lock_organisation, reading, transact, writing
from sync.checkpoint import write_checkpoint

DAY_CHARACTERS: Final = 10
"""Of an instant, those that spell its day."""


def stamp_checkpoints(engine: Engine, authority: Authority) -> int:
    """Let the newest kept checkpoint of each log be timestamped, where it is not; return how many were.

    Raises NotStamped, and Refused as transactions do.
    """
    stamped = 0
    with reading(engine) as connection:
        known = [organisation for organisation, _ in organisations(connection)]
        newest = {organisation: checkpoints.find_newest(connection, organisation) for organisation in known}
    for organisation, kept in newest.items():
        if kept is not None and not kept.timestamp:
            reply = authority.stamp(kept.note)
            with writing(engine) as connection:
                checkpoints.stamp(connection, organisation, kept, reply)
            stamped += 1
    return stamped


def keep_checkpoints(engine: Engine, key: OfficeKey, read_now: Callable[[], str] = utc_now) -> int:
    """Keep a checkpoint of each log that has grown since one was kept on an earlier day; return how many.

    Subtrees that a server of the release before has left out are worked out on this occasion. Raises Refused as
    transactions do.
    """
    with reading(engine) as connection:
        known = [organisation for organisation, _ in organisations(connection)]
    return sum(
        transact(engine, partial(_keep, key=key, organisation=organisation, now=read_now())) for organisation in known
    )


def _keep(connection: Connection, key: OfficeKey, organisation: str, now: str) -> int:
    lock_organisation(connection, organisation)
    end = read_checkpoint(connection, organisation)
    epoch = devices.read_organisation(connection, organisation).epoch
    newest = checkpoints.find_newest(connection, organisation)
    if end.size == 0 or not _is_due(newest, epoch, end.size, now):
        return 0
    if log_tiles.count_missing(connection, organisation, end.size):
        log_tiles.fill_tiles(connection, organisation)
    note = write_checkpoint(end, bytes.fromhex(key.public_key), key.sign)
    checkpoints.keep(connection, organisation, KeptCheckpoint(end.size, epoch, now, note, ""))
    return 1


def _is_due(newest: KeptCheckpoint | None, epoch: str, size: int, now: str) -> bool:
    if newest is None or newest.epoch != epoch:
        return True
    return newest.size < size and newest.kept_at[:DAY_CHARACTERS] < now[:DAY_CHARACTERS]
