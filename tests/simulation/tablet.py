"""A device of the simulation: the real encrypted store, outbox, use cases and sync run, on a machine that may die.

What is in files survives; what is in memory is lost with the process. Each commit of the store is a place where
the device may die, just before or just after, and each transaction may meet a full disk.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import greenlet

from field_client.bundle import export_bundle, import_receipts
from field_client.keys import Keyring
from field_client.outbox import Identity, Outbox, SentSet, parse_instant
from field_client.runner import SyncRun
from field_client.store import Store
from field_client.transport import Caller
from field_client.work import Workbench
from schemas.problems import Refused
from tests.simulation.afterthoughts import Afterthoughts, View, check_taken_back
from tests.simulation.auditor import Auditor, checksum_of
from tests.simulation.engineer import Engineer
from tests.simulation.firm import PEOPLE
from tests.simulation.fragile_files import FragileFolder
from tests.simulation.ledger import Ledger
from tests.simulation.radio import Radio, RadioTransport, Run
from tests.simulation.sealed_lines import read_payload
from tests.simulation.world import SECOND_MS, Broken, Died, World

PAGES_MAX: Final = 1_073_741_823
ANSWERS: Final = ("organisation", "device", "person", "person_name", "server_key")
OUTBOX: Final = "SELECT seq, digest, line, state, receipt FROM outbox ORDER BY seq"


class FragileStore(Store):
    """The real store, whose every commit is told to `commits` before and after it is made."""

    def __init__(self, path: Path, key: str, commits: Callable[[FragileStore, str], None]) -> None:
        """Open the database in `path`."""
        super().__init__(path, key)
        self._commits = commits
        # Only the loss of the process is simulated here, so nothing need be forced to disk.
        self.db.execute("PRAGMA synchronous = OFF")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do what the real one does, with a fate."""
        if self._depth:
            yield
            return
        with super().transaction():
            self._commits(self, "begin")
            yield
            self._commits(self, "before")
        self._commits(self, "after")

    def limit(self, is_full: bool) -> None:
        """Let the disk have no more room than the file takes, or as much as it likes."""
        self.db.execute(f"PRAGMA max_page_count = {1 if is_full else PAGES_MAX}")


class Tablet:
    """One device, from its enrolment to its end."""

    def __init__(
        self, world: World, name: str, folder: Path, radio: Radio, auditor: Auditor, ledger: Ledger, release: int
    ) -> None:
        """Unpack a device called `name`, with the software of a release."""
        self.world, self.name, self.folder, self.radio = world, name, folder, radio
        self.auditor, self.ledger, self.release = auditor, ledger, release
        self.chance = world.draw("tablet", name)
        self.keyring = Keyring(self.chance.randbytes(32))
        self.clock_ms = 0
        """How far its clock is off."""
        self.code = ""
        self.device = ""
        self.person = ""
        self.engineer = 0
        """The number of the engineer who uses it."""
        self.people: Callable[[], Sequence[str]] = lambda: PEOPLE
        """The people of whom its engineer may tell."""
        self.is_on = False
        self.is_gone = False
        """Lost, broken or set up anew: nothing more comes from it."""
        self.frees_files = self.chance.random() < 0.5
        self._commits = self._file_steps = 0
        self._run: Run | None = None
        # Somebody looks at the device while the next page is on its way: what came before must not be seen yet.
        radio.between_pages = self.check_scope
        folder.mkdir()
        self.boot()

    def now(self) -> int:
        """Return what its clock shows."""
        return self.world.now_ms + self.clock_ms

    def boot(self) -> None:
        """Start with what is in the files."""
        if self.is_on or self.is_gone:
            return
        self.store = FragileStore(self.folder / "device.sqlite", self.keyring.database_key, self._meet_fate)
        self.files = FragileFolder(self.folder / "evidence", self.keyring, self._dies_at_file)
        self.is_on = True
        if self.store.recall("device"):
            self._open_desk()
            self.check()

    def die(self) -> None:
        """Lose the power; it is started again after a while."""
        self.world.tell(self.name, "dies")
        run, self._run = self._run, None
        if run is not None and run is not greenlet.getcurrent() and not run.dead:
            run.throw(greenlet.GreenletExit)
        self.is_on = False
        self.store.close()
        self.world.plan(self.chance.randint(1, 300) * SECOND_MS, self.boot)

    def leave(self) -> None:
        """Vanish for good."""
        if self.is_on:
            self.die()
        self.is_gone = True

    def act(self, chance: random.Random) -> None:
        """Let its engineer do something."""
        if not self.is_on or not self.device:
            return
        old_names = self.outbox.schema < self.auditor.releases.server
        engineer = Engineer(self.bench, self.files, chance, old_names, self.people())
        afterthoughts = Afterthoughts(engineer)
        engineer.more = afterthoughts.acts()
        try:
            done = engineer.act()
        except Refused as refusal:
            self.world.tell(self.name, "may not", refusal.code)
            self._expect_nothing_saved(refusal.code)
        except Died:
            self.die()
        else:
            saved = self.ledger.note_saved(self.device, self.outbox_rows())
            self.world.tell(self.name, done, saved)
            if (seq := afterthoughts.taken_back) is not None:
                ((line,),) = self.store.rows("SELECT line FROM outbox WHERE seq = ?", seq)
                changes = read_payload(bytes(line))["changes"]
                seen = View(self.store.values_of, lambda kind: ((r.id, r.values) for r in self.store.of_kind(kind)))
                check_taken_back(self.name, seen, changes)
                self.world.counts["steps taken back"] += 1

    def sync(self) -> None:
        """Begin a sync run, unless one is going on."""
        if self.is_on and self._run is None:
            self._run = Run(self._sync)
            self._run.begin()

    def upgrade(self, release: int) -> None:
        """Take a newer release, when it is next started."""
        self.world.tell(self.name, "is of release", release)
        self.release = release

    def export(self, stick: Path) -> bool:
        """Write what waits on a stick; tell whether that was done."""
        if not self.is_on or not self.device:
            return False
        try:
            export_bundle(stick, self.store, self.outbox, self.files)
        except Refused:
            return False
        return True

    def import_answer(self, answer: Path) -> None:
        """Take in receipts that somebody brought."""
        if self.is_on and self.device:
            try:
                settled = import_receipts(answer, self.outbox)
                self.world.tell(self.name, "is brought receipts", settled)
                self.world.counts["sets settled by hand"] += settled
                self.check_outbox()
            except Refused as refusal:
                self.world.tell(self.name, "takes no receipts", refusal.code)
            except Died:
                self.die()

    def has_waiting(self) -> bool:
        """Tell whether it is running and has sets that nobody has answered for."""
        return self.is_on and bool(self.device) and any(row[3] in ("sealed", "held") for row in self.outbox_rows())

    def has_files(self) -> bool:
        """Tell whether there are files that the server has not said to have."""
        return self.store.row("SELECT 1 FROM blobs WHERE state = 'kept' LIMIT 1") is not None

    def is_settled(self) -> bool:
        """Tell whether it waits for nothing."""
        return self.is_on and bool(self.device) and self._run is None and not self.has_waiting()

    def place(self) -> tuple[str, int]:
        """Return the epoch and position to which it has pulled."""
        return self.store.recall("epoch", ""), self.store.recall("position", 0)

    def outbox_rows(self) -> list[tuple[Any, ...]]:
        """Return number, digest, line, state and receipt of each set in the outbox."""
        return list(self.store.rows(OUTBOX))

    def check(self) -> None:
        """Hold what is on the device to what was promised."""
        self.check_outbox()
        self.check_files(is_rested=False)
        self.check_view()
        self.check_scope()

    def check_outbox(self) -> None:
        """Hold the sets on the device to what was promised, and to what was answered."""
        rows = self.outbox_rows()
        self.ledger.note_saved(self.device, rows)
        self.ledger.check_outbox(self.device, rows)

    def check_files(self, is_rested: bool) -> None:
        """Hold the files that its sets name to what they were."""
        self.ledger.check_files(self.device, self._read_file, is_rested)

    def check_view(self) -> None:
        """Hold what its person sees to what he wrote: his last word on a field stands until the feed has answered.

        What he made himself may have come back before its receipt, and others may have gone on from there.
        """
        come_back = {found for (found,) in self.store.rows("SELECT id FROM records WHERE base IS NOT NULL")}
        written: dict[tuple[str, str], tuple[Any, SentSet]] = {}
        for sent in self.outbox.sets("sealed", "held", "settled", "contested", "refused"):
            own = [change for change in sent.changes if change.op != "create" or change.id not in come_back]
            written |= {(c.id, name): (value, sent) for c in own for name, value in c.set.items() if name != "alarms"}
        for (record_id, name), (value, sent) in written.items():
            if self._must_stand(sent) and (seen := self.store.values_of(record_id).get(name)) != value:
                raise Broken(f"{self.name}: {record_id} shows {name} as {seen!r}, written was {value!r}")

    def _must_stand(self, sent: SentSet) -> bool:
        """Tell whether a set's values are still to be seen, whatever the feed brings."""
        if sent.state in ("sealed", "held"):
            # What is handed in again to a restored server was answered before; others may have gone on from there.
            return not self.ledger.may_come_again(sent.digest)
        position = sent.receipt.position if sent.receipt else None
        # The positions of a restored server and those before it are not one order.
        is_ahead = position is not None and position > self.place()[1] and not self.ledger.forgotten
        return sent.state == "settled" and is_ahead

    def check_scope(self) -> dict[str, tuple[str, str]]:
        """Hold what the server gave to the truth at the position it was pulled to; return it."""
        rows = self.store.rows("SELECT id, kind, base FROM records WHERE base IS NOT NULL")
        held = {key: (kind, base) for key, kind, base in rows}
        epoch, position = self.place()
        if not position and self.ledger.forgotten:
            # Told that the server was restored, it shows what it had until the first run under the new epoch is done.
            return held
        expected = self.auditor.scope(self.person, epoch, position)
        if held != expected:
            odd = sorted(key for key in held.keys() | expected.keys() if held.get(key) != expected.get(key))
            told = [f"{key}: holds {held.get(key)}, should hold {expected.get(key)}" for key in odd]
            raise Broken(f"{self.name} at position {position}: {'; '.join(told)}")
        return held

    def check_checksum(self, held: dict[str, tuple[str, str]]) -> None:
        """Hold the device's own checksum and count to what it holds."""
        total, count = self.store.recall("checksum", "0").zfill(32), self.store.recall("held", 0)
        if (total, count) != (checksum_of(held), len(held)):
            raise Broken(f"{self.name}: says {total} of {count}, holds {checksum_of(held)} of {len(held)}")

    def _open_desk(self) -> None:
        recall = self.store.recall
        self.device, self.person = recall("device"), recall("person")
        identity = Identity(recall("organisation"), self.device, self.person)
        self.outbox = Outbox(self.store, identity, self.keyring.sign, self.now, self.chance.randbytes, self.release)
        self.bench = Workbench(self.store, self.outbox)

    def _sync(self) -> str:
        try:
            fault = self._sync_once() if self.device else self._enrol()
            self.world.tell(self.name, "synced", fault)
            self.world.counts[f"sync {fault}"] += 1
        except Died:
            self._run = None
            self.die()
        else:
            self._run = None
        return ""

    def _sync_once(self) -> str:
        caller = Caller(self.outbox.identity.organisation, self.device, self.keyring.sign)
        transport = RadioTransport(self.radio, caller, self.now, self.store.recall("offset_ms", 0))
        before = self.place()
        with suppress(Refused):
            run = SyncRun(self.store, self.outbox, transport, self.files, frees_files=self.frees_files)
            report = run.run()
            if self.place() != before:
                self.check_scope()
            self.check_outbox()
            self.check_view()
            return report.fault.code if report.fault else "well"
        return "disk full"

    def _enrol(self) -> str:
        if not self.code:
            return "without a code"
        transport = RadioTransport(self.radio, None, self.now, 0)
        request = {"code": self.code, "public_key": self.keyring.public_key.hex(), "name": self.name}
        wanted = dict.fromkeys((*ANSWERS, "server_time"), str)
        try:
            answer = transport.ask("/enrol", request, wanted, is_signed=False)
            offset_ms = parse_instant(answer["server_time"]) - self.now()
            self.store.remember(offset_ms=offset_ms, **{name: answer[name] for name in ANSWERS})
        except Refused as refusal:
            return refusal.code
        self._open_desk()
        return "enrolled"

    def _expect_nothing_saved(self, code: str) -> None:
        if self.ledger.note_saved(self.device, self.outbox_rows()):
            raise Broken(f"{self.name}: refused with {code}, and yet saved")

    def _read_file(self, name: str) -> bytes | None:
        if not self.files.holds(name):
            return None
        with self.files.open(name) as file:
            return file.read()

    def _dies_at_file(self, moment: str) -> bool:
        self._file_steps += 1
        self.world.tell(self.name, "stands", moment)
        return self.world.strikes("device dies at a file", self.name, self._file_steps)

    def _meet_fate(self, store: FragileStore, moment: str) -> None:
        strikes = self.world.strikes
        if moment == "begin":
            self._commits += 1
            store.limit(is_full=strikes("device disk full", self.name, self._commits))
        elif moment == "before":
            self.world.tell(self.name, "commits", self._commits)
            if strikes("device dies before commit", self.name, self._commits):
                raise Died
        elif strikes("device dies after commit", self.name, self._commits):
            raise Died
