"""A lost device, with real processes: revoked at the office, it hands in what it has and destroys its keys.

It is killed in the middle of destroying them, and the next command goes on.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from scripts.demo_stage import Stage
from server.store.database import open_engine, reading
from server.store.tables import KeptAside, Wipe
from tests.source_tree import ROOT

ORDER = ("--machine", "MC12-2403-0018", "--grade", "urgent", "--engineer", "wei", "--term", "标准服务（A）")

NAME = "Wei's phone"

KILLED = """
import importlib, os, signal
module, _, name = {step!r}.rpartition(".")
setattr(importlib.import_module(module), name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
from field_client.__main__ import main
main(["sync"])
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An office that has enrolled Wei's device and assigned him an order."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stage = Stage(tmp_path, "en", port)
    try:
        stage.office("migrate")
        stage.office("demo")
        stage.start_server()
        number = re.search(r"GD\d+", stage.office("orders", "create", "--by", "dana", *ORDER, "--symptom", "noise"))
        invitation = re.search(r"gongdan-enrol:\S+", stage.office("enrol", "--person", "wei"))
        assert number is not None and invitation is not None
        stage.device("enrol", invitation[0], "--name", NAME)
        stage.device("sync")
        stage.device("start", number[0])
        yield stage
    finally:
        stage.stop_server()


def read_aside(stage: Stage) -> list[tuple[str, bytes]]:
    """Return why the server put sets aside, and the sets."""
    engine = open_engine(f"sqlite:///{stage.folder / 'server' / 'gongdan.sqlite'}")
    with reading(engine) as connection:
        rows = connection.execute(select(KeptAside.__table__)).all()
    engine.dispose()
    return [(row.code, row.sealed) for row in rows]


def list_confirmed(stage: Stage) -> list[str]:
    """Return the devices that said that their keys are gone."""
    engine = open_engine(f"sqlite:///{stage.folder / 'server' / 'gongdan.sqlite'}")
    with reading(engine) as connection:
        rows = connection.execute(select(Wipe.__table__)).all()
    engine.dispose()
    return [row.device for row in rows if row.confirmed_at is not None]


def sync_until(stage: Stage, step: str) -> None:
    """Sync on Wei's device, which is killed where `step` would begin."""
    program = [sys.executable, "-c", KILLED.format(step=step)]
    environment = stage.environment() | {"PYTHONPATH": str(ROOT)}
    killed = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stdout + killed.stderr


def test_a_lost_device_hands_in_its_work_and_destroys_its_keys(stage: Stage) -> None:
    device = next(row["device"] for row in stage.office_json("devices", "list") if row["name"] == NAME)
    stage.office("devices", "revoke", device, "--by", "dana")

    sync_until(stage, "field_client.syncing.wipe")
    whole = (stage.folder / "wei" / "keyring.json").exists()
    sync_until(stage, "field_client.wiping.erase_keyring")
    told = stage.device("sync", status=1)

    assert whole, "the order alone destroys nothing; the next sync asks for it again"
    assert "[device_wiped]" in told and "Key and data are gone" in told
    left = {path.name for path in (stage.folder / "wei").iterdir()}
    assert {name for name in left if not name.startswith("device.log")} == {"wiped.json"}
    assert "[device_wiped]" in stage.device("today", status=1)
    ((code, sealed),) = read_aside(stage)
    assert code == "device_revoked" and b'"in_progress"' in sealed
    assert list_confirmed(stage) == [device], "signed before the key was destroyed, sent by the sync after that"
    assert json.loads((stage.folder / "wei" / "wiped.json").read_text()).keys() == {"ordered_at"}
