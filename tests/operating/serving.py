"""Real `gongdan-server serve` processes behind one address, each of which may be killed at any time."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from server.keys import open_office_key
from server.services.office import Office
from server.settings import Settings, read_settings
from server.store.database import open_engine
from server.store.migrate import upgrade

PATIENCE_S = 60.0
PAUSE_S = 0.02
ROOT = Path(__file__).parents[2]
LISTENING = "0A"


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return once the condition holds; fail when it does not come true."""
    paused = threading.Event()
    for _ in range(int(PATIENCE_S / PAUSE_S)):
        if condition():
            return
        paused.wait(PAUSE_S)
    raise AssertionError(f"waited in vain: {what}")


def is_running(process: int) -> bool:
    """Tell whether a process runs; one that has ended may wait to be noticed."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return not Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].startswith(" Z")
    return False


@dataclass
class Serving:
    """One `gongdan-server serve` with its workers; a process group of its own."""

    process: subprocess.Popen[bytes]

    @property
    def workers(self) -> list[int]:
        """The processes that answer requests."""
        return [child for child, command in self._children() if not re.search("tracker|server.scribe", command)]

    @property
    def scribes(self) -> list[int]:
        """The process that takes in for them; none while a dead one is being replaced."""
        return [child for child, command in self._children() if "server.scribe" in command]

    def _children(self) -> Iterator[tuple[int, str]]:
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                with suppress(FileNotFoundError):
                    yield int(child), Path(f"/proc/{child}/cmdline").read_text()

    def orphan(self) -> None:
        """Kill the process that started the others alone, and return once these have ended by themselves."""
        others = [child for child, _ in self._children()]
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        wait_until(lambda: not any(map(is_running, others)), "processes whose starter was killed to end")

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End all of it and return when it has ended."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)
        self.process.wait(PATIENCE_S)


@dataclass
class Site:
    """The server side of a company: one database, one data folder, one address, any number of processes."""

    settings: Settings
    environment: dict[str, str]
    place: socket.socket
    log: Path
    running: list[Serving] = field(default_factory=list)
    engines: list[Engine] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where all processes listen; the system gives each connection to one of them."""
        return int(self.place.getsockname()[1])

    @property
    def url(self) -> str:
        """The one address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Serving:
        """Start one more process and return once all of its workers take connections."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "server", "serve"],
                cwd=ROOT,
                env=os.environ | self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        serving = Serving(process)
        self.running.append(serving)
        wait_until(lambda: process.poll() is not None or self.is_whole(), "workers that listen")
        assert process.poll() is None, self.log.read_text()[-3000:]
        return serving

    def is_whole(self) -> bool:
        """Tell whether every worker of every process that lives takes connections."""
        living = [serving for serving in self.running if serving.process.poll() is None]
        return self.count_listeners() == len(living) * self.settings.workers

    def count_listeners(self) -> int:
        """Return how many sockets listen at the address."""
        rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        return sum(1 for row in rows if row[3] == LISTENING and int(row[1].split(":")[1], 16) == self.port)

    def open_office(self) -> Office:
        """Return an office that writes into the same database, from this process, until the site is closed."""
        self.engines.append(open_engine(self.settings.database_url))
        return Office(self.engines[-1], open_office_key(self.settings))


@contextmanager
def running_site(folder: Path, database_url: str, processes: int = 2, workers: int = 1) -> Iterator[Site]:
    """Start some processes on an empty database that is brought to this release first; kill all at the end."""
    with socket.socket() as place:
        # Bound but not listening: it keeps the port for the processes and gets no connection.
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        place.bind(("127.0.0.1", 0))
        environment = {
            "GONGDAN_DATA": str(folder / "data"),
            "GONGDAN_DATABASE": database_url,
            "GONGDAN_BIND": f"127.0.0.1:{place.getsockname()[1]}",
            "GONGDAN_WORKERS": str(workers),
            "GONGDAN_THREADS": "16",
        }
        settings = read_settings(environment)
        settings.data.mkdir(parents=True, exist_ok=True)
        engine = open_engine(settings.database_url)
        upgrade(engine)
        engine.dispose()
        site = Site(settings, environment, place, folder / "serve.log")
        try:
            for _ in range(processes):
                site.start()
            yield site
        finally:
            for engine in site.engines:
                engine.dispose()
            for serving in site.running:
                serving.stop()
