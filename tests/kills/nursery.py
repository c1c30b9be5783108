"""Lives of devices, each a process of its own that dies by SIGKILL, one after the other on the same files.

`python -m tests.kills.nursery`, watched by `file_watch.c`, with everything loaded before, so that a life costs
milliseconds. It reads one job a line and writes a line about each life. A life opens the device, looks for what the
lives before it left damaged, and works until it dies: at the step it was told, or whenever the nursery kills it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from PIL import Image

from field_client import keys
from field_client.commands.desk import opened_desk
from field_client.commands.enrol import enrol
from schemas.problems import Refused
from tests.kills import file_watch, plants
from tests.kills.device_faults import Ledger, explain, find_device_faults
from tests.kills.engineer import Engineer, Wire, write_line
from tests.kills.file_watch import How, Kind

FILES: Final = {
    "the database": "*/device.sqlite",
    "its log": "*/device.sqlite-wal",
    "the log's index": "*/device.sqlite-shm",
    "its journal": "*/device.sqlite-journal",
    "an unfinished file": "*/evidence/incoming/*",
    "the folder of unfinished files": "*/evidence/incoming",
    "a file": "*/evidence/[0-9a-f]*",
    "the folder of files": "*/evidence",
    "an unfinished bundle": "*/usb/*.part",
    "a bundle": "*/usb/*.bundle",
    "the folder of bundles": "*/usb",
    "the keyring": "*/keyring.json",
    "the keyring's draft": "*/.keyring.json.*",
    "the device's folder": "*",
}
"""name of a kind of file -> pattern of its path; the first that fits counts"""

PARTS: Final = {"push": "sync", "pull": "sync", "upload": "sync", "free": "sync and free"}
"""a part of an act -> the act"""

RANDOM: Final = "at any moment"
WIRE: Final = "wire"
TRIES_MAX: Final = 6
"""How often a life goes through the act at which it is to die, before it gives up."""

LIVES_A_KILL: Final = 3
"""Of three lives one ends by SIGKILL, or the steps aimed at are not those of the device."""

SPARED, UNSOUND = 0, 3
"""Exit codes of a life that did not come to its step, and of one that found damage."""


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """Where a life may end: during an act, at an operation on a kind of file (or a step on the wire)."""

    act: str
    kind: str
    place: str
    how: int

    def __str__(self) -> str:
        """Say it."""
        if self.kind == WIRE:
            return f"{self.act}: {self.place}"
        return f"{self.act}: {How(self.how).name.lower()} {self.kind.lower().replace('_', ' ')} of {self.place}"


class Nursery:
    """Gives lives to devices, and takes them."""

    def __init__(self, seed: int) -> None:
        """Prepare what every life needs."""
        self.chance = random.Random(seed)
        self.photos = [draw_photo(self.chance, side) for side in (48, 48, 96, 96, 420)]
        self.steps: dict[Step, int] = {}
        self.span_s = 0.4
        self.spared: Counter[Step] = Counter()

    def raise_device(self, job: dict[str, Any]) -> None:
        """Let a device die as often as a job says, and then come to rest; damage that is found ends it sooner."""
        ledger = Ledger()
        if not self.steps:
            self.discover(job, ledger)
        kills = lives = 0
        told: dict[str, Any] = {}
        while kills < job["kills"] and lives < LIVES_A_KILL * job["kills"] and not told.get("faults"):
            told = self.live(job, ledger)
            kills, lives = kills + told["died"], lives + 1
        if not told.get("faults"):
            told = self.run_life(job, ledger, None, rests=True)
            say(told | {"sets": ledger.sets, "files": sorted(ledger.files), "acts": ledger.acts})
        say({"ended": True})

    def discover(self, job: dict[str, Any], ledger: Ledger) -> None:
        """Let some lives do everything and learn at which steps others may end."""
        trace = Path(job["folder"]).with_suffix(".trace")
        for number in range(3):
            told = self.run_life(job, ledger, None, records=trace, rests=number == 2)
            for act, step in told.get("wire", ()):
                self.steps[Step(act, WIRE, step, 0)] = 0
        act = ""
        for entry in file_watch.read_trace(trace):
            if entry.kind is Kind.ACT:
                act = entry.data.decode()
            elif entry.kind not in (Kind.SYNCED, Kind.MARK) and act:
                path = entry.target if entry.kind in (Kind.RENAME, Kind.LINK) else entry.path
                place = next(name for name, pattern in FILES.items() if fnmatch(path, pattern))
                for how in (How.BEFORE, How.AFTER, *([How.HALFWAY] if entry.kind is Kind.WRITE else [])):
                    self.steps[Step(act, entry.kind.name, place, int(how))] = 0
        trace.unlink()
        say({"steps": len(self.steps)})

    def live(self, job: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
        """Let a life end at a step, or by the nursery's hand; say which, and return all that it said."""
        is_aimed = not ledger.enrolled or self.chance.random() < job["aimed"]
        step = self.choose_step(ledger, job["acts"]) if is_aimed else None
        told = self.run_life(job, ledger, step)
        if step is not None and told["died"]:
            self.steps[step] += 1
            told["step"] = str(step)
        elif step is not None:
            self.spared[step] += 1
            told["spared"] = str(step)
        say(told)
        return told

    def choose_step(self, ledger: Ledger, acts: list[str]) -> Step:
        """Return one of the steps (of certain acts, where these are named) at which the fewest lives have ended."""
        fitting = [step for step in self.steps if (step.act == "enrol") != ledger.enrolled]
        fitting = [step for step in fitting if step.act in acts] or fitting
        least = min(self.steps[step] + self.spared[step] for step in fitting)
        return self.chance.choice([step for step in sorted(fitting) if self.steps[step] + self.spared[step] == least])

    def run_life(
        self,
        job: dict[str, Any],
        ledger: Ledger,
        step: Step | None,
        *,
        rests: bool = False,
        records: Path | None = None,
    ) -> dict[str, Any]:
        """Run one life in a process of its own and take down what it says."""
        chance = random.Random(self.chance.getrandbits(64))
        limit_s = None if step is not None or rests or records else self.chance.uniform(0, self.span_s)
        ends, says = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ends)
            life = Life(job, ledger, chance, says, self.photos)
            os._exit(life.begin(step, rests=rests, records=records))
        os.close(says)
        told, last = _listen(ends, pid, ledger, limit_s)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        died = code == -signal.SIGKILL
        if code not in (SPARED, -signal.SIGKILL) or (died and (rests or records)):
            told["faults"] = [*told.get("faults", ()), f"a life ended with {code} during {last}"]
        if limit_s is not None:
            told["step"] = f"{last}: {RANDOM}"
        return told | {"died": died}


@dataclass
class Life:
    """One life of a device, in its own process."""

    job: dict[str, Any]
    ledger: Ledger
    chance: random.Random
    says: int
    photos: list[bytes]

    def begin(self, step: Step | None, *, rests: bool, records: Path | None) -> int:
        """Live, and return the exit code of whoever was spared."""
        wire = Wire()
        try:
            if self.ledger.enrolled:
                plants.plant(self.job["plant"])
            if records is not None:
                file_watch.record(records)
            self.aim(step, wire)
            self.live(step, wire, rests=rests, goes_through_all=records is not None)
            self.tell({"wire": sorted(wire.seen)})
        except Refused as refusal:
            self.tell({"faults": explain(refusal)})
            return UNSOUND
        except BaseException:
            self.tell({"faults": [traceback.format_exc()]})
            raise
        return SPARED

    def aim(self, step: Step | None, wire: Wire) -> None:
        """Take the step at which to die to where it is looked for."""
        if step is None:
            return
        times = self.chance.choice((1, 1, 1, 2, 3))
        if step.kind == WIRE:
            wire.act, wire.step, wire.times = step.act, step.place, times
        else:
            file_watch.aim(step.act, Kind[step.kind], FILES[step.place], times, How(step.how))

    def live(self, step: Step | None, wire: Wire, *, rests: bool, goes_through_all: bool) -> None:
        """Open the device, look it over, work, and close it."""
        self.tell({"act": "enrol"})
        with wire.entering("enrol"):
            self.enrol()
        for _ in range(TRIES_MAX):
            self.tell({"act": "open"})
            wire.entered = "open"
            file_watch.enter("open")
            with self.opened() as engineer:
                engineer.wire = wire
                self.look_over(engineer, is_thorough=rests)
                if rests:
                    self.rest(engineer)
                elif goes_through_all:
                    self.go_through_all(engineer)
                else:
                    self.work(engineer, step)
                self.tell({"act": "close"})
                wire.entered = "close"
                file_watch.enter("close")
            if rests or goes_through_all:
                return

    def enrol(self) -> None:
        """Enrol the device, or go on with an enrolment that was cut off."""
        os.environ["GONGDAN_FIELD_DATA"] = self.job["folder"]
        os.environ["GONGDAN_PIN"] = self.ledger.pin
        if self.ledger.enrolled:
            return
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                enrol.main([self.job["invitation"]], standalone_mode=False, obj=None)
            except Refused as refusal:
                if refusal.code != "already_enrolled":
                    raise
        self.tell({"act": "enrol", "done": {"enrolled": True}})

    @contextlib.contextmanager
    def opened(self) -> Iterator[Engineer]:
        """Open the device with the PIN that holds; one that was being chosen may hold or not."""
        usb = Path(self.job["folder"]) / "usb"
        usb.mkdir(exist_ok=True)
        with contextlib.ExitStack() as stack:
            try:
                desk = stack.enter_context(opened_desk(None))
            except Refused as refusal:
                if refusal.code != "pin_wrong" or self.ledger.pin_under_way is None:
                    raise
                os.environ["GONGDAN_PIN"] = self.ledger.pin_under_way
                desk = stack.enter_context(opened_desk(None))
                self.tell({"act": "change PIN", "done": {"pin": self.ledger.pin_under_way}})
            pin = os.environ["GONGDAN_PIN"]
            engineer = Engineer(desk, self.tell, self.chance, Wire(), self.photos, usb, pin, set(self.ledger.settled))
            yield engineer
            os.environ["GONGDAN_PIN"] = engineer.pin

    def look_over(self, engineer: Engineer, *, is_thorough: bool) -> None:
        """Look for damage, and say that there is none."""
        faults = find_device_faults(engineer.desk, self.ledger, engineer.usb, is_thorough=is_thorough)
        if faults:
            self.tell({"faults": faults})
            os._exit(UNSOUND)
        self.tell({"sound": True})

    def work(self, engineer: Engineer, step: Step | None) -> None:
        """Do this and that; where a step is aimed at, the act of the step as well."""
        others = sorted(engineer.acts)
        if not engineer.desk.store.recall("position"):
            engineer.act("sync")
        for name in self.chance.choices(others, k=self.chance.choice((0, 0, 1)) if step else self.chance.randint(1, 4)):
            engineer.act(name)
        if step is not None and step.act not in ("enrol", "open", "close"):
            self.prepare(engineer, step.act)
            engineer.act(PARTS.get(step.act, step.act))

    def prepare(self, engineer: Engineer, act: str) -> None:
        """See to it that a sync has something to do."""
        if act in ("push", "upload", "export", "free"):
            engineer.act("photograph")

    def go_through_all(self, engineer: Engineer) -> None:
        """Do everything twice."""
        engineer.act("sync")
        for name in [*engineer.acts, *reversed(engineer.acts)]:
            engineer.act(name)

    def rest(self, engineer: Engineer) -> None:
        """Sync until all is where it belongs, and look the device over again."""
        for _ in range(2):
            if engineer.run_sync().is_consistent is not True:
                self.tell({"faults": ["the last sync left another checksum than the server's"]})
        outbox = engineer.desk.store.rows("SELECT seq, digest, state, receipt FROM outbox ORDER BY seq")
        files = engineer.desk.store.rows("SELECT sha256, size_bytes, state FROM blobs")
        self.tell({"outbox": list(outbox), "blobs": list(files), "device": engineer.desk.outbox.identity.device})
        self.look_over(engineer, is_thorough=True)

    def tell(self, told: dict[str, Any]) -> None:
        """Write a line for the nursery, and take it down in this life's own ledger."""
        write_line(self.says, told)
        self.ledger.note(told)


def _listen(ends: int, pid: int, ledger: Ledger, limit_s: float | None) -> tuple[dict[str, Any], str]:
    """Take down what a life says until it ends; kill it when its time is up. Return all it said and its last act."""
    told: dict[str, Any] = {"sound": 0}
    last, rest, began = "before it began", b"", time.monotonic()
    deadline = None if limit_s is None else began + limit_s
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([ends], [], [], left)
        if not ready:
            os.kill(pid, signal.SIGKILL)
            deadline = None
            continue
        block = os.read(ends, 1 << 16)
        if not block:
            break
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            said = json.loads(line)
            ledger.note(said)
            last = said.get("act", last)
            told["sound"] += said.pop("sound", 0)
            told["faults"] = [*told.get("faults", ()), *said.pop("faults", ())]
            told |= {name: value for name, value in said.items() if name in ("wire", "outbox", "blobs", "device")}
    os.close(ends)
    return told, last


def draw_photo(chance: random.Random, side: int) -> bytes:
    """Return a JPEG of noise, the larger ones of several pieces on the wire."""
    picture = Image.frombytes("RGB", (side, side), chance.randbytes(3 * side * side))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return out.getvalue()


def say(told: dict[str, Any]) -> None:
    """Write a line to whoever started the nursery."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do the jobs."""
    # A PIN is stretched for a tenth of a second in earnest; there are thousands of lives, and no burglar.
    keys.ARGON2_TIME_COST, keys.ARGON2_MEMORY_KIB = 1, 64  # type: ignore[misc]
    nursery: Nursery | None = None
    for line in sys.stdin:
        job = json.loads(line)
        nursery = nursery or Nursery(job["seed"])
        nursery.raise_device(job)


if __name__ == "__main__":
    main()
