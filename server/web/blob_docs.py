"""What the description of the interface says of uploads and files."""

from __future__ import annotations

from typing import Any, Final

from schemas.base import SHA256_PATTERN
from server.web.openapi import about, problem_response
from server.web.tus_headers import BYTES_TYPE, EXTENSIONS, VERSION

_MEANINGS: Final[dict[str, tuple[str, str]]] = {
    "Tus-Resumable": ("tus 版本 / Version of tus", VERSION),
    "Tus-Version": ("tus 版本 / Versions of tus", VERSION),
    "Tus-Extension": ("支持的扩展 / Extensions", EXTENSIONS),
    "Tus-Max-Size": ("最大文件字节数 / Largest file, bytes", "67108864"),
    "Tus-Checksum-Algorithm": ("校验算法 / Checksums", "sha1,sha256"),
    "Location": ("上传地址 / Address of the upload", ""),
    "Upload-Length": ("文件字节数 / Size of the file, bytes", "4000000"),
    "Upload-Offset": ("已有字节数 / Bytes that are there", "0"),
    "Upload-Metadata": ("`sha256` 后接 Base64 / `sha256` and the Base64 of the hash", ""),
    "Upload-Checksum": ("本段校验值 / Algorithm and Base64 digest of this chunk", ""),
    "Upload-Expires": ("未完成时的到期时间 / When it will be removed if unfinished", ""),
    "Repr-Digest": ("完成后的 SHA-256（RFC 9530） / SHA-256 of the finished file", ""),
    "X-HTTP-Method-Override": ("替代方法 / HEAD, PATCH or DELETE", "PATCH"),
}

IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/webp")
"""As `server.services.blobs.media_type_of` tells them."""

_WHOLE: Final = "^[0-9]{1,15}$"
_FORMS: Final = {"Tus-Resumable": r"^1\.0\.0$", "Upload-Length": _WHOLE, "Upload-Offset": _WHOLE}
_REQUIRED: Final = frozenset({"Tus-Resumable", "Upload-Length"})

STORAGE_PROBLEMS: Final = ("file_storage_away", "file_storage_refused")
"""What every request can be told when files are kept in a bucket."""

_PROGRESS: Final = ("Tus-Resumable", "Upload-Offset", "Upload-Expires", "Repr-Digest")
_BYTES_BODY: Final = {"content": {BYTES_TYPE: {"schema": {"type": "string", "format": "binary"}}}}

SERVER: Final = about(
    "查询上传能力",
    responses={
        "204": {
            "description": "tus 1.0",
            "headers": {
                name: {"description": _MEANINGS[name][0], "schema": {"type": "string"}}
                for name in ("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm")
            },
        }
    },
)

STATES: Final = about(
    "查询文件状态",
    *STORAGE_PROBLEMS,
    requestBody={
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "sha256": {"type": "array", "items": {"type": "string", "pattern": f"^{SHA256_PATTERN[:-2]}$"}}
                    },
                    "required": ["sha256"],
                }
            }
        },
    },
    responses={
        "200": {
            "description": "每个文件的状态 / The state of each file",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "states": {
                                "type": "object",
                                "additionalProperties": {"enum": ["missing", "received", "verified", "erased"]},
                            }
                        },
                    }
                }
            },
        }
    },
)

_RANGES: Final = {
    "ETag": {"description": "文件摘要 / The file's hash", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "bytes", "schema": {"type": "string"}},
}
_FILE: Final = {
    "content": {
        kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("application/octet-stream", *IMAGE_TYPES)
    },
    "headers": _RANGES,
}

FILE: Final = about(
    "下载文件",
    "blob_unknown",
    "file_erased",
    "server_busy",
    *STORAGE_PROBLEMS,
    responses={
        "200": {"description": "文件 / The file", **_FILE},
        "206": {"description": "所请求的部分 / The range asked for", **_FILE},
        "304": {"description": "未改变 / Not changed"},
        "416": {
            "description": "范围无效 / No such range",
            "headers": {"Content-Range": {"description": "bytes */…", "schema": {"type": "string"}}},
        },
    },
)


def about_upload(
    zh: str,
    statuses: tuple[str, ...],
    asked: tuple[str, ...],
    *problems: str,
    more: tuple[str, ...] = (),
    body: bool = False,
) -> dict[str, Any]:
    """Return the description of a tus operation: its statuses, the headers it asks for and those it answers with."""
    headers = {name: {"description": _MEANINGS[name][0], "schema": {"type": "string"}} for name in (*_PROGRESS, *more)}
    responses: dict[str, Any] = {status: {"description": zh, "headers": headers} for status in statuses}
    responses["412"] = {"description": "tus 版本不符 / Another version of tus"}
    if body:
        responses["415"] = {**problem_response(415, ["malformed"]), "description": f"Content-Type: {BYTES_TYPE}"}
    return about(
        zh,
        *problems,
        parameters=[_parameter(name) for name in ("Tus-Resumable", *asked)],
        responses=responses,
        **({"requestBody": _BYTES_BODY} if body else {}),
    )


def _parameter(name: str) -> dict[str, Any]:
    description, example = _MEANINGS[name]
    schema = {"type": "string", "pattern": _FORMS[name]} if name in _FORMS else {"type": "string"}
    parameter = {"in": "header", "name": name, "description": description, "schema": schema}
    if name in _REQUIRED:
        parameter["required"] = True
    return {**parameter, "example": example} if example else parameter
