"""A server whose log was cut and forked by hand, and a real device that had seen its end."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from scripts.demo_stage import Stage
from tests.journeys.steps import enrol, make_order
from tests.source_tree import ROOT

DATABASE = "gongdan.sqlite"
A_DAY_LATER = """
from field_client import log_watch
log_watch.EVERY_MS = 0
from field_client.__main__ import main
main(["sync"])
"""
"""A device asks for the proof once a day; this one asks at each sync."""


def sync(stage: Stage, status: int = 0) -> str:
    """Sync on Wei's device, a day after it last asked for the proof."""
    program = [sys.executable, "-c", A_DAY_LATER]
    environment = stage.environment() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def keep(stage: Stage, name: str) -> Path:
    """Copy the server's database as it stands, and return where it is."""
    kept = stage.folder / name
    with closing(sqlite3.connect(stage.folder / "server" / DATABASE)) as source, closing(sqlite3.connect(kept)) as copy:
        source.backup(copy)
    return kept


def put_back(stage: Stage, kept: Path) -> None:
    """Put the database of another day in the place of the server's, by hand: nobody tells the server."""
    stage.stop_server()
    for path in (stage.folder / "server").glob(f"{DATABASE}*"):
        path.unlink()
    shutil.copyfile(kept, stage.folder / "server" / DATABASE)
    stage.start_server()


def test_a_device_refuses_a_log_that_was_cut_and_forked_and_loses_nothing(stage: Stage) -> None:
    enrol(stage)
    sync(stage)
    before = keep(stage, "before.sqlite")
    number = make_order(stage, "--engineer", "wei")
    sync(stage)
    whole = keep(stage, "whole.sqlite")
    stage.device("start", number)

    put_back(stage, before)
    for _ in range(3):
        make_order(stage)
    told = sync(stage, status=1)
    kept = stage.device("status")
    again = sync(stage, status=1)

    assert "[log_forked]" in told and "[log_forked]" in again, told + again
    assert "Only on this device: 1 change-sets" in kept, "nothing was handed in, and nothing is lost"
    # The true log is back, and what was never handed to the false one arrives.
    put_back(stage, whole)
    healed = sync(stage)
    assert "[log_forked]" not in healed
    assert "Nothing is only on this device." in stage.device("status")
    assert stage.order_body(number)["status"] == "in_progress"
    stage.office("verify-log")
