"""An engineer at a device that may be killed at any step: what he does, and what he was told is done.

Every act is a real use case on real files. When it returns, the engineer writes down what he was told; that must be
there in every later life. Before an act and at each request on the wire he may die by his own hand.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from field_client.bundle import export_bundle, import_receipts
from field_client.desk import Desk
from field_client.keys import change_pin, read_keyring, save_keyring
from field_client.runner import SyncReport, SyncRun
from field_client.transport import Body, Caller, Transport
from field_client.work import find_order, finish
from field_client.work_checks import check
from field_client.work_checks import skip as leave_out
from field_client.work_create import create_order
from field_client.work_parts import PartLabel, RemovedPart, fit_part
from field_client.work_photos import photograph
from field_client.work_signature import sign, sign_without
from schemas.problems import Refused
from tests.kills import file_watch

Tell = Callable[[dict[str, Any]], None]

SERIAL: Final = "MC12-0007"
"""The machine of the cast's company."""

STROKES: Final = [[[0, 0, 0], [10, 4, 16], [20, 2, 33]]]


def die() -> None:
    """End as the kernel ends a process for which there is no memory."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Wire:
    """Counts the steps on the wire, and dies at the one aimed at."""

    act: str = ""
    step: str = ""
    times: int = 0
    seen: set[tuple[str, str]] = field(default_factory=set)
    entered: str = ""

    def reach(self, step: str) -> None:
        """Take a step."""
        self.seen.add((self.entered, step))
        if (self.entered, step) == (self.act, self.step):
            self.times -= 1
            if self.times <= 0:
                die()

    @contextlib.contextmanager
    def entering(self, act: str) -> Iterator[None]:
        """Do what follows as a part of an act."""
        before, self.entered = self.entered, act
        file_watch.enter(act)
        yield
        self.entered = before
        file_watch.enter(before)


class MortalTransport(Transport):
    """The device's transport, with a step before each request, amid a file, and after each answer."""

    wire: Wire

    def ask(
        self, path: str, document: Mapping[str, Any], wanted: Mapping[str, type], *, is_signed: bool = True
    ) -> dict[str, Any]:
        """Post a document."""
        self.wire.reach(f"{path} asked")
        found = super().ask(path, document, wanted, is_signed=is_signed)
        self.wire.reach(f"{path} answered")
        return found

    def push(self, body: bytes) -> bytes:
        """Send sets."""
        self.wire.reach("/push asked")
        answer = super().push(body)
        self.wire.reach("/push answered")
        return answer

    def pull(self, query: Mapping[str, str]) -> Iterator[bytes]:
        """Fetch a page."""
        self.wire.reach("/pull asked")
        lines = list(super().pull(query))
        self.wire.reach("/pull answered")
        return iter(lines)

    def upload(
        self, method: str, url: str, headers: Mapping[str, str], body: Body = b""
    ) -> tuple[int, Mapping[str, str]]:
        """Send a part of a file."""
        self.wire.reach(f"upload {method} asked")
        answer = super().upload(method, url, headers, body if isinstance(body, bytes) else self._pieces(body))
        self.wire.reach(f"upload {method} answered")
        return answer

    def _pieces(self, body: Any) -> Iterator[bytes]:
        for piece in body:
            yield piece
            self.wire.reach("upload PATCH under way")


class WatchedRun(SyncRun):
    """A sync run whose parts are told apart."""

    wire: Wire

    def push(self) -> None:
        """Send what waits."""
        with self.wire.entering("push"):
            super().push()

    def pull(self) -> None:
        """Bring the records up to date."""
        with self.wire.entering("pull"):
            super().pull()

    def send_files(self) -> None:
        """Send the files."""
        with self.wire.entering("upload"):
            super().send_files()

    def _free_files(self) -> None:
        with self.wire.entering("free"):
            super()._free_files()


@dataclass
class Engineer:
    """Somebody at work on an open device."""

    desk: Desk
    tell: Tell
    chance: random.Random
    wire: Wire
    photos: list[bytes]
    usb: Path
    pin: str
    settled: set[str] = field(default_factory=set)
    """Sets that are known to be settled."""
    serial: str = SERIAL
    """The machine he works on."""

    @property
    def acts(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """What he may do, by name."""
        return {
            "create": self.create,
            "check": self.check,
            "leave out": self.leave_out,
            "fit": self.fit,
            "photograph": self.photograph,
            "sign": self.sign,
            "decline": self.decline,
            "finish": self.finish,
            "export": self.export,
            "import": self.import_answers,
            "change PIN": self.change_pin,
            "sync": self.sync,
            "sync and free": self.sync_and_free,
        }

    def act(self, name: str) -> dict[str, Any]:
        """Do one thing and write down what was done; return it."""
        self.tell({"act": name})
        with self.wire.entering(name):
            done = self.acts[name]()
        self.tell({"act": name, "done": done})
        return done

    def create(self) -> dict[str, Any]:
        """Take an order down."""
        return self._sealed(create_order(self.desk.bench, self.serial, "repair", "important", "异响").set_id)

    def check(self) -> dict[str, Any]:
        """Measure something."""
        self._choose_order()
        return self._sealed(check(self.desk.bench, "noise", str(self.chance.randint(30, 60))).set_id)

    def leave_out(self) -> dict[str, Any]:
        """Pass an item over."""
        self._choose_order()
        return self._sealed(leave_out(self.desk.bench, "clean", "无法断电").set_id)

    def fit(self) -> dict[str, Any]:
        """Fit a part for another: one set, two facts."""
        self._choose_order()
        label = PartLabel(gtin="06901234000016", serial=f"N{self.chance.getrandbits(48):x}", batch="B2601")
        removed = RemovedPart(serial=f"A{self.chance.getrandbits(48):x}", destination="scrapped")
        return self._sealed(fit_part(self.desk.bench, label, removed=removed).set_id)

    def photograph(self) -> dict[str, Any]:
        """Take a photo that nobody took before."""
        self._choose_order()
        original = stamp(self.chance.choice(self.photos), self.chance.randbytes(16))
        taken = photograph(self.desk.bench, self.desk.files, original, "fault")
        files = [taken.values[name] for name in ("original_sha256", "preview_sha256", "thumbnail_sha256")]
        return {**self._sealed(taken.set_id), "files": files}

    def sign(self) -> dict[str, Any]:
        """Let the customer sign, with what was found."""
        self._choose_order()
        strokes = [[*STROKES[0], [self.chance.randint(0, 500), self.chance.randint(0, 500), 99]]]
        signed = sign(self.desk.bench, self.desk.files, strokes, "陈", "主管", diagnosis="轴承磨损", remedy="更换")
        return {**self._sealed(signed.set_id), "files": [signed.signature["strokes_sha256"]]}

    def decline(self) -> dict[str, Any]:
        """Note that nobody would sign."""
        self._choose_order()
        return self._sealed(sign_without(self.desk.bench, "absent", "下班").set_id)

    def finish(self) -> dict[str, Any]:
        """End the work on an order."""
        self._choose_order()
        return self._sealed(finish(self.desk.bench, result="solved").set_id)

    def export(self) -> dict[str, Any]:
        """Write what is unsent into a file to carry by hand."""
        sets = [outgoing.digest for outgoing in self.desk.outbox.waiting()]
        path = self.usb / f"{time.time_ns()}.bundle"
        export_bundle(path, self.desk.store, self.desk.outbox, self.desk.files)
        return {"bundle": path.name, "sets": sets}

    def import_answers(self) -> dict[str, Any]:
        """Take in the receipts that were brought back."""
        answers = sorted(self.usb.glob("*.receipts"))
        for path in answers[-3:]:
            import_receipts(path, self.desk.outbox)
        return {"settled": self._settled()}

    def change_pin(self) -> dict[str, Any]:
        """Choose another PIN."""
        path = self.desk.settings.keyring
        pin = f"{self.chance.randint(0, 10**8):08d}"
        self.tell({"pin": pin})
        save_keyring(path, change_pin(read_keyring(path), self.pin, pin))
        self.pin = pin
        return {"pin": pin}

    def sync(self) -> dict[str, Any]:
        """Push, pull, send files."""
        self.run_sync()
        return {"settled": self._settled()}

    def sync_and_free(self) -> dict[str, Any]:
        """Sync, and let go of the files that the server has."""
        self.run_sync(frees_files=True)
        return {"settled": self._settled()}

    def run_sync(self, *, frees_files: bool = False) -> SyncReport:
        """Sync once with a server that is there, and return what was done."""
        desk = self.desk
        caller = Caller(desk.outbox.identity.organisation, desk.outbox.identity.device, desk.keyring.sign)
        offset_ms = desk.store.recall("offset_ms", 0)
        transport = MortalTransport(desk.store.recall("base_url"), caller, desk.outbox.now, offset_ms, timeout_s=60)
        run = WatchedRun(desk.store, desk.outbox, transport, desk.files, frees_files=frees_files)
        transport.wire = run.wire = self.wire
        report = run.run()
        assert report.fault is None, report.fault
        return report

    def _choose_order(self) -> None:
        """Let there be an open order; the one before may have been finished."""
        with contextlib.suppress(Refused):
            if find_order(self.desk.bench).values["status"] == "in_progress":
                return
        self.create()

    def _sealed(self, set_id: str | None) -> dict[str, Any]:
        assert set_id is not None, "every act here changes something"
        recall = self.desk.store.recall
        return {"seq": recall("seq"), "digest": recall("prev"), "set": set_id}

    def _settled(self) -> list[str]:
        """Return the sets that have a final receipt and had none before."""
        rows = self.desk.store.rows("SELECT digest FROM outbox WHERE state NOT IN ('sealed', 'held')")
        found = [digest for (digest,) in rows if digest not in self.settled]
        self.settled |= set(found)
        return found


def stamp(photo: bytes, mark: bytes) -> bytes:
    """Return a JPEG with a comment, which makes its bytes another file's."""
    comment = mark.hex().encode()
    return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photo[2:]


def write_line(descriptor: int, told: dict[str, Any]) -> None:
    """Write one line at once: whoever reads it sees all of it or nothing, however the writer ends."""
    line = json.dumps(told).encode() + b"\n"
    while line:
        line = line[os.write(descriptor, line) :]
