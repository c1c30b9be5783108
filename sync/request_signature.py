"""How a device signs an HTTP request: RFC 9421 with Ed25519, over method, path, query and body digest.

The body's digest is the `Content-Digest` header of RFC 9530. `created` is the server's time as the device
last measured it, so that a device whose own clock is three days wrong still signs valid requests. `keyid` names the
organisation before the device, so that whoever receives a request knows which database to ask.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from schemas.base import UUID_PATTERN
from schemas.problems import Refused
from sync.chain import Sign

AGE_MAX_S: Final = 300
"""How far `created` may be from the server's clock: RFC 9421 section 7.2.2 asks for a short window."""

LABEL: Final = "device"
COMPONENTS: Final = '("@method" "@path" "@query" "content-digest")'

_UUID: Final = UUID_PATTERN[:-2]
_INPUT = re.compile(
    rf'{LABEL}={re.escape(COMPONENTS)};created=(0|[1-9][0-9]{{0,11}});keyid="({_UUID})/({_UUID})";alg="ed25519"\Z'
)
# 64 bytes have one spelling: the last digit before the padding stands for two bits only.
_SIGNATURE = re.compile(rf"{LABEL}=:([A-Za-z0-9+/]{{85}}[AQgw]==):\Z")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a request's headers claim: whose device it is, when it was signed, the signed bytes, the signature."""

    organisation: str
    device: str
    created: int
    base: bytes
    signature: bytes


def content_digest(body: bytes) -> str:
    """Return the `Content-Digest` header of a body. Source: RFC 9530 section 2."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"


def sign_request(
    organisation: str, device: str, method: str, path: str, query: str, body: bytes, created: int, sign: Sign
) -> dict[str, str]:
    """Return the headers that sign a request; `query` is without its question mark, `created` in seconds."""
    digest = content_digest(body)
    parameters = _parameters(organisation, device, created)
    signature = sign(_base(method, path, query, digest, parameters))
    return {
        "Content-Digest": digest,
        "Signature-Input": f"{LABEL}={parameters}",
        "Signature": f"{LABEL}=:{base64.b64encode(signature).decode('ascii')}:",
    }


def read_signed(method: str, path: str, query: str, digest: str, signature_input: str, signature: str) -> SignedRequest:
    """Read the signature headers of a request; raises Refused with `request_not_signed`.

    Whether the signature holds, whether `created` is recent and whether `digest` is the body's is the
    caller's to check.
    """
    claimed, spelled = _INPUT.match(signature_input), _SIGNATURE.match(signature)
    if claimed is None or spelled is None:
        raise Refused("request_not_signed")
    created, organisation, device = int(claimed[1]), claimed[2], claimed[3]
    base = _base(method, path, query, digest, _parameters(organisation, device, created))
    return SignedRequest(organisation, device, created, base, base64.b64decode(spelled[1]))


def _parameters(organisation: str, device: str, created: int) -> str:
    return f'{COMPONENTS};created={created};keyid="{organisation}/{device}";alg="ed25519"'


def _base(method: str, path: str, query: str, digest: str, parameters: str) -> bytes:
    lines = (
        f'"@method": {method.upper()}',
        f'"@path": {path}',
        f'"@query": ?{query}',
        f'"content-digest": {digest}',
        f'"@signature-params": {parameters}',
    )
    return "\n".join(lines).encode("utf-8")
