"""A PostgreSQL server of the tests' own: made from the installed programs, used over a socket, then removed.

Fixtures: `postgres_server`, `postgres_url`, `postgres_database`. A machine without PostgreSQL fails the
tests that need it, because a store that was tried on SQLite alone is not proven.
"""

import atexit
import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

PROGRAMS = "/usr/lib/postgresql"
# initdb and a start take under a second; a machine that needs longer than this is stuck.
START_TIMEOUT_S = 60
# Kept small: several servers may run beside each other on a two-core machine.
SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For tests that never cut the power: nothing is forced to disk, so a crash may lose acknowledged commits.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresMissingError(AssertionError):
    """PostgreSQL cannot be run here; the sentence says what to install."""


def find_programs() -> Path:
    """Return the folder of the newest installed server's programs."""
    found = sorted(Path(PROGRAMS).glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise PostgresMissingError(
            f"No PostgreSQL server programs under {PROGRAMS}: run `scripts/system-packages tests`."
        )
    return found[-1].parent


def choose_user() -> pwd.struct_passwd:
    """Return whom the server runs as: ourselves, or somebody without rights when we are root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresMissingError("PostgreSQL refuses to run as root, and no user postgres or nobody is there.")


@dataclass
class PostgresServer:
    """One server in its own folder, reached over a socket in that folder."""

    programs: Path
    user: pwd.struct_passwd
    folder: Path
    durable: bool = True
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the maintenance database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """SQLAlchemy URL (psycopg 3) of a database of this server."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def initialise(self) -> None:
        """Make the data folder."""
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]
        # The empty cluster itself need not survive a power cut; what the tests write to it may have to.
        self.run("initdb", "--no-sync", *options, f"--pgdata={self.folder / 'data'}")
        chosen = SETTINGS | {"unix_socket_directories": f"'{self.folder}'"}
        chosen |= {} if self.durable else NOT_DURABLE
        with (self.folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as config:
            config.writelines(f"{name} = {value}\n" for name, value in chosen.items())

    def start(self, **settings: str) -> None:
        """Start, with settings that hold until it stops, and return once connections are accepted."""
        given = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self.control("start", f"--log={self.folder / 'log'}", *([f"--options={given}"] if given else []))

    def stop(self, mode: str = "fast") -> None:
        """Stop; mode `immediate` leaves what a power cut would leave."""
        self.control("stop", f"--mode={mode}")

    def remove(self) -> None:
        """Stop if running and delete everything; safe to call twice."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, template: str = "template1") -> str:
        """Make a database like the template, which nobody may be using, and return its name."""
        name = f"gongdan_{next(self.numbers)}"
        self.execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop_database(self, name: str) -> None:
        """Delete a database, closing whatever connections are left to it."""
        self.execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def execute(self, statement: str, *names: str) -> None:
        """Run one statement outside a transaction, its `{}` filled with quoted names."""
        place = f"host={self.folder} user=postgres dbname=postgres"
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def control(self, command: str, *options: str) -> None:
        """Run pg_ctl and wait until it is done."""
        waiting = ["--wait", f"--timeout={START_TIMEOUT_S}"]
        self.run("pg_ctl", command, *waiting, *options, f"--pgdata={self.folder / 'data'}")

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        other_user = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        with (self.folder / "programs.log").open("ab") as output:
            # A pipe would be inherited by the server and never close, so output goes to a file.
            done = subprocess.run(
                [self.programs / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                check=False,
                **(other_user if os.geteuid() == 0 else {}),
            )
        assert done.returncode == 0, f"{program} {arguments} failed:\n{self.read_logs()}"

    def read_logs(self) -> str:
        """Return the last lines the programs and the server wrote."""
        logs = [self.folder / "programs.log", self.folder / "log"]
        return "\n".join(log.read_text(errors="replace")[-2000:] for log in logs if log.exists())


@contextlib.contextmanager
def running_postgres(durable: bool = True) -> Iterator[PostgresServer]:
    """Yield a started server; it is stopped and deleted at the end, or when the interpreter ends."""
    user = choose_user()
    programs = find_programs()
    # Not pytest's folder: that one is closed to other users, and its path may exceed a socket's 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="gongdan-pg-", dir="/tmp"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    server = PostgresServer(programs, user, folder, durable)
    atexit.register(server.remove)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.remove()
        atexit.unregister(server.remove)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """The session's server; durable unless pytest runs with `--postgres-fsync=off`."""
    with running_postgres(durable=request.config.getoption("--postgres-fsync") == "on") as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """SQLAlchemy URL of the session's server, maintenance database."""
    return postgres_server.url


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    """SQLAlchemy URL of an empty database that only this test uses."""
    name = postgres_server.create_database()
    yield postgres_server.url_of(name)
    postgres_server.drop_database(name)
