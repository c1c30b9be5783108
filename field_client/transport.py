"""The only socket: signed requests to the server, and what their answers mean.

Rule 1: trouble on the way is `server_unreachable`, an answer that cannot be the server's is
        `answer_not_understood`, and a problem document is Refused with its own code; nothing else is raised.
Rule 2: an answer that ended early is trouble on the way, never a short answer.
Rule 3: a redirect is never followed: on a plant's network it leads to a sign-in page.
"""

from __future__ import annotations

import logging
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
import zstandard

from field_client.device_log import tell
from field_client.outbox import WallClock, parse_instant
from schemas.problems import PROBLEMS, Refused
from sync import canonical
from sync.chain import Sign
from sync.device_report import QUERY_NAME, REPORT_CHARACTERS_MAX
from sync.request_signature import sign_request
from sync.trace_context import HEADER, TraceContext

PREFIX: Final = "/api/v1"
CHANGE_SETS: Final = "application/vnd.gongdan.change-sets"
LINES: Final = "application/x-ndjson"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

READ_BYTES: Final = 64 * 1024
DOCUMENT_BYTES_MAX: Final = 4 * 1024 * 1024
"""The largest plain answer is the list of digests of some buckets: about 80 bytes a record."""
PAGE_BYTES_MAX: Final = 64 * 1024 * 1024
"""A page holds at most 2,000 records of at most 256 KiB, in practice 2.5 MB; more is not a page."""
COMPRESS_FROM_BYTES: Final = 1024
"""Below that the saving is smaller than a packet."""

Body = bytes | Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signs the requests."""

    device: str
    sign: Sign


@dataclass(slots=True)
class Traffic:
    """Bytes that went over the wire, bodies only, and how many requests."""

    sent: int = 0
    received: int = 0
    requests: int = 0


class Transport:
    """Talks to one server. `offset_ms` is how far this device's clock is behind the server's.

    All requests of one transport belong to one trace, whose id the server writes into its own log.
    """

    def __init__(
        self,
        base_url: str,
        caller: Caller | None,
        now: WallClock,
        offset_ms: int = 0,
        timeout_s: float = 30,
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
        self._caller = caller
        self._now = now
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s), maxsize=1)

    def ask(
        self, path: str, document: Mapping[str, Any], wanted: Mapping[str, type], *, is_signed: bool = True
    ) -> dict[str, Any]:
        """Post a JSON document and return the JSON document of the answer, which has the `wanted` members."""
        body = canonical.dump(document).encode()
        with self._send("POST", path, {}, body, {"Content-Type": JSON}, is_signed=is_signed) as answer:
            found = _read_document(answer, self.traffic, JSON)
        if not all(isinstance(found.get(name), kind) for name, kind in wanted.items()):
            raise Refused("answer_not_understood")
        return found

    def push(self, body: bytes) -> bytes:
        """Send sealed lines and return the answer's receipts."""
        headers = {"Content-Type": CHANGE_SETS}
        if len(body) >= COMPRESS_FROM_BYTES:
            body, headers["Content-Encoding"] = zstandard.compress(body), "zstd"
        with self._send("POST", "/push", self._tell(), body, headers) as answer:
            return b"".join(_read_pieces(answer, self.traffic, LINES, PAGE_BYTES_MAX))

    def pull(self, query: Mapping[str, str]) -> Iterator[bytes]:
        """Ask for a page and yield its lines, with their line breaks."""
        with self._send("GET", "/pull", {**query, **self._tell()}, b"", {}) as answer:
            yield from _split_lines(_read_pieces(answer, self.traffic, LINES, PAGE_BYTES_MAX))

    def fetch_records(self, record_ids: list[str]) -> Iterator[bytes]:
        """Ask for some records and yield their lines, with their line breaks."""
        body = canonical.dump({"ids": record_ids}).encode()
        with self._send("POST", "/scope/fetch", {}, body, {"Content-Type": JSON}) as answer:
            yield from _split_lines(_read_pieces(answer, self.traffic, LINES, PAGE_BYTES_MAX))

    def upload(
        self, method: str, url: str, headers: Mapping[str, str], body: Body = b""
    ) -> tuple[int, Mapping[str, str]]:
        """Make one request of a tus upload and return status and headers.

        Raises Refused as every request does, but for 404, 409, 410 and 460, which the upload goes on from.
        """
        url = urljoin(f"{self.base_url}{PREFIX}/", url)
        with self._open(method, url, {"Tus-Resumable": "1.0.0", **headers}, body) as answer:
            if answer.status not in (404, 409, 410, 460):
                _check_answer(answer, self.traffic)
            elif "Tus-Resumable" not in answer.headers:
                raise Refused("answer_not_understood")
            answer.drain_conn()
            return answer.status, answer.headers

    def _tell(self) -> dict[str, str]:
        report = self._report(self.offset_ms)
        return {QUERY_NAME: report} if 0 < len(report) <= REPORT_CHARACTERS_MAX else {}

    @contextmanager
    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes,
        headers: dict[str, str],
        *,
        is_signed: bool = True,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Make a request, once more with the server's time when the first was signed too long ago."""
        headers["Accept-Encoding"] = "zstd, gzip"
        url, question = f"{self.base_url}{PREFIX}{path}", urlencode(query, safe=":,/")
        for is_last in (False, True):
            signed = self._sign(method, urlsplit(url).path, question, body) if is_signed else {}
            with self._open(method, f"{url}?{question}" if question else url, headers | signed, body) as answer:
                try:
                    _check_answer(answer, self.traffic)
                except Refused as refusal:
                    if is_last or refusal.code != "request_expired" or not self._correct(refusal):
                        raise
                    continue
                yield answer
                return

    @contextmanager
    def _open(
        self, method: str, url: str, headers: Mapping[str, str], body: Body
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        self.traffic.requests += 1
        self.traffic.sent += len(body) if isinstance(body, bytes) else 0
        context = TraceContext(self.trace_id, os.urandom(8).hex())
        began, failure, answer = time.monotonic(), None, None
        try:
            answer = self._request(method, url, {HEADER: context.header, **headers}, body)
            yield answer
        except (urllib3.exceptions.HTTPError, OSError) as error:
            failure = type(error).__name__
            raise Refused("server_unreachable", detail=failure) from None
        finally:
            took_ms = round((time.monotonic() - began) * 1000)
            facts = {"trace": self.trace_id, "span": context.span_id, "method": method, "path": urlsplit(url).path}
            level = logging.WARNING if failure else logging.INFO
            tell("request", level, **facts, status=answer and answer.status, failure=failure, ms=took_ms)
            if answer is not None:
                # A connection whose answer was not read to its end cannot carry another request.
                answer.close()

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> urllib3.BaseHTTPResponse:
        """Make a request, once more when the connection was dropped under it.

        A kept connection may be closed by the other side just as it is used again. Every request may be repeated,
        since sets are told apart by their digests and all else reads; but a stream cannot be sent twice.
        """
        for is_last in (False, True):
            try:
                return self._pool.request(
                    method, url, body=body, headers=dict(headers), redirect=False, retries=False, preload_content=False
                )
            except urllib3.exceptions.ProtocolError:
                if is_last or not isinstance(body, bytes):
                    raise
        raise AssertionError("the second try returns or raises")

    def _sign(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        if self._caller is None:
            raise Refused("not_enrolled")
        created = (self._now() + self.offset_ms) // 1000
        return sign_request(self._caller.device, method, path, query, body, created, self._caller.sign)

    def _correct(self, refusal: Refused) -> bool:
        """Take over the server's time from its refusal; tell whether that was possible."""
        try:
            self.offset_ms = parse_instant(str(refusal.fault.facts["server_time"])) - self._now()
        except (KeyError, ValueError):
            return False
        return True


def _check_answer(answer: urllib3.BaseHTTPResponse, traffic: Traffic) -> None:
    """Raise Refused unless the server says that it did what it was asked."""
    if answer.status in range(200, 300):
        return
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    if kind != PROBLEM:
        raise Refused("answer_not_understood" if answer.status < 500 else "server_unreachable")
    document = _read_document(answer, traffic, PROBLEM)
    code = document.pop("code", None)
    facts = {name: value for name, value in document.items() if name not in ("type", "status", "title", "title_zh")}
    raise Refused(code if isinstance(code, str) and code in PROBLEMS else "answer_not_understood", **facts)


def _read_document(answer: urllib3.BaseHTTPResponse, traffic: Traffic, kind: str) -> dict[str, Any]:
    data = b"".join(_read_pieces(answer, traffic, kind, DOCUMENT_BYTES_MAX))
    try:
        document = canonical.load(data)
    except ValueError:
        raise Refused("answer_not_understood") from None
    if not isinstance(document, dict):
        raise Refused("answer_not_understood")
    return document


def _read_pieces(answer: urllib3.BaseHTTPResponse, traffic: Traffic, kind: str, bytes_max: int) -> Iterator[bytes]:
    """Yield an answer's bytes as they come, unpacked; `bytes_max` bounds what they may unpack to."""
    if answer.headers.get("Content-Type", "").partition(";")[0].strip() != kind:
        raise Refused("answer_not_understood")
    unpack, size = _unpacker(answer.headers.get("Content-Encoding", "identity")), 0
    try:
        for piece in answer.stream(READ_BYTES, decode_content=False):
            traffic.received += len(piece)
            unpacked = unpack(piece)
            size += len(unpacked)
            if size > bytes_max:
                raise Refused("answer_not_understood")
            yield unpacked
    except (zlib.error, zstandard.ZstdError):
        raise Refused("answer_not_understood") from None


def _unpacker(encoding: str) -> Callable[[bytes], bytes]:
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress
    if encoding == "gzip":
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
    if encoding == "identity":
        return bytes
    raise Refused("answer_not_understood")


def _split_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest
