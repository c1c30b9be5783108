"""Ending with the process that started this one, also when that is killed without a word.

Whoever keeps the server running then starts another `serve`, whose workers share the address with those of the dead
one. These nobody would end any more, and nobody would replace one of them that fails.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from typing import Final

from server.event_log import EVENTS

LOOK_S: Final = 1.0

STOP_S: Final = 30
"""A transaction is over within ten seconds; who still waits then for a client's next bytes is not waited for."""


def end_with_starter() -> None:
    """Let this process end soon after the one that started it; one that was not started as a worker has none."""
    starter = multiprocessing.parent_process()
    if starter is not None:
        threading.Thread(target=_follow, args=(starter.pid,), name="starter", daemon=True).start()


def _follow(starter: int | None) -> None:
    pause = threading.Event()
    while os.getppid() == starter:
        pause.wait(LOOK_S)
    EVENTS.warning("orphaned", extra={"facts": {"starter": starter}})
    os.kill(os.getpid(), signal.SIGTERM)
    pause.wait(STOP_S)
    os.kill(os.getpid(), signal.SIGKILL)
