"""A company's server on one side of the bad link and Wei's device on the other, as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, select

from server.keys import open_office_key
from server.services import enrolment
from server.services.office import Office
from server.settings import read_settings
from server.store.database import open_engine, reading, writing
from server.store.migrate import upgrade
from server.store.tables import Blob, DeviceHead, LogEntry
from sync import receipt
from tests.cast import Company, found_company
from tests.network.link import PERFECT, Conditions
from tests.network.namespaces import SERVER_ADDRESS, Network, linked_namespaces
from tests.network.probe import START_TIMEOUT_S
from tests.source_tree import ROOT

PROGRAMS: Final = Path(sys.executable).parent
PORT: Final = 8080
URL: Final = f"http://{SERVER_ADDRESS}:{PORT}"

_UPGRADING: Final = threading.Lock()


@dataclass(frozen=True)
class Sent:
    """What it cost to bring the work over: bytes handed to the socket, and what of them was not the work itself."""

    runs: list[dict[str, Any]]
    link: dict[str, int]
    payload_bytes: int
    handed_bytes: int

    @property
    def resent(self) -> float:
        """The share of the work's bytes that the client handed over more than once."""
        return self.handed_bytes / self.payload_bytes - 1

    @property
    def wire(self) -> float:
        """TCP payload that entered the link for each byte that the client handed over: TCP's own repetitions."""
        return self.link["up_payload_bytes"] / sum(run["sent_bytes"] for run in self.runs)


@dataclass(frozen=True)
class Arrived:
    """What the server has of Wei's work: the numbers of his sets in order, their verdicts, the states of his files."""

    seqs: list[int]
    verdicts: list[str]
    files: list[str]


@dataclass
class Stage:
    """The two sides, and what stands on the server's disk."""

    folder: Path
    network: Network
    engine: Engine
    company: Company

    def run(self, *command: str, limit_s: float = 600, **settings: str) -> str:
        """Run a program where the device is and return what it prints."""
        done = subprocess.run(
            self.network.on_device(*command),
            cwd=ROOT,
            env=environment(self.folder) | settings,
            capture_output=True,
            text=True,
            timeout=limit_s,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def fill(self, sets: int, photos: int, photo_bytes: int, seed: int = 1) -> None:
        """Let Wei do a good deal of work without a network."""
        self.run(sys.executable, "-m", "tests.network.tablet", "fill", *map(str, (sets, photos, photo_bytes, seed)))

    def sync(self, conditions: Conditions, limit_s: float, **settings: str) -> Sent:
        """Bring all that waits over a link like this; fails when something still waits at the end."""
        payload_bytes = self.weigh()
        self.network.change(conditions)
        command = (sys.executable, "-m", "tests.network.tablet", "sync", str(limit_s))
        runs = [json.loads(line) for line in self.run(*command, limit_s=limit_s + 300, **settings).splitlines()]
        link = self.network.count()
        self.network.change(PERFECT)
        handed = sum(run["line_bytes"] + run["file_bytes"] for run in runs)
        sent = Sent(runs, link, payload_bytes, handed)
        assert runs[-1]["waiting_sets"] == runs[-1]["waiting_files"] == 0, sent
        return sent

    def arrived(self) -> Arrived:
        """Return what the server has of Wei's work, read from its database."""
        own = self.company.organisation
        with reading(self.engine) as connection:
            entries = connection.execute(
                select(LogEntry.seq, LogEntry.receipt)
                .join(
                    DeviceHead,
                    (DeviceHead.organisation == LogEntry.organisation) & (DeviceHead.device == LogEntry.device),
                )
                .where(LogEntry.organisation == own, DeviceHead.person == self.company.wei)
                .order_by(LogEntry.seq)
            ).all()
            files = connection.execute(select(Blob.state).where(Blob.organisation == own)).scalars().all()
        return Arrived([seq for seq, _ in entries], [receipt.load(text).verdict for _, text in entries], list(files))

    def weigh(self) -> int:
        """Return how many bytes of sealed lines and files wait on the device."""
        return int(self.run(sys.executable, "-m", "tests.network.tablet", "weigh"))


@contextmanager
def stage(folder: Path, **settings: str) -> Iterator[Stage]:
    """Start a server with a company in it, and enrol and sync Wei's device over a perfect link."""
    server_settings = read_settings(environment(folder))
    upgrade_here(server_settings.database_url, server_settings.data)
    engine = open_engine(server_settings.database_url)
    office = Office(engine, open_office_key(server_settings))
    company = found_company(office, engine)
    with writing(engine) as connection:
        invitation = enrolment.issue_code(connection, company.organisation, company.wei, URL).text
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        network = stack.enter_context(linked_namespaces())
        stack.enter_context(serving(folder, network, settings))
        built = Stage(folder, network, engine, company)
        built.run(str(PROGRAMS / "gongdan-field"), "enrol", invitation)
        built.run(str(PROGRAMS / "gongdan-field"), "sync")
        yield built


@contextmanager
def serving(folder: Path, network: Network, settings: dict[str, str]) -> Iterator[None]:
    """Run the server until the end; it is ready when this begins."""
    command = network.on_server(str(PROGRAMS / "gongdan-server"), "serve")
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment(folder) | settings, stdout=log, stderr=log)
    try:
        probe = "import sys, tests.network.probe as probe; probe.await_server(sys.argv[1], int(sys.argv[2]))"
        subprocess.run(
            network.on_server(sys.executable, "-c", probe, SERVER_ADDRESS, str(PORT)),
            cwd=ROOT,
            check=True,
            timeout=START_TIMEOUT_S + 60,
        )
        yield
    finally:
        server.terminate()
        server.wait(60)


def upgrade_here(url: str, data: Path) -> None:
    """Make the server's database."""
    data.mkdir(parents=True)
    engine = open_engine(url)
    # Alembic keeps what it is doing in its module.
    with _UPGRADING:
        upgrade(engine)
    engine.dispose()


def environment(folder: Path) -> dict[str, str]:
    """Return the settings of the server and of the device, whose folders are within `folder`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GONGDAN_")}
    return clean | {
        "GONGDAN_DATA": str(folder / "server"),
        "GONGDAN_BASE_URL": URL,
        "GONGDAN_BIND": f"{SERVER_ADDRESS}:{PORT}",
        "GONGDAN_FIELD_DATA": str(folder / "device"),
        "GONGDAN_PIN": "280417",
        "GONGDAN_LANGUAGE": "en",
    }
