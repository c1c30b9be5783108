"""The long run over bad links: the full volume, and harsh links with less; prints a table.

`make networks`; `LINKS=` names some of the rows. What arrives is checked as in the tests.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.network.link import Conditions
from tests.network.stage import stage

LIMIT_S = 3600


@dataclass(frozen=True)
class Case:
    """A link, and how much goes over it."""

    conditions: Conditions
    sets: int
    photos: int
    photo_bytes: int


CASES = {
    "full volume, lines die in cuts": Case(
        Conditions(2_500_000, 0.04, 0.01, 0.01, 20, 3, forgets=True), 200, 100, 4_000_000
    ),
    "2G, cuts": Case(Conditions(10_000, 0.3, 0.1, 0.02, 20, 4), 200, 4, 200_000),
    "2G, lines die in cuts": Case(Conditions(10_000, 0.3, 0.1, 0.02, 20, 4, forgets=True), 200, 4, 200_000),
    "2G, 2 s, 10 % lost, cuts": Case(Conditions(10_000, 2, 0.2, 0.1, 20, 3), 200, 8, 40_000),
    "2G, 2 s, 30 % lost, cuts": Case(Conditions(10_000, 2, 0.2, 0.3, 20, 3), 200, 8, 20_000),
}


def run(name: str, case: Case) -> str:
    """Run one case and return its row."""
    with tempfile.TemporaryDirectory(prefix="gongdan-networks-") as folder, stage(Path(folder)) as built:
        built.fill(case.sets, case.photos, case.photo_bytes)
        sent = built.sync(case.conditions, LIMIT_S)
        arrived = built.arrived()
    assert arrived.seqs == list(range(1, case.sets + 1)), arrived
    assert set(arrived.verdicts) == {"applied"}, arrived
    assert arrived.files == ["verified"] * (2 * case.photos), arrived
    took_s = sum(run["took_s"] for run in sent.runs)
    return (
        f"{name:32} {sent.payload_bytes:>12,} {took_s:>8,.0f} {len(sent.runs):>5} {sent.link['cuts']:>5}"
        f" {sent.resent:>8.2%} {sent.wire - 1:>8.2%}\n"
    )


def main() -> None:
    """Run the cases that LINKS names, or all."""
    chosen = os.environ.get("LINKS", "")
    sys.stdout.write(f"{'link':32} {'bytes':>12} {'seconds':>8} {'runs':>5} {'cuts':>5} {'resent':>8} {'TCP':>8}\n")
    for name, case in CASES.items():
        if chosen in name:
            sys.stdout.write(run(name, case))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
