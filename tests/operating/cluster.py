"""A PostgreSQL primary with a synchronous standby, kept by Patroni and etcd as in production, on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.operating.serving import wait_until
from tests.postgres import SETTINGS, choose_user, find_programs

DATABASE = "gongdan"
TTL_S = 5
"""How long a leader may be silent. In production 30: a busy machine must not lose its office for a slow second."""

TIMING = {"ttl": TTL_S, "loop_wait": 1, "retry_timeout": 2, "maximum_lag_on_failover": 0, "synchronous_mode": True}


class ProgramsMissingError(AssertionError):
    """Patroni or etcd cannot be run here; the sentence says what to install."""


def find_program(name: str) -> str:
    """Return the path of an installed program."""
    found = shutil.which(name)
    if found is None:
        raise ProgramsMissingError(f"{name} is not installed: run `scripts/system-packages tests`.")
    return found


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]


@dataclass
class Member:
    """One PostgreSQL server with the Patroni that keeps it."""

    name: str
    folder: Path
    port: int
    api_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def postmaster(self) -> int:
        """The database server's first process."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def ask(self, statement: str, database: str = "postgres") -> Any:
        """Return the first value a statement gives on this member, None when it is away or gives none."""
        place = f"host=127.0.0.1 port={self.port} user=postgres dbname={database} connect_timeout=2"
        try:
            with psycopg.connect(place, autocommit=True) as connection:
                found = connection.execute(statement)  # type: ignore[arg-type]
                row = found.fetchone() if found.description else None
        except psycopg.OperationalError:
            return None
        return row[0] if row else None

    def is_primary(self) -> bool:
        """Tell whether it takes writes."""
        return self.ask("SELECT pg_is_in_recovery()") is False

    def kill(self) -> None:
        """End Patroni and the database server's first process, as when the machine loses its power."""
        assert self.process is not None
        postmaster = self.postmaster
        os.kill(self.process.pid, signal.SIGKILL)
        os.kill(postmaster, signal.SIGKILL)
        self.process.wait(30)


@dataclass
class Cluster:
    """Two members and the etcd by which they agree who is primary."""

    folder: Path
    etcd_port: int
    members: list[Member]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """SQLAlchemy URL that names both members; whichever takes writes is used."""
        hosts = "&".join(f"host=127.0.0.1:{member.port}" for member in self.members)
        return f"postgresql+psycopg://postgres@/{DATABASE}?{hosts}"

    def start_etcd(self) -> None:
        """Start the one etcd; three of them on three machines are what production needs."""
        (peer_port,) = free_ports(1)
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{peer_port}"
        options = {
            "data-dir": str(self.folder / "etcd"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "unsafe-no-fsync": "true",
        }
        self._run("etcd", [find_program("etcd"), *(f"--{name}={value}" for name, value in options.items())])
        wait_until(lambda: is_healthy(f"{client}/health"), "etcd answers")

    def start(self, member: Member) -> None:
        """Start a member's Patroni, which makes or starts its database server."""
        config = member.folder / "patroni.json"
        config.write_text(json.dumps(self._configure(member)))
        member.process = self._run(member.name, [find_program("patroni"), str(config)])

    def primary(self) -> Member:
        """Return the member that takes writes, waiting until there is one."""
        found: list[Member] = []

        def look() -> bool:
            found[:] = [member for member in self.members if member.is_primary()]
            return len(found) == 1

        wait_until(look, f"a primary\n{self.read_logs()}")
        return found[0]

    def await_standby(self) -> None:
        """Return once a standby confirms every commit."""
        confirming = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'"
        wait_until(lambda: self.primary().ask(confirming) == 1, f"a synchronous standby\n{self.read_logs()}")

    def read_logs(self) -> str:
        """Return the last lines of every program."""
        return "\n".join(log.read_text(errors="replace")[-1500:] for log in sorted(self.folder.glob("*.log")))

    def remove(self) -> None:
        """End every process and delete everything."""
        for member in self.members:
            with contextlib.suppress(OSError, ValueError):
                os.kill(member.postmaster, signal.SIGKILL)
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        user = choose_user()
        other: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                # Not the tests' own environment, whose Python is another one than Patroni's.
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": str(self.folder)},
                start_new_session=True,
                **(other if os.geteuid() == 0 else {}),
            )
        self.processes.append(process)
        return process

    def _configure(self, member: Member) -> dict[str, Any]:
        trusting = ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
        parameters = {name: value.strip("'") for name, value in SETTINGS.items() if name != "listen_addresses"}
        return {
            "scope": "gongdan",
            "name": member.name,
            "restapi": {"listen": f"127.0.0.1:{member.api_port}", "connect_address": f"127.0.0.1:{member.api_port}"},
            "watchdog": {"mode": "off"},
            "etcd3": {"host": f"127.0.0.1:{self.etcd_port}"},
            "bootstrap": {
                "dcs": {**TIMING, "postgresql": {"use_pg_rewind": True, "parameters": {"wal_log_hints": "on"}}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
                "pg_hba": trusting,
            },
            "postgresql": {
                "listen": f"127.0.0.1:{member.port}",
                "connect_address": f"127.0.0.1:{member.port}",
                "data_dir": str(member.folder / "data"),
                "bin_dir": str(find_programs()),
                # Otherwise the standby's first copy waits for the next checkpoint in turn, minutes away.
                "basebackup": [{"checkpoint": "fast"}],
                "pgpass": str(member.folder / "pgpass"),
                "authentication": {"superuser": {"username": "postgres"}, "replication": {"username": "postgres"}},
                "parameters": parameters | {"unix_socket_directories": str(member.folder)},
                "pg_hba": trusting,
            },
        }


def is_healthy(url: str) -> bool:
    """Tell whether an address answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextlib.contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Yield two members, one the other's synchronous standby, with an empty database."""
    user = choose_user()
    folder = Path(tempfile.mkdtemp(prefix="gongdan-ha-", dir="/tmp"))
    etcd_port, *ports = free_ports(5)
    members = [Member(f"member{n}", folder / f"member{n}", ports[n], ports[n + 2]) for n in range(2)]
    cluster = Cluster(folder, etcd_port, members)
    for place in (folder, *(member.folder for member in members)):
        place.mkdir(exist_ok=True)
        os.chown(place, user.pw_uid, user.pw_gid)
    try:
        cluster.start_etcd()
        for member in members:
            cluster.start(member)
        cluster.primary().ask(f"CREATE DATABASE {DATABASE}")
        cluster.await_standby()
        yield cluster
    finally:
        cluster.remove()
