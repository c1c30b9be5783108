"""The network of the simulation: requests and answers as bytes, each with a fate of its own.

A sync run of a device is a greenlet. It is suspended while its request is on the way, and goes on when the
answer comes or its patience ends; so the real client code runs unchanged, and anything may happen meanwhile.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

import greenlet
import urllib3

from field_client.outbox import WallClock
from field_client.patience import Patience
from field_client.transport import Caller, Transport
from tests.simulation.world import DAY_MS, MINUTE_MS, SECOND_MS, World

PATIENCE_MS: Final = 30 * SECOND_MS
PATIENCE_S: Final = 60
BASE_URL: Final = "http://gongdan.example"
SIGN_IN_PAGE: Final = b"<html><body>Welcome to the guest network</body></html>"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it travels."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it travels."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Answering = Callable[[Request], Answer | None]
"""what the server does with a request; None when it hung up"""


class Radio:
    """One device's connection. It stands in for urllib3's pool and for nothing else."""

    def __init__(self, world: World, name: str, server: Answering) -> None:
        """Connect the device called `name` to a server."""
        self.world, self.name, self.server = world, name, server
        self.is_cut = False
        self.between_pages: Callable[[], object] = lambda: None
        """Called when a page was stored and the next one is asked for."""
        self._sent = 0

    def urlopen(
        self, method: str, url: str, body: Iterable[bytes] | None, headers: Mapping[str, str], **_: Any
    ) -> urllib3.HTTPResponse:
        """Send a request and wait for its answer; raises an error of urllib3's when none comes."""
        address = urlsplit(url)
        content = b"".join(body or ())
        sent = {"Content-Length": str(len(content)), **headers}
        if address.path.endswith("/pull") and "after=" in address.query:
            self.between_pages()
        self._sent += 1
        place = f"{self.name}#{self._sent}"
        request = Request(method, address.path, address.query, sent, content)
        self.world.tell(place, "sends", method, address.path, address.query, len(content))
        waiting = greenlet.getcurrent()
        self._dispatch(place, request, waiting)
        self.world.plan(PATIENCE_MS, lambda: self._wake(waiting, place, None))
        answer = waiting.parent.switch(place)
        if answer is None:
            raise urllib3.exceptions.ReadTimeoutError(None, url, place)  # type: ignore[arg-type]
        body_file = io.BytesIO(answer.body)
        return urllib3.HTTPResponse(
            body_file, answer.headers, answer.status, preload_content=False, request_method=method
        )

    def pause(self, seconds: float) -> None:
        """Wait before another request."""
        self._sent += 1
        place, waiting = f"{self.name}#{self._sent} pauses", greenlet.getcurrent()
        self.world.plan(round(seconds * SECOND_MS), lambda: self._wake(waiting, place, None))
        waiting.parent.switch(place)

    def _dispatch(self, place: str, request: Request, waiting: greenlet.greenlet) -> None:
        """Decide what becomes of a request on its way."""
        strikes, chance = self.world.strikes, self.world.draw("way", place)
        if self.is_cut or strikes("request lost", place):
            self.world.tell(place, "is lost")
            return
        if strikes("request cut off", place):
            kept = chance.randrange(len(request.body)) if request.body else 0
            length = str(kept) if chance.random() < 0.5 else request.headers["Content-Length"]
            headers = {**request.headers, "Content-Length": length}
            request = replace(request, body=request.body[:kept], headers=headers)
        delay_ms = chance.randint(20, 2000)
        if strikes("request late", place):
            delay_ms = chance.choice([chance.randint(SECOND_MS, 5 * MINUTE_MS), chance.randint(1, 21) * DAY_MS])
        self.world.plan(delay_ms, lambda: self._arrive(place, request, waiting))
        if strikes("request twice", place):
            again_ms = delay_ms + chance.choice([chance.randint(1, 5 * MINUTE_MS), chance.randint(1, 21) * DAY_MS])
            self.world.plan(again_ms, lambda: self._arrive(f"{place} again", request, waiting))

    def _arrive(self, place: str, request: Request, waiting: greenlet.greenlet) -> None:
        """Let the server answer, and decide what becomes of the answer on its way."""
        self.world.tell(place, "arrives")
        answer = self.server(request)
        strikes, chance = self.world.strikes, self.world.draw("way back", place)
        if answer is None or self.is_cut or strikes("answer lost", place):
            self.world.tell(place, "is not answered")
            return
        if strikes("answer by a sign-in page", place):
            answer = Answer(200, {"Content-Type": "text/html"}, SIGN_IN_PAGE)
        elif strikes("answer cut off", place) and answer.body:
            answer = replace(answer, body=answer.body[: chance.randrange(len(answer.body))])
        elif strikes("answer cut off unnoticed", place) and answer.body:
            # A proxy that announces what it has: only the content itself tells that something is missing.
            body = answer.body[: chance.randrange(len(answer.body))]
            answer = replace(answer, body=body, headers={**answer.headers, "Content-Length": str(len(body))})
        delay_ms = chance.randint(20, 2000)
        if strikes("answer late", place):
            delay_ms = chance.randint(SECOND_MS, 5 * MINUTE_MS)
        found = answer
        self.world.plan(delay_ms, lambda: self._wake(waiting, place.removesuffix(" again"), found))

    def _wake(self, waiting: greenlet.greenlet, place: str, answer: Answer | None) -> None:
        """Let a run go on, if it still waits for this."""
        if waiting.dead or waiting.gr_frame is None or getattr(waiting, "awaits", None) != place:
            return
        self.world.tell(place, "gives up" if answer is None else f"is answered {answer.status} {len(answer.body)}")
        waiting.resume(answer)  # type: ignore[attr-defined]


class RadioTransport(Transport):
    """The device's real transport, over a radio."""

    def __init__(self, radio: Radio, caller: Caller | None, now: WallClock, offset_ms: int) -> None:
        """Talk over `radio`."""
        world = radio.world
        patience = Patience(PATIENCE_S, lambda: world.now_ms / SECOND_MS, radio.pause, lambda: 0.5)
        super().__init__(BASE_URL, caller, now, offset_ms, patience=patience)
        self._pool = radio  # type: ignore[assignment]


class Run(greenlet.greenlet):
    """What a device does while it waits for others; `awaits` names the request it is waiting for."""

    awaits: str | None = None

    def begin(self) -> None:
        """Go until the first wait or the end."""
        self.resume()

    def resume(self, *answer: Answer | None) -> None:
        """Go on until the next wait or the end. What it raises is raised here."""
        self.awaits = None
        self.parent = greenlet.getcurrent()
        awaited = self.switch(*answer)
        self.awaits = None if self.dead else awaited
