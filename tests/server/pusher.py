"""A server process of its own: it takes in what it is told, when it is told, and may die at a chosen moment.

Reads a job as one JSON line from standard input, says `ready`, waits for another line, and then writes each
receipt as a line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from server.clock import utc_now
from server.reception import Reception, take_in
from server.store.database import open_engine, writing
from server.store.workspace import open_workspace

Death = Literal["never", "before_commit", "before_answer"]


@dataclass
class Pusher:
    """The parent's side of a process: start it, let it go, read what it answered."""

    process: subprocess.Popen[str]

    def await_ready(self) -> None:
        """Return once it waits to begin."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def answers(self) -> list[str]:
        """Wait for its end and return the receipts it wrote."""
        out, _ = self.process.communicate()
        return out.splitlines()


def start_pusher(url: str, organisation: str, device: str, lines: Sequence[bytes], death: Death = "never") -> Pusher:
    """Start a process that will hand in these lines one by one; several may start beside each other."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.server.pusher"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    job = {"url": url, "organisation": organisation, "device": device, "death": death}
    process.stdin.write(json.dumps(job | {"lines": [line.decode() for line in lines]}) + "\n")
    process.stdin.flush()
    return Pusher(process)


def main() -> None:
    """Do the job."""
    job = json.loads(sys.stdin.readline())
    engine = open_engine(job["url"])
    reception = Reception(engine)
    lines = [line.encode() for line in job["lines"]]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    if job["death"] == "before_commit":
        with writing(engine) as connection:
            store = open_workspace(connection, job["organisation"])
            items = [reception.read(job["organisation"], line, utc_now()) for line in lines]
            store.load(items)  # type: ignore[arg-type]
            take_in(store, job["device"], items)
            store.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    for line in lines:
        (answer,) = reception.submit(job["organisation"], job["device"], [line])
        if job["death"] == "before_answer":
            os.kill(os.getpid(), signal.SIGKILL)
        sys.stdout.write(answer + "\n")


if __name__ == "__main__":
    main()
