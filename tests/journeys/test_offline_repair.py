"""The main job, from enrolment to proof, with real processes, the server off in the middle."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_S = 600


def test_an_offline_repair_reaches_the_dispatcher_exactly_once() -> None:
    command = [sys.executable, str(PROJECT / "scripts" / "demo.py")]

    played = subprocess.run(command, cwd=PROJECT, env=os.environ, capture_output=True, text=True, timeout=LIMIT_S)

    assert played.returncode == 0, played.stdout[-4000:] + played.stderr[-2000:]
