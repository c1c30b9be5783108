"""A day of a device, written down operation by operation: enrolled, worked with, synced, closed and opened again.

`python -m tests.kills.device_scene FOLDER [--synchronous-off]`, watched by `file_watch.c`. What the engineer was told
goes into the trace beside the operations; so does every set that the office took in.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from field_client import keys
from field_client.commands.desk import opened_desk
from field_client.commands.enrol import enrol
from field_client.problems import MediaProblem
from field_client.store import Store
from schemas.problems import Refused
from sync import receipt
from sync.receipt import Receipt
from tests.field_client.office import Office, serving
from tests.field_client.scope import DEVICE, ORGANISATION, WEI, stocked_office
from tests.kills import file_watch
from tests.kills.device_faults import Ledger, find_device_faults
from tests.kills.engineer import Engineer, Wire
from tests.kills.file_watch import How, Kind
from tests.kills.nursery import draw_photo

PIN: Final = "000000"

Death = tuple[str, Kind, str, int, How]

DAY: Final[tuple[tuple[tuple[str, ...], Death | None], ...]] = (
    (("sync", "create", "check", "photograph", "sign"), None),
    (("fit", "export", "photograph", "sync", "decline"), None),
    # What a process wrote and did not flush is seen by the next, which must not pass it on before it is flushed.
    # The first flush of a log is that of its head.
    (("check",), ("check", Kind.SYNC, "*.sqlite-wal", 2, How.BEFORE)),
    (("sync", "photograph"), None),
    (("photograph",), ("photograph", Kind.SYNC, "/device/evidence", 1, How.BEFORE)),
    (("leave out", "sync and free", "finish", "create", "change PIN", "export"), None),
)
"""What is done each time the device is open, and where the process is killed, if it is."""


class MarkingOffice(Office):
    """An office that says when it has taken a set in: from then on the device may not forget it."""

    def take_in(self, line: bytes) -> str:
        """Take one sealed line in and return its receipt."""
        answer = super().take_in(line)
        found: Receipt = receipt.load(answer)
        mark({"taken": [found.seq, found.digest]})
        return answer


def mark(told: dict[str, Any]) -> None:
    """Write down that something was said."""
    file_watch.mark(json.dumps(told).encode())


def stretch_pins_little() -> None:
    """Let a PIN open the device at once; a burglar is not what is tried here."""
    keys.ARGON2_TIME_COST, keys.ARGON2_MEMORY_KIB = 1, 64  # type: ignore[misc]


def play(folder: Path, *, flushes: bool = True) -> None:
    """Play the day; a device that never flushes does not come to the flush at which it would be killed."""
    stretch_pins_little()
    chance = random.Random(11)
    photos = [draw_photo(chance, side) for side in (48, 96, 420)]
    office = MarkingOffice(**vars(stocked_office()))
    office.page_size = 4
    office.enrols = {"organisation": ORGANISATION, "device": DEVICE, "person": WEI, "person_name": "魏工"}
    with serving(office) as url:
        begin(folder, f"gongdan-enrol:{url}#ABC")
        for number, (part, death) in enumerate(DAY):
            pid = os.fork()
            if pid == 0:
                live(folder, random.Random(number), photos, part, death)
                os._exit(0)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            assert code == 0 if death is None else code == -signal.SIGKILL or not flushes, (part, code)


def live(folder: Path, chance: random.Random, photos: list[bytes], part: Sequence[str], death: Death | None) -> None:
    """Open the device, do some acts and close it, or die."""
    if death is not None:
        file_watch.aim(*death)
    with opened_desk(None) as desk:
        engineer = Engineer(desk, mark, chance, Wire(), photos, folder / "usb", PIN, serial="HA0001")
        for act in part:
            engineer.act(act)


def begin(folder: Path, invitation: str) -> None:
    """Enrol the device."""
    os.environ["GONGDAN_FIELD_DATA"] = str(folder / "device")
    os.environ["GONGDAN_PIN"] = PIN
    with contextlib.redirect_stdout(io.StringIO()):
        enrol.main([invitation], standalone_mode=False, obj=None)
    mark({"act": "enrol", "done": {"enrolled": True}})


def find_faults(folder: Path, said: Sequence[bytes]) -> list[str]:
    """Return what is wrong with the device in a folder, given what was said before the power went."""
    ledger, taken = Ledger(pin=PIN), []
    for line in said:
        told = json.loads(line)
        ledger.note(told)
        taken += [told["taken"]] if "taken" in told else []
    refusal: Refused | None = None
    for pin in filter(None, (ledger.pin, ledger.pin_under_way)):
        chosen = {"GONGDAN_FIELD_DATA": str(folder / "device"), "GONGDAN_PIN": pin}
        try:
            with patch.dict(os.environ, chosen), opened_desk(None) as desk:
                faults = find_device_faults(desk, ledger, folder / "usb", is_thorough=True)
                rows = dict(desk.store.rows("SELECT seq, digest FROM outbox"))
                faults += [
                    f"the office has set {seq}, the device does not" for seq, is_at in taken if rows.get(seq) != is_at
                ]
                engineer = Engineer(
                    desk, ledger.note, random.Random(1), Wire(), [], folder / "usb", pin, serial="HA0001"
                )
                return faults or find_idle(engineer)
        except Refused as error:
            refusal = error
    assert refusal is not None
    if refusal.code == "not_enrolled" and not ledger.enrolled:
        return []
    return [f"the device does not open: {refusal.code} {refusal.fault.facts}"]


def find_idle(engineer: Engineer) -> list[str]:
    """Return why the device cannot be worked with, nothing when it can."""
    if engineer.desk.store.count() == 0:
        return []
    try:
        engineer.check()
    except (Refused, MediaProblem) as refusal:
        return [f"the device is open, but refuses work: {refusal.code} {refusal.fault.facts}"]
    return []


def main() -> None:
    """Play the day in a folder."""
    flushes = "--synchronous-off" not in sys.argv
    if not flushes:
        opening = Store.__init__

        def open_carelessly(store: Store, path: Path, key: str) -> None:
            opening(store, path, key)
            store.db.execute("PRAGMA synchronous = OFF")

        Store.__init__ = open_carelessly  # type: ignore[method-assign,assignment]
    play(Path(sys.argv[1]), flushes=flushes)


if __name__ == "__main__":
    main()
