"""Push and pull as conversations: what is sent next, and what an answer settles."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.problems import Refused
from sync import receipt
from sync.receipt import Receipt
from sync.session import (
    PUSH_BYTES_MAX,
    PUSH_SETS_MAX,
    Cursor,
    Op,
    Outgoing,
    PageHead,
    PullSession,
    PushSession,
    read_head,
    write_head,
)

ORDER = "01933e5c-0000-7000-8000-000000000001"
HEAD = PageHead("e1", 0, 9, None, 0, "2026-11-21T02:15:59.123Z", "0" * 32, 3, f"9 {'a' * 64}")


def waiting(*sizes: int) -> list[Outgoing]:
    """Return sets of these sizes, the line break included."""
    return [Outgoing(f"digest {n}", f"{n:03d}".encode().ljust(size - 1, b".")) for n, size in enumerate(sizes)]


def receipts(*digests: str) -> bytes:
    """Return an answer that confirms some sets."""
    found = (Receipt("s", "d", 1, digest, "applied", "2026-11-21T02:15:59.123Z", 1) for digest in digests)
    return b"".join(receipt.dump(one).encode() + b"\n" for one in found)


def bodies_of(session: PushSession) -> list[bytes]:
    """Return all bodies that a session wants to send."""
    bodies = []
    while (body := session.next_body()) is not None:
        bodies.append(body)
    return bodies


def page(head: PageHead, *lines: str) -> list[bytes]:
    """Return a page as its lines."""
    return [write_head(replace(head, ops=len(lines))), *(line.encode() + b"\n" for line in lines)]


def refusal_of(session: PullSession, lines: list[bytes]) -> str:
    """Return the code with which a page is refused, at the head or while its ops are read."""
    with pytest.raises(Refused) as refusal:
        list(session.receive(lines)[1])
    return refusal.value.code


@given(st.lists(st.integers(5, 120), max_size=40), st.integers(10, 300))
def test_everything_is_sent_once_in_order_and_within_the_limit(sizes: list[int], bytes_max: int) -> None:
    sets = waiting(*sizes)

    bodies = bodies_of(PushSession(iter(sets), bytes_max))

    assert b"".join(bodies) == b"".join(outgoing.line + b"\n" for outgoing in sets)
    assert all(len(body) <= bytes_max or body.count(b"\n") == 1 for body in bodies)
    assert all(body.endswith(b"\n") for body in bodies)


@given(st.lists(st.integers(5, 120), min_size=2, max_size=40), st.integers(10, 300))
def test_no_request_could_have_taken_the_first_set_of_the_next(sizes: list[int], bytes_max: int) -> None:
    bodies = bodies_of(PushSession(iter(waiting(*sizes)), bytes_max))

    for body, following in pairwise(bodies):
        assert len(body) + following.index(b"\n") + 1 > bytes_max


def test_a_request_holds_no_more_sets_than_the_server_takes() -> None:
    bodies = bodies_of(PushSession(iter(waiting(*[10] * (PUSH_SETS_MAX + 1)))))

    assert [body.count(b"\n") for body in bodies] == [PUSH_SETS_MAX, 1]
    assert PUSH_SETS_MAX * 10 < PUSH_BYTES_MAX


def test_nothing_to_send_sends_nothing() -> None:
    assert PushSession(iter(())).next_body() is None


def test_an_answer_settles_only_what_it_names() -> None:
    session = PushSession(iter(waiting(10, 10, 10)))
    session.next_body()

    found = session.receive(receipts("digest 2", "digest 0"))

    assert [one.digest for one in found] == ["digest 2", "digest 0"]


def test_an_answer_settles_nothing_that_was_not_in_its_request() -> None:
    session = PushSession(iter(waiting(10, 10)), bytes_max=10)
    session.next_body()
    session.next_body()

    assert [one.digest for one in session.receive(receipts("digest 0", "digest 1", "digest 9"))] == ["digest 1"]


def test_an_empty_answer_settles_nothing() -> None:
    session = PushSession(iter(waiting(10)))
    session.next_body()

    assert session.receive(b"") == []


@pytest.mark.parametrize(
    "answer", [b"<html>Sign in</html>", b"{}", b"null\n", b"\xff\xfe", b'{"status":"ok"}', b"[]\n[]\n"]
)
def test_an_answer_that_is_not_receipts_settles_nothing(answer: bytes) -> None:
    session = PushSession(iter(waiting(10)))
    session.next_body()

    for body in (answer, receipts("digest 0") + answer):
        with pytest.raises(Refused) as refusal:
            session.receive(body)
        assert refusal.value.code == "answer_not_understood"


def test_an_answer_cut_off_is_not_understood_in_part() -> None:
    session = PushSession(iter(waiting(10, 10)))
    session.next_body()
    whole = receipts("digest 0", "digest 1")

    with pytest.raises(Refused):
        session.receive(whole[:-20])


def test_a_run_asks_from_where_the_last_one_ended() -> None:
    assert PullSession(Cursor()).next_query() == {"since": "0", "epoch": ""}
    assert PullSession(Cursor("e1", 7)).next_query() == {"since": "7", "epoch": "e1"}
    assert PullSession(Cursor("e1", 7, "9.x")).next_query() == {"since": "7", "epoch": "e1", "after": "9.x"}


def test_a_run_of_three_pages_counts_when_the_last_has_come() -> None:
    session = PullSession(Cursor("e1", 4))

    cursors, queries = [], []
    for after in ("5.a", "7.b", None):
        queries.append(session.next_query())
        head, ops = session.receive(page(replace(HEAD, since=4, after=after), f'["evict","{ORDER}"]'))
        assert list(ops) == [Op("evict", ORDER)]
        cursors.append(session.advance(head))

    assert queries[1:] == [{"since": "4", "epoch": "e1", "after": token} for token in ("5.a", "7.b")]
    assert cursors == [Cursor("e1", 4, "5.a"), Cursor("e1", 4, "7.b"), Cursor("e1", 9)]
    assert session.done and session.next_query() is None


def test_a_run_cut_off_goes_on_at_the_page_it_stored() -> None:
    session = PullSession(Cursor())
    head, _ = session.receive(page(replace(HEAD, after="5.a")))
    stored = session.advance(head)

    resumed = PullSession(stored)

    assert resumed.next_query() == {"since": "0", "epoch": "e1", "after": "5.a"}
    assert not resumed.done


def test_a_page_not_read_to_its_end_moves_nothing() -> None:
    session = PullSession(Cursor("e1", 4))
    lines = page(replace(HEAD, since=4), f'["evict","{ORDER}"]', f'["evict","{ORDER}"]')

    _, ops = session.receive(lines[:2])

    with pytest.raises(Refused) as refusal:
        list(ops)
    assert refusal.value.code == "answer_not_understood"
    assert session.cursor == Cursor("e1", 4)


def test_another_epoch_begins_again_from_nothing() -> None:
    session = PullSession(Cursor("e1", 4, "5.a"))

    cursor = session.restart("e2")

    assert cursor == Cursor("e2", 0, None)
    assert session.next_query() == {"since": "0", "epoch": "e2"}


def test_the_three_steps_are_read() -> None:
    lines = [
        f'["put","{ORDER}","work_order",{{"number":"GD-1","grade":null}}]',
        f'["patch","{ORDER}","work_order",{{"status":"on_site"}}]',
        f'["evict","{ORDER}"]',
    ]

    _, ops = PullSession(Cursor()).receive(page(HEAD, *lines))

    assert list(ops) == [
        Op("put", ORDER, "work_order", {"number": "GD-1", "grade": None}),
        Op("patch", ORDER, "work_order", {"status": "on_site"}),
        Op("evict", ORDER),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "", "{}", "[]", "null", '"abc"', '{"put":1,"id":2}', '["put"]', f'["put","{ORDER}"]', f'["drop","{ORDER}"]',
        f'["put","{ORDER}","work_order"]', f'["put","{ORDER}","work_order",[]]', f'["put","{ORDER}",7,{{}}]',
        f'["put","{ORDER}","work_order",{{}},1]', f'["evict","{ORDER}","work_order"]', '["evict",7]', '["evict",null]',
        f'["put","{ORDER}","work_order",{{"n":1.5}}]', '["put","', "[" * 100_000,
    ],
)  # fmt: skip
def test_a_line_that_is_no_step_is_not_understood(line: str) -> None:
    assert refusal_of(PullSession(Cursor()), page(HEAD, line)) == "answer_not_understood"


def test_a_line_longer_than_any_record_is_not_read() -> None:
    line = f'["put","{ORDER}","work_order",{{"n":"{"x" * 2_000_000}"}}]'

    assert refusal_of(PullSession(Cursor()), page(HEAD, line)) == "answer_not_understood"


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"7", b"<html>", b'"x"', b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_page_is_not_understood(line: bytes) -> None:
    assert refusal_of(PullSession(Cursor()), [line]) == "answer_not_understood"


def test_an_empty_answer_is_not_understood() -> None:
    assert refusal_of(PullSession(Cursor()), []) == "answer_not_understood"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epoch", 1), ("epoch", None), ("since", "0"), ("since", False), ("until", None), ("until", 9.5), ("after", 5),
        ("ops", "0"), ("ops", -1), ("server_time", 7), ("checksum", 7), ("count", "3"), ("witness", None),
        ("checkpoint", 7),
    ],
)  # fmt: skip
def test_a_head_of_wrong_types_is_not_understood(name: str, value: Any) -> None:
    line = json.dumps({**asdict(HEAD), name: value}).encode()

    assert refusal_of(PullSession(Cursor()), [line]) == "answer_not_understood"


@pytest.mark.parametrize("name", sorted(asdict(HEAD).keys() - {"checkpoint"}))
def test_a_head_without_one_of_its_members_is_not_understood(name: str) -> None:
    line = json.dumps({key: value for key, value in asdict(HEAD).items() if key != name}).encode()

    assert refusal_of(PullSession(Cursor()), [line]) == "answer_not_understood"


def test_a_head_of_an_older_server_has_no_checkpoint() -> None:
    line = json.dumps({key: value for key, value in asdict(HEAD).items() if key != "checkpoint"}).encode()

    assert read_head(line).checkpoint is None


def test_what_a_newer_server_adds_to_a_head_is_passed_over() -> None:
    assert read_head(json.dumps({**asdict(HEAD), "colour": "green"}).encode()) == HEAD


def test_a_page_of_another_run_is_not_understood() -> None:
    assert refusal_of(PullSession(Cursor("e1", 4)), page(HEAD)) == "answer_not_understood"
    assert refusal_of(PullSession(Cursor("e2", 0)), page(HEAD)) == "answer_not_understood"


@given(
    st.builds(
        PageHead,
        epoch=st.text(max_size=8),
        since=st.integers(0, 10**9),
        until=st.integers(0, 10**9),
        after=st.one_of(st.none(), st.text(max_size=8)),
        ops=st.integers(0, 2000),
        server_time=st.text(max_size=24),
        checksum=st.one_of(st.none(), st.text(max_size=32)),
        count=st.one_of(st.none(), st.integers(0, 10**9)),
        witness=st.text(max_size=80),
        checkpoint=st.one_of(st.none(), st.text(max_size=300)),
    )
)
def test_a_head_comes_back_as_it_went(head: PageHead) -> None:
    line = write_head(head)

    assert read_head(line) == head
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
