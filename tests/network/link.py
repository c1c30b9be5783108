"""A bad link in user space: carries IP packets between two TUN devices with rate, delay, jitter, loss and cuts.

Rule 1: chance comes from a seed alone: whether the n-th packet of a direction is lost is known beforehand.
Rule 2: packets of one direction stay in order; what a link loses or delays, TCP's own code on both sides must mend.
"""

from __future__ import annotations

import heapq
import json
import os
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Final

PACKET_BYTES_MAX: Final = 65536
TCP: Final = 6
CLIENT, SERVER = 0, 1


@dataclass(frozen=True)
class Conditions:
    """How a link is, alike in both directions; rate None is as fast as this machine.

    The link is gone for `cut_for_s` at the end of every `cut_every_s`. When it `forgets`, every connection
    that was open at a cut stays dead after it, without a word, as behind a radio cell's address translation.
    """

    rate_bytes_s: float | None = None
    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    cut_every_s: float | None = None
    cut_for_s: float = 0.0
    forgets: bool = False
    queue_bytes: int = 64 * 1024
    seed: int = 1


PERFECT: Final = Conditions()


@dataclass
class Direction:
    """One way over the link: its chance, its queue and what it has carried. Sizes are whole IP packets."""

    source: int
    target: int
    chance: Random
    free_at: float = 0.0
    last_due: float = 0.0
    packets: int = 0
    entered_bytes: int = 0
    delivered_bytes: int = 0
    payload_bytes: int = 0
    """TCP payload that entered, each repetition counted again."""
    lost_packets: int = 0


@dataclass
class Link:
    """Both directions, and the packets under way in order of their arrival."""

    ends: tuple[int, int]
    conditions: Conditions = PERFECT
    since: float = 0.0
    cuts: int = 0
    seen: set[bytes] = field(default_factory=set)
    dead: set[bytes] = field(default_factory=set)
    under_way: list[tuple[float, int, int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with a perfect link."""
        self.change(PERFECT)

    def change(self, conditions: Conditions) -> None:
        """Take on other conditions, count from zero, and begin the time between cuts anew."""
        pairs = ((CLIENT, SERVER), (SERVER, CLIENT))
        self.directions = [Direction(a, b, Random(f"{conditions.seed} {a}")) for a, b in pairs]
        self.conditions, self.since, self.cuts = conditions, time.monotonic(), 0
        # Ports are given again to later connections.
        self.seen, self.dead = set(), set()

    def take(self, source: int, packet: bytes, now: float) -> None:
        """Take a packet in from one end: it is lost here, or gets the time at which it comes out."""
        way, now_is = self.directions[source], self.conditions
        way.packets += 1
        way.entered_bytes += len(packet)
        way.payload_bytes += payload_of(packet)
        is_lost = way.chance.random() < now_is.loss
        jitter_s = way.chance.random() * now_is.jitter_s
        queue_s = max(0.0, way.free_at - now)
        is_full = now_is.rate_bytes_s is not None and queue_s * now_is.rate_bytes_s > now_is.queue_bytes
        flow = flow_of(packet, source)
        if is_full or is_lost or self.is_cut(now) or flow in self.dead:
            way.lost_packets += 1
            return
        self.seen.add(flow)
        sending_s = len(packet) / now_is.rate_bytes_s if now_is.rate_bytes_s else 0.0
        way.free_at = now + queue_s + sending_s
        way.last_due = max(way.last_due, way.free_at + now_is.delay_s + jitter_s)
        heapq.heappush(self.under_way, (way.last_due, way.packets, source, packet))

    def deliver(self, now: float) -> None:
        """Let out every packet whose time has come, unless the link is gone just then."""
        while self.under_way and self.under_way[0][0] <= now:
            _, _, source, packet = heapq.heappop(self.under_way)
            way = self.directions[source]
            if self.is_cut(now) or flow_of(packet, source) in self.dead:
                way.lost_packets += 1
                continue
            way.delivered_bytes += len(packet)
            os.write(self.ends[way.target], packet)

    def is_cut(self, now: float) -> bool:
        """Tell whether the link is gone; at each new cut a link that forgets ends what was open."""
        every_s = self.conditions.cut_every_s
        if every_s is None:
            return False
        whole, past_s = divmod(now - self.since, every_s)
        if past_s < every_s - self.conditions.cut_for_s:
            return False
        if self.cuts <= whole:
            self.cuts = int(whole) + 1
            if self.conditions.forgets:
                self.dead |= self.seen
        return True

    def count(self) -> dict[str, int]:
        """Return what was carried since the conditions changed; `up` is from client to server."""
        counts = {"cuts": self.cuts, "connections": len(self.seen)}
        for name, way in zip(("up", "down"), self.directions, strict=True):
            figures = asdict(way)
            counts |= {
                f"{name}_{figure}": figures[figure]
                for figure in ("packets", "entered_bytes", "delivered_bytes", "payload_bytes", "lost_packets")
            }
        return counts


def payload_of(packet: bytes) -> int:
    """Return how many bytes of TCP payload an IPv4 packet carries."""
    if packet[0] >> 4 != 4 or packet[9] != TCP:
        return 0
    head = (packet[0] & 15) * 4
    return len(packet) - head - (packet[head + 12] >> 4) * 4


def flow_of(packet: bytes, source: int) -> bytes:
    """Return what tells a TCP connection from others here: the client's port."""
    if packet[0] >> 4 != 4 or packet[9] != TCP:
        return b""
    at = (packet[0] & 15) * 4 + (0 if source == CLIENT else 2)
    return packet[at : at + 2]


def run(ends: tuple[int, int], control: socket.socket) -> None:
    """Carry packets until the control socket is closed; a line of JSON on it changes the conditions.

    Every line is answered with the counts up to then.
    """
    link = Link(ends)
    poller = select.poll()
    for descriptor in (*ends, control.fileno()):
        poller.register(descriptor, select.POLLIN)
    lines = control.makefile("rw")
    while True:
        wait_s = link.under_way[0][0] - time.monotonic() if link.under_way else 1.0
        for descriptor, _ in poller.poll(max(0.0, wait_s) * 1000):
            if descriptor != control.fileno():
                link.take(ends.index(descriptor), os.read(descriptor, PACKET_BYTES_MAX), time.monotonic())
                continue
            line = lines.readline()
            if not line:
                return
            lines.write(json.dumps(link.count()) + "\n")
            lines.flush()
            if wanted := json.loads(line):
                link.change(Conditions(**wanted))
        link.deliver(time.monotonic())


if __name__ == "__main__":
    run((int(sys.argv[1]), int(sys.argv[2])), socket.socket(fileno=int(sys.argv[3])))
