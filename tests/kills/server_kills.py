"""The real server, killed again and again under the load of real devices, and started again at the same address.

`python -m tests.kills.server_kills FOLDER SEED` is one device: it works, photographs and syncs without end, whether
the server is there or not, until its input ends; then it syncs until nothing is left and says what it holds.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from field_client.commands.desk import opened_desk
from field_client.commands.enrol import enrol
from field_client.desk import Desk
from field_client.runner import SyncReport, SyncRun
from field_client.transport import Caller, Transport
from field_client.work_create import create_order
from field_client.work_photos import photograph
from server.store.database import open_engine
from tests.kills.campaign import Campaign, open_campaign
from tests.kills.device_faults import Ledger, find_device_faults
from tests.kills.device_scene import stretch_pins_little
from tests.kills.engineer import SERIAL, stamp
from tests.kills.nursery import draw_photo
from tests.kills.resumption import Death, Sending, follow, note_death, read_hashes, read_kept
from tests.server.blobs.tus import PORT_PAUSE_S, PROJECT, environment_of, make_server

PIN: Final = "000000"

DEVICES: Final = 3
"""Enough that sets of several travel in one transaction."""

WAIT_S: Final = 300
"""What has not come by then hangs: a device's sync, a server's first answer. A busy machine is only slow."""

BLOCK_PAUSE_S: Final = 0.003
"""Between blocks of 16 KB of a file: on a line of 5 MB/s a photo is long enough under way to be met there."""

LAST_SYNCS_MAX: Final = 20
"""Syncs after which all must have arrived, with the server there all the time."""


@dataclass
class Served:
    """`gongdan-server serve` on a data folder, at one address."""

    environment: dict[str, str]
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and return when it answers."""
        program = Path(sys.executable).with_name("gongdan-server")
        self.process = subprocess.Popen(
            [program, "serve"],
            cwd=PROJECT,
            env={**os.environ, **self.environment, "GONGDAN_BIND": f"127.0.0.1:{self.port}"},
            stdout=subprocess.DEVNULL,
            # A group of its own, so that a kill reaches its workers and nobody else.
            start_new_session=True,
        )
        pause, until_s = threading.Event(), time.monotonic() + WAIT_S
        while time.monotonic() < until_s:
            assert self.process.poll() is None, "the server ended by itself"
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            pause.wait(PORT_PAUSE_S)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """End it and its workers as the kernel does."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)


@dataclass
class Outcome:
    """What became of a server that was killed, and of those that used it."""

    kills: int = 0
    sets: int = 0
    files: int = 0
    cut_off: int = 0
    """Syncs that a kill ended."""
    resumed: int = 0
    """Uploads of which a kill left a part at the server, and only the rest was sent."""
    spared_bytes: int = 0
    """What the server had of them."""
    faults: list[str] = field(default_factory=list)


def kill_server(folder: Path, count: int, seed: int, database_url: str = "") -> Outcome:
    """Kill a server so many times under load and return what came of it."""
    chance, outcome = random.Random(seed), Outcome()
    server = make_server(folder / "server", database_url=database_url)
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    served = Served(environment_of(server.settings), server.port)
    engine = open_engine(server.settings.database_url)
    try:
        served.start()
        campaign = open_campaign(server, engine, folder, seed)
        devices = [_start_device(campaign, folder / f"device-{number}", seed + number) for number in range(DEVICES)]
        uploads = server.settings.blob_folder / server.ours.organisation / "uploads"
        deaths, sendings = [], list[Sending]()
        for number in range(count):
            _await_settled(devices, chance.randint(1, 4))
            if number % 2:
                threading.Event().wait(chance.uniform(0, 0.3))
            else:
                _await_part(uploads)
            served.kill()
            deaths.append(note_death(uploads))
            outcome.kills += 1
            served.start()
        for device in devices:
            outcome.faults += [f"device: {fault}" for fault in _come_to_rest(device, campaign, outcome, sendings)]
        outcome.sets, outcome.files = campaign.report.sets, campaign.report.files
        outcome.faults += campaign.find_server_faults()
        _hold_to_deaths(outcome, engine, deaths, sendings)
    finally:
        engine.dispose()
        served.kill()
    return outcome


def _start_device(campaign: Campaign, folder: Path, seed: int) -> subprocess.Popen[str]:
    _, invitation = campaign.hire(folder.name)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.kills.server_kills", str(folder), str(seed), invitation],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def _await_settled(devices: list[subprocess.Popen[str]], count: int) -> None:
    """Return when some syncs have come to an end, so that each life of the server has something to lose."""
    while count:
        streams = [device.stdout for device in devices if device.stdout is not None]
        ready, _, _ = select.select(streams, [], [], WAIT_S)
        assert ready, "no device has synced"
        for stream in ready:
            line = stream.readline()
            assert line, "a device ended"
            count = max(0, count - json.loads(line).get("settled", 0))


def _await_part(uploads: Path) -> None:
    """Return when the server has a part of some file, which the next kill leaves there."""
    pause, until_s = threading.Event(), time.monotonic() + WAIT_S
    while not any(read_kept(uploads).values()):
        assert time.monotonic() < until_s, "no file is under way"
        pause.wait(BLOCK_PAUSE_S)


def _hold_to_deaths(outcome: Outcome, engine: Engine, deaths: list[Death], sendings: list[Sending]) -> None:
    came = follow(deaths, sendings, read_hashes(engine))
    outcome.resumed, outcome.spared_bytes = came.resumed, came.spared_bytes
    outcome.faults += came.faults


def _come_to_rest(
    device: subprocess.Popen[str], campaign: Campaign, outcome: Outcome, sendings: list[Sending]
) -> Iterator[str]:
    out, _ = device.communicate(timeout=WAIT_S)
    told: dict[str, Any] = {}
    for line in out.splitlines():
        told = json.loads(line)
    if "outbox" not in told:
        yield f"a device ended with {device.returncode}"
        return
    outcome.cut_off += told["cut_off"]
    sendings += [Sending(*sent) for sent in told["sendings"]]
    yield from told["faults"]
    yield from campaign.compare(told)


class SlowTransport(Transport):
    """Sends files slowly, and notes of which file from where on."""

    def __init__(self, *args: Any, sendings: list[Sending], **options: Any) -> None:
        """Send as a transport with these arguments does, and note in `sendings`."""
        super().__init__(*args, **options)
        self.sendings = sendings

    def upload(self, method: str, url: str, headers: Any, body: Any = b"") -> Any:
        """Send a part of a file."""
        if body and method == "POST":
            name = base64.b64decode(headers["Upload-Metadata"].split()[1]).decode()
            body = self._send_slowly(name, 0, body)
        elif body:
            body = self._send_slowly(url.rpartition("/")[2], int(headers["Upload-Offset"]), body)
        return super().upload(method, url, headers, body)

    def _send_slowly(self, name: str, offset: int, blocks: Iterable[bytes]) -> Iterator[bytes]:
        pause, noted = threading.Event(), False
        for block in blocks:
            if not noted:
                self.sendings.append(Sending(name, offset, time.monotonic()))
                noted = True
            yield block
            pause.wait(BLOCK_PAUSE_S)


@dataclass
class Worker:
    """A device that works and syncs, whether the server is there or not."""

    desk: Desk
    chance: random.Random
    photos: list[bytes]
    ledger: Ledger = field(default_factory=Ledger)
    counts: Counter[str] = field(default_factory=Counter)
    sendings: list[Sending] = field(default_factory=list)

    def work(self) -> None:
        """Take an order down, photograph something, sync."""
        create_order(self.desk.bench, SERIAL, "repair", "important", "异响")
        self.note()
        taken = photograph(self.desk.bench, self.desk.files, self.take(), "fault")
        self.note()
        self.ledger.files |= {taken.values[f"{kind}_sha256"] for kind in ("original", "preview", "thumbnail")}
        self.sync()

    def take(self) -> bytes:
        """Return a photo that nobody took before."""
        return stamp(self.chance.choice(self.photos), self.chance.randbytes(16))

    def note(self) -> None:
        """Take down the set that was just sealed."""
        recall = self.desk.store.recall
        self.ledger.sets[recall("seq")] = recall("prev")

    def sync(self) -> SyncReport:
        """Sync once; a server that is away ends it."""
        desk = self.desk
        caller = Caller(desk.outbox.identity.organisation, desk.outbox.identity.device, desk.keyring.sign)
        offset_ms = desk.store.recall("offset_ms", 0)
        where = (desk.store.recall("base_url"), caller, desk.outbox.now, offset_ms)
        transport = SlowTransport(*where, timeout_s=30, sendings=self.sendings)
        report = SyncRun(desk.store, desk.outbox, transport, desk.files).run()
        settled = desk.store.rows("SELECT digest FROM outbox WHERE state NOT IN ('sealed', 'held')")
        self.ledger.settled |= {digest for (digest,) in settled}
        self.counts["cut off"] += report.fault is not None
        if report.fault is not None and report.fault.code not in ("server_unreachable", "database_busy"):
            self.counts[f"fault {report.fault.code}"] += 1
        return report

    def come_to_rest(self) -> dict[str, Any]:
        """Sync until nothing is left, and return what is held."""
        for _ in range(LAST_SYNCS_MAX):
            report = self.sync()
            if report.fault is None and report.is_consistent and not report.files:
                break
        faults = find_device_faults(self.desk, self.ledger, is_thorough=True)
        faults += [name for name in self.counts if name.startswith("fault")]
        faults += [] if report.fault is None else [f"the last sync: {report.fault}"]
        outbox = self.desk.store.rows("SELECT seq, digest, state, receipt FROM outbox ORDER BY seq")
        blobs = self.desk.store.rows("SELECT sha256, size_bytes, state FROM blobs")
        told: dict[str, Any] = {
            "outbox": list(outbox),
            "blobs": list(blobs),
            "device": self.desk.outbox.identity.device,
        }
        told |= {"sets": self.ledger.sets, "files": sorted(self.ledger.files), "acts": {}, "faults": faults}
        return told | {"cut_off": self.counts["cut off"], "sendings": [astuple(sent) for sent in self.sendings]}


def main() -> None:
    """Be one device."""
    folder, seed, invitation = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    stretch_pins_little()
    os.environ |= {"GONGDAN_FIELD_DATA": str(folder), "GONGDAN_PIN": PIN}
    with contextlib.redirect_stdout(io.StringIO()):
        enrol.main([invitation], standalone_mode=False, obj=None)
    chance = random.Random(seed)
    photos = [draw_photo(chance, side) for side in (64, 400, 900)]
    with opened_desk(None) as desk:
        worker = Worker(desk, chance, photos)
        while worker.sync().fault is not None:
            pass
        while not select.select([sys.stdin], [], [], 0)[0]:
            worker.work()
            sys.stdout.write(json.dumps({"settled": 1}) + "\n")
            sys.stdout.flush()
        sys.stdout.write(json.dumps(worker.come_to_rest()) + "\n")


if __name__ == "__main__":
    main()
