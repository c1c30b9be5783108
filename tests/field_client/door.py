"""A door on this machine at which anything may answer a device."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def open_door(take: Callable[[socket.socket], None]) -> Iterator[int]:
    """Hand every connection to `take`, each in a thread of its own, and yield the port."""
    door = socket.create_server(("127.0.0.1", 0))

    def watch() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=take, args=(door.accept()[0],), daemon=True).start()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield door.getsockname()[1]
    finally:
        door.shutdown(socket.SHUT_RDWR)
        door.close()
        watcher.join()
