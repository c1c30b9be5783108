"""A server process with uploads, devices that call it, and a link to it that breaks where a test wants."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.keys import open_office_key
from server.services.office import Office
from server.settings import BucketAddress, Settings, read_settings
from server.store.database import open_engine
from server.store.migrate import upgrade
from tests.cast import Company, Device, enrol_device, found_company

PROJECT = Path(__file__).resolve().parents[3]
PREFIX = "/api/v1"
UPLOADS = f"{PREFIX}/blobs/uploads"
BYTES_TYPE = "application/offset+octet-stream"
BLOB_BYTES_MAX = 8_000_000
# The server says that it has started a moment before its port is open.
PORT_TRIES = 1000
PORT_PAUSE_S = 0.01


@dataclass(frozen=True)
class Answer:
    """An answer, with the names of its headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def offset(self) -> int:
        """How many bytes the server says it has."""
        return int(self.headers["upload-offset"])

    @property
    def code(self) -> str:
        """The code of a problem document."""
        return str(json.loads(self.body)["code"])


@dataclass
class Caller:
    """Somebody with a token, who speaks tus."""

    port: int
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}", "Tus-Resumable": "1.0.0"}

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one request; a header's name is written with underscores, and left out with an empty value."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in {**self.headers, **named}.items() if value}
        return ask(self.port, method, path, body, sent)

    def create(self, data: bytes, sha256: str | None = None, **headers: str) -> Answer:
        """Begin an upload that names a hash, that of the data unless another is given."""
        metadata = name_hash(sha256 or hashlib.sha256(data).hexdigest())
        return self.ask("POST", UPLOADS, **{"Upload_Length": str(len(data)), "Upload_Metadata": metadata, **headers})

    def begin(self, data: bytes, **headers: str) -> str:
        """Begin an upload and return its path."""
        answer = self.create(data, **headers)
        assert answer.status == 201, answer
        return answer.headers["location"]

    def send(self, path: str, offset: int, chunk: bytes, **headers: str) -> Answer:
        """Add a chunk."""
        return self.ask("PATCH", path, chunk, Upload_Offset=str(offset), Content_Type=BYTES_TYPE, **headers)

    def head(self, path: str) -> Answer:
        """Ask how far an upload is."""
        return self.ask("HEAD", path)

    def states(self, *hashes: str) -> dict[str, str]:
        """Ask which files the server has."""
        body = json.dumps({"sha256": hashes}).encode()
        answer = self.ask("POST", f"{PREFIX}/blobs/states", body, Content_Type="application/json")
        assert answer.status == 200, answer
        states: dict[str, str] = json.loads(answer.body)["states"]
        return states

    def open_patch(self, path: str, offset: int, length: int) -> socket.socket:
        """Send the head of a PATCH and return the connection, on which the test sends what it likes."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        fields = {**self.headers, "Host": "test", "Content-Type": BYTES_TYPE}
        fields |= {"Upload-Offset": str(offset), "Content-Length": str(length)}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        connection.sendall(f"PATCH {path} HTTP/1.1\r\n{head}\r\n".encode())
        return connection


def ask(port: int, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send one request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())


def name_hash(sha256: str) -> str:
    """Return the Upload-Metadata that names a hash."""
    return f"sha256 {base64.b64encode(sha256.encode()).decode()}"


def hash_of(data: bytes) -> str:
    """Return the name of a file."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Server:
    """A server process on a data folder, which outlives it."""

    settings: Settings
    ours: Company
    theirs: Company
    devices: dict[str, Device]
    threads: int = 8
    app: str = "server.app:wsgi"
    port: int = 0
    process: subprocess.Popen[str] | None = None
    log: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    def start(self) -> None:
        """Start on a free port; return when it answers."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        options = ["--interface", "wsgi", "--factory", "--host", "127.0.0.1", "--port", str(self.port)]
        options += ["--blocking-threads", str(self.threads), "--backpressure", "64"]
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("granian"), *options, self.app],
            cwd=PROJECT,
            env={**os.environ, **environment_of(self.settings), "GONGDAN_THREADS": str(self.threads)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A group of its own, so that a kill reaches the worker and nobody else.
            start_new_session=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)
            if "Started worker" in line:
                break
        else:
            raise AssertionError("".join(self.log))
        self.reader = threading.Thread(target=self.log.extend, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        self._await_port()

    def _await_port(self) -> None:
        pause = threading.Event()
        for _ in range(PORT_TRIES):
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            pause.wait(PORT_PAUSE_S)
        raise AssertionError("".join(self.log))

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process and its worker with a signal."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)
        self.process.wait(30)
        if self.reader is not None and self.process.stdout is not None:
            self.reader.join(30)
            self.process.stdout.close()

    def worker_pid(self) -> int:
        """Return the process that answers the requests."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        named = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return int((named or children)[-1])

    def caller(self, name: str, port: int | None = None) -> Caller:
        """Return somebody's device with a token; `port` is that of a proxy."""
        headers = self.devices[name].headers("POST", f"{PREFIX}/token")
        answer = ask(self.port, "POST", f"{PREFIX}/token", b"", headers)
        assert answer.status == 200, answer
        return Caller(port or self.port, json.loads(answer.body)["token"])


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment from which a process reads these settings."""
    return {
        "GONGDAN_DATA": str(settings.data),
        "GONGDAN_DATABASE": settings.database_url,
        "GONGDAN_BLOB_BYTES_MAX": str(settings.blob_bytes_max),
        "GONGDAN_DEVICE_UPLOADS_MAX": str(settings.upload_quotas.device_uploads),
        **(spell_bucket(settings.bucket) if settings.bucket else {}),
    }


def spell_bucket(address: BucketAddress) -> dict[str, str]:
    """Return the environment that names a bucket."""
    return {
        "GONGDAN_BLOBS": f"s3://{address.bucket}/{address.prefix}",
        "GONGDAN_BLOBS_ENDPOINT": address.endpoint,
        "GONGDAN_BLOBS_REGION": address.region,
        "GONGDAN_BLOBS_KEY_ID": address.key_id,
        "GONGDAN_BLOBS_SECRET": address.secret,
        "GONGDAN_BLOBS_TIMEOUT_S": str(address.timeout_s),
    }


def make_server(
    folder: Path,
    bucket: BucketAddress | None = None,
    blob_bytes_max: int = BLOB_BYTES_MAX,
    database_url: str = "",
    **more: Any,
) -> Server:
    """Found two companies, ours with Wei and Lin, theirs with Mallory, each with a device.

    Files are kept in the data folder unless a bucket is named.
    """
    named = spell_bucket(bucket) if bucket else {}
    told = {"GONGDAN_DATA": str(folder), "GONGDAN_BLOB_BYTES_MAX": str(blob_bytes_max)}
    settings = read_settings({**told, "GONGDAN_DATABASE": database_url, **named})
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_engine(settings.database_url)
    upgrade(engine)
    office = Office(engine, open_office_key(settings))
    ours, theirs = found_company(office, engine), found_company(office, engine, "另一家")
    devices = {
        "wei": enrol_device(office, engine, ours.organisation, ours.wei),
        "lin": enrol_device(office, engine, ours.organisation, ours.lin),
        "mallory": enrol_device(office, engine, theirs.organisation, theirs.wei),
    }
    engine.dispose()
    return Server(settings, ours, theirs, devices, **more)


@contextlib.contextmanager
def running_server(folder: Path, bucket: BucketAddress | None = None, **more: Any) -> Iterator[Server]:
    """Yield a started server."""
    server = make_server(folder, bucket, **more)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class CuttingProxy:
    """Passes connections on, and cuts each of the first few after so many bytes from the client."""

    def __init__(self, port: int, *cuts: int) -> None:
        """Stand before the server at `port`."""
        self._target = port
        self._cuts = list(cuts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.sent_bytes = 0
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def cuts_left(self) -> int:
        """How many cuts have not happened."""
        return len(self._cuts)

    def close(self) -> None:
        """Take no more connections, and end those that are open."""
        for end in (self._listener, *self._clients):
            _shut(end)
        for thread in self._threads:
            thread.join(30)
        self._listener.close()

    def _accept(self) -> None:
        # Shutting the listener down ends accept with an error.
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                thread = threading.Thread(target=self._join, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _join(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            answers = threading.Thread(target=_pump, args=(server, client))
            answers.start()
            with contextlib.suppress(OSError):
                self._forward(client, server)
            _shut(client)
            _shut(server)
            answers.join(30)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        while block := client.recv(64 * 1024):
            # Only a connection that carries much is cut: asking how far the upload is must succeed.
            limit = self._cuts[0] if self._cuts else None
            if limit is not None and passed + len(block) >= limit:
                block = block[: limit - passed]
                self._cuts.pop(0)
                limit = 0
            server.sendall(block)
            passed += len(block)
            self.sent_bytes += len(block)
            if limit == 0:
                return


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(64 * 1024):
            target.sendall(block)
    _shut(target)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
