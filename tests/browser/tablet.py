"""A field device as a person meets it: the real program, its pages in a real Chromium, and the office it belongs to."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.network.probe import await_server

PROGRAMS: Final = Path(sys.executable).parent
PIN: Final = "246810"
LIMIT_S: Final = 60

AXE: Final = Path(__file__).parents[1] / "js" / "node_modules" / "axe-core" / "axe.min.js"
TALL: Final = 4000
WCAG: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Office:
    """The server with the demo company, which runs only while a test plugs it in."""

    folder: Path
    port: int = field(default_factory=free_port)
    seeded_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the demo company was written, from which its visits are counted."""

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Its settings."""
        chosen = {"DATA": str(self.folder), "BIND": f"127.0.0.1:{self.port}", "BASE_URL": self.address}
        return os.environ | {f"GONGDAN_{name}": value for name, value in chosen.items()}

    def call(self, *words: str) -> str:
        """Run a command of `gongdan-server` and return what it printed."""
        done = subprocess.run(
            [PROGRAMS / "gongdan-server", *words], env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    @contextmanager
    def plugged_in(self) -> Iterator[None]:
        """Let the server answer."""
        process = subprocess.Popen(
            [PROGRAMS / "gongdan-server", "serve"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            await_server("127.0.0.1", self.port)
            yield
        finally:
            process.terminate()
            process.wait(LIMIT_S)


@dataclass
class Tablet:
    """One device: its folder, and the program that serves its pages."""

    folder: Path
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    door: str = ""
    """The address that lets a browser in."""

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.port}"

    def call(self, *words: str) -> str:
        """Run a command of `gongdan-field` and return what it printed."""
        done = subprocess.run(
            [PROGRAMS / "gongdan-field", *words], env=self._settings(), check=True, capture_output=True, text=True
        )
        return done.stdout

    def start(self, *, unlocked: bool = True) -> None:
        """Start the program and wait until it answers."""
        settings = self._settings() | ({} if unlocked else {"GONGDAN_PIN": ""})
        self.process = subprocess.Popen(
            [PROGRAMS / "gongdan-field", "ui", "--no-browser", "--port", str(self.port)],
            env=settings,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, said
        self.door = found[0]
        await_server("127.0.0.1", self.port)

    def kill(self) -> None:
        """End the program as a flat battery does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(LIMIT_S)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def _settings(self) -> dict[str, str]:
        chosen = {"GONGDAN_FIELD_DATA": str(self.folder), "GONGDAN_PIN": PIN, "GONGDAN_SYNC_EVERY_S": "0"}
        return os.environ | chosen | self.environment


def enrol_tablet(office: Office, folder: Path, person: str = "wei") -> Tablet:
    """Return a device of the person, enrolled and synced with an office that is plugged in."""
    tablet = Tablet(folder)
    tablet.call("enrol", office.call("enrol", "--person", person, "--no-code").splitlines()[0])
    tablet.call("sync")
    return tablet


def copy_office(seeded: Office, folder: Path) -> Office:
    """Return an office of its own under the same address, so that tablets of the seeded one find it."""
    shutil.copytree(seeded.folder, folder)
    return Office(folder, seeded.port, seeded.seeded_at)


def copy_tablet(seeded: Tablet, folder: Path) -> Tablet:
    """Return a device of its own with all that the seeded one holds."""
    shutil.copytree(seeded.folder, folder)
    return Tablet(folder)


def complaints_of_axe(page: Any) -> list[str]:
    """Return what axe finds wrong with a page, by WCAG 2.2 AA and its best practices.

    It is looked at on a screen as tall as the page: what a bar at the bottom half covers is a scroll away.
    """
    size = page.viewport_size
    page.set_viewport_size({"width": size["width"], "height": TALL})
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async (tags) => (await axe.run(document, {runOnly: tags})).violations", WCAG)
    page.set_viewport_size(size)
    return [f"{fault['id']}: {node['target']} {node['html'][:160]}" for fault in found for node in fault["nodes"]]
