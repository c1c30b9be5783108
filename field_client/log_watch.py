"""Seeing to it that the server's log only grows: what this device has once seen of it must be how it begins.

Rule 1: the device holds a signed checkpoint that it has checked. Once a day it asks for the proof that the log which
        the server signs by then begins with it, and then holds the newer one. It asks before it hands anything in,
        which costs no request more than to ask afterwards (docs/decisions/0014).
Rule 2: where it does not, both are kept, the held one stays, and every further sync says so before it hands anything
        in: that is evidence.
Rule 3: a log that is shorter than the device has seen it, or as long and another, is told at once.
Rule 4: a server that was restored from a backup says so by another feed epoch. What it lost is lost; the checkpoint
        held until then is kept, and the device begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from field_client.keys import verify
from field_client.store import Store
from schemas.problems import Refused
from sync.checkpoint import Checkpoint, read_checkpoint
from sync.transparency import verify_consistency

EVERY_MS: Final = 24 * 3600 * 1000
"""One more request is felt on a bad line; a log that is altered stays altered."""

NODES_MAX: Final = 128
"""A proof in a log of 2^53 entries has fewer."""

NOT_KNOWN: Final = ("not_found", "answer_not_understood")
"""What a server answers that does not know the question."""

Ask = Callable[[int, int | None], Mapping[str, Any]]
"""older size, size or None for the log as it stands -> the server's proof; in the latter case with its checkpoint"""


def look_ahead(store: Store, ask: Ask, now_ms: int) -> bool:
    """Ask, where it is time to, for the log as it stands; return whether work may be handed in.

    Where it may not, what the server answers is kept as the newest checkpoint: a pull tells whether the server was
    restored, and `watch` then says what is wrong.
    """
    held = _read(store, store.recall("log_held"))
    if held is None or store.recall("log_epoch", "") != store.recall("epoch", ""):
        return True
    if store.recall("log_forked") is not None:
        return False
    if now_ms - store.recall("log_checked_ms", 0) < EVERY_MS:
        return True
    try:
        answer = _ask_for_newest(ask, held.size)
    except Refused as refusal:
        # Whoever does not answer, or not this device, will not take its work either: it is for the push to find out.
        return refusal.code != "value_invalid"
    newest = _read(store, answer.get("checkpoint"))
    if newest is None:
        return True
    store.remember(checkpoint=answer["checkpoint"])
    if newest != held and not (newest.size > held.size and _is_proof(held, newest, answer)):
        return False
    _hold(store, store.recall("epoch", ""), now_ms)
    return True


def _ask_for_newest(ask: Ask, size: int) -> Mapping[str, Any]:
    try:
        return ask(size, None)
    except Refused as refusal:
        if refusal.code != "value_invalid":
            raise
        # The log is shorter than that: what it is has to be had, for it is signed.
        return ask(1, None)


def watch(store: Store, ask: Ask, now_ms: int) -> None:
    """Compare the newest checkpoint with the one held, and with the one seen last.

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
    seen = _read(store, store.recall("log_seen")) or held
    if not _may_follow(seen, newest, ask):
        _tell_fork(store, seen)
    is_told = store.recall("log_forked") is not None
    if newest.size > held.size and (is_told or now_ms - store.recall("log_checked_ms", 0) >= EVERY_MS):
        proof = _ask(ask, held.size, newest.size)
        if proof is None:
            return
        if not _is_proof(held, newest, proof):
            _tell_fork(store, held)
        _hold(store, epoch, now_ms)
    elif newest.size >= seen.size:
        store.remember(log_seen=store.recall("checkpoint"), log_forked=None)


def _may_follow(seen: Checkpoint, newest: Checkpoint, ask: Ask) -> bool:
    """Return whether a checkpoint may be of the log that was seen, by its size; a shorter one is asked about."""
    if newest.size >= seen.size:
        return newest.size > seen.size or newest == seen
    try:
        # Of two runs at a time the one that asked first may be the last to be stored.
        proof = _ask(ask, newest.size, seen.size)
    except Refused as refusal:
        if refusal.code != "value_invalid":
            raise
        return False
    return proof is None or _is_proof(newest, seen, proof)


def _ask(ask: Ask, old_size: int, size: int) -> Mapping[str, Any] | None:
    try:
        return ask(old_size, size)
    except Refused as refusal:
        if refusal.code not in NOT_KNOWN:
            raise
        return None


def _tell_fork(store: Store, known: Checkpoint) -> NoReturn:
    store.remember(log_forked=store.recall("checkpoint"))
    raise Refused("log_forked", size=known.size)


def _hold(store: Store, epoch: str, now_ms: int) -> None:
    newest = store.recall("checkpoint")
    store.remember(log_held=newest, log_seen=newest, log_epoch=epoch, log_checked_ms=now_ms, log_forked=None)


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
