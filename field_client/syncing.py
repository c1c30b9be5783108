"""A sync run of an open device, from whoever starts it: with its transport, and told to the device's log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from field_client.desk import Desk
from field_client.device_log import tell
from field_client.patience import Patience
from field_client.runner import Progress, SyncReport, SyncRun
from field_client.telling import read_device_report
from field_client.transport import Caller, Transport
from field_client.wiping import confirm_wipe, sign_confirmation, wipe
from sync.device_report import spell_report


@dataclass(frozen=True, slots=True)
class Synced:
    """What a run did, and the number under which the hotline finds it in the server's log."""

    report: SyncReport
    trace_id: str


def sync_desk(desk: Desk, progress: Callable[[Progress], None] = lambda _: None, *, sends_files: bool = True) -> Synced:
    """Send what waits, fetch what changed and, where `sends_files`, send photos; a refusal ends up in the report."""
    outbox, store = desk.outbox, desk.store
    transport = Transport(
        store.recall("base_url"),
        Caller(outbox.identity.organisation, outbox.identity.device, desk.keyring.sign),
        outbox.now,
        store.recall("offset_ms", 0),
        desk.settings.timeout_s,
        Patience(desk.settings.patience_s),
        report=lambda offset_ms: spell_report(read_device_report(store, desk.settings.data, offset_ms)),
    )
    frees_files = desk.settings.free_photos
    run = SyncRun(
        store, outbox, transport, desk.files, frees_files=frees_files, sends_files=sends_files, progress=progress
    )
    tell("sync_began", trace=transport.trace_id, device=outbox.identity.device)
    began = time.monotonic()
    report = run.run()
    tell(
        "sync_ended",
        trace=transport.trace_id,
        problem=report.fault.code if report.fault else None,
        settled=report.settled,
        records=report.records,
        repaired=report.repaired,
        files=report.files,
        is_consistent=report.is_consistent,
        sent_bytes=report.traffic.sent,
        received_bytes=report.traffic.received,
        offset_ms=transport.offset_ms,
        ms=round((time.monotonic() - began) * 1000),
    )
    return Synced(report, transport.trace_id)


def destroy_desk(desk: Desk, ordered_at: str) -> int:
    """Destroy the device as the office ordered; return how many files were never sent and are lost."""
    unsent = desk.store.row("SELECT count(*) FROM blobs WHERE state = 'kept'") or (0,)
    confirmation = sign_confirmation(desk.store, desk.outbox, desk.keyring.sign, ordered_at)
    desk.store.close()
    tell("wiped", ordered_at=ordered_at, files=unsent[0])
    wipe(desk.settings, ordered_at, confirmation)
    confirm_wipe(desk.settings)
    return int(unsent[0])
