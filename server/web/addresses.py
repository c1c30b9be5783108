"""From which address somebody calls, as far as that can be believed.

Rule 1: X-Forwarded-For counts only from a proxy named in the settings, and only back to the first address that is
        not one: whatever stands before it, the caller may have written himself.
Rule 2: an IPv6 caller is his /64: that is what one household or rented machine is given, and may change within.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from server.settings import Network

_HOUSEHOLD_BITS: Final = 64

FORWARDED_MAX: Final = 20
"""Proxies in a row; a longer header is somebody's joke."""


def find_caller(remote: str | None, forwarded: str, proxies: Sequence[Network]) -> str:
    """Return the address attempts are counted by.

    `remote` is the other end of the connection, `forwarded` the header X-Forwarded-For.
    """
    caller = _read(remote or "")
    if caller is None:
        return remote or "unknown"
    for hop in reversed(forwarded.split(",")[-FORWARDED_MAX:]):
        before = _read(hop.strip())
        if before is None or not any(caller in network for network in proxies):
            break
        caller = before
    return _name(caller)


def _read(spelled: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(spelled)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _name(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _HOUSEHOLD_BITS), strict=False))
    return str(address)
