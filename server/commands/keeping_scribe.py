"""Keeping a scribe running beside the processes that answer requests."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from server.scribe_line import ADDRESS_VARIABLE

RESTART_S: Final = 1.0
"""Until a scribe that died is there again, each process takes in what it receives."""

STOP_S: Final = 30


@contextmanager
def running_scribe() -> Iterator[None]:
    """Run a scribe, and another when it dies, until the block ends; on Linux only."""
    if sys.platform != "linux":
        yield
        return
    os.environ[ADDRESS_VARIABLE] = f"@gongdan-{secrets.token_hex(16)}"
    ended = threading.Event()
    running = [_start()]

    def keep() -> None:
        while not ended.is_set():
            running[0].wait()
            if not ended.wait(RESTART_S):
                running[0] = _start()

    keeper = threading.Thread(target=keep, name="scribe", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        running[0].terminate()
        running[0].wait(STOP_S)
        keeper.join()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "server.scribe"])
