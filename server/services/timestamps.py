"""Timestamps of somebody else on kept checkpoints: the log was not written later than that. Source: RFC 3161."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests
from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

QUERY: Final = "application/timestamp-query"
TIMEOUT_S: Final = 20.0
REPLY_BYTES_MAX: Final = 64 * 1024
"""A reply with its certificates has some 5 KB."""


class NotStamped(Exception):
    """The authority could not be asked, or what it answered is no timestamp of what was asked."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Who is asked for timestamps, and whose certificates are believed."""

    url: str
    roots: tuple[Certificate, ...]

    def stamp(self, note: str) -> str:
        """Return the authority's reply on a note, in Base64. Raises NotStamped."""
        message = note.encode("utf-8")
        query = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256)
        asked = query.cert_request(cert_request=True).nonce(nonce=True).build()
        reply = self._ask(asked.as_bytes())
        try:
            answer = decode_timestamp_response(reply)
            builder = VerifierBuilder.from_request(asked)
            for root in self.roots:
                builder = builder.add_root_certificate(root)
            builder.build().verify_message(answer, message)
        except (ValueError, VerificationError) as error:
            raise NotStamped(str(error)) from None
        return b64encode(reply).decode("ascii")

    def _ask(self, query: bytes) -> bytes:
        try:
            with requests.post(
                self.url, data=query, headers={"Content-Type": QUERY}, timeout=TIMEOUT_S, stream=True
            ) as answer:
                answer.raise_for_status()
                reply: bytes = answer.raw.read(REPLY_BYTES_MAX + 1)
        except (requests.RequestException, OSError) as error:
            raise NotStamped(str(error)) from None
        if len(reply) > REPLY_BYTES_MAX:
            raise NotStamped("the answer is too large")
        return reply


def open_authority(authority: tuple[str, Path] | None) -> Authority | None:
    """Return the authority of the settings, None where none is set.

    Raises OSError when its certificates cannot be read, ValueError when they are none.
    """
    if authority is None:
        return None
    url, roots = authority
    return Authority(url, tuple(load_pem_x509_certificates(roots.read_bytes())))
