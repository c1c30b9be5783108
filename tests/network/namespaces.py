"""Two network namespaces, one for a device and one for its server, with a bad link between them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import TextIO

from tests.network.link import Conditions
from tests.source_tree import ROOT

CLIENT_ADDRESS = "10.77.0.1"
SERVER_ADDRESS = "10.77.0.2"
START_TIMEOUT_S = 60


@dataclass
class Network:
    """What a test does with the two namespaces: run programs in them, change the link, count what crossed it."""

    booths: tuple[int, int]
    control: TextIO

    def on_device(self, *command: str) -> list[str]:
        """Return the command that runs a command where the device is."""
        return enter(self.booths[0], *command)

    def on_server(self, *command: str) -> list[str]:
        """Return the command that runs a command where the server is."""
        return enter(self.booths[1], *command)

    def change(self, conditions: Conditions) -> None:
        """Let the link be like this from now on, and count from zero."""
        self._ask(asdict(conditions))

    def count(self) -> dict[str, int]:
        """Return what crossed the link since its conditions changed (`Link.count`)."""
        return self._ask({})

    def _ask(self, wanted: dict[str, object]) -> dict[str, int]:
        self.control.write(json.dumps(wanted) + "\n")
        self.control.flush()
        counts: dict[str, int] = json.loads(self.control.readline())
        return counts


def enter(booth: int, *command: str) -> list[str]:
    """Return a command prefixed so that it runs in the namespace of a booth."""
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    return ["nsenter", f"--target={booth}", *user, "--net", "--", *command]


@contextmanager
def linked_namespaces() -> Iterator[Network]:
    """Yield two namespaces with a perfect link between them; everything is gone at the end."""
    with ExitStack() as stack:
        booths, devices = zip(*[stack.enter_context(booth(a)) for a in (CLIENT_ADDRESS, SERVER_ADDRESS)], strict=True)
        ours, theirs = socket.socketpair()
        relay = start("tests.network.link", *map(str, devices), str(theirs.fileno()), keep=(*devices, theirs.fileno()))
        stack.callback(relay.wait, START_TIMEOUT_S)
        theirs.close()
        for device in devices:
            os.close(device)
        control = stack.enter_context(ours.makefile("rw"))
        stack.callback(ours.shutdown, socket.SHUT_RDWR)
        stack.enter_context(ours)
        yield Network(booths, control)


@contextmanager
def booth(address: str) -> Iterator[tuple[int, int]]:
    """Yield a namespace as the process that holds it, and the descriptor of its packets, which is the caller's."""
    ours, theirs = socket.socketpair()
    holder = start("tests.network.booth", str(theirs.fileno()), address, keep=(theirs.fileno(),))
    theirs.close()
    try:
        ours.settimeout(START_TIMEOUT_S)
        _, descriptors, _, _ = socket.recv_fds(ours, 16, 1)
        assert descriptors, "the namespace could not be made; the sentence above says why"
        yield holder.pid, descriptors[0]
    finally:
        ours.close()
        holder.wait(START_TIMEOUT_S)


def start(module: str, *arguments: str, keep: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Start a module of the tests with some descriptors left open to it."""
    return subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, pass_fds=keep)
