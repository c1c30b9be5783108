"""One sync run as two conversations: what to send next, and what an answer means.

Rule 1: an answer settles only the sets it names by digest; all others stay as they were.
Rule 2: a set without a final receipt is sent again in a later run, unchanged.
Rule 3: pages of a pull are staged and take effect together when the last one has come, so a set of
        changes is never seen in half.
Rule 4: a run asks for changes since the position it began at, however many pages it takes or restarts
        it survives.
Rule 5: another feed epoch means that the server was restored from a backup: the device starts again
        from a snapshot and keeps everything unsent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, Final

from schemas.problems import Refused
from sync import canonical, receipt
from sync.changeset import CHANGE_SET_BYTES_MAX
from sync.receipt import Receipt

PUSH_BYTES_MAX: Final = 1024 * 1024
"""One request on a 2G link (about 10 kB/s) takes under two minutes; the server takes no larger body."""

PUSH_SETS_MAX: Final = 500
"""Bounds the server's transaction."""

STEP_BYTES_MAX: Final = 4 * CHANGE_SET_BYTES_MAX
"""A record grows by change-sets, and is far from needing the room of four."""

PAGE_OPS_MAX: Final = 2000
"""Bounds the memory of both sides: about 2.5 MB of records of 1.2 KB."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A sealed set that waits to be sent."""

    digest: str
    line: bytes


@dataclass(slots=True)
class PushSession:
    """Sends what waits, oldest first, in requests of bounded size.

    Ask `next_body` for the bytes of a request until it returns None; give each answer to `receive`.
    """

    waiting: Iterator[Outgoing]
    bytes_max: int = PUSH_BYTES_MAX
    _ahead: Outgoing | None = None
    _in_flight: set[str] = field(default_factory=set)

    def next_body(self) -> bytes | None:
        """Return the body of the next request: sealed lines, each with its line break; None when all is sent."""
        lines: list[bytes] = []
        size = 0
        self._in_flight = set()
        while len(lines) < PUSH_SETS_MAX:
            outgoing = self._ahead or next(self.waiting, None)
            self._ahead = None
            if outgoing is None:
                break
            if lines and size + len(outgoing.line) + 1 > self.bytes_max:
                self._ahead = outgoing
                break
            lines.append(outgoing.line)
            size += len(outgoing.line) + 1
            self._in_flight.add(outgoing.digest)
        return b"\n".join(lines) + b"\n" if lines else None

    def receive(self, body: bytes) -> list[Receipt]:
        """Return the receipts that an answer holds for sets of the request; others are none of our business.

        Raises Refused with `answer_not_understood` when the answer is not receipts.
        """
        try:
            receipts = [receipt.load(line) for line in body.split(b"\n") if line]
        except Refused:
            raise Refused("answer_not_understood") from None
        return [found for found in receipts if found.digest in self._in_flight]


@dataclass(frozen=True, slots=True)
class PageHead:
    """The first line of a page.

    `until` is the feed position that holds once the run is complete; `after` asks for the next page, None
    on the last; `checksum` and `count` describe the whole scope at `until`, on the last page only. `checkpoint` is the
    log's size and root signed by the office, on the last page of a run that brings the device further.
    """

    epoch: str
    since: int
    until: int
    after: str | None
    ops: int
    server_time: str
    checksum: str | None
    count: int | None
    witness: str
    checkpoint: str | None = None


_HEAD_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "epoch": (str,),
    "since": (int,),
    "until": (int,),
    "after": (str, NoneType),
    "ops": (int,),
    "server_time": (str,),
    "checksum": (str, NoneType),
    "count": (int, NoneType),
    "witness": (str,),
    "checkpoint": (str, NoneType),
}
_OPTIONAL: Final = {"checkpoint": None}
"""Members that an older server does not send."""


@dataclass(frozen=True, slots=True)
class Op:
    """One step that brings a device's scope up to date: `put` a whole record, `patch` fields of one, `evict` one."""

    name: str
    id: str
    kind: str = ""
    values: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a device has followed the feed: `epoch` is empty before the first sync.

    `after` is the page to go on with when a run was cut off.
    """

    epoch: str = ""
    position: int = 0
    after: str | None = None


@dataclass(slots=True)
class PullSession:
    """Fetches everything since the cursor, page by page."""

    cursor: Cursor
    done: bool = False

    def next_query(self) -> dict[str, str] | None:
        """Return the query of the next request; None when the run is complete."""
        if self.done:
            return None
        query = {"since": str(self.cursor.position), "epoch": self.cursor.epoch}
        if self.cursor.after is not None:
            query["after"] = self.cursor.after
        return query

    def receive(self, lines: Iterable[bytes]) -> tuple[PageHead, Iterator[Op]]:
        """Read a page: its head, and its ops one by one as they are asked for.

        The page counts only when all its ops have been read; then call `advance`.
        Raises Refused with `answer_not_understood` for anything that is not a page, or not this run's.
        """
        source = iter(lines)
        head = read_head(next(source, b""))
        if head.since != self.cursor.position or self.cursor.epoch not in ("", head.epoch):
            raise Refused("answer_not_understood")
        return head, _read_ops(source, head.ops)

    def advance(self, head: PageHead) -> Cursor:
        """Take a page as stored, and return the cursor to store with it."""
        self.done = head.after is None
        position = head.until if self.done else self.cursor.position
        self.cursor = Cursor(head.epoch, position, head.after)
        return self.cursor

    def restart(self, epoch: str) -> Cursor:
        """Begin again from a snapshot under another epoch, and return the cursor to store."""
        self.cursor, self.done = Cursor(epoch), False
        return self.cursor


def write_head(head: PageHead) -> bytes:
    """Return the first line of a page, with its line break."""
    document = {name: getattr(head, name) for name in PageHead.__dataclass_fields__}
    return canonical.dump(document).encode("utf-8") + b"\n"


def read_head(line: bytes) -> PageHead:
    """Read what `write_head` wrote; members a newer server adds are passed over.

    Raises Refused with `answer_not_understood`.
    """
    try:
        document = _OPTIONAL | canonical.load(line)
        head = PageHead(**{name: document[name] for name in _HEAD_TYPES})
    except (ValueError, TypeError, KeyError):
        raise Refused("answer_not_understood") from None
    if any(type(getattr(head, name)) not in types for name, types in _HEAD_TYPES.items()) or head.ops < 0:
        raise Refused("answer_not_understood")
    return head


def _read_ops(lines: Iterator[bytes], count: int) -> Iterator[Op]:
    for _ in range(count):
        line = next(lines, b"")
        if len(line) > STEP_BYTES_MAX:
            raise Refused("answer_not_understood")
        try:
            yield _read_op(canonical.load(line))
        except ValueError:
            raise Refused("answer_not_understood") from None


def _read_op(step: Any) -> Op:
    if not isinstance(step, list) or not all(isinstance(text, str) for text in step[:3]):
        raise ValueError("a step is a list that begins with its name, an id and a kind")
    if len(step) == 4 and step[0] in ("put", "patch") and isinstance(step[3], dict):
        return Op(*step)
    if len(step) == 2 and step[0] == "evict":
        return Op(*step)
    raise ValueError("a step is put, patch or evict")
