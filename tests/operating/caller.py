"""A device that hands sets in over HTTP until it has their receipts, whatever is killed on the other side."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

import urllib3

from tests.cast import Device
from tests.operating.serving import PATIENCE_S

PATH = "/api/v1/push"
PAUSE_S = 0.05


@dataclass
class Caller:
    """Sends for one device over one connection at a time; counts what came back."""

    url: str
    device: Device
    seen: Counter[str] = field(default_factory=Counter)
    """Statuses of the answers, and how often there was none."""
    faults: list[str] = field(default_factory=list)
    """Answers that no device may be given, however often servers die."""

    def __post_init__(self) -> None:
        """Open nothing yet."""
        self._pool = urllib3.PoolManager(maxsize=1, retries=False, timeout=urllib3.Timeout(connect=5, read=30))

    def push(self, lines: list[bytes]) -> list[str]:
        """Hand lines in, again and again until they are answered; return the receipts."""
        body = b"".join(line + b"\n" for line in lines)
        paused = threading.Event()
        for _ in range(int(PATIENCE_S / PAUSE_S)):
            answer = self._send(body)
            if answer is not None:
                return answer
            paused.wait(PAUSE_S)
        raise AssertionError(f"never answered: {dict(self.seen)} {self.faults[:3]}")

    def _send(self, body: bytes) -> list[str] | None:
        headers = self.device.headers("POST", PATH, "", body)
        try:
            answer = self._pool.request("POST", self.url + PATH, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            self.seen[type(error).__name__] += 1
            return None
        self.seen[str(answer.status)] += 1
        if answer.status == 200:
            return answer.data.decode().splitlines()
        if answer.status != 503 or b'"database_busy"' not in answer.data or "Retry-After" not in answer.headers:
            self.faults.append(f"{answer.status} {answer.data[:300]!r}")
        return None
