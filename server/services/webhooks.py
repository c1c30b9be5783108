"""Telling other systems by signed requests. Source: Standard Webhooks 1.0 (standardwebhooks.com), sections 3 and 5.

Rule 1: each URL has a secret of its own, worked out from the server's: whoever is told can make no notice for another.
Rule 2: a second sending has the same id; whoever receives it leaves out what it has.
Rule 3: redirects are not followed, and of the answer nothing but its status is read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

import urllib3
from urllib3.exceptions import HTTPError

from server.keys import OfficeKey

TIMEOUT_S: Final = 10.0
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the form that the specification gives a secret

_POOL: Final = urllib3.PoolManager(num_pools=10, retries=False, timeout=TIMEOUT_S)


def secret_of(key: OfficeKey, url: str) -> str:
    """Return the secret that whoever runs the endpoint is told."""
    return SECRET_PREFIX + base64.b64encode(_secret(key, url)).decode("ascii")


def sign(key: OfficeKey, url: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a notice: a version and the base64 of an HMAC-SHA256."""
    said = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_secret(key, url), said, hashlib.sha256).digest()).decode("ascii")


def post(key: OfficeKey, url: str, message_id: str, timestamp: int, body: bytes) -> tuple[str, str]:
    """Send a notice; return ``sent``, ``later`` or ``failed``, and what was answered.

    410 means that nobody is there any more.
    """
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Gongdan",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(key, url, message_id, timestamp, body),
    }
    try:
        answer = _POOL.request("POST", url, body=body, headers=headers, redirect=False, preload_content=False)
        answer.release_conn()
    except HTTPError as error:
        return "later", type(error).__name__
    if 200 <= answer.status < 300:
        return "sent", str(answer.status)
    return "failed" if answer.status == 410 else "later", str(answer.status)


def _secret(key: OfficeKey, url: str) -> bytes:
    return hmac.new(key.token_secret, f"webhook\n{url}".encode(), hashlib.sha256).digest()
