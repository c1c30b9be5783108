"""`make planted`: plants known faults one at a time and lets the simulator look for each.

A fault is a patch in `planted/`: its file name is its name, its first line says what it does to people. It is applied
to a copy of the tree, so nothing here is ever broken, and several can be looked for side by side.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

TREE: Final = Path(__file__).parents[2]
FOLDER: Final = Path(__file__).parent / "planted"
COPIED: Final = ("schemas", "sync", "server", "field_client", "printing", "scanning", "tests", "pyproject.toml")

_FOUND: Final = re.compile(r"seed (\d+) broke at step (\d+): (.+)")


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """A fault that the simulator must find."""

    name: str
    patch: Path

    @property
    def effect(self) -> str:
        """What it does to people, in a sentence."""
        return self.patch.read_text(encoding="utf-8").splitlines()[0]


@dataclass(frozen=True, slots=True)
class Search:
    """What a search for a fault came to; `seed` is None when no seed broke."""

    fault: PlantedFault
    seed: int | None
    steps: int
    broke: str

    @property
    def row(self) -> str:
        """A row of the table in docs/testing.md."""
        seen = f"{self.broke} (seed {self.seed}, step {self.steps:,})" if self.seed is not None else "**not found**"
        return f"| {self.fault.name} | {self.fault.effect} | {seen} |"


def read_faults() -> list[PlantedFault]:
    """Return all faults by name."""
    return [PlantedFault(patch.stem.replace("_", " "), patch) for patch in sorted(FOLDER.glob("*.patch"))]


def apply_patch(fault: PlantedFault, tree: Path, *options: str) -> None:
    """Apply a fault to a tree; raises CalledProcessError when the code has moved away from under it."""
    subprocess.run(["git", "apply", *options, str(fault.patch)], cwd=tree, check=True, capture_output=True, text=True)


def simulate(steps: int, fault: PlantedFault | None = None) -> str | None:
    """Run the simulator on a copy of the tree, with a fault in it or without; return what broke, None when nothing did.

    What broke is the simulator's own line, or the last line of what ended it.
    """
    with tempfile.TemporaryDirectory(prefix="gongdan-planted-") as name:
        copy = Path(name)
        for part in COPIED:
            source = TREE / part
            if source.is_dir():
                shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
            else:
                shutil.copy(source, copy / part)
        if fault is not None:
            # Outside of any repository `git apply` patches the files of the folder it is in.
            apply_patch(fault, copy)
        # A run that broke need not be made small to be believed, and `--keep-going` spares that.
        options = ("--steps", str(steps), "--run", "1000", "--keep-going")
        command = [sys.executable, "-m", "tests.simulation", *options]
        last = ""
        with subprocess.Popen(command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
            assert run.stdout is not None
            for line in run.stdout:
                last = line.strip() or last
                if _FOUND.search(line):
                    run.terminate()
                    return line
        return last if run.returncode else None


def look_for(fault: PlantedFault, steps: int) -> Search:
    """Simulate with a fault until it is found or `steps` were clean."""
    broke = simulate(steps, fault)
    if broke is None:
        return Search(fault, None, steps, "")
    found = _FOUND.search(broke)
    if found is None:
        # It ended the simulation itself: seen, though not by an oracle.
        return Search(fault, 0, 0, _shorten(broke))
    return Search(fault, int(found[1]), int(found[2]), _shorten(found[3]))


def _shorten(text: str) -> str:
    """Return a sentence that fits a table: ids and long values left out."""
    plain = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{64}\b", "…", text).replace("|", "/")
    return plain if len(plain) <= 110 else plain[:109] + "…"


@click.command()
@click.option("--steps", default=200_000, help="Clean steps after which a fault counts as not found.")
@click.option("--jobs", default=2, help="Faults looked for at a time.")
@click.argument("names", nargs=-1)
def main(steps: int, jobs: int, names: tuple[str, ...]) -> None:
    """Look for all faults, or for those NAMED, and print a table of what found them."""
    if (broken := simulate(1)) is not None:
        raise click.ClickException(f"The simulation breaks without any planted fault: {broken}")
    faults = [fault for fault in read_faults() if not names or fault.name in names or fault.patch.stem in names]
    missed = 0
    click.echo("| fault | what it does | found by |\n|---|---|---|")
    with ThreadPoolExecutor(jobs) as pool:
        for search in pool.map(lambda fault: look_for(fault, steps), faults):
            missed += search.seed is None
            click.echo(search.row)
    click.echo(f"\n{len(faults) - missed} of {len(faults)} found")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
