"""Destroying what a device holds, by order of the office that revoked it.

Rule 1: only the office's signature on the device's own question is an order (`sync.wipe_order`).
Rule 2: nobody asks before all unsent change-sets were handed in.
Rule 3: the mark comes first: from then on every command goes on destroying where a crash stopped, and opens nothing.
Rule 4: the key goes before what it locks: from that moment the rest is noise.
Rule 5: that it is done is signed while there is a key, kept in the mark, and sent when there is none; until the server
        has it, each sync sends it again.

Flash memory may keep a copy of an overwritten key for a while; then the PIN still stands before it.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from field_client.durable import sync_folder
from field_client.keys import erase_keyring, verify
from field_client.outbox import Outbox, wall_ms
from field_client.patience import Patience
from field_client.settings import Settings
from field_client.store import Store
from field_client.transport import Transport
from schemas.problems import Refused
from sync import chain
from sync.chain import Sign
from sync.wipe_order import WipeQuestion, read_order, spell_confirmation

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


@dataclass(frozen=True, slots=True)
class Confirmation:
    """That this device was destroyed, signed before it was; `base_url` is the server it belonged to."""

    base_url: str
    organisation: str
    device: str
    ordered_at: str
    signature: str


def sign_confirmation(store: Store, outbox: Outbox, sign: Sign, ordered_at: str) -> Confirmation:
    """Return what is to be sent when the key that signs it is gone."""
    mine = outbox.identity
    signature = sign(spell_confirmation(mine.organisation, mine.device, ordered_at)).hex()
    return Confirmation(store.recall("base_url"), mine.organisation, mine.device, ordered_at, signature)


def wipe(settings: Settings, ordered_at: str, confirmation: Confirmation | None = None) -> None:
    """Destroy keys, records and files of this device, for ever."""
    _write_mark(settings, {"ordered_at": ordered_at, **({"sends": asdict(confirmation)} if confirmation else {})})
    finish_wipe(settings)


def confirm_wipe(settings: Settings) -> None:
    """Tell the server that this device is destroyed, if that is so and the server has not heard it.

    Trouble on the way is no matter: the next sync tells it again.
    """
    if not was_wiped(settings):
        return
    kept = json.loads((settings.data / MARK).read_text(encoding="utf-8"))
    if "sends" not in kept:
        return
    told = Confirmation(**kept["sends"])
    transport = Transport(told.base_url, None, wall_ms, timeout_s=settings.timeout_s, patience=Patience(0))
    said = {name: value for name, value in asdict(told).items() if name != "base_url"}
    with suppress(Refused):
        transport.ask("/wipe/confirmation", said, {"confirmed": bool}, is_signed=False)
        _write_mark(settings, {"ordered_at": told.ordered_at})


def _write_mark(settings: Settings, told: dict[str, Any]) -> None:
    mark = settings.data / MARK
    beside = mark.with_name(f".{MARK}")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(mark)
    sync_folder(settings.data)


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
