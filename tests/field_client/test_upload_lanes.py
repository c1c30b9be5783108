"""Several files at once: each is brought once, nobody meets another in the database, nothing goes on behind a run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from field_client import uploads
from field_client.outbox import Edit
from field_client.runner import SyncRun
from field_client.transport_tcp import LineFacts
from field_client.upload_lanes import LANES_MAX, Lanes, RunOver, Turn, is_strained
from schemas.problems import Refused
from sync.blobs import LocalBlob
from tests.field_client.office import Office, serving
from tests.field_client.scope import ORDER, Tablet, uuid

LIMIT_S = 30.0
FILES = [LocalBlob(f"{number:064x}", 10, 0) for number in range(20)]


def nothing() -> None:
    """Do nothing between two pieces."""


class Wire:
    """Sends that wait for a network which the test moves; notes who was brought by whom, in turns."""

    def __init__(self, files: list[LocalBlob]) -> None:
        self.turn = Turn()
        self.brought: list[tuple[str, int]] = []
        self.opened = 0
        self.lanes = Lanes(files, self.turn, self.open)
        self.network: Callable[[int, LocalBlob], None] = lambda _lane, _blob: None

    def open(self) -> Callable[[LocalBlob], None]:
        """Return what sends over one more lane."""
        self.opened += 1
        return self.send_over(self.opened)

    def send_over(self, lane: int) -> Callable[[LocalBlob], None]:
        def send(blob: LocalBlob) -> None:
            with self.turn.away():
                self.network(lane, blob)
            self.brought.append((blob.sha256, lane))

        return send

    def bring(self) -> None:
        """Bring all, over as many lanes as there may be."""
        with self.turn:
            self.lanes.widen()
            self.lanes.bring(self.send_over(0), nothing)


def test_as_many_files_are_under_way_as_there_may_be_lanes_and_each_is_brought_once() -> None:
    wire, all_there = Wire(FILES), threading.Barrier(LANES_MAX)
    first = {blob.sha256 for blob in FILES[:LANES_MAX]}
    wire.network = lambda _, blob: blob.sha256 in first and all_there.wait(LIMIT_S)  # type: ignore[assignment]

    wire.bring()

    assert sorted(name for name, _ in wire.brought) == [blob.sha256 for blob in FILES]
    assert wire.opened == LANES_MAX - 1
    assert wire.lanes.brought == len(FILES)


def test_no_more_lanes_are_opened_than_there_are_files() -> None:
    wire = Wire(FILES[:2])

    wire.bring()

    assert wire.opened <= 2 and len(wire.brought) == 2


def test_a_file_that_another_lane_cannot_bring_is_brought_by_the_first() -> None:
    wire, tried = Wire(FILES[:6]), threading.Event()

    def fail(lane: int, _blob: LocalBlob) -> None:
        if lane:
            tried.set()
            raise Refused("server_unreachable")
        assert tried.wait(LIMIT_S)

    wire.network = fail

    wire.bring()

    assert sorted(wire.brought) == [(blob.sha256, 0) for blob in FILES[:6]]


def test_a_file_that_the_server_never_takes_holds_up_no_other() -> None:
    wire = Wire(FILES)

    def refuse(_lane: int, blob: LocalBlob) -> None:
        if blob == FILES[3]:
            raise Refused("blob_too_large", limit=9)

    wire.network = refuse

    wire.bring()

    assert wire.lanes.unwanted is not None and wire.lanes.unwanted.code == "blob_too_large"
    assert len(wire.brought) == len(FILES) - 1


def test_nothing_is_touched_after_the_first_lane_has_given_up() -> None:
    wire, waiting, later = Wire(FILES[:2]), threading.Event(), threading.Event()

    def give_up(lane: int, _blob: LocalBlob) -> None:
        if lane == 0:
            assert waiting.wait(LIMIT_S)
            raise Refused("server_unreachable")
        waiting.set()
        assert later.wait(LIMIT_S)

    wire.network = give_up
    before = threading.enumerate()

    with pytest.raises(Refused, match="server_unreachable"):
        wire.bring()
    left = [thread for thread in threading.enumerate() if thread not in before]
    later.set()
    for thread in left:
        thread.join(LIMIT_S)

    assert wire.brought == [] and not any(thread.is_alive() for thread in left)
    with wire.turn:
        pass


def test_a_turn_is_given_up_while_one_is_away_and_taken_again() -> None:
    turn, met = Turn(), []

    def visit() -> None:
        with turn:
            met.append("visitor")

    def visit_late() -> None:
        with pytest.raises(RunOver):
            turn.__enter__()
        met.append("nobody")

    with turn:
        with turn.away():
            visitor = threading.Thread(target=visit)
            visitor.start()
            visitor.join(LIMIT_S)
        met.append("owner")
        late = threading.Thread(target=visit_late)
        turn.end()
    late.start()
    late.join(LIMIT_S)

    assert met == ["visitor", "owner", "nobody"]


@pytest.mark.parametrize(
    ("round_trip_s", "repeated_share", "rate_bytes_s", "expected"),
    [(4.0, 0.3, 300, True), (4.0, 0.3, 2_000, False), (4.0, 0.02, 300, False), (0.1, 0.3, 300, False)],
)
def test_a_line_is_strained_when_it_is_far_lossy_and_slow(
    round_trip_s: float, repeated_share: float, rate_bytes_s: float, expected: bool
) -> None:
    facts = LineFacts(round_trip_s=round_trip_s, repeated_share=repeated_share)

    assert is_strained(facts, rate_bytes_s) is expected


def test_a_run_over_a_strained_line_brings_every_file_once_over_several_connections(
    tablet: Tablet, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "is_strained", lambda *_: True)
    sizes = [50_000 + number for number in range(12)]
    for number, size in enumerate(sizes):
        sha256 = tablet.files.keep(os.urandom(size), "image/jpeg")
        values = {"order_id": ORDER, "purpose": "fault", "original_sha256": sha256, "media_type": "image/jpeg"}
        edit = Edit("photo", uuid(900 + number), {**values, "size_bytes": size}, is_new=True)
        tablet.outbox.write("photo.keep", [edit], [LocalBlob(sha256, size, 2)])
    callers, done = set(), []

    def note(desk: BaseHTTPRequestHandler) -> bool:
        if desk.command in ("POST", "PATCH") and "/uploads" in desk.path:
            callers.add(desk.client_address)
        return False

    office.interfere = note
    with serving(office) as url:
        transport = tablet.transport(url)
        report = SyncRun(tablet.store, tablet.outbox, transport, tablet.files, progress=done.append).run()

    assert report.fault is None and report.files == len(sizes)
    assert sorted(map(len, office.blobs.values())) == sizes
    assert office.file_bytes == report.file_bytes == sum(sizes)
    assert 1 < len(callers) <= LANES_MAX
    assert tablet.store.row("SELECT count(*) FROM blobs WHERE state != 'verified'") == (0,)
    assert max(step.done for step in done if step.step == "files") == sum(sizes)
