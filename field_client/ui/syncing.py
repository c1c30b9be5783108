"""The sync that runs beside the pages: begun by a touch or by itself, in a thread and a store of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

from field_client.device_log import tell, tell_failure
from field_client.keys import Keyring
from field_client.runner import Progress, SyncReport
from field_client.syncing import destroy_desk, sync_desk
from field_client.ui.keeper import DeskKeeper, Stage
from schemas.problems import Fault, Refused

SPARES_DATA: Final = "spares_data"
"""Remembered in the device: the person wants photos to wait."""

LOOK_EVERY_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class SyncView:
    """How the sync stands: what is under way, or what the last one of this process did."""

    is_running: bool = False
    progress: Progress | None = None
    report: SyncReport | None = None
    trace_id: str | None = None
    sent_files: bool = True


class Syncer:
    """Runs at most one sync at a time."""

    def __init__(self, keeper: DeskKeeper, clock: Callable[[], float] = time.monotonic) -> None:
        """Sync the device that `keeper` holds open; `clock` counts seconds."""
        self._keeper, self._clock = keeper, clock
        self._guard = threading.Lock()
        self._began_at: float | None = None
        self._view = SyncView()
        self._thread: threading.Thread | None = None
        self.is_metered = False
        """Whether the browser says that the network at hand is paid by the byte."""

    @property
    def view(self) -> SyncView:
        """How it stands at this moment."""
        return self._view

    def start(self, *, with_files: bool = False) -> bool:
        """Begin a sync; tell whether one was begun, for one may be running.

        Photos wait for another run where the person or the network asks to spare data, unless `with_files`.
        Raises Refused with `device_locked`.
        """
        # The desk first, as every request does, so that nobody waits for the other for ever.
        with self._keeper.lock, self._guard:
            if self._view.is_running:
                return False
            desk = self._keeper.desk()
            sends_files = with_files or not (self.is_metered or desk.store.recall(SPARES_DATA))
            self._began_at = self._clock()
            self._view = replace(self._view, is_running=True, progress=None)
            told = (desk.keyring, sends_files)
            self._thread = threading.Thread(target=self._run, args=told, name="sync", daemon=True)
            self._thread.start()
            return True

    def start_when_due(self) -> bool:
        """Begin a sync if it is time for the next by itself; tell whether one was begun."""
        every_s = self._keeper.settings.sync_every_s
        is_due = self._began_at is None or self._clock() - self._began_at >= every_s
        return bool(every_s) and is_due and self._keeper.stage is Stage.OPEN and self.start()

    def keep_going(self, stop: threading.Event) -> None:
        """Begin each sync when it is due, until `stop` is set."""
        while not stop.wait(LOOK_EVERY_S):
            self.start_when_due()

    def wait(self) -> None:
        """Return when no sync is running."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self, keyring: Keyring, sends_files: bool) -> None:
        view = SyncView()
        try:
            desk = self._keeper.open_beside(keyring)
            with closing(desk.store):
                synced = sync_desk(desk, self._show, sends_files=sends_files)
                view = SyncView(report=synced.report, trace_id=synced.trace_id, sent_files=sends_files)
            if synced.report.wipe_ordered_at is not None:
                self._destroy(synced.report.wipe_ordered_at)
        except Refused as refusal:
            view = SyncView(report=SyncReport(fault=refusal.fault))
        except Exception as error:
            # A thread that dies unseen would leave the page saying "syncing" for ever.
            tell_failure(error)
            view = SyncView(report=SyncReport(fault=Fault("internal", {"trace": "device.log"})))
            raise
        finally:
            self._view = view

    def _show(self, progress: Progress) -> None:
        self._view = replace(self._view, progress=progress)

    def _destroy(self, ordered_at: str) -> None:
        with self._keeper.lock:
            lost = destroy_desk(self._keeper.desk(), ordered_at)
            self._keeper.close()
        tell("pages_ended", files=lost)
