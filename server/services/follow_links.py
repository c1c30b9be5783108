"""The links by which customers follow their requests without signing in.

Rule 1: a link is worked out from the server's secret and kept as a digest only: who reads the database cannot follow.
Rule 2: the same request has the same link for ever, so that every mail can carry it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

from sqlalchemy import Connection

from schemas.problems import Refused
from server.keys import OfficeKey
from server.store import requests

LINK_BYTES: Final = 16
"""128 bits: with a billion links and a million guesses a second, a hit takes 10^16 years."""

_LINK: Final = re.compile(r"[A-Za-z0-9_-]{22}\Z").match


class Link(str):
    """The secret end of an address."""

    __slots__ = ()

    @property
    def digest(self) -> str:
        """What is kept of it."""
        return hashlib.sha256(self.encode("ascii")).hexdigest()


def make_link(key: OfficeKey, organisation: str, request: str) -> Link:
    """Return the link of a request."""
    said = f"follow\n{organisation}\n{request}".encode()
    secret = hmac.new(key.token_secret, said, hashlib.sha256).digest()[:LINK_BYTES]
    return Link(base64.urlsafe_b64encode(secret).rstrip(b"=").decode("ascii"))


def read_link(connection: Connection, spelled: str) -> tuple[str, str]:
    """Return organisation and request that a link leads to. Raises Refused with `not_found`."""
    found = requests.find_link(connection, Link(spelled).digest) if _LINK(spelled) else None
    if found is None:
        raise Refused("not_found", what="link")
    return found


def address_of(base_url: str, link: str) -> str:
    """Return the address at which a request is followed."""
    return f"{base_url}/follow/{link}"
