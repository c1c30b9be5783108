"""Every reader under fire, by name."""

from __future__ import annotations

from typing import Final

from tests.hostile import device, outsider, protocol, server_side
from tests.hostile.target import Target

TARGETS: Final[dict[str, Target]] = {
    "codec": protocol.CODEC,
    "request": protocol.REQUEST,
    "answer": protocol.ANSWER,
    "scan": device.SCAN,
    "image": device.IMAGE,
    "receipts": device.RECEIPTS,
    "intake": server_side.INTAKE,
    "bundle": server_side.BUNDLE,
    "verifier": outsider.VERIFIER,
}
