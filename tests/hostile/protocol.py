"""Targets that both sides share: sealed lines, the headers and bodies of requests, and answers."""

from __future__ import annotations

import gzip
import itertools
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import cache, partial
from typing import Any, Final

from flask import Flask

from field_client import transport_answers as answers
from field_client.transport_answers import Answer
from schemas.problems import PROBLEMS
from server.store import json_text
from server.web import bodies, tus_headers
from sync import canonical, chain, codec, openings, receipt, request_signature, zstd
from sync.receipt import ChangeVerdict, Receipt
from sync.session import Cursor, Outgoing, PageHead, PullSession, PushSession, write_head
from tests.hostile.mutation import mutate_json
from tests.hostile.target import Target, expect
from tests.sync.made_up import FIRST, WEI_PUBLIC, seal, sign, verifies

UNPACKED_MAX: Final = 100_000
SPLIT: Final = b"\n\n"
DIGEST: Final = "ab" * 32
_SALTS: Final = (bytes([n]) * 16 for n in itertools.count())
_UNSEALED: Final = (
    "malformed not_canonical too_many_changes change_set_too_large openings_differ personal_in_plain"
    " commitment_misplaced"
)


def feed_codec(data: bytes) -> None:
    """Read a sealed line with its openings, and its payload, or a payload by itself."""
    line = expect("malformed change_set_too_large", chain.open_line, data)
    if line is not None:
        behind = b"" if line.openings is None else b"\t" + line.openings
        assert line.signature.hex().encode() + b"." + line.payload + behind == data
        expect("bad_signature", chain.verify, line, WEI_PUBLIC, verifies)
        _read_openings(line)
    payload = data if line is None else line.payload
    read = expect("malformed not_canonical too_many_changes change_set_too_large", codec.decode, payload)
    if read is not None:
        assert codec.encode(read) == payload
        assert b"\n" not in payload


def _read_openings(line: chain.Sealed) -> None:
    """However a line is read, and by whomever, what it says is the same, and is what can be written again."""
    said = [expect(_UNSEALED, openings.unseal, line, read) for read in (codec.read_nothing, json_text.read_canonical)]
    assert said[0] == said[1]
    at_door = expect(_UNSEALED, partial(openings.unseal, at_door=True), line)
    if said[0] is None:
        assert at_door is None
        return
    assert openings.read_again(line, json_text.load) == said[0]
    assert at_door in (None, said[0])
    if at_door is not None:
        again = openings.seal(at_door.changeset, sign, os.urandom)
        assert openings.unseal(again, at_door=True).changeset == at_door.changeset


def seed_codec() -> Iterable[bytes]:
    """Yield a change-set, sealed and bare, and one of many kinds of values."""
    yield seal(FIRST).line
    named = replace(FIRST.changes[0], set={"contact": "王", "alarms": []}, was={"contact": None, "alarms": None})
    attended = replace(named, kind="training_record", op="create", set={"attendees": ["a", "a"]}, was={})
    told = openings.seal(replace(FIRST, changes=(named, attended)), sign, lambda count: next(_SALTS)[:count])
    yield told.line
    first = next(iter(openings.openings_of(told)))
    yield openings.replace_openings(told, {first: {"erased": "erased-0123456789abcdef", "fault": "x"}}).line
    yield codec.encode(FIRST)
    odd = {"items": [1, {"a": None}], "text": "键\x00\u2028\U0001f600", "yes": True, "least": -(2**53) + 1}
    created = replace(FIRST.changes[0], op="create", set=odd, was={})
    deleted = replace(FIRST.changes[0], op="delete", set={}, was={"a": []})
    yield codec.encode(replace(FIRST, changes=(created, deleted)))


def feed_request(data: bytes) -> None:
    """Read signature headers, a packed body and upload headers, by the first byte."""
    which, rest = data[:1], data[1:]
    if which == b"s":
        _read_signature(rest)
    elif which in b"gz" and which:
        coding = {b"g": "gzip", b"z": "zstd"}[which]
        content = expect("malformed decompression_bomb", bodies.unpack, rest, coding, UNPACKED_MAX)
        assert content is None or len(content) <= UNPACKED_MAX
    else:
        _read_upload(rest)


def _read_signature(data: bytes) -> None:
    parts = [part.decode("latin-1") for part in data.split(SPLIT)]
    query, digest, claimed, signature = (*parts, "", "", "", "")[:4]
    read = expect(
        "request_not_signed", request_signature.read_signed, "POST", "/push", query, digest, claimed, signature
    )
    if read is None:
        return
    # Nothing that is not signed may be read out of the headers: they are the only spelling of what they say.
    again = request_signature.sign_request(
        read.organisation, read.device, "POST", "/push", query, b"", read.created, lambda _: read.signature
    )
    assert again["Signature"] == signature
    assert again["Signature-Input"] == claimed


@cache
def _app() -> Flask:
    return Flask(__name__)


def _read_upload(data: bytes) -> None:
    metadata, checksum, length = (*data.split(SPLIT), b"", b"", b"")[:3]
    environ = {"HTTP_UPLOAD_METADATA": metadata, "HTTP_UPLOAD_CHECKSUM": checksum, "HTTP_UPLOAD_LENGTH": length}
    with _app().test_request_context(environ_overrides={k: v.decode("latin-1") for k, v in environ.items()}):
        read = expect("malformed", tus_headers.read_metadata)
        assert read is None or read[1] is None or len(read[1]) == 64
        size = expect("malformed", tus_headers.read_whole, "Upload-Length")
        assert size is None or 0 <= size < 10**15
        expect("malformed", tus_headers.read_checksum)


def seed_request() -> Iterable[bytes]:
    """Yield one honest request of each sort."""
    signed = request_signature.sign_request(
        FIRST.organisation, FIRST.device, "POST", "/push", "a=1", b"", 1_795_227_364, sign
    )
    parts = ["a=1", signed["Content-Digest"], signed["Signature-Input"], signed["Signature"]]
    yield b"s" + SPLIT.join(part.encode() for part in parts)
    yield b"g" + gzip.compress(b"a line\n" * 20, mtime=0)
    yield b"z" + zstd.compress(b"a line\n" * 20)
    yield b"g" + gzip.compress(bytes(UNPACKED_MAX + 1), mtime=0)
    yield b"z" + zstd.compress(bytes(UNPACKED_MAX + 1))
    yield b"u" + SPLIT.join([tus_headers.name_hash(DIGEST).encode() + b",filename YQ==", b"sha256 YWJj", b"4000000"])


def feed_answer(data: bytes) -> None:
    """Read what may be an answer: receipts, a page, a problem, a document; by the first byte."""
    which, rest = data[:1], data[1:]
    if which == b"r":
        push = PushSession(iter([Outgoing(DIGEST, b"x")]))
        push.next_body()
        for found in expect("answer_not_understood", push.receive, rest) or ():
            assert receipt.load(receipt.dump(found)) == found
            assert found.fault is None or (found.fault.sentence("zh") and found.fault.sentence("en"))
    elif which == b"p":
        expect("answer_not_understood", _read_page, rest)
    elif which == b"e":
        _read_problem(rest)
    else:
        coding, _, body = rest.partition(SPLIT)
        headers = {"Content-Type": answers.JSON, "Content-Encoding": coding.decode("latin-1")}
        expect("answer_not_understood", answers.read_document, Answer(200, headers, body))


def _read_page(data: bytes) -> None:
    session = PullSession(Cursor())
    head, ops = session.receive(data.splitlines(keepends=True))
    assert len(list(ops)) == head.ops
    session.advance(head)


def _read_problem(data: bytes) -> None:
    """Read a refusal; its first two bytes choose the status, the third whether it says that it is the server's."""
    status = int.from_bytes(data[:2], "big")
    headers = {"Content-Type": answers.PROBLEM if data[2:3] != b"x" else "text/html", "Retry-After": "1"}
    expect(" ".join(PROBLEMS), answers.check_answer, Answer(status, headers, data[3:]), answers.JSON)


def seed_answer() -> Iterable[bytes]:
    """Yield one honest answer of each sort."""
    verdict = ChangeVerdict(FIRST.changes[0].id, "contested", ("diagnosis",))
    stored = Receipt(FIRST.id, FIRST.device, 1, DIGEST, "contested", FIRST.captured_at, 7, None, (verdict,))
    yield b"r" + receipt.dump(stored).encode() + b"\n"
    head = PageHead("7a3d9c52-64b1-4f0e-9d0e-2f0c7f3b8a11", 0, 9, None, 2, FIRST.captured_at, "ab" * 16, 1, "")
    put = ["put", FIRST.changes[0].id, "work_order", {"status": "assigned"}]
    yield b"p" + write_head(head) + f'{canonical.dump(put)}\n["evict","{FIRST.id}"]\n'.encode()
    problem: dict[str, Any] = {"status": 413, "code": "body_too_large", "limit": 7, "detail": "x", "retry": "later"}
    yield b"e" + (413).to_bytes(2, "big") + b"p" + canonical.dump(problem).encode()
    yield b"e" + (503).to_bytes(2, "big") + b"x<html>"
    yield b"d" + b"gzip" + SPLIT + gzip.compress(b'{"states":{}}', mtime=0)
    yield b"d" + b"zstd" + SPLIT + zstd.compress(b'{"states":{}}')


def mutate_codec(data: bytes, seed: int) -> bytes | None:
    """Change the values of a change-set, and seal it when it was sealed."""
    bare = data.startswith(b"{")
    signed, tab, behind = data.partition(b"\t")
    if tab and seed % 2:
        opened = mutate_json(behind, seed)
        return None if opened is None else signed + tab + opened
    changed = mutate_json(data if bare else signed[chain.SIGNATURE_DIGITS + 1 :], seed)
    if changed is None:
        return None
    return changed if bare else chain.seal(changed, sign, behind if tab else None).line


def mutate_answer(data: bytes, seed: int) -> bytes | None:
    """Change the values of one line of an answer."""
    start = 4 if data.startswith(b"e") else 1
    lines = data[start:].split(b"\n")
    place = seed % len(lines)
    changed = mutate_json(lines[place], seed)
    if changed is None:
        return None
    return data[:start] + b"\n".join([*lines[:place], changed, *lines[place + 1 :]])


CODEC = Target(feed_codec, seed_codec, 8192, 20_000, mutate_codec)
REQUEST = Target(feed_request, seed_request, 4096, 8_000)
ANSWER = Target(feed_answer, seed_answer, 4096, 10_000, mutate_answer)
