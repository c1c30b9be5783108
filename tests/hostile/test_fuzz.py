"""Hostile bytes are read or refused: every input found before, and what a short search of the same kind finds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.target import Target
from tests.hostile.targets import TARGETS
from tests.source_tree import ROOT

FOUND = ROOT / "tests" / "hostile" / "found"
"""One folder for each target: inputs that broke it once."""

PLANTED = "from sync import codec; codec._check_frame = lambda document: None\n"


def search(folder: Path, name: str, target: Target, planted: str = "") -> subprocess.CompletedProcess[str]:
    """Search for a checked number of inputs in a process of its own, in the same order each time."""
    options = [name, f"-runs={target.runs}", "-seed=1"]
    program = f"{planted}from tests.hostile.fuzz import main\nmain(*{options!r})"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def found_inputs() -> list[tuple[str, str]]:
    """Return target and file name of every input found before."""
    return [(path.parent.name, path.name) for path in sorted(FOUND.glob("*/*"))]


@pytest.mark.parametrize(("name", "file"), found_inputs())
def test_an_input_that_broke_a_reader_once_is_read_or_refused(name: str, file: str) -> None:
    TARGETS[name].feed((FOUND / name / file).read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_honest_inputs_are_read(name: str) -> None:
    seeds = list(TARGETS[name].seeds())

    for seed in seeds:
        TARGETS[name].feed(seed)

    assert seeds


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_search_breaks_nothing(name: str, tmp_path: Path) -> None:
    done = search(tmp_path, name, TARGETS[name])

    assert done.returncode == 0, done.stdout[-3000:]
    assert f"Done {TARGETS[name].runs} runs" in done.stdout


def test_the_search_finds_a_reader_that_does_not_look_at_the_frame(tmp_path: Path) -> None:
    done = search(tmp_path, "codec", TARGETS["codec"], PLANTED)

    assert done.returncode != 0
    assert "Uncaught Python exception" in done.stdout
