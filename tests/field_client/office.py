"""A small office in this process: real HTTP, the real protocol modules, records in a dictionary.

It merges nothing cleverly: what a device sets stands, unless a test says that a field is contested or refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import nacl.exceptions
import nacl.signing

from schemas.problems import PROBLEMS, Fault, Refused
from sync import canonical, chain, checksum, openings, receipt, zstd
from sync.ledger import Accept, Duplicate, Head, Hold, decide
from sync.receipt import ChangeVerdict, Receipt
from sync.request_signature import content_digest, read_signed
from sync.session import PageHead, write_head

SERVER_TIME = "2026-11-21T02:15:59.123Z"
SERVER_TIME_MS = 1_795_227_359_123


@dataclass
class Row:
    """A record as it stands, and when it entered the scope and last moved."""

    kind: str
    values: dict[str, Any]
    entered: int
    moved: dict[str, int]
    gone_at: int | None = None


@dataclass
class Office:
    """What the office knows, and how it is to behave."""

    epoch: str = "00000000-0000-7000-8000-0000000000e1"
    position: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    head: Head = field(default_factory=lambda: Head(0, chain.FIRST_PREV, "active"))
    public_key: bytes = b""
    stored: dict[int, tuple[str, str]] = field(default_factory=dict)
    page_size: int = 100
    contested: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    enrols: dict[str, str] = field(default_factory=dict)
    """What whoever enrols is told; nobody can while it is empty."""
    orders_wipe: Callable[[dict[str, Any]], Any] | None = None
    """What a revoked device that asks whether to destroy its keys is answered."""
    uploads: dict[str, tuple[str, int, bytearray]] = field(default_factory=dict)
    file_bytes: int = 0
    """Bytes of files that arrived, each repetition counted again."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    queries: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    interfere: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
    """Called before each request; when it returns true the request is not answered further."""
    answered: Callable[[bytes], bytes] = lambda body: body
    """Called with each body before it goes out."""

    def write(self, kind: str, record_id: str, values: dict[str, Any]) -> None:
        """Create or update a record in the device's scope, as a dispatcher would."""
        self.position += 1
        row = self.rows.setdefault(record_id, Row(kind, {}, self.position, {}))
        if row.gone_at is not None:
            row.gone_at, row.entered = None, self.position
        row.values |= values
        row.moved |= dict.fromkeys(values, self.position)

    def withdraw(self, record_id: str) -> None:
        """Take a record out of the device's scope."""
        self.position += 1
        self.rows[record_id].gone_at = self.position

    def open_conflict(self, name: str, base: str, standing: str, incoming: str) -> None:
        """Open a conflict on a field of Wei's order, as intake does."""
        order_id = next(record_id for record_id, row in self.rows.items() if row.kind == "work_order")
        values = {"field": name, "base": base, "office": standing, "incoming": incoming, "state": "open"}
        subject = {"subject_kind": "work_order", "subject_id": order_id, "order_id": order_id}
        self.write("conflict", f"019a0000-0000-7000-8000-{self.position:012x}", values | subject)

    def rows_of(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of a kind."""
        return [row.values for row in self.rows.values() if row.kind == kind]

    def take_bundle_in(self, path: Path, receipts: Path) -> None:
        """Take a bundle in and write its receipts."""
        with zipfile.ZipFile(path) as bundle:
            lines = bundle.read("change-sets").splitlines()
        receipts.write_text("".join(f"{self.take_in(line)}\n" for line in lines))

    def take_in(self, line: bytes) -> str:
        """Take one sealed line in and return its receipt."""
        sealed = chain.open_line(line)
        chain.verify(sealed, self.public_key, verify)
        changeset = openings.unseal(sealed, at_door=True).changeset
        stored = self.stored.get(changeset.seq)
        decision = decide(self.head, changeset.seq, changeset.prev, sealed.digest, stored[0] if stored else None, None)
        if isinstance(decision, Duplicate):
            return self.stored[changeset.seq][1]
        answer = Receipt(changeset.id, changeset.device, changeset.seq, sealed.digest, "applied", SERVER_TIME)
        if isinstance(decision, Hold):
            return receipt.dump(replace(answer, verdict="held", fault=decision.fault))
        if not isinstance(decision, Accept):
            return receipt.dump(replace(answer, verdict="refused", fault=decision.fault))
        self.position += 1
        self.head = Head(changeset.seq, sealed.digest, self.head.state)
        answer = replace(answer, position=self.position)
        if changeset.intent in self.refused:
            fault = Fault(self.refused[changeset.intent], {"before": "a", "after": "b"})
            answer = replace(answer, verdict="refused", fault=fault)
        else:
            self.position -= 1
            verdicts = tuple(self._apply(change) for change in changeset.changes)
            worst = receipt.worst([verdict.verdict for verdict in verdicts])
            answer = replace(answer, verdict=worst, changes=verdicts, position=self.position)
        self.stored[changeset.seq] = (sealed.digest, receipt.dump(answer))
        return receipt.dump(answer)

    def _apply(self, change: Any) -> ChangeVerdict:
        disputed = tuple(sorted(self.contested & change.set.keys()))
        self.write(change.kind, change.id, {n: v for n, v in change.set.items() if n not in disputed})
        return ChangeVerdict(change.id, "contested" if disputed else "applied", disputed)

    def page(self, query: dict[str, str]) -> list[bytes]:
        """Return the head and op lines of a page."""
        since, after = int(query["since"]), int(query.get("after", "0"))
        if (query["epoch"] and query["epoch"] != self.epoch) or since > self.position:
            raise Refused("feed_epoch_changed", epoch=self.epoch)
        ops = list(self._ops(since))
        page, rest = ops[after : after + self.page_size], ops[after + self.page_size :]
        held = [(i, r) for i, r in self.rows.items() if r.gone_at is None]
        total = checksum.add(0, *(digest_of(record_id, row) for record_id, row in held))
        head = PageHead(
            epoch=self.epoch,
            since=since,
            until=self.position,
            after=str(after + self.page_size) if rest else None,
            ops=len(page),
            server_time=SERVER_TIME,
            checksum=None if rest else checksum.spell(total),
            count=None if rest else len(held),
            witness=f"{self.position} {'ab' * 32}" if self.position else "",
        )
        return [write_head(head), *page]

    def _ops(self, since: int) -> Iterator[bytes]:
        for record_id, row in self.rows.items():
            if row.gone_at is not None:
                if row.gone_at > since and since:
                    yield f'["evict","{record_id}"]\n'.encode()
            elif row.entered > since:
                yield put_line(record_id, row)
            elif max(row.moved.values()) > since:
                fields = {name: row.values[name] for name, at in row.moved.items() if at > since}
                yield f'["patch","{record_id}","{row.kind}",{canonical.dump(fields)}]\n'.encode()


def put_line(record_id: str, row: Row) -> bytes:
    """Return the line that puts a record."""
    return f'["put","{record_id}","{row.kind}",{canonical.dump(row.values)}]\n'.encode()


def digest_of(record_id: str, row: Row) -> int:
    """Return a record's digest."""
    return checksum.record_digest(row.kind, record_id, canonical.dump(row.values))


def hang_up(desk: BaseHTTPRequestHandler) -> bool:
    """Close the connection without an answer."""
    desk.close_connection = True
    return True


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Verify an Ed25519 signature."""
    try:
        nacl.signing.VerifyKey(public_key).verify(message, signature)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


@contextmanager
def serving(office: Office) -> Iterator[str]:
    """Serve an office on loopback and yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Desk", (_Desk,), {"office": office}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    office: Office

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_HEAD = do_PATCH = do_GET

    def _answer(self) -> None:
        address = urlsplit(self.path)
        path = address.path.removeprefix("/api/v1")
        self.office.requests.append((self.command, path))
        self.office.queries.append((path, {name: values[0] for name, values in parse_qs(address.query).items()}))
        self.office.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.office.interfere(self):
            return
        try:
            if path.startswith("/blobs/uploads"):
                self._upload(path)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if path != "/enrol":
                self._check(address.path, address.query, body)
            self._dispatch(path, {k: v[0] for k, v in parse_qs(address.query, keep_blank_values=True).items()}, body)
        except Refused as refusal:
            problem = PROBLEMS[refusal.code]
            document = {"status": problem.status, "code": refusal.code, **refusal.fault.facts}
            self._send(problem.status, canonical.dump(document).encode(), "application/problem+json")

    def _check(self, path: str, query: str, body: bytes) -> None:
        headers = [self.headers.get(n, "") for n in ("Content-Digest", "Signature-Input", "Signature")]
        signed = read_signed(self.command, path, query, *headers)
        if not verify(self.office.public_key, signed.base, signed.signature) or headers[0] != content_digest(body):
            raise Refused("request_not_signed")
        if abs(signed.created * 1000 - SERVER_TIME_MS) > 300_000:
            raise Refused("request_expired", server_time=SERVER_TIME)
        if self.office.head.state == "revoked" and not path.endswith("/wipe"):
            raise Refused("device_revoked")

    def _dispatch(self, path: str, query: dict[str, str], body: bytes) -> None:
        office, held = self.office, {i: r for i, r in self.office.rows.items() if r.gone_at is None}
        if path == "/push":
            if self.headers.get("Content-Encoding") == "zstd":
                body = zstd.decompress(body)
            self._send_lines([office.take_in(line).encode() + b"\n" for line in body.split(b"\n") if line])
        elif path == "/pull":
            self._send_lines(office.page(query))
        elif path.startswith("/blobs/") and path != "/blobs/states":
            self._send_piece(path.rpartition("/")[2])
        elif path == "/scope/buckets":
            sums = checksum.bucket_sums((i, digest_of(i, r)) for i, r in held.items())
            self._send_json({"sums": [checksum.spell(s) for s in sums], "position": 0, "epoch": office.epoch})
        elif path == "/scope/records":
            buckets = set(json.loads(body)["buckets"])
            chosen = {i: r for i, r in held.items() if checksum.bucket_of(i) in buckets}
            self._send_json({"digests": {i: checksum.spell(digest_of(i, r)) for i, r in chosen.items()}})
        elif path == "/scope/fetch":
            self._send_lines([put_line(i, held[i]) for i in json.loads(body)["ids"] if i in held])
        elif path == "/enrol" and office.enrols:
            office.public_key = bytes.fromhex(json.loads(body)["public_key"])
            facts = {"server_key": "ab" * 32, "epoch": office.epoch, "server_time": SERVER_TIME}
            facts["certificate"] = "cd" * 64
            self._send_json(office.enrols | facts)
        elif path == "/wipe" and office.orders_wipe is not None:
            self._send_json(office.orders_wipe(json.loads(body)))
        elif path == "/token":
            self._send_json({"token": "pass", "expires_in_s": 900})
        elif path == "/blobs/states":
            names = json.loads(body)["sha256"]
            self._send_json({"states": {n: "verified" if n in office.blobs else "missing" for n in names}})
        else:
            raise Refused("not_found", what=path)

    def _send_piece(self, name: str) -> None:
        """Send the range of a file that is asked for."""
        if name not in self.office.blobs:
            raise Refused("blob_unknown")
        data = self.office.blobs[name]
        first, last = (int(number) for number in self.headers["Range"].removeprefix("bytes=").split("-"))
        piece = self.office.answered(data[first : last + 1])
        place = {"Content-Range": f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"}
        self._send(206, piece, "application/octet-stream", place)

    def _upload(self, path: str) -> None:
        office, upload_id = self.office, path.rpartition("/")[2]
        if self.headers.get("Authorization") != "Bearer pass":
            raise Refused("token_invalid")
        if self.command == "POST":
            name = base64.b64decode(self.headers["Upload-Metadata"].split()[1]).decode()
            begun = [known for known, upload in office.uploads.items() if upload[0] == name]
            upload_id = begun[0] if begun else f"u{len(office.uploads)}"
            _, _, data = office.uploads.setdefault(upload_id, (name, int(self.headers["Upload-Length"]), bytearray()))
            place = {"Location": f"/api/v1/blobs/uploads/{upload_id}"}
            self._append(upload_id, 201, place, is_taken=not data)
        elif upload_id not in office.uploads:
            self._send(404, b"", "")
        elif self.command == "HEAD":
            self._send(200, b"", "", {"Upload-Offset": str(len(office.uploads[upload_id][2]))})
        elif int(self.headers["Upload-Offset"]) != len(self.office.uploads[upload_id][2]):
            self._send(409, b"", "")
            self.close_connection = True
        else:
            self._append(upload_id, 204, {}, is_taken=True)

    def _append(self, upload_id: str, status: int, headers: dict[str, str], is_taken: bool) -> None:
        name, size, data = self.office.uploads[upload_id]
        wanted = int(self.headers["Content-Length"])
        while wanted and (piece := self.rfile.read1(min(wanted, 65536))):
            self.office.file_bytes += len(piece)
            data += piece if is_taken else b""
            wanted -= len(piece)
        if len(data) == size:
            if hashlib.sha256(data).hexdigest() != name:
                del self.office.uploads[upload_id]
                self._send(460, b"", "")
                return
            self.office.blobs[name] = bytes(data)
        self._send(status, b"", "", {"Upload-Offset": str(len(data)), **headers})

    def _send_json(self, document: Any) -> None:
        self._send(200, canonical.dump(document).encode(), "application/json")

    def _send_lines(self, lines: list[bytes]) -> None:
        body = self.office.answered(b"".join(lines))
        encoding = self.headers.get("Accept-Encoding", "")
        if "gzip" in encoding and len(body) > 10_000:
            packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
            packed = packer.compress(body) + packer.flush()
            self._send(200, packed, "application/x-ndjson", {"Content-Encoding": "gzip"})
        else:
            self._send(200, zstd.compress(body), "application/x-ndjson", {"Content-Encoding": "zstd"})

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Tus-Resumable", "1.0.0")
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
