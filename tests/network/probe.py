"""Waiting until a server takes connections."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from typing import Final

START_TIMEOUT_S: Final = 240
RETRY_S: Final = 0.05


def await_server(host: str, port: int) -> None:
    """Return once somebody listens at the address; raises TimeoutError after START_TIMEOUT_S."""
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=START_TIMEOUT_S):
            return
        select.select([], [], [], RETRY_S)
    raise TimeoutError(f"nobody listens at {host}:{port}")
