"""The only way out: signed requests to the server, and what came of them.

Rule 1: whatever goes wrong is a refusal with a code of the catalogue; nothing else is raised.
Rule 2: an answer is read to its end before any of it is used; one that ended early is trouble on the way.
Rule 3: a redirect is never followed: on a plant's network it leads to a sign-in page.
Rule 4: small questions are repeated as long as the run's patience lasts; what is large, a push, a page or a
        file's bytes, is tried once, so that the next try can be smaller.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

from field_client.device_log import tell
from field_client.outbox import WallClock, parse_instant
from field_client.patience import Patience
from field_client.transport_answers import (
    BYTES_MAX,
    CHANGE_SETS,
    FILE,
    JSON,
    LINES,
    Answer,
    check_answer,
    check_upload,
    kind_of,
    read_document,
    read_lines,
    read_piece,
    unpack,
)
from field_client.transport_line import open_pool, read_body, telling_trouble
from field_client.transport_tcp import LineFacts
from schemas.problems import Refused
from sync import canonical, zstd
from sync.chain import Sign
from sync.device_report import QUERY_NAME, REPORT_CHARACTERS_MAX
from sync.request_signature import sign_request
from sync.trace_context import HEADER, TraceContext

PREFIX: Final = "/api/v1"

COMPRESS_FROM_BYTES: Final = 1024
"""Below that the saving is smaller than a packet."""

BLOCK_BYTES: Final = 16 * 1024
"""Handed to the system at a time: the limit on silence is for each, and a second and a half of a 2G line is little."""

SILENCE_S: Final = 60.0
"""On a line that loses a third, TCP's own tries may be half a minute apart."""

Body = bytes | Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signs the requests."""

    organisation: str
    device: str
    sign: Sign


@dataclass(slots=True)
class Traffic:
    """Bytes of bodies handed to the network and taken from it, and how many requests."""

    sent: int = 0
    received: int = 0
    requests: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def add(self, *, sent: int = 0, received: int = 0, requests: int = 0) -> None:
        """Count some more; several connections may at once."""
        with self._lock:
            self.sent, self.received, self.requests = (
                self.sent + sent,
                self.received + received,
                self.requests + requests,
            )


class Transport:
    """Talks to one server. `offset_ms` is how far this device's clock is behind the server's.

    All requests of one transport belong to one trace, whose id the server writes into its own log.
    """

    away: Callable[[], AbstractContextManager[None]] = staticmethod(nullcontext)
    """Held while the network is waited for."""

    def __init__(
        self,
        base_url: str,
        caller: Caller | None,
        now: WallClock,
        offset_ms: int = 0,
        timeout_s: float = SILENCE_S,
        patience: Patience | None = None,
        report: Callable[[int], str] = lambda _: "",
    ) -> None:
        """Talk to the server at `base_url`; without a caller only unsigned requests can be made.

        `report` returns what pushes and pulls tell of this device, given `offset_ms`.
        """
        self.base_url = base_url.rstrip("/")
        self.offset_ms = offset_ms
        self.trace_id = os.urandom(16).hex()
        self._report = report
        self.traffic = Traffic()
        self.patience = patience or Patience()
        self._caller = caller
        self._now = now
        self._silence_s = timeout_s
        self._open_pool()

    def beside(self) -> Transport:
        """Return what talks to the same server, in the same trace and count, over a connection of its own."""
        other = copy(self)
        other.patience = copy(self.patience)
        other._open_pool()
        return other

    def _open_pool(self) -> None:
        # What the pool tells goes to a list and not to this object: neither then waits for the collector of cycles,
        # and the connection is closed when nobody uses the transport any more.
        self._lines = deque([LineFacts()], maxlen=1)
        self._pool = open_pool(self.base_url, self._silence_s, self._lines.append)

    @property
    def line(self) -> LineFacts:
        """How the connection was that was used last."""
        return self._lines[0]

    def ask(
        self, path: str, document: Mapping[str, Any], wanted: Mapping[str, type], *, is_signed: bool = True
    ) -> dict[str, Any]:
        """Post a JSON document and return the JSON document of the answer, which has the `wanted` members."""
        body = canonical.dump(document).encode()
        found = read_document(self._keep_sending(path, body, JSON, is_signed=is_signed))
        if not all(isinstance(found.get(name), kind) for name, kind in wanted.items()):
            raise Refused("answer_not_understood")
        return found

    def push(self, body: bytes) -> bytes:
        """Send sealed lines, once, and return the answer's receipts."""
        headers = {"Content-Type": CHANGE_SETS}
        if len(body) >= COMPRESS_FROM_BYTES:
            body, headers["Content-Encoding"] = zstd.compress(body), "zstd"
        return b"".join(unpack(self._send("POST", "/push", self._tell(), body, headers, LINES)))

    def pull(self, query: Mapping[str, str]) -> Iterator[bytes]:
        """Ask for a page, once, and yield its lines, with their line breaks."""
        yield from read_lines(self._send("GET", "/pull", {**query, **self._tell()}, b"", {}, LINES))

    def prove_prefix(self, old_size: int, size: int | None) -> dict[str, Any]:
        """Ask for the proof that the log of `size`, or as it stands, begins with that of `old_size`, once."""
        query = {"old_size": str(old_size)} | ({"size": str(size)} if size is not None else {})
        return read_document(self._send("GET", "/log/consistency", query, b"", {}, JSON))

    def fetch_records(self, record_ids: list[str]) -> Iterator[bytes]:
        """Ask for some records and yield their lines, with their line breaks."""
        body = canonical.dump({"ids": record_ids}).encode()
        yield from read_lines(self._keep_sending("/scope/fetch", body, LINES))

    def download(self, sha256: str, offset: int, most: int) -> tuple[bytes, int]:
        """Return at most `most` bytes of a file from `offset` on, asked for once, and the size of the whole file."""
        headers = {"Range": f"bytes={offset}-{offset + most - 1}"}
        return read_piece(self._send("GET", f"/blobs/{sha256}", {}, b"", headers, FILE), offset)

    def upload(
        self, method: str, url: str, headers: Mapping[str, str], body: Body = b""
    ) -> tuple[int, Mapping[str, str]]:
        """Make one request of a tus upload, once, and return status and headers.

        Raises Refused as every request does, but for 404, 409, 410 and 460, which the upload goes on from.
        """
        url = urljoin(f"{self.base_url}{PREFIX}/", url)
        if urlsplit(url)[:2] != urlsplit(self.base_url)[:2]:
            # The token in the headers is for this server alone, whatever an answer named as the upload's address.
            raise Refused("answer_not_understood")
        answer = self._request(method, urlsplit(url).path, {"Tus-Resumable": "1.0.0", **headers}, body)
        check_upload(answer)
        self.patience.renew()
        return answer.status, answer.headers

    def _keep_sending(self, path: str, body: bytes, kind: str, *, is_signed: bool = True) -> Answer:
        """Post a JSON document until it is answered or the patience is over."""
        headers = {"Content-Type": JSON}
        with self.away():
            return self.patience.keep_trying(
                lambda: self._send("POST", path, {}, body, headers, kind, is_signed=is_signed)
            )

    def _tell(self) -> dict[str, str]:
        report = self._report(self.offset_ms)
        return {QUERY_NAME: report} if 0 < len(report) <= REPORT_CHARACTERS_MAX else {}

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes,
        headers: Mapping[str, str],
        kind: str,
        *,
        is_signed: bool = True,
    ) -> Answer:
        """Make a request, and return the answer, which is of the media type `kind`."""
        path, question = f"{urlsplit(self.base_url).path}{PREFIX}{path}", urlencode(query, safe=":,/")
        target = f"{path}?{question}" if question else path
        for is_last in (False, True):
            signed = self._sign(method, path, question, body) if is_signed else {}
            answer = self._request(method, target, {**headers, "Accept-Encoding": "zstd, gzip", **signed}, body)
            try:
                check_answer(answer, kind)
            except Refused as refusal:
                # Signed too long ago: the refusal tells the server's time.
                if is_last or refusal.code != "request_expired" or not self._correct(refusal):
                    raise
                continue
            self.patience.renew()
            return answer
        raise AssertionError("the second try returns or raises")

    def _request(self, method: str, target: str, headers: Mapping[str, str], body: Body) -> Answer:
        """Make a request, once more when the connection was dropped under it.

        A kept connection may be closed by the other side just as it is used again; a stream cannot be sent twice.
        """
        for is_last in (False, True):
            self.traffic.add(requests=1)
            try:
                with self.away(), self._telling(method, target) as (context, told), telling_trouble():
                    answer = self._exchange(method, target, {HEADER: context.header, **headers}, body)
                    told["status"] = answer.status
                    return answer
            except Refused as refusal:
                is_dropped = refusal.fault.facts.get("detail") == "ProtocolError"
                if is_last or not is_dropped or not isinstance(body, bytes):
                    raise
        raise AssertionError("the second try returns or raises")

    @contextmanager
    def _telling(self, method: str, target: str) -> Iterator[tuple[TraceContext, dict[str, Any]]]:
        """Give a request its place in the run's trace, and write into the device's log what came of it."""
        context = TraceContext(self.trace_id, os.urandom(8).hex())
        told: dict[str, Any] = {}
        began, level = time.monotonic(), logging.INFO
        try:
            yield context, told
        except Refused as refusal:
            level, told["failure"] = logging.WARNING, refusal.fault.facts.get("detail") or refusal.code
            raise
        finally:
            took_ms = round((time.monotonic() - began) * 1000)
            facts = {"trace": self.trace_id, "span": context.span_id, "method": method, "path": urlsplit(target).path}
            tell("request", level, **facts, **told, ms=took_ms)

    def _exchange(self, method: str, target: str, headers: Mapping[str, str], body: Body) -> Answer:
        blocks: Body | None = body
        if isinstance(body, bytes):
            headers = {**headers, "Content-Length": str(len(body))} if body else headers
            blocks = self._cut(body) if body else None
        answer = self._pool.urlopen(
            method,
            target,
            body=blocks,  # type: ignore[arg-type]
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
        )
        try:
            bytes_max = BYTES_MAX.get(kind_of(answer.headers))
            received = read_body(answer, bytes_max, self._silence_s) if bytes_max and method != "HEAD" else b""
            self.traffic.add(received=len(received))
            if answer.length_remaining == 0:
                answer.drain_conn()
            return Answer(answer.status, answer.headers, received)
        finally:
            # A connection whose answer was not read to its end cannot carry another request.
            answer.close()

    def _cut(self, body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), BLOCK_BYTES):
            block = body[start : start + BLOCK_BYTES]
            self.traffic.add(sent=len(block))
            yield block

    def _sign(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        if self._caller is None:
            raise Refused("not_enrolled")
        created = (self._now() + self.offset_ms) // 1000
        caller = self._caller
        return sign_request(caller.organisation, caller.device, method, path, query, body, created, caller.sign)

    def _correct(self, refusal: Refused) -> bool:
        """Take over the server's time from its refusal; tell whether that was possible."""
        try:
            self.offset_ms = parse_instant(str(refusal.fault.facts["server_time"])) - self._now()
        except (KeyError, ValueError):
            return False
        return True
