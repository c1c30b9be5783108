"""A device holds its server to the log it has once seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from nacl.signing import SigningKey

from field_client.log_watch import EVERY_MS, look_ahead, watch
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


def sign(leaves: list[bytes]) -> str:
    """Return the checkpoint of a log."""
    checkpoint = Checkpoint(ORGANISATION, len(leaves), root(leaves))
    return write_checkpoint(checkpoint, bytes(KEY.verify_key), lambda text: KEY.sign(text).signature)


def see(store: Store, leaves: list[bytes]) -> str:
    """Let the device have pulled a checkpoint of a log."""
    note = sign(leaves)
    store.remember(checkpoint=note)
    return note


class Log:
    """What the server answers, counting the questions."""

    def __init__(self, leaves: list[bytes]) -> None:
        """Prove from these leaves."""
        self.leaves, self.asked = leaves, 0

    def prove(self, old_size: int, size: int | None) -> Mapping[str, Any]:
        """Return the proof, of the log as it stands with its checkpoint."""
        self.asked += 1
        if not 1 <= old_size <= (size or len(self.leaves)) <= len(self.leaves):
            raise Refused("value_invalid")
        path = {"path": [node.hex() for node in consistency_proof(old_size, self.leaves[:size])]}
        return path if size else path | {"checkpoint": sign(self.leaves)}


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


OTHER = [*LEAVES[:4], leaf_hash(b"x"), *LEAVES[5:9]]
OF_ONE_SIZE = [*LEAVES[:6], leaf_hash(b"x")]


@pytest.mark.parametrize("now", [LEAVES[:5], LEAVES[:6], OF_ONE_SIZE], ids=["as held", "cut", "of one size"])
def test_a_log_that_is_shorter_or_another_of_its_size_is_told_at_once(store: Store, now: list[bytes]) -> None:
    see(store, LEAVES[:5])
    watch(store, Log(LEAVES).prove, 0)
    see(store, LEAVES[:7])
    watch(store, Log(LEAVES).prove, 1)
    see(store, now)

    with pytest.raises(Refused, match="log_forked"):
        watch(store, Log(now).prove, 2)

    assert not look_ahead(store, Log(now).prove, 3)
    see(store, LEAVES[:9])
    watch(store, Log(LEAVES).prove, 4)
    assert store.recall("log_forked") is None
    assert look_ahead(store, Log(LEAVES).prove, 5)


def test_an_answer_that_was_only_late_is_no_cut_log(store: Store) -> None:
    see(store, LEAVES[:7])
    watch(store, Log(LEAVES).prove, 0)
    see(store, LEAVES[:5])

    watch(store, Log(LEAVES).prove, 1)

    assert store.recall("log_forked") is None


def test_once_a_day_the_log_is_asked_for_before_work_is_handed_in(store: Store) -> None:
    log = Log(LEAVES)
    assert look_ahead(store, log.prove, 0)
    see(store, LEAVES[:5])
    watch(store, log.prove, 0)
    assert look_ahead(store, log.prove, EVERY_MS - 1) and log.asked == 0

    assert look_ahead(store, log.prove, EVERY_MS)

    assert (log.asked, store.recall("log_held")) == (1, sign(LEAVES))
    see(store, LEAVES)
    watch(store, log.prove, EVERY_MS)
    assert log.asked == 1, "it is not asked for twice"


@pytest.mark.parametrize("now", [OTHER, [leaf_hash(b"y"), *LEAVES[1:5]], LEAVES[:3], []])
def test_what_is_no_proof_holds_work_back_until_a_pull_tells_why(store: Store, now: list[bytes]) -> None:
    see(store, LEAVES[:5])
    watch(store, Log(LEAVES).prove, 0)

    assert not look_ahead(store, Log(now).prove, EVERY_MS)

    if now:
        with pytest.raises(Refused, match="log_forked"):
            watch(store, Log(now).prove, EVERY_MS)
        assert store.recall("log_forked") == sign(now)
    # Had it been restored from a backup, the pull would have said so.
    store.remember(epoch="second")
    see(store, LEAVES[:2])
    watch(store, Log(LEAVES).prove, EVERY_MS)
    assert store.recall("log_held") == sign(LEAVES[:2])


@pytest.mark.parametrize("code", ["not_found", "answer_not_understood", "server_unreachable", "device_revoked"])
def test_who_does_not_answer_holds_no_work_back(store: Store, code: str) -> None:
    def answer(_old: int, _size: int | None) -> Any:
        raise Refused(code)

    first = see(store, LEAVES[:5])
    watch(store, Log(LEAVES).prove, 0)

    assert look_ahead(store, answer, EVERY_MS)
    assert look_ahead(store, lambda _old, _size: {"path": []}, EVERY_MS)
    assert store.recall("log_held") == first
