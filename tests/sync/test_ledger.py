"""The ledger: whatever way a device's sets come, its chain is taken in once, in order, and forks are seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.problems import Fault
from sync.chain import FIRST_PREV
from sync.ledger import HELD_MAX, Accept, Decision, Duplicate, Head, Hold, Refuse, decide


@dataclass(frozen=True)
class Link:
    """A set as the ledger sees it."""

    seq: int
    prev: str
    digest: str


@dataclass
class Server:
    """A server of one device that does what the ledger decides, and nothing else."""

    taken: list[Link] = field(default_factory=list)
    held: dict[int, Link] = field(default_factory=dict)
    state: str = "active"

    def deliver(self, link: Link) -> Decision:
        """Take a link in, then those that it lets in."""
        decision = self._decide(link)
        if isinstance(decision, Hold):
            self.held.setdefault(link.seq, link)
        if isinstance(decision, Refuse) and decision.freezes:
            self.state = "frozen"
        if isinstance(decision, Accept):
            self.taken.append(link)
            if (following := self.held.pop(link.seq + 1, None)) is not None:
                self.deliver(following)
        return decision

    def _decide(self, link: Link) -> Decision:
        last = self.taken[-1] if self.taken else Link(0, "", FIRST_PREV)
        known = self.taken[link.seq - 1].digest if link.seq <= len(self.taken) else None
        held = self.held[link.seq].digest if link.seq in self.held else None
        return decide(Head(last.seq, last.digest, self.state), link.seq, link.prev, link.digest, known, held)


def make_chain(length: int, name: str = "main") -> list[Link]:
    """Return the links of a device that did nothing wrong."""
    links: list[Link] = []
    for seq in range(1, length + 1):
        links.append(Link(seq, links[-1].digest if links else FIRST_PREV, f"{name} {seq}"))
    return links


CHAIN = make_chain(8)
FORKED = [Link(link.seq, link.prev, f"other {link.seq}") for link in CHAIN]
"""The same numbers with other content, as a copied device would write them."""


@given(st.lists(st.sampled_from(CHAIN), max_size=40))
def test_any_order_and_repetition_takes_the_chain_in_once_and_in_order(deliveries: list[Link]) -> None:
    server = Server()

    for link in deliveries:
        decision = server.deliver(link)

        assert isinstance(decision, Accept | Duplicate | Hold)
        assert server.taken == CHAIN[: len(server.taken)]

    whole_prefix = next((n for n, link in enumerate(CHAIN) if link not in deliveries), len(CHAIN))
    assert len(server.taken) == whole_prefix
    assert server.state == "active"


@given(st.permutations(CHAIN))
def test_every_order_comes_to_the_same_end(deliveries: list[Link]) -> None:
    server = Server()

    for link in deliveries:
        server.deliver(link)

    assert server.taken == CHAIN and not server.held


@given(st.lists(st.sampled_from(CHAIN + FORKED), max_size=40))
def test_of_a_forked_device_one_chain_at_most_is_taken_in(deliveries: list[Link]) -> None:
    server = Server()

    for link in deliveries:
        known_before = link in server.taken
        frozen_before = server.state == "frozen"
        length_before = len(server.taken)
        decision = server.deliver(link)

        assert isinstance(decision, Duplicate) == known_before
        assert not (frozen_before and len(server.taken) > length_before)

    for before, after in zip([Link(0, "", FIRST_PREV), *server.taken], server.taken, strict=False):
        assert (after.seq, after.prev) == (before.seq + 1, before.digest)
    both_came = {link.seq for link in deliveries if link in CHAIN} & {link.seq for link in deliveries if link in FORKED}
    assert server.state == "active" or both_came or any(link in FORKED for link in deliveries)


def test_the_second_content_of_a_held_number_freezes_the_device() -> None:
    server = Server()
    server.deliver(CHAIN[2])

    again, other = server.deliver(CHAIN[2]), server.deliver(FORKED[2])

    assert isinstance(again, Hold)
    assert other == Refuse(Fault("sequence_reused", {"seq": 3}), freezes=True)


def test_the_second_content_of_a_number_freezes_the_device() -> None:
    server = Server()
    server.deliver(CHAIN[0])

    decision = server.deliver(FORKED[0])

    assert decision == Refuse(Fault("sequence_reused", {"seq": 1}), freezes=True)
    assert isinstance(server.deliver(CHAIN[1]), Refuse) and server.taken == CHAIN[:1]
    assert isinstance(server.deliver(CHAIN[0]), Duplicate)


AHEAD = HELD_MAX + 6


@pytest.mark.parametrize(
    ("state", "seq", "prev", "known", "expected"),
    [
        ("active", 6, "head", None, Accept()),
        ("active", 6, "else", None, Refuse(Fault("chain_broken", {"seq": 6}), freezes=True)),
        ("active", 7, "else", None, Hold(Fault("gap_in_sequence", {"expected": 6}))),
        ("active", AHEAD - 1, "else", None, Hold(Fault("gap_in_sequence", {"expected": 6}))),
        ("active", AHEAD, "else", None, Refuse(Fault("too_many_held", {"limit": HELD_MAX}))),
        ("active", 5, "else", "same", Duplicate()),
        ("active", 5, "else", "other", Refuse(Fault("sequence_reused", {"seq": 5}), freezes=True)),
        ("active", 5, "else", None, Refuse(Fault("set_given_up", {"seq": 5}))),
        ("frozen", 5, "else", "same", Duplicate()),
        ("frozen", 5, "else", "other", Refuse(Fault("sequence_reused", {"seq": 5}), freezes=True)),
        ("frozen", 6, "head", None, Refuse(Fault("device_frozen"))),
        ("frozen", 7, "else", None, Refuse(Fault("device_frozen"))),
        ("frozen", AHEAD, "else", None, Refuse(Fault("device_frozen"))),
        ("revoked", 5, "else", "same", Duplicate()),
        ("revoked", 5, "else", "other", Refuse(Fault("device_revoked"))),
        ("revoked", 6, "head", None, Refuse(Fault("device_revoked"))),
        ("revoked", 7, "else", None, Refuse(Fault("device_revoked"))),
    ],
)
def test_the_table_of_decisions(state: str, seq: int, prev: str, known: Any, expected: Decision) -> None:
    assert decide(Head(5, "head", state), seq, prev, "same", known, None) == expected


def test_the_first_set_of_a_device_names_nothing_before_it() -> None:
    empty = Head(0, FIRST_PREV, "active")

    assert decide(empty, 1, FIRST_PREV, "a", None, None) == Accept()
    assert isinstance(decide(empty, 1, "something", "a", None, None), Refuse)
