"""What PostgreSQL alone needs: connections that notice their own end, and commits that mean what they say.

Rule 1: a connection that the server has closed is found out before it is used, without asking the server.
Rule 2: a connection to a server that takes no writes is given up like a broken one.
Rule 3: a commit that the server answers with a warning counts as one whose outcome nobody knows: it is what a
        server says that stopped waiting for its standby (PostgreSQL, "Synchronous Replication").
"""

from __future__ import annotations

import select
from typing import Any, Final

import psycopg
from psycopg.pq import ConnStatus
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.engine import ExceptionContext

IDLE_TRANSACTION_TIMEOUT_MS: Final = 10_000
"""PostgreSQL ends a transaction whose process hangs this long, so that one stuck process holds up nobody for ever."""

CONNECT_TIMEOUT_S: Final = 3
"""For each of the servers named in the URL: a machine that is gone refuses nothing, it is only silent."""

SILENCE_MAX_S: Final = 20
"""A server from which nothing comes back this long, not even an acknowledgement, is taken as gone."""

READ_ONLY: Final = "25006"
ROLLED_BACK: Final = frozenset({"40001", "40P01"})
"""Serialisation failure and deadlock: the server has undone the whole transaction and asks for it again."""

_WARNING: Final = "warning"
_IS_FRESH: Final = "fresh"


def connect_arguments(lock_timeout_s: float) -> dict[str, Any]:
    """Return what every connection is opened with; of several servers the one that takes writes is used."""
    settings = (
        f"-c idle_in_transaction_session_timeout={IDLE_TRANSACTION_TIMEOUT_MS} "
        f"-c lock_timeout={round(lock_timeout_s * 1000)} -c jit=off"
    )
    return {
        "options": settings,
        "target_session_attrs": "read-write",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": SILENCE_MAX_S // 2,
        "keepalives_interval": SILENCE_MAX_S // 4,
        "keepalives_count": 2,
        "tcp_user_timeout": SILENCE_MAX_S * 1000,
    }


def watch(engine: Engine) -> None:
    """Make the connections of an engine follow the rules above."""
    event.listen(engine, "connect", _listen_for_warnings)
    event.listen(engine, "checkout", _refuse_closed)
    event.listen(engine, "handle_error", _give_up_read_only)


def forget_warning(connection: Connection) -> None:
    """Begin to listen for warnings."""
    connection.info.pop(_WARNING, None)


def was_warned(connection: Connection) -> bool:
    """Tell whether the server has warned since `forget_warning`."""
    return _WARNING in connection.info


def is_rolled_back(error: BaseException | None) -> bool:
    """Tell whether the server says of a transaction that it has undone it and that it may be tried again."""
    return getattr(error, "sqlstate", None) in ROLLED_BACK


def _listen_for_warnings(connection: Any, record: Any) -> None:
    def note(diagnostic: Any) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            record.info[_WARNING] = diagnostic.message_primary

    connection.add_notice_handler(note)
    record.info[_IS_FRESH] = True


def _refuse_closed(connection: Any, record: Any, _proxy: Any) -> None:
    if record.info.pop(_IS_FRESH, False):
        return
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    # What comes while nobody asks is a message, or the end of the connection, often the one before the other.
    while poller.poll(0):
        try:
            connection.pgconn.consume_input()
        except psycopg.Error:
            raise exc.DisconnectionError from None
        if connection.pgconn.status != ConnStatus.OK:
            raise exc.DisconnectionError


def _give_up_read_only(context: ExceptionContext) -> None:
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True
