"""Open pages hear of every change, also of one before they began to listen, and of no other company's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from schemas.problems import Refused
from server.desk.live import STREAMS_MAX, Listeners
from server.services.log_following import read_position
from tests.server.builders import Firm, update


@pytest.fixture
def listeners(firm: Firm) -> Iterator[Listeners]:
    """Those who listen to a company's database; at the end nobody looks into it any more."""
    listeners = Listeners(firm.engine)
    yield listeners
    listeners.rest()


def news(stream: Iterator[str]) -> str:
    """Return the next event, past what only says that the line is alive."""
    return next(event for event in stream if "event:" in event)


def change(firm: Firm, seen: str | None, contact: str) -> None:
    """Let the office write something."""
    firm.write(update("work_order", firm.order, contact=(seen, contact)))


def test_a_change_between_the_page_and_its_listening_is_not_missed(firm: Firm, listeners: Listeners) -> None:
    shown = read_position(firm.engine, firm.id)
    change(firm, None, "田野")

    with closing(listeners.listen(firm.id, shown)) as stream:
        assert f"id: {shown + 1}\n" in news(stream)


def test_changes_are_told_one_after_the_other_and_those_of_others_never(
    firm: Firm, other_firm: Firm, listeners: Listeners
) -> None:
    shown = read_position(firm.engine, firm.id)
    with closing(listeners.listen(firm.id, shown)) as stream:
        next(stream)
        change(other_firm, None, "别家")
        change(firm, None, "田野")
        first = news(stream)
        change(firm, "田野", "陈敏")

        assert (f"data: {shown + 1}\n" in first, f"data: {shown + 2}\n" in news(stream)) == (True, True)


def test_no_more_listen_than_there_are_threads_for(firm: Firm, listeners: Listeners) -> None:
    with ExitStack() as streams:
        for _ in range(STREAMS_MAX):
            next(streams.enter_context(closing(listeners.listen(firm.id, None))))
        with pytest.raises(Refused, match="server_busy"):
            listeners.listen(firm.id, None)

    unheard = listeners.listen(firm.id, None)
    del unheard
    listeners.listen(firm.id, None).close()
