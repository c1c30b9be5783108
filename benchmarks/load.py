"""The load generator: many keep-alive HTTP/1.1 clients in one thread, alike for every server.

It sends bytes that were encoded beforehand and parses no more of an answer than its length, so that its own
CPU (reported in `Drive.cpu_s`) stays small beside the server's.
"""

import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

READ_SIZE_BYTES = 256 * 1024  # one read takes a whole page of 100 records
SILENCE_LIMIT_S = 60.0  # a server that answers nobody for so long is stuck
HEAD_LIMIT_BYTES = 64 * 1024  # no server measured sends a tenth of this
NO_BODY = frozenset({204, 304})


@dataclass(frozen=True)
class Answer:
    """One answer as received; `wire_bytes` counts head and body as they came over the wire."""

    status: int
    body: bytes
    closes: bool
    wire_bytes: int


@dataclass(frozen=True)
class Drive:
    """What a drive saw, per client and in the order of its requests; times in seconds."""

    latencies_s: list[list[float]]
    statuses: list[list[int]]
    bodies: list[list[bytes]]
    wall_s: float
    cpu_s: float
    sent_bytes: int
    received_bytes: int

    @property
    def answers(self) -> int:
        """The number of answers received by all clients."""
        return sum(len(times) for times in self.latencies_s)

    @property
    def all_latencies_s(self) -> list[float]:
        """The latencies of all clients in one list."""
        return [latency for times in self.latencies_s for latency in times]


def encode_request(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """Give the bytes of one keep-alive request; `headers` adds to Host, Content-Length and the JSON types."""
    fields = {"Host": "127.0.0.1", "Accept": "application/json"}
    if body:
        fields |= {"Content-Type": "application/json"}
    fields |= {"Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


def drive(host: str, port: int, clients: Sequence[Sequence[bytes]], limit_s: float | None = None) -> Drive:
    """Send each client's requests over its own connection, the next only after the answer to the one before.

    `clients` holds a list of encoded requests per client (see `encode_request`; HEAD is not supported). All
    connections are open before the clock starts. With `limit_s`, no request starts after so many seconds. A
    latency runs from the first byte sent to the last byte received. Statuses are the caller's to judge.
    Raises ConnectionError when a server closes within an answer, TimeoutError when it is silent for
    `SILENCE_LIMIT_S`.
    """
    with selectors.DefaultSelector() as selector:
        lanes = [_Lane(host, port, list(requests), selector) for requests in clients if requests]
        began, cpu_began = time.perf_counter(), time.process_time()
        deadline = began + limit_s if limit_s is not None else float("inf")
        try:
            open_lanes = sum(lane.start_next(deadline) for lane in lanes)
            while open_lanes:
                events = selector.select(SILENCE_LIMIT_S)
                if not events:
                    raise TimeoutError(f"{open_lanes} clients wait for an answer")
                for key, mask in events:
                    open_lanes -= key.data.move(mask, deadline)
            wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        finally:
            for lane in lanes:
                lane.close()
    return Drive(
        [lane.latencies_s for lane in lanes],
        [lane.statuses for lane in lanes],
        [lane.bodies for lane in lanes],
        wall_s,
        cpu_s,
        sum(lane.sent_bytes for lane in lanes),
        sum(lane.received_bytes for lane in lanes),
    )


class AnswerParser:
    """Reads one answer at a time out of a stream of bytes; bodies by Content-Length or chunked."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head_bytes = 0
        self._length = 0
        self._is_chunked = False
        self._status = 0
        self._closes = False
        self._chunks = bytearray()
        self._at = 0

    def feed(self, received: bytes) -> Answer | None:
        """Take received bytes, give the answer once it is whole. Raises ValueError for anything else."""
        self._buffer += received
        if not self._head_bytes and not self._read_head():
            return None
        end = self._find_chunked_end() if self._is_chunked else self._head_bytes + self._length
        if end is None or len(self._buffer) < end:
            return None
        body = self._chunks if self._is_chunked else self._buffer[self._head_bytes : end]
        answer = Answer(self._status, bytes(body), self._closes, end)
        del self._buffer[:end]
        self._head_bytes, self._chunks = 0, bytearray()
        return answer

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_LIMIT_BYTES:
                raise ValueError("the head of the answer does not end")
            return False
        first, *rest = bytes(self._buffer[:end]).lower().split(b"\r\n")
        if not first.startswith(b"http/1.1 "):
            raise ValueError(f"not an HTTP/1.1 answer: {first[:40]!r}")
        fields = {name: value.strip() for name, _, value in (line.partition(b":") for line in rest)}
        self._status = int(first[9:12])
        self._closes = fields.get(b"connection") == b"close"
        self._is_chunked = fields.get(b"transfer-encoding") == b"chunked"
        has_body = self._status not in NO_BODY
        if has_body and not self._is_chunked and b"content-length" not in fields:
            raise ValueError("the answer gives no length")
        self._length = int(fields.get(b"content-length", b"0")) if has_body else 0
        self._head_bytes = self._at = end + 4
        return True

    def _find_chunked_end(self) -> int | None:
        """Move over the chunks that are whole and give where the answer ends, None while it does not."""
        while True:
            line_end = self._buffer.find(b"\r\n", self._at)
            if line_end < 0:
                return None
            size = int(self._buffer[self._at : line_end].partition(b";")[0], 16)
            data_end = line_end + 2 + size
            if len(self._buffer) < data_end + 2:
                return None
            if not size:
                return data_end + 2
            self._chunks += self._buffer[line_end + 2 : data_end]
            self._at = data_end + 2


class _Lane:
    """One client: its connection, the request under way and what it has seen."""

    def __init__(self, host: str, port: int, requests: list[bytes], selector: selectors.BaseSelector) -> None:
        self._address = (host, port)
        self._requests = requests
        self._selector = selector
        self._turn = 0
        self._unsent = memoryview(b"")
        self._began = 0.0
        self.latencies_s: list[float] = []
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self.sent_bytes = self.received_bytes = 0
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address, SILENCE_LIMIT_S)
        # Without this a request of more than one packet waits for the peer's delayed acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._selector.register(self._socket, selectors.EVENT_READ, self)
        self._parser = AnswerParser()

    def start_next(self, deadline: float) -> int:
        """Send the next request; give 1 when there was one to send before the deadline, else 0."""
        self._began = time.perf_counter()
        if self._turn == len(self._requests) or self._began >= deadline:
            return 0
        self._unsent = memoryview(self._requests[self._turn])
        self._turn += 1
        self._send()
        return 1

    def move(self, mask: int, deadline: float) -> int:
        """Do what the socket is ready for; give 1 when the client has just had its last answer, else 0."""
        if mask & selectors.EVENT_WRITE:
            self._send()
        if not mask & selectors.EVENT_READ:
            return 0
        received = self._socket.recv(READ_SIZE_BYTES)
        if not received:
            raise ConnectionError(f"the server closed the connection in answer {self._turn}")
        answer = self._parser.feed(received)
        if answer is None:
            return 0
        if self._unsent:
            raise ConnectionError(f"answer {self._turn} came before its request was sent")
        self.latencies_s.append(time.perf_counter() - self._began)
        self.statuses.append(answer.status)
        self.bodies.append(answer.body)
        self.received_bytes += answer.wire_bytes
        if answer.closes:
            self.close()
            self._connect()
        return 1 - self.start_next(deadline)

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        if self._socket.fileno() >= 0:
            self._selector.unregister(self._socket)
            self._socket.close()

    def _send(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        self.sent_bytes += sent
        self._unsent = self._unsent[sent:]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        if self._selector.get_key(self._socket).events != wanted:
            self._selector.modify(self._socket, wanted, self)
