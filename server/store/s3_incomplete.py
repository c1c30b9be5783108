"""Multipart uploads that nobody will complete: found and aborted, since a bucket keeps and charges their parts.

obstore aborts its own when a write fails, but not when its process is killed, and it cannot list them. These two
requests are therefore signed here (AWS Signature Version 4); everything else goes through `s3_bucket`.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import urllib3

from schemas.problems import Refused
from server.settings import BucketAddress

_NO_BODY: Final = hashlib.sha256(b"").hexdigest()
_LOG: Final = logging.getLogger("gongdan.files")


class IncompleteParts:
    """The multipart uploads under way below the prefix of one bucket. Raises Refused as `Bucket` does."""

    def __init__(self, address: BucketAddress) -> None:
        """Talk to the bucket at an address; nothing is asked of it yet."""
        self._address = address
        self._pool = urllib3.PoolManager(timeout=address.timeout_s, retries=urllib3.Retry(3, backoff_factor=0.1))

    def abort(self, before_s: float) -> int:
        """Abort those that were begun before a moment (Unix time); return how many."""
        left = [(key, upload) for key, upload, begun_s in self._list() if begun_s < before_s]
        for key, upload in left:
            self._ask("DELETE", key, {"uploadId": upload})
        return len(left)

    def _list(self) -> Iterator[tuple[str, str, float]]:
        """Yield key, id and begin of each."""
        prefix = {"prefix": f"{self._address.prefix}/"} if self._address.prefix else {}
        onward: Mapping[str, str] = {}
        while True:
            # The bucket is the operator's own: whoever could send a harmful document there has all files anyway.
            page = ElementTree.fromstring(self._ask("GET", "", {"uploads": "", **prefix, **onward}))  # noqa: S314
            for upload in page.findall("{*}Upload"):
                begun = datetime.fromisoformat(_text(upload, "Initiated"))
                yield _text(upload, "Key"), _text(upload, "UploadId"), begun.timestamp()
            if _text(page, "IsTruncated") != "true":
                return
            onward = {
                "key-marker": _text(page, "NextKeyMarker"),
                "upload-id-marker": _text(page, "NextUploadIdMarker"),
            }

    def _ask(self, method: str, key: str, query: Mapping[str, str]) -> bytes:
        base = urlsplit(self._address.url)
        path = quote(f"{base.path}/{key}" if key else base.path or "/")
        question = "&".join(f"{quote(name, safe='')}={quote(query[name], safe='')}" for name in sorted(query))
        headers = sign(self._address, method, base.netloc, path, question, datetime.now(UTC))
        try:
            answer = self._pool.request(
                method, f"{base.scheme}://{base.netloc}{path}?{question}", headers=headers, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            _LOG.warning("file_storage_away", extra={"facts": {"told": str(error)}})
            raise Refused("file_storage_away") from None
        if answer.status >= 300 and not (method == "DELETE" and answer.status == 404):
            code = "file_storage_refused" if answer.status < 500 else "file_storage_away"
            _LOG.warning(code, extra={"facts": {"told": f"{method} {path}: {answer.status} {answer.data[:300]!r}"}})
            raise Refused(code)
        return answer.data


def sign(address: BucketAddress, method: str, host: str, path: str, query: str, at: datetime) -> dict[str, str]:
    """Return the headers of a signed request without a body. Source: AWS Signature Version 4, canonical request."""
    moment, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
    headers = {"host": host, "x-amz-content-sha256": _NO_BODY, "x-amz-date": moment}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    asked = "\n".join((method, path, query, lines, names, _NO_BODY))
    scope = f"{day}/{address.region}/s3/aws4_request"
    said = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(asked.encode()).hexdigest()))
    key = f"AWS4{address.secret}".encode()
    for step in (day, address.region, "s3", "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, said.encode(), "sha256").hex()
    credential = f"Credential={address.key_id}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
    return headers


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""
