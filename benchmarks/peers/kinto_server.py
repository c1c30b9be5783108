"""The peer's processes: installs Kinto from its pinned list into an environment of its own, serves it with uWSGI."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gongdan_company import list_family
from benchmarks.measure import read_cpu_s

SOURCE = Path(__file__).with_name("kinto")
INSTALL_LIMIT_S = 600.0
READY_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
BATCH_REQUESTS = 100  # its default is 25; both are measured
PAGE_RECORDS = 2_000  # as many as a page of Gongdan has


@dataclass(frozen=True)
class KintoServer:
    """A running server of the peer."""

    port: int
    pids: list[int]

    def cpu_s(self) -> float:
        """Return the CPU seconds of its processes, without PostgreSQL's."""
        return sum(read_cpu_s(pid) for pid in self.pids)


def install_kinto(folder: Path) -> Path:
    """Put the pinned packages into an environment in `folder` and give the environment's folder.

    Kept between runs and made anew when the list changes. Raises subprocess.CalledProcessError when pip fails.
    """
    environment = folder / "kinto"
    marker = environment / "installed.txt"
    wanted = SOURCE / "requirements.txt"
    if not marker.exists() or marker.read_bytes() != wanted.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", wanted], check=True, timeout=INSTALL_LIMIT_S)
        shutil.copy(wanted, marker)
    return environment


@contextmanager
def serve_kinto(environment: Path, database_url: str) -> Iterator[KintoServer]:
    """Prepare an empty database, given as a URL of psycopg 2, and serve it on a free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="kinto-", dir=environment.parent) as name:
        config = Path(name) / "kinto.ini"
        filled = (SOURCE / "kinto.ini").read_text(encoding="utf-8")
        for word, value in {
            "database": database_url,
            "page_records": PAGE_RECORDS,
            "batch_requests": BATCH_REQUESTS,
            "secret": secrets.token_hex(16),
            "processes": os.cpu_count(),
            "port": port,
            "environment": environment,
        }.items():
            filled = filled.replace(f"{{{word}}}", str(value))
        config.write_text(filled, encoding="utf-8")
        with (Path(name) / "log").open("wb") as log:
            output = {"stdout": log, "stderr": subprocess.STDOUT}
            subprocess.run([environment / "bin" / "kinto", "migrate", "--ini", config], check=True, **output)
            process = subprocess.Popen([environment / "bin" / "uwsgi", "--ini-paste", config], cwd=name, **output)
            try:
                _wait_until_ready(port, process, Path(name) / "log")
                yield KintoServer(port, list_family(process.pid))
            finally:
                process.terminate()
                process.wait(STOP_LIMIT_S)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"Kinto did not start: {log.read_text(errors='replace')[-2000:]}")
