"""Seeing to it that the server's log only grows: what this device has once seen of it must be how it begins.

Rule 1: the device holds a signed checkpoint that it has checked. Once a day it asks for the proof that the log which
        the server signs by then begins with it, and then holds the newer one.
Rule 2: where it does not, both are kept, the held one stays, and every further sync says so: that is evidence.
Rule 3: a server that was restored from a backup says so by another feed epoch. What it lost is lost; the checkpoint
        held until then is kept, and the device begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from field_client.keys import verify
from field_client.store import Store
from schemas.problems import Refused
from sync.checkpoint import Checkpoint, read_checkpoint
from sync.transparency import verify_consistency

EVERY_MS: Final = 24 * 3600 * 1000
"""One more request is felt on a bad line; a log that is altered stays altered."""

NODES_MAX: Final = 128
"""A proof in a log of 2^53 entries has fewer."""

Ask = Callable[[int, int], Mapping[str, Any]]
"""older size, size -> the server's proof"""


def watch(store: Store, ask: Ask, now_ms: int) -> None:
    """Compare the newest checkpoint with the one held.

    Raises Refused with `log_forked`, and as the question does; a server that does not know it is asked again later.
    """
    newest = _read(store, store.recall("checkpoint"))
    if newest is None or newest.size == 0:
        return
    held, epoch = _read(store, store.recall("log_held")), store.recall("epoch", "")
    if held is None or store.recall("log_epoch", "") != epoch:
        if newest == held:
            # The checkpoint is still that of the log before.
            return
        with store.transaction():
            store.remember(log_before=store.recall("log_held"))
            _hold(store, epoch, now_ms)
        return
    if newest == held or now_ms - store.recall("log_checked_ms", 0) < EVERY_MS:
        return
    if newest.size > held.size:
        try:
            proof = ask(held.size, newest.size)
        except Refused as refusal:
            if refusal.code in ("not_found", "answer_not_understood"):
                return
            raise
        if _is_proof(held, newest, proof):
            with store.transaction():
                _hold(store, epoch, now_ms)
            return
    store.remember(log_forked=store.recall("checkpoint"))
    raise Refused("log_forked", size=held.size)


def _hold(store: Store, epoch: str, now_ms: int) -> None:
    store.remember(log_held=store.recall("checkpoint"), log_epoch=epoch, log_checked_ms=now_ms, log_forked=None)


def _read(store: Store, note: Any) -> Checkpoint | None:
    if not isinstance(note, str):
        return None
    key = bytes.fromhex(store.recall("server_key", ""))
    return read_checkpoint(note, store.recall("organisation", ""), key, verify)


def _is_proof(held: Checkpoint, newest: Checkpoint, proof: Mapping[str, Any]) -> bool:
    path = proof.get("path")
    if not isinstance(path, list) or len(path) > NODES_MAX:
        return False
    try:
        nodes = [bytes.fromhex(node) for node in path]
    except (TypeError, ValueError):
        return False
    return verify_consistency(held.size, held.root, newest.size, newest.root, nodes)
