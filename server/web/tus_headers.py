"""The headers of tus 1.0: what a client says of an upload, and what is said to it. Source: tus.io, version 1.0.0."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Final, NoReturn

from flask import Response, request
from werkzeug.datastructures import Headers
from werkzeug.http import http_date

from schemas.base import SHA256_PATTERN
from schemas.problems import Refused
from server.services.blobs import UploadState
from server.store.blob_files import Checksum

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,checksum,expiration,termination"
CHECKSUMS: Final = ("sha1", "sha256")
BYTES_TYPE: Final = "application/offset+octet-stream"

METADATA_BYTES_MAX: Final = 4096
"""Room for a hash, a file name and a type many times over; it is kept in a file of its own."""

_WHOLE = re.compile(r"\d{1,15}\Z")
_METADATA_KEY = re.compile(r"[!-+\--~]+\Z")
_SHA256 = re.compile(SHA256_PATTERN)


def read_whole(name: str) -> int:
    """Return a header that is a whole number. Raises Refused with `malformed`."""
    value = request.headers.get(name, "")
    if not _WHOLE.match(value):
        _refuse(f"{name} is a whole number")
    return int(value)


def read_metadata() -> tuple[str, str | None]:
    """Return the header Upload-Metadata as it came, and the hash it names under `sha256`, if any.

    Raises Refused with `malformed`.
    """
    header = request.headers.get("Upload-Metadata", "")
    if len(header) > METADATA_BYTES_MAX:
        _refuse(f"Upload-Metadata has at most {METADATA_BYTES_MAX} bytes")
    pairs = [item.strip().partition(" ") for item in header.split(",")] if header.strip() else []
    metadata = {key: _decode(value, "Upload-Metadata") for key, _, value in pairs}
    if len(metadata) != len(pairs) or not all(map(_METADATA_KEY.match, metadata)):
        _refuse("Upload-Metadata is unique keys, each with a Base64 value")
    if "sha256" not in metadata:
        return header, None
    sha256 = metadata["sha256"].decode("latin-1")
    if not _SHA256.match(sha256):
        _refuse("sha256 in Upload-Metadata is the Base64 of 64 lower-case hexadecimal digits")
    return header, sha256


def name_hash(sha256: str) -> str:
    """Return the Upload-Metadata that names a hash and nothing else."""
    return f"sha256 {base64.b64encode(sha256.encode('ascii')).decode('ascii')}"


def read_checksum() -> Checksum | None:
    """Return the header Upload-Checksum, None when there is none. Raises Refused with `malformed`."""
    header = request.headers.get("Upload-Checksum")
    if header is None:
        return None
    algorithm, _, digest = header.partition(" ")
    if algorithm not in CHECKSUMS:
        _refuse(f"Upload-Checksum is one of {', '.join(CHECKSUMS)}")
    return Checksum(algorithm, _decode(digest, "Upload-Checksum"))


def describe(state: UploadState) -> Headers:
    """Return the headers that tell how an upload stands; a finished one with the hash of its bytes (RFC 9530)."""
    headers = Headers({"Upload-Offset": state.offset})
    if not state.is_finished:
        headers["Upload-Expires"] = http_date(datetime.fromisoformat(state.expires_at))
    elif state.sha256:
        digest = base64.b64encode(bytes.fromhex(state.sha256)).decode("ascii")
        headers["Repr-Digest"] = f"sha-256=:{digest}:"
    return headers


def describe_server(bytes_max: int) -> Response:
    """Return the answer to OPTIONS: what this server can do."""
    answer = Response(status=204)
    answer.headers["Tus-Extension"] = EXTENSIONS
    answer.headers["Tus-Max-Size"] = str(bytes_max)
    answer.headers["Tus-Checksum-Algorithm"] = ",".join(CHECKSUMS)
    return mark_version(answer)


def refuse_version() -> Response | None:
    """Return the answer to a client of another version of tus, None when it speaks this one."""
    if request.method == "OPTIONS" or request.headers.get("Tus-Resumable") == VERSION:
        return None
    return mark_version(Response(status=412))


def mark_version(answer: Response) -> Response:
    """Say in an answer which version it follows."""
    answer.headers["Tus-Resumable"] = VERSION
    if answer.status_code == 412 or request.method == "OPTIONS":
        answer.headers["Tus-Version"] = VERSION
    return answer


def _decode(value: str, name: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        _refuse(f"{name} has a value that is not Base64")


def _refuse(detail: str) -> NoReturn:
    raise Refused("malformed", detail=detail)
