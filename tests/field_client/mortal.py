"""A device that writes one diagnosis, sends it and pulls, and kills itself at the step it is told to.

`python -m tests.field_client.mortal STEP DATABASE KEY`. What it sends goes to the file `spool` beside the database;
its office is one of its own, which answers as the real one does.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from field_client.outbox import Edit
from field_client.store_feed import Feed
from sync.receipt import load
from sync.session import PullSession, PushSession
from tests.field_client.scope import MACHINE, ORDER, Tablet, stocked_office

STEPS = ("append", "seal", "sealed", "send", "settle", "settled", "page", "pull")
"""Where a life may end: `seal`, `settle` and `pull` at the moment of their commit, `page` after one of two."""

ACT = [
    Edit("work_order", ORDER, {"diagnosis": "轴承"}),
    Edit("machine", MACHINE, {"place": "三楼"}),
]


def die(*_: Any) -> bool:
    """End as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)
    return True


def main(step: str, path: Path, key: str) -> None:
    """Live until `step`."""
    tablet, office = Tablet(path, bytes.fromhex(key)), stocked_office()
    tablet.meet(office)
    office.page_size = 1
    store, outbox = tablet.store, tablet.outbox

    def live_until(last: str, live: Callable[[], Any]) -> None:
        store.db.set_commit_hook(die if step == last else None)
        live()

    if step == "append":
        store.write_local = die  # type: ignore[assignment]
    live_until("seal", lambda: outbox.write("order.note", ACT))
    if step == "sealed":
        die()
    body = PushSession(outbox.waiting()).next_body() or b""
    path.with_name("spool").write_bytes(body)
    if step == "send":
        die()
    receipts = [load(office.take_in(line)) for line in body.splitlines()]
    live_until("settle", lambda: outbox.settle(receipts))
    if step == "settled":
        die()
    feed = Feed(store)
    session = PullSession(feed.cursor)
    feed.stage(session, office.page(session.next_query() or {}))
    if step == "page":
        die()
    live_until("pull", lambda: feed.stage(session, office.page(session.next_query() or {})))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
