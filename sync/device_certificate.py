"""What the office certifies of a device it enrols: whose it is, and which key.

A server restored from a backup older than an enrolment does not know the device any more. Its sets are sealed under its
id, so it must come back under the same one, and only the office can say that an id belongs to a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sync.chain import Verify

CERTIFICATE_PATTERN: Final = r"[0-9a-f]{128}\Z"


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device as it was enrolled; `public_key` is in hexadecimal."""

    organisation: str
    device: str
    person: str
    public_key: str


def spell_certificate(facts: DeviceFacts) -> bytes:
    """Return the bytes the office signs when it enrols a device."""
    lines = ("gongdan-device", facts.organisation, facts.device, facts.person, facts.public_key)
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def is_certified(facts: DeviceFacts, certificate: str, server_key: str, verify: Verify) -> bool:
    """Tell whether `certificate`, in hexadecimal, is the office's signature on these facts."""
    try:
        return verify(bytes.fromhex(server_key), spell_certificate(facts), bytes.fromhex(certificate))
    except ValueError:
        return False
