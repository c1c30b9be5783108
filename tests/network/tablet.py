"""Wei's device as a process of its own: fills itself with work, or syncs until nothing waits, and tells what it cost.

`python -m tests.network.tablet fill SETS PHOTOS PHOTO_BYTES SEED` and `... sync LIMIT_S`, with the settings of
`gongdan-field` in the environment. `sync` prints a line of JSON after each run.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from field_client.commands.desk import opened_desk
from field_client.desk import Desk
from field_client.outbox import Edit, make_id, wall_ms
from field_client.patience import Patience
from field_client.runner import Progress, SyncRun
from field_client.transport import Caller, Transport
from sync.blobs import LocalBlob

THUMBNAIL_BYTES: Final = 3 * 1024


class CountingTransport(Transport):
    """The client's own transport, counting the sealed lines it hands over."""

    line_bytes = 0

    def push(self, body: bytes) -> bytes:
        """Send sealed lines as the client does."""
        self.line_bytes += len(body)
        return super().push(body)


def fill(desk: Desk, sets: int, photos: int, photo_bytes: int, chance: Random) -> None:
    """Write `sets` change-sets, of which the last `photos` name a thumbnail and an original of random bytes."""
    order = next(record for record in desk.store.of_kind("work_order"))
    for number in range(sets - photos):
        text = chance.randbytes(200).hex()
        desk.outbox.write("order.note", [Edit("work_order", order.id, {"diagnosis": f"{number} {text}"})])
    for _ in range(photos):
        sizes = {"thumbnail_sha256": THUMBNAIL_BYTES, "original_sha256": photo_bytes}
        names = {field: desk.files.keep(chance.randbytes(size), "image/jpeg") for field, size in sizes.items()}
        values = {"order_id": order.id, "purpose": "fault", "media_type": "image/jpeg", "size_bytes": photo_bytes}
        blobs = [LocalBlob(names["thumbnail_sha256"], THUMBNAIL_BYTES, 0)]
        blobs.append(LocalBlob(names["original_sha256"], photo_bytes, 2))
        desk.outbox.write("photo.keep", [Edit("photo", make_id(wall_ms()), {**values, **names}, is_new=True)], blobs)


def sync(desk: Desk, limit_s: float) -> None:
    """Sync again and again until nothing waits or the time is over; print what each run did."""
    until = time.monotonic() + limit_s
    while True:
        report = sync_once(desk)
        waiting = waiting_of(desk)
        sys.stdout.write(json.dumps({**report, **waiting}) + "\n")
        sys.stdout.flush()
        if not any(waiting.values()) or time.monotonic() > until:
            return


def sync_once(desk: Desk) -> Mapping[str, Any]:
    """Make one run, as `gongdan-field sync` does, and return what it did."""
    began, steps = time.monotonic(), []

    def note(progress: Progress) -> None:
        if not steps or steps[-1][0] != progress.step:
            steps.append((progress.step, round(time.monotonic() - began, 1), waiting_of(desk)["waiting_sets"]))

    identity = desk.outbox.identity
    caller = Caller(identity.organisation, identity.device, desk.keyring.sign)
    offset_ms = desk.store.recall("offset_ms", 0)
    transport = CountingTransport(
        desk.store.recall("base_url"),
        caller,
        desk.outbox.now,
        offset_ms,
        desk.settings.timeout_s,
        Patience(desk.settings.patience_s),
    )
    report = SyncRun(desk.store, desk.outbox, transport, desk.files, progress=note).run()
    return {
        "took_s": round(time.monotonic() - began, 1),
        "fault": report.fault and report.fault.code,
        "settled": report.settled,
        "line_bytes": transport.line_bytes,
        "file_bytes": report.file_bytes,
        "sent_bytes": transport.traffic.sent,
        "requests": transport.traffic.requests,
        "steps": steps,
    }


def waiting_of(desk: Desk) -> dict[str, int]:
    """Return how much of the device's work the server has not confirmed."""
    counts = desk.outbox.counts()
    files = desk.store.row("SELECT count(*) FROM blobs WHERE state = 'kept'")
    return {"waiting_sets": counts.get("sealed", 0) + counts.get("held", 0), "waiting_files": files[0] if files else 0}


def weigh(desk: Desk) -> int:
    """Return how many bytes of sealed lines and files wait here."""
    lines = sum(len(outgoing.line) + 1 for outgoing in desk.outbox.waiting())
    files = desk.store.row("SELECT coalesce(sum(size_bytes), 0) FROM blobs WHERE state = 'kept'")
    return lines + (files[0] if files else 0)


def main(command: str, *arguments: str) -> None:
    """Open the device and do what was asked."""
    with opened_desk(None) as desk:
        if command == "fill":
            sets, photos, photo_bytes, seed = map(int, arguments)
            fill(desk, sets, photos, photo_bytes, Random(seed))
        elif command == "weigh":
            sys.stdout.write(f"{weigh(desk)}\n")
        else:
            sync(desk, float(arguments[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
