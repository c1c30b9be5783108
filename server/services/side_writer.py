"""A thread beside those that answer: it writes what was gathered in memory, every so often and once at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable

from schemas.problems import Refused
from server.event_log import EVENTS


def start_writer(name: str, every_s: float, write: Callable[[], object]) -> None:
    """Call `write` every so many seconds in a thread of that name, and once more when the process ends.

    What `write` refuses is told in the event log as ``<name>_not_written``, and tried again the next time.
    """

    def write_on() -> None:
        main = threading.main_thread()
        while main.is_alive():
            main.join(every_s)
            try:
                write()
            except Refused as refused:
                EVENTS.warning(f"{name}_not_written", extra={"facts": {"problem": refused.code}})

    # No daemon: a process waits for its threads before it ends, and this one waits for the main thread.
    threading.Thread(target=write_on, name=name).start()
