"""What each server process counts: requests, verdicts, refusals, commits. Source: Prometheus exposition format.

A process counts in memory; once `share_counts` was called it counts in files of its own in one folder, from which
any other process can read what all of them counted together, also those that have ended.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

UNMATCHED: Final = "unmatched"
"""The route of an address nobody serves: one label, whatever strangers ask for."""

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""From a poll that finds nothing to a page over a slow disk."""

SETS: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
"""Up to `server.reception.GROUP_SETS_MAX`."""

_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "gongdan_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "gongdan_request_seconds", "Time to answer.", ("route",), buckets=SECONDS, registry=self.registry
        )
        self._problems = Counter(
            "gongdan_problems", "Requests refused, by problem code.", ("code",), registry=self.registry
        )
        self._sets = Counter(
            "gongdan_change_sets",
            "Receipts given for change-sets handed in, repeated ones too.",
            ("verdict",),
            registry=self.registry,
        )
        self._refusals = Counter(
            "gongdan_refused_sets", "Change-sets refused, by problem code.", ("code",), registry=self.registry
        )
        self.commit_sets = Histogram(
            "gongdan_commit_sets", "Change-sets taken in by one commit.", buckets=SETS, registry=self.registry
        )
        # Finding a counter by its labels takes longer than counting.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count_request(self, method: str, route: str, status: int, seconds: float, problem: str | None) -> None:
        """Count an answered request; `problem` is the code of its refusal, if it was one."""
        key = (method, route, status)
        known = self._known.get(key)
        if known is None:
            known = self._requests.labels(method, route, str(status)), self._seconds.labels(route)
            self._known[key] = known
        known[0].inc()
        known[1].observe(seconds)
        if problem is not None:
            self._problems.labels(problem).inc()

    def count_sets(self, verdicts: dict[str, int], refusals: Iterable[str]) -> None:
        """Count receipts by verdict, and refused sets by the code of their first fault."""
        for verdict, count in verdicts.items():
            self._sets.labels(verdict).inc(count)
        for code in refusals:
            self._refusals.labels(code).inc()


def share_counts(data: Path) -> None:
    """Count in files under the data folder from here on; to be called before the process makes its `Metrics`."""
    folder = counts_folder(data)
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[_FOLDER_VARIABLE] = str(folder)
    # The library chooses when it is imported; a forked process has imported it already.
    values.ValueClass = values.get_value_class()


def counts_folder(data: Path) -> Path:
    """Return where the processes of this machine count: process ids of several machines may be the same."""
    return data / "metrics" / socket.gethostname()


def collect_counts(data: Path) -> CollectorRegistry:
    """Return a registry of what all processes of this machine have counted."""
    folder = counts_folder(data)
    folder.mkdir(parents=True, exist_ok=True)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))
    return registry


def forget_ended(data: Path) -> None:
    """Remove the files of processes that have ended; to be called when a server starts."""
    for file in counts_folder(data).glob("*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not _is_running(int(pid)):
            file.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # One that has ended keeps its number until its parent has looked.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except ProcessLookupError:
        return False
    except OSError:
        # It is somebody else's, or this system tells nothing of processes: its file stays.
        return True


def summarise(receipts: Iterable[str]) -> tuple[dict[str, int], list[str], list[int]]:
    """Return verdicts with their counts, codes of refusals, and log positions of receipts in canonical JSON.

    Their members are sorted, so the verdict is the last and the position stands behind all changes: looking there
    costs a fifth of reading the whole.
    """
    verdicts: dict[str, int] = {}
    refusals: list[str] = []
    positions: list[int] = []
    for text in receipts:
        verdict = text[text.rindex(":") + 2 : -2]
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        at = text.rindex('"position":') + 11
        spelled = text[at : text.index(",", at)]
        if spelled != "null":
            positions.append(int(spelled))
        if verdict == "refused":
            fault = json.loads(text)["fault"]
            refusals.append(fault["code"] if fault else "set_refused")
    return verdicts, refusals, positions
