"""An S3 server of the tests' own: Ceph's gateway over one monitor and one store in memory, all on loopback.

Fixtures: `radosgw`, `bucket`. A machine without it fails the tests that need it: servers made for tests accept any
key and any range, so what was tried on them alone is not proven.
"""

import atexit
import contextlib
import http.client
import itertools
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import obstore
import pytest
import urllib3
from obstore.store import S3Store

from server.settings import BucketAddress

PROGRAMS = ("ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "ceph", "radosgw", "radosgw-admin")
# All of it is up in about two seconds; a machine that needs longer than this is stuck.
START_TIMEOUT_S = 60
PAUSE_S = 0.05
REGION = "us-east-1"

CONFIG = """[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon_port}
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
# Without these two the gateway finds no way to speak to the monitor.
ms mon client mode = crc
ms client mode = crc
ms tcp nodelay = true
keyring = {folder}/keyring
run dir = {folder}
crash dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
# One store in memory, one placement group a pool, and decisions at once instead of every second.
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
paxos propose interval = 0.05
paxos min wait = 0.01
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
# A gateway that was killed is otherwise waited for, for half a minute, whenever a bucket is made.
osd client watch timeout = 1
rgw run sync thread = false
rgw enable gc threads = false
rgw enable lc threads = false
"""


class RadosgwMissingError(AssertionError):
    """Ceph's gateway cannot be run here; the sentence says what to install."""


@dataclass
class Radosgw:
    """One gateway with its store; what is in it ends with it."""

    folder: Path
    key_id: str = field(default_factory=lambda: secrets.token_hex(10))
    secret: str = field(default_factory=lambda: secrets.token_hex(20))
    port: int = 0
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self) -> None:
        """Make the store and start everything; return when the gateway answers."""
        self.port, mon_port, fsid = find_port(), find_port(), str(uuid.uuid4())
        for name in ("mon", "osd", "rgw"):
            (self.folder / name).mkdir()
        settings = CONFIG.format(folder=self.folder, fsid=fsid, mon_port=mon_port, port=self.port)
        (self.folder / "ceph.conf").write_text(settings)
        keyring, monmap = self.folder / "keyring", self.folder / "monmap"
        self.run(
            "ceph-authtool", "--create-keyring", str(keyring), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"
        )
        place = f"[v2:127.0.0.1:{mon_port}]"
        self.run("monmaptool", "--create", "--addv", "a", place, "--fsid", fsid, "--enable-all-features", str(monmap))
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(monmap), "--keyring", str(keyring))
        self.run_on("mon", "ceph-mon", "-i", "a")
        self.run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", str(uuid.uuid4()))
        self.run("ceph", "osd", "create")
        self.run_on("osd", "ceph-osd", "-i", "0")
        keys = ("--access-key", self.key_id, "--secret-key", self.secret)
        self.run("radosgw-admin", "user", "create", "--uid=gongdan", "--display-name=gongdan", *keys)
        self.start_gateway()

    def start_gateway(self) -> None:
        """Start the gateway, also again after `kill_gateway`; return when it answers."""
        self.run_on("gateway", "radosgw", "-n", "client.admin")
        pause = threading.Event()
        for _ in range(int(START_TIMEOUT_S / PAUSE_S)):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_TIMEOUT_S)
            with contextlib.closing(connection), contextlib.suppress(ConnectionError):
                connection.request("GET", "/")
                connection.getresponse().read()
                return
            assert self.daemons["gateway"].poll() is None, self.read_logs()
            pause.wait(PAUSE_S)
        raise AssertionError(self.read_logs())

    def kill_gateway(self) -> None:
        """Let the gateway die in the middle of whatever it does; nobody listens at its port then."""
        self.daemons["gateway"].kill()
        self.daemons["gateway"].wait()

    def pause_gateway(self) -> None:
        """Let the gateway hang: the kernel still takes connections for it, and nothing answers."""
        self.daemons["gateway"].send_signal(signal.SIGSTOP)

    def resume_gateway(self) -> None:
        """Let it go on where it hung."""
        self.daemons["gateway"].send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop everything and delete it; safe to call twice."""
        for daemon in reversed(self.daemons.values()):
            daemon.kill()
            daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_bucket(self) -> BucketAddress:
        """Make an empty bucket and return where it is; files go below a prefix of it."""
        endpoint = f"http://127.0.0.1:{self.port}"
        name = f"files-{next(self.numbers)}"
        address = BucketAddress(name, "gongdan/files", endpoint, REGION, self.key_id, self.secret, 20)
        url = obstore.sign(open_store(replace(address, prefix="")), "PUT", "", timedelta(minutes=1))
        answer = urllib3.request("PUT", url)
        assert answer.status == 200, answer.data
        return address

    def run(self, program: str, *arguments: str) -> None:
        """Run one of Ceph's programs to its end."""
        with (self.folder / "programs.log").open("ab") as output:
            done = subprocess.run(
                [program, "-c", self.folder / "ceph.conf", *arguments]
                if program != "ceph-authtool"
                else [program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=START_TIMEOUT_S,
                check=False,
            )
        assert done.returncode == 0, f"{program} {arguments} failed:\n{self.read_logs()}"

    def run_on(self, name: str, program: str, *arguments: str) -> None:
        """Start one of Ceph's daemons."""
        with (self.folder / f"{name}.out").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                [program, "-c", self.folder / "ceph.conf", "-f", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def read_logs(self) -> str:
        """Return the last lines the programs wrote."""
        logs = [*self.folder.glob("*.out"), *self.folder.glob("*.log")]
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-1000:]}" for log in logs)


def find_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def open_store(address: BucketAddress) -> S3Store:
    """Return a bucket as obstore sees it, for looking past the server at what is in it."""
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        endpoint=address.endpoint,
        region=address.region,
        access_key_id=address.key_id,
        secret_access_key=address.secret,
        client_options={"allow_http": True},
    )


def list_keys(address: BucketAddress) -> dict[str, int]:
    """Return the keys below a bucket's prefix, with their sizes."""
    return {found["path"]: found["size"] for page in obstore.list(open_store(address)) for found in page}


@contextlib.contextmanager
def running_radosgw() -> Iterator[Radosgw]:
    """Yield a started gateway; it is stopped and deleted at the end, or when the interpreter ends."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise RadosgwMissingError(f"No {', '.join(missing)}: run `scripts/system-packages tests`.")
    # Not pytest's folder: its path may exceed a socket's 107 bytes.
    gateway = Radosgw(Path(tempfile.mkdtemp(prefix="gongdan-s3-", dir="/tmp")))
    atexit.register(gateway.remove)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.remove()
        atexit.unregister(gateway.remove)


@pytest.fixture(scope="session")
def radosgw() -> Iterator[Radosgw]:
    """The session's gateway; a test that stops it starts it again."""
    with running_radosgw() as gateway:
        yield gateway


@pytest.fixture
def bucket(radosgw: Radosgw) -> BucketAddress:
    """An empty bucket that only this test uses."""
    return radosgw.create_bucket()
