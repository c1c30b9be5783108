"""Open pages hear of every change, also of one before they began to listen, and of no other company's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas.problems import Refused
from server.desk.live import STREAMS_MAX, Listeners
from server.services.log_following import read_position
from tests.server.builders import Firm, update


def news(stream: Iterator[str]) -> str:
    """Return the next event, past what only says that the line is alive."""
    return next(event for event in stream if "event:" in event)


def change(firm: Firm, seen: str | None, contact: str) -> None:
    """Let the office write something."""
    firm.write(update("work_order", firm.order, contact=(seen, contact)))


def test_a_change_between_the_page_and_its_listening_is_not_missed(firm: Firm) -> None:
    shown = read_position(firm.engine, firm.id)
    change(firm, None, "田野")

    stream = Listeners(firm.engine).listen(firm.id, shown)

    assert f"id: {shown + 1}\n" in news(stream)
    stream.close()


def test_changes_are_told_one_after_the_other_and_those_of_others_never(firm: Firm, other_firm: Firm) -> None:
    listeners = Listeners(firm.engine)
    shown = read_position(firm.engine, firm.id)
    stream = listeners.listen(firm.id, shown)
    next(stream)
    change(other_firm, None, "别家")
    change(firm, None, "田野")
    first = news(stream)
    change(firm, "田野", "陈敏")

    assert (f"data: {shown + 1}\n" in first, f"data: {shown + 2}\n" in news(stream)) == (True, True)
    stream.close()


def test_no_more_listen_than_there_are_threads_for(firm: Firm) -> None:
    listeners = Listeners(firm.engine)
    streams = [listeners.listen(firm.id, None) for _ in range(STREAMS_MAX)]
    for stream in streams:
        next(stream)
    with pytest.raises(Refused, match="server_busy"):
        listeners.listen(firm.id, None)

    for stream in streams:
        stream.close()
    unheard = listeners.listen(firm.id, None)
    del unheard
    listeners.listen(firm.id, None).close()
