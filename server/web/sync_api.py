"""Devices: push, pull, receipts, comparing scopes, and the short token.

The views read their few parameters by hand: a device that asks and finds nothing new is the most frequent
request of all, and reading it through the schemas would double its cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from flask import Response
from marshmallow import ValidationError

from schemas.base import WHOLE_NUMBER_MAX
from schemas.problems import Refused
from server.clock import utc_now
from server.services import devices, wiping
from server.store import feed
from server.store.database import reading, writing
from server.web import shapes
from server.web.access import PUSH_BODY_BYTES_MAX
from server.web.auth import TOKEN_LIFE_S, DeviceIdentity, issue_token, require_device
from server.web.bodies import Lines, answer_lines, pack_lines, read_json, respond, unpack
from server.web.call import Call, flask_call
from server.web.notes import notes
from server.web.openapi import about, blueprint, in_query, json_body, lines_answer
from server.web.wiring import Wiring, wired
from sync import checksum
from sync.session import PAGE_OPS_MAX, PUSH_SETS_MAX, write_head
from sync.wipe_order import WipeQuestion

CHANGE_SETS_TYPE: Final = "application/vnd.gongdan.change-sets"

sync = blueprint("sync")

_PUSH_BODY: Final = {
    "required": True,
    "description": f"封装的变更集，每行一份 / Sealed change-sets, one a line; at most {PUSH_SETS_MAX}",
    "content": {CHANGE_SETS_TYPE: {"schema": {"type": "string"}}},
}
_CODING: Final = {
    "name": "Content-Encoding",
    "in": "header",
    "schema": {"type": "string", "enum": ["gzip", "zstd"]},
    "description": "压缩方式 / How the body is packed; a zstd frame states its content size",
}
_TOLD: Final = {"name": "told", "in": "query", "schema": {"type": "string"}, "description": shapes.TOLD}


@sync.post("/push")
@sync.doc(**about("提交变更集", "decompression_bomb", "disk_full", requestBody=_PUSH_BODY, parameters=[_CODING, _TOLD]))
@sync.doc(responses={"200": lines_answer("每份变更集的回执，同样顺序 / A receipt for each set, in their order")})
def push() -> Response:
    """Hand in change-sets; what the answer confirms is durable."""
    return respond(answer_push(wired(), flask_call(), require_device()))


@sync.get("/pull")
@sync.doc(**about("获取变更", "feed_epoch_changed", "value_invalid", parameters=in_query(shapes.PullQuery)))
@sync.doc(responses={"200": lines_answer("页头一行，其后每行一步 / The head of the page, then one step a line")})
def pull() -> Response:
    """Fetch one page of what changed since the device's cursor."""
    return respond(answer_pull(wired(), flask_call(), require_device()))


def answer_push(parts: Wiring, call: Call, device: DeviceIdentity) -> Lines:
    """Take in change-sets and return a receipt for each."""
    body = unpack(call.body(), call.header("Content-Encoding"), PUSH_BODY_BYTES_MAX)
    lines = body.split(b"\n")
    if lines.pop() or not lines or not all(lines):
        raise Refused("malformed", detail="a push is change-sets, each one line ended by a line break")
    if len(lines) > PUSH_SETS_MAX:
        raise Refused("malformed", detail=f"a push holds at most {PUSH_SETS_MAX} change-sets")
    receipts = parts.reception.submit(device.organisation, device.device, lines)
    notes().receipts = receipts
    return pack_lines(_spell(receipts), call.header("Accept-Encoding"))


def answer_pull(parts: Wiring, call: Call, device: DeviceIdentity) -> Lines:
    """Return a page of the feed: its head and its steps."""
    arguments = call.arguments()
    query = feed.PageQuery(_whole(arguments, "since", "0"), arguments.get("epoch", ""), arguments.get("after"))
    # On a bad line a device asks for little at a time: a page that was cut off counts for nothing.
    most = min(max(1, _whole(arguments, "most", str(PAGE_OPS_MAX))), PAGE_OPS_MAX)
    head, lines = feed.write_nothing(device.end, query, utc_now()) if device.end else None, []
    if head is None:
        with reading(parts.engine) as connection:
            head, lines = feed.write_page(connection, device.organisation, device.person, query, utc_now(), most)
    if head.after is None:
        notes().synced = head.until
        if head.until != head.since:
            head = replace(head, checkpoint=devices.sign_checkpoint(parts.key, device.organisation, head.witness))
    return pack_lines([write_head(head), *lines], call.header("Accept-Encoding"))


@sync.get("/receipts")
@sync.doc(**about("读取回执", "value_invalid", parameters=in_query(shapes.ReceiptQuery)))
@sync.doc(responses={"200": lines_answer("回执，每行一份 / Receipts, one a line")})
def receipts() -> Response:
    """Read the stored receipts of this device from a sequence number on, at most 500."""
    device = require_device()
    from_seq = _whole(flask_call().arguments(), "from_seq")
    with reading(wired().engine) as connection:
        found = devices.read_receipts(connection, device.organisation, device.device, from_seq)
    return answer_lines(_spell(found))


@sync.post("/scope/buckets")
@sync.doc(**about("比对范围：各桶校验和"))
@sync.alt_response(200, schema=shapes.BucketSums)
def scope_buckets() -> dict[str, Any]:
    """Compare scopes, first step: the checksum of each of 256 buckets."""
    device = require_device()
    with reading(wired().engine) as connection:
        epoch, position = devices.read_epoch(connection, device.organisation)
        digests = feed.scope_digests(connection, device.organisation, device.person)
        sums = checksum.bucket_sums((record_id, digest) for record_id, _kind, digest in digests)
    return {"sums": [checksum.spell(value) for value in sums], "position": position, "epoch": epoch}


@sync.post("/scope/records")
@sync.doc(**about("比对范围：各记录摘要", "value_invalid", requestBody=json_body(shapes.Buckets)))
@sync.alt_response(200, schema=shapes.RecordDigests)
def scope_records() -> dict[str, Any]:
    """Compare scopes, second step: the digest of each record in some buckets."""
    device = require_device()
    buckets = set(_read_json(shapes.Buckets)["buckets"])
    with reading(wired().engine) as connection:
        digests = {
            record_id: checksum.spell(digest)
            for record_id, _kind, digest in feed.scope_digests(connection, device.organisation, device.person)
            if checksum.bucket_of(record_id) in buckets
        }
    return {"digests": digests}


@sync.post("/scope/fetch")
@sync.doc(**about("比对范围：取回记录", "value_invalid", requestBody=json_body(shapes.Ids)))
@sync.doc(responses={"200": lines_answer("每行一步 put / One `put` step a line")})
def scope_fetch() -> Response:
    """Compare scopes, last step: fetch records by id; those the device should not hold are left out."""
    device = require_device()
    ids = _read_json(shapes.Ids)["ids"]
    with reading(wired().engine) as connection:
        lines = feed.write_records(connection, device.organisation, device.person, ids)
    return answer_lines(lines)


_WIPE_PROBLEMS: Final = ("value_invalid", "device_not_revoked", "escrow_missing")


@sync.post("/wipe")
@sync.doc(**about("询问是否销毁", *_WIPE_PROBLEMS, requestBody=json_body(shapes.Wipe)))
@sync.alt_response(200, schema=shapes.WipeOrder)
def ask_to_wipe() -> dict[str, Any]:
    """Ask, as a revoked device that has handed everything in, for the signed order to destroy its keys."""
    device, parts = require_device(), wired()
    asked = _read_json(shapes.Wipe)
    question = WipeQuestion(device.organisation, device.device, asked["nonce"], asked["seq"], asked["digest"])
    with writing(parts.engine) as connection:
        ordered_at, signature = wiping.order_wipe(connection, parts.key, question)
    return {"ordered_at": ordered_at, "signature": signature}


@sync.post("/wipe/confirmation")
@sync.arguments(shapes.WipeConfirmation)
@sync.doc(**about("确认已销毁", "bad_signature", "device_not_revoked"))
@sync.alt_response(200, schema=shapes.WipeConfirmed)
def confirm_wipe(body: dict[str, Any]) -> dict[str, Any]:
    """Say, with a signature made before, that the keys of a device are destroyed; may be repeated."""
    with writing(wired().engine) as connection:
        wiping.confirm_wipe(connection, body["organisation"], body["device"], body["ordered_at"], body["signature"])
    return {"confirmed": True}


@sync.post("/token")
@sync.doc(**about("领取短期令牌"))
@sync.alt_response(200, schema=shapes.Token)
def token() -> dict[str, Any]:
    """Get a short token bound to this device's key, for clients that cannot sign each request."""
    return {"token": issue_token(require_device()), "expires_in_s": TOKEN_LIFE_S}


def _spell(texts: Iterable[str]) -> Iterable[bytes]:
    return (f"{text}\n".encode() for text in texts)


def _whole(arguments: Mapping[str, str], name: str, default: str | None = None) -> int:
    """Return a whole number from the query; raises Refused with `value_invalid`."""
    spelled = arguments.get(name, default)
    # Text of digits beyond this length cannot be in range, and is not worth reading.
    if spelled is None or not spelled.isascii() or not spelled.isdigit() or len(spelled) > 16:
        raise Refused("value_invalid", field=name, detail="a whole number")
    value = int(spelled)
    if value > WHOLE_NUMBER_MAX:
        raise Refused("value_invalid", field=name, detail=f"at most {WHOLE_NUMBER_MAX}")
    return value


def _read_json(shape: type[shapes.Request]) -> dict[str, Any]:
    """Return the JSON body checked against a shape; raises Refused with `malformed` or `value_invalid`."""
    try:
        loaded: dict[str, Any] = shape().load(read_json())
    except ValidationError as error:
        field = next(iter(error.messages_dict), "")
        raise Refused("value_invalid", field=field, detail=str(error.messages_dict.get(field))) from None
    return loaded
