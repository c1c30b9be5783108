"""The peer's processes: installs PouchDB from its lock file, runs its server and its client under Node."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("pouchdb")
FULL_MODE = "fullCouchDB"
MINIMUM_MODE = "minimumForPouchDB"
PULL_LIMIT_S = 300.0
STOP_LIMIT_S = 20.0


@dataclass(frozen=True)
class Server:
    """A running server of the peer."""

    pid: int
    port: int
    folder: Path


@contextmanager
def serve_peer(program: Path, mode: str) -> Iterator[Server]:
    """Run the peer's server on an empty folder beside the program and on a free port of loopback."""
    with tempfile.TemporaryDirectory(prefix="peer-", dir=program.parent) as name:
        folder = Path(name)
        command = ["node", str(program / "server.js"), name, mode]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder)
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["port"]
            yield Server(process.pid, port, folder)
        finally:
            process.terminate()
            process.wait(STOP_LIMIT_S)


def pull_with_peer(program: Path, server: Server, database: str) -> dict[str, Any]:
    """Replicate the database into a LevelDB store in a second Node process; give its report (see pull.js)."""
    with tempfile.TemporaryDirectory(prefix="device-", dir=server.folder) as folder:
        url = f"http://127.0.0.1:{server.port}/{database}"
        command = ["node", str(program / "pull.js"), url, folder]
        done = subprocess.run(command, check=True, timeout=PULL_LIMIT_S, stdout=subprocess.PIPE)
    report: dict[str, Any] = json.loads(done.stdout)
    return report
