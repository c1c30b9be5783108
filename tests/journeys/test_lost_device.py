"""A lost device, with real processes: revoked at the office, it hands in what it has and destroys its keys.

It is killed in the middle of destroying them, and the next command goes on.
"""

from __future__ import annotations

import json
import subprocess
import sys

from sqlalchemy import select

from scripts.demo_stage import Stage
from server.store.database import open_engine, reading
from server.store.tables import KeptAside, Wipe
from tests.journeys.steps import WEIS_DEVICE, begin_work
from tests.source_tree import ROOT

KILLED = """
import importlib, os, signal
module, _, name = {step!r}.rpartition(".")
setattr(importlib.import_module(module), name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
from field_client.__main__ import main
main(["sync"])
"""


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
    begin_work(stage)
    devices = stage.office_json("devices", "list")
    device = next(row["device"] for row in devices if row["name"] == WEIS_DEVICE)
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
