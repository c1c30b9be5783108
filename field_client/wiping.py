"""Destroying what a device holds, by order of the office that revoked it.

Rule 1: only the office's signature on the device's own question is an order (`sync.wipe_order`).
Rule 2: nobody asks before all unsent change-sets were handed in.
Rule 3: the mark comes first: from then on every command goes on destroying where a crash stopped, and opens nothing.
Rule 4: the key goes before what it locks: from that moment the rest is noise.

Flash memory may keep a copy of an overwritten key for a while; then the PIN still stands before it.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Final

from field_client.durable import sync_folder
from field_client.keys import erase_keyring, verify
from field_client.outbox import Outbox
from field_client.settings import Settings
from field_client.store import Store
from field_client.transport import Transport
from schemas.problems import Refused
from sync import chain
from sync.wipe_order import WipeQuestion, read_order

NONCE_BYTES: Final = 32
MARK: Final = "wiped.json"


def ask_for_order(store: Store, outbox: Outbox, transport: Transport) -> str | None:
    """Ask the server whether this device must destroy its keys; return when it was ordered, or None.

    Trouble on the way, and any answer the office did not sign, is no order.
    """
    waiting = outbox.counts()
    if waiting.get("sealed") or waiting.get("held"):
        return None
    mine = outbox.identity
    seq, digest = store.recall("seq", 0), store.recall("prev", chain.FIRST_PREV)
    question = WipeQuestion(mine.organisation, mine.device, os.urandom(NONCE_BYTES).hex(), seq, digest)
    asked = {"nonce": question.nonce, "seq": seq, "digest": digest}
    try:
        answer = transport.ask("/wipe", asked, {"ordered_at": str, "signature": str})
        return read_order(answer, question, store.recall("server_key", ""), verify)
    except Refused:
        return None


def wipe(settings: Settings, ordered_at: str) -> None:
    """Destroy keys, records and files of this device, for ever."""
    mark = settings.data / MARK
    beside = mark.with_name(f".{MARK}")
    with beside.open("w", encoding="utf-8") as file:
        json.dump({"ordered_at": ordered_at}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(mark)
    sync_folder(settings.data)
    finish_wipe(settings)


def finish_wipe(settings: Settings) -> None:
    """Destroy what is left; may be repeated."""
    # A keyring that was being saved when the device stopped lies beside its place, and opens as much.
    for keyring in (settings.keyring, *settings.data.glob(f".{settings.keyring.name}.*")):
        erase_keyring(keyring)
    for ending in ("", "-wal", "-shm"):
        _beside(settings.database, ending).unlink(missing_ok=True)
    if settings.evidence.exists():
        shutil.rmtree(settings.evidence)
    sync_folder(settings.data)


def was_wiped(settings: Settings) -> bool:
    """Tell whether this device was ordered to be destroyed; if so, nothing is left of it on return."""
    if not (settings.data / MARK).exists():
        return False
    finish_wipe(settings)
    return True


def refuse_wiped(settings: Settings) -> None:
    """Raise Refused with `device_wiped` when this device was destroyed."""
    if was_wiped(settings):
        raise Refused("device_wiped")


def begin_anew(settings: Settings) -> None:
    """Let a destroyed device be enrolled as another one."""
    if was_wiped(settings):
        (settings.data / MARK).unlink()
        sync_folder(settings.data)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
