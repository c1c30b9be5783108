"""A device holds its server to the log it has once seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from nacl.signing import SigningKey

from field_client.log_watch import EVERY_MS, watch
from field_client.store import Store
from schemas.problems import Refused
from sync.checkpoint import Checkpoint, write_checkpoint
from sync.transparency import consistency_proof, leaf_hash, root
from tests.field_client.scope import ORGANISATION, Tablet

KEY = SigningKey(bytes(range(32)))
LEAVES = [leaf_hash(str(number).encode()) for number in range(20)]


@pytest.fixture
def store(tablet: Tablet) -> Store:
    """A device's store that knows the office's key."""
    tablet.store.remember(organisation=ORGANISATION, server_key=bytes(KEY.verify_key).hex(), epoch="first")
    return tablet.store


def see(store: Store, leaves: list[bytes]) -> str:
    """Let the device have pulled a checkpoint of a log."""
    checkpoint = Checkpoint(ORGANISATION, len(leaves), root(leaves))
    note = write_checkpoint(checkpoint, bytes(KEY.verify_key), lambda text: KEY.sign(text).signature)
    store.remember(checkpoint=note)
    return note


class Log:
    """What the server answers, counting the questions."""

    def __init__(self, leaves: list[bytes]) -> None:
        """Prove from these leaves."""
        self.leaves, self.asked = leaves, 0

    def prove(self, old_size: int, size: int) -> Mapping[str, Any]:
        """Return the proof."""
        self.asked += 1
        return {"path": [node.hex() for node in consistency_proof(old_size, self.leaves[:size])]}


def test_a_log_that_grows_is_followed_once_a_day(store: Store) -> None:
    log = Log(LEAVES)
    first = see(store, LEAVES[:5])
    watch(store, log.prove, 0)
    see(store, LEAVES[:7])
    watch(store, log.prove, EVERY_MS - 1)
    assert (log.asked, store.recall("log_held")) == (0, first)

    newer = see(store, LEAVES[:11])
    watch(store, log.prove, EVERY_MS)

    assert (log.asked, store.recall("log_held")) == (1, newer)


@pytest.mark.parametrize(
    "now", [LEAVES[:3], [*LEAVES[:4], leaf_hash(b"x"), *LEAVES[5:9]], [leaf_hash(b"y"), *LEAVES[1:5]]]
)
def test_a_log_that_begins_otherwise_is_refused_and_both_are_kept(store: Store, now: list[bytes]) -> None:
    first = see(store, LEAVES[:5])
    watch(store, Log(LEAVES).prove, 0)
    forked = see(store, now)

    for _ in range(2):
        with pytest.raises(Refused, match="log_forked"):
            watch(store, Log(now).prove, EVERY_MS)

    assert (store.recall("log_held"), store.recall("log_forked")) == (first, forked)


@pytest.mark.parametrize("answer", [{}, {"path": "x"}, {"path": [1]}, {"path": ["zz"]}, {"path": [""] * 200}])
def test_what_is_no_proof_proves_nothing(store: Store, answer: dict[str, Any]) -> None:
    see(store, LEAVES[:5])
    watch(store, Log(LEAVES).prove, 0)
    see(store, LEAVES[:9])

    with pytest.raises(Refused, match="log_forked"):
        watch(store, lambda _old, _new: answer, EVERY_MS)


def test_an_older_server_and_a_bad_line_leave_what_is_held(store: Store) -> None:
    first = see(store, LEAVES[:5])
    watch(store, Log(LEAVES).prove, 0)
    see(store, LEAVES[:9])

    def answer(code: str) -> Any:
        raise Refused(code)

    watch(store, lambda _old, _new: answer("not_found"), EVERY_MS)
    with pytest.raises(Refused, match="server_unreachable"):
        watch(store, lambda _old, _new: answer("server_unreachable"), EVERY_MS)

    assert store.recall("log_held") == first


def test_after_a_restoration_the_device_begins_anew_and_keeps_what_it_held(store: Store) -> None:
    before = see(store, LEAVES[:9])
    watch(store, Log(LEAVES).prove, 0)
    store.remember(epoch="second")
    watch(store, Log(LEAVES).prove, 1)
    assert store.recall("log_epoch") == "first"
    anew = see(store, LEAVES[:4])

    watch(store, Log(LEAVES).prove, 1)

    assert (store.recall("log_before"), store.recall("log_held")) == (before, anew)
