"""Files: resumable uploads after tus 1.0, which files the server has, and the files themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Final

from flask import Response, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed, RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from schemas.base import SHA256_PATTERN, UUID_PATTERN
from schemas.problems import Fault, Refused
from server.services.blobs import BlobDesk, Owner
from server.web import blob_docs, tus_headers
from server.web.access import PREFIX
from server.web.auth import caller_organisation, require_device
from server.web.blob_docs import STORAGE_PROBLEMS, about_upload
from server.web.errors import render_problem
from server.web.openapi import blueprint
from server.web.wiring import wired

HASHES_MAX: Final = 1000
"""Files asked for in one request: 70 KB of JSON, and two short queries."""

SEND_BYTES: Final = 256 * 1024
"""Bytes of a file sent at a time: all the memory that a download needs."""

BLOCK_BYTES: Final = 64 * 1024
"""The most bytes of a body taken at a time: all the memory that an upload needs."""

BLOCK_LEAST_BYTES: Final = 2 * 1024
BLOCK_SLOW_S: Final = 0.02
BLOCK_QUICK_S: Final = 0.005
"""A block is what comes in about a hundredth of a second. The server under us hands out a block when it is whole: what
has come of one when a client falls silent is not kept, and would be sent again."""

ASKED_ANEW: Final = "private, no-cache"
"""A file under its hash never changes, and is not sent twice; but it may be erased, and then no browser shows it."""

_CHUNK_HEADERS: Final = ("Upload-Offset", "Upload-Checksum")
_CHUNK_PROBLEMS: Final = (
    "upload_unknown",
    "upload_offset_differs",
    "file_erased",
    "blob_too_large",
    "blob_hash_differs",
    "disk_full",
    "server_busy",
    *STORAGE_PROBLEMS,
)
_UUID = re.compile(UUID_PATTERN)
_SHA256 = re.compile(SHA256_PATTERN)

blob = blueprint("blobs")


@blob.before_request
def check_version() -> Response | None:
    """Answer a tus client of another version before anything is done."""
    return tus_headers.refuse_version() if _is_tus() else None


@blob.after_request
def name_version(answer: Response) -> Response:
    """Say in every answer to a tus client which version it follows."""
    return tus_headers.mark_version(answer) if _is_tus() else answer


@blob.route("/blobs/uploads", methods=["OPTIONS"], provide_automatic_options=False)
@blob.route("/blobs/uploads/<upload>", methods=["OPTIONS"], provide_automatic_options=False)
@blob.doc(**blob_docs.SERVER)
def show_server(upload: str = "") -> Response:  # noqa: ARG001 - one of the two routes passes it
    """Tell what of tus 1.0 the server can do."""
    return tus_headers.describe_server(wired().settings.blob_bytes_max)


@blob.route("/blobs/uploads", methods=["POST"], provide_automatic_options=False)
@blob.doc(
    **about_upload(
        "开始上传",
        ("201",),
        ("Upload-Length", "Upload-Metadata", "Upload-Checksum"),
        "blob_too_large",
        "blob_hash_differs",
        "upload_quota_reached",
        "organisation_quota_reached",
        "upload_offset_differs",
        "file_erased",
        "disk_full",
        "server_busy",
        *STORAGE_PROBLEMS,
        more=("Location",),
        body=True,
    )
)
def create() -> Response:
    """Begin an upload, perhaps with its first bytes; Upload-Metadata names the file's `sha256`."""
    size_bytes, length = tus_headers.read_whole("Upload-Length"), _read_length()
    metadata, sha256 = tus_headers.read_metadata()
    checksum = tus_headers.read_checksum()
    if length != 0:
        _require_bytes_type()
    if (length or 0) > size_bytes:
        raise Refused("blob_too_large", limit=size_bytes)
    # What the row of the upload says need not be kept a second time.
    note = "" if sha256 and metadata == tus_headers.name_hash(sha256) else metadata
    owner = _identify_owner()
    with wired().file_lane.held() if length != 0 else nullcontext():
        state = _desk().create(owner, size_bytes, sha256, note)
        if length != 0 and not state.offset:
            state = _desk().receive(owner, state.upload, 0, _read_blocks(length), length, checksum)
    answer = Response(status=201, headers=tus_headers.describe(state))
    answer.headers["Location"] = f"{request.root_path}{PREFIX}/blobs/uploads/{state.upload}"
    return answer


@blob.route("/blobs/uploads/<upload>", methods=["HEAD"], provide_automatic_options=False)
@blob.doc(
    **about_upload(
        "查询上传进度",
        ("200",),
        (),
        "upload_unknown",
        "blob_hash_differs",
        "file_erased",
        *STORAGE_PROBLEMS,
        more=("Upload-Length", "Upload-Metadata"),
    )
)
def show(upload: str) -> Response:
    """Tell how many bytes of an upload are there."""
    owner = _identify_owner()
    state = _desk().find(owner, _check_id(upload))
    note = _desk().find_note(owner, upload)
    answer = Response(status=200, headers=tus_headers.describe(state))
    answer.headers["Upload-Length"] = str(state.size_bytes)
    answer.headers["Cache-Control"] = "no-store"
    if note or state.sha256:
        answer.headers["Upload-Metadata"] = note or tus_headers.name_hash(str(state.sha256))
    return answer


@blob.route("/blobs/uploads/<upload>", methods=["PATCH"], provide_automatic_options=False)
@blob.doc(**about_upload("续传", ("204",), _CHUNK_HEADERS, *_CHUNK_PROBLEMS, body=True))
def receive(upload: str) -> Response:
    """Add bytes at the end of an upload; what came of a body that was cut off is kept."""
    _require_bytes_type()
    offset, checksum, length = tus_headers.read_whole("Upload-Offset"), tus_headers.read_checksum(), _read_length()
    blocks = _read_blocks(length)
    with wired().file_lane.held():
        state = _desk().receive(_identify_owner(), _check_id(upload), offset, blocks, length, checksum)
    return Response(status=204, headers=tus_headers.describe(state))


@blob.route("/blobs/uploads/<upload>", methods=["DELETE"], provide_automatic_options=False)
@blob.doc(**about_upload("取消上传", ("204",), (), "upload_unknown", *STORAGE_PROBLEMS))
def terminate(upload: str) -> Response:
    """Forget an upload; a file that is complete stays."""
    _desk().terminate(_identify_owner(), _check_id(upload))
    return Response(status=204)


@blob.route("/blobs/uploads/<upload>", methods=["POST"], provide_automatic_options=False)
@blob.doc(
    **about_upload(
        "替代方法",
        ("200", "204"),
        ("X-HTTP-Method-Override", *_CHUNK_HEADERS),
        "method_not_allowed",
        *_CHUNK_PROBLEMS,
        body=True,
    )
)
def override(upload: str) -> Response:
    """Do what X-HTTP-Method-Override says, for networks that let no other methods pass."""
    views = {"HEAD": show, "PATCH": receive, "DELETE": terminate}
    view = views.get(request.headers.get("X-HTTP-Method-Override", "").upper())
    if view is None:
        raise MethodNotAllowed(valid_methods=list(views))
    answer: Response = view(upload)
    return answer


@blob.route("/blobs/states", methods=["POST"])
@blob.doc(**blob_docs.STATES)
def show_states() -> dict[str, Any]:
    """Tell which files the server has: `missing`, `received` in part, `verified`, or `erased`."""
    hashes = request.get_json().get("sha256") if isinstance(request.get_json(), dict) else None
    if not isinstance(hashes, list) or len(hashes) > HASHES_MAX:
        raise Refused("malformed", detail=f"sha256 is a list of at most {HASHES_MAX} hashes")
    if not all(isinstance(sha256, str) and _SHA256.match(sha256) for sha256 in hashes):
        raise Refused("malformed", detail="a hash is 64 lower-case hexadecimal digits")
    return {"states": _desk().read_states(caller_organisation(), hashes)}


@blob.route("/blobs/<sha256>", methods=["GET"])
@blob.doc(**blob_docs.FILE)
def send(sha256: str) -> Response:
    """Send a file, or the range asked for."""
    if not _SHA256.match(sha256):
        raise Refused("blob_unknown")
    found = _desk().open(caller_organisation(), sha256)
    file = wired().file_lane.pass_file(found.file)
    body = wrap_file(request.environ, file, SEND_BYTES)
    answer = Response(body, mimetype=found.media_type, direct_passthrough=True)
    answer.call_on_close(file.close)
    answer.content_length = found.size_bytes
    answer.set_etag(sha256)
    answer.headers["Cache-Control"] = ASKED_ANEW
    answer.headers["X-Content-Type-Options"] = "nosniff"
    try:
        answer.make_conditional(request, accept_ranges=True, complete_length=found.size_bytes)
    except RequestedRangeNotSatisfiable:
        answer.close()
        return Response(status=416, headers={"Content-Range": f"bytes */{found.size_bytes}"})
    return answer


def _desk() -> BlobDesk:
    return wired().blobs


def _is_tus() -> bool:
    return request.path.startswith(f"{PREFIX}/blobs/uploads")


def _identify_owner() -> Owner:
    device = require_device()
    return Owner(device.organisation, device.device)


def _check_id(upload: str) -> str:
    if not _UUID.match(upload):
        raise Refused("upload_unknown")
    return upload


def _require_bytes_type() -> None:
    if request.mimetype != tus_headers.BYTES_TYPE:
        fault = Fault("malformed", {"detail": f"the Content-Type is {tus_headers.BYTES_TYPE}"})
        answer = render_problem(fault, {"status": 415})
        answer.status_code = 415
        raise HTTPException(response=answer)


def _read_length() -> int | None:
    """Return how many bytes are announced, None when the body says itself where it ends."""
    if request.content_length is None and request.headers.get("Transfer-Encoding") == "chunked":
        return None
    return request.content_length or 0


def _read_blocks(length: int | None) -> Iterator[bytes]:
    """Yield the body as it comes; when the client is cut off it just ends, so that what came is kept."""
    source, left, wanted = request.environ["wsgi.input"], length, BLOCK_LEAST_BYTES
    while left is None or left > 0:
        began = time.monotonic()
        try:
            block = source.read(wanted if left is None else min(wanted, left))
        except (OSError, ClientDisconnected):
            return
        if not block:
            return
        if left is not None:
            left -= len(block)
        yield block
        wanted = _fit_block(wanted, time.monotonic() - began)


def _fit_block(size: int, took_s: float) -> int:
    """Return how much to read next, after reading and storing `size` bytes took so long."""
    if took_s > BLOCK_SLOW_S:
        return max(BLOCK_LEAST_BYTES, size // 2)
    return min(BLOCK_BYTES, size * 2) if took_s < BLOCK_QUICK_S else size
