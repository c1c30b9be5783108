"""Manuals come with the sync, piece by piece, and are there only when they are whole and right."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from field_client import downloads
from field_client.runner import SyncReport, SyncRun
from field_client.work_manuals import list_manuals
from tests.field_client.office import Office, hang_up, serving
from tests.field_client.scope import MACHINE, ORDER, Tablet, uuid

MANUAL = uuid(72)
PIECE = 16 * 1024


@pytest.fixture
def manual(office: Office, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A manual of some pieces at the office, for the machine of Wei's order."""
    for name in ("PIECE_FIRST_BYTES", "PIECE_LEAST_BYTES", "PIECE_MOST_BYTES"):
        monkeypatch.setattr(downloads, name, PIECE)
    data = os.urandom(5 * PIECE + 100)
    file_manual(office, data)
    office.blobs[hashlib.sha256(data).hexdigest()] = data
    return data


def file_manual(office: Office, data: bytes, **more: object) -> str:
    """Let the office know of a manual, though not have its bytes."""
    name = hashlib.sha256(data).hexdigest()
    values = {"name": "维修手册", "families": ["centrifuge"], "file_sha256": name, "media_type": "application/pdf"}
    office.write("manual", MANUAL, values | {"size_bytes": len(data)} | more)
    return name


def sync(tablet: Tablet, office: Office, *, sends_files: bool = True) -> SyncReport:
    """Make one run."""
    with serving(office) as url:
        run = SyncRun(tablet.store, tablet.outbox, tablet.transport(url), tablet.files, sends_files=sends_files)
        return run.run()


def asked(office: Office) -> int:
    """Return how often a piece was asked for."""
    return sum(1 for _, path in office.requests if path.startswith("/blobs/") and path != "/blobs/states")


def cut_after(pieces: int) -> Callable[[BaseHTTPRequestHandler], bool]:
    """Hang up on every piece after some, for good."""
    seen = 0

    def interfere(desk: BaseHTTPRequestHandler) -> bool:
        nonlocal seen
        seen += "Range" in desk.headers
        return hang_up(desk) if "Range" in desk.headers and seen > pieces else False

    return interfere


def test_a_manual_comes_with_the_sync_and_can_be_opened(tablet: Tablet, office: Office, manual: bytes) -> None:
    report = sync(tablet, office)

    (line,) = list_manuals(tablet.bench, tablet.files, tablet.store.find(MACHINE))  # type: ignore[arg-type]
    with tablet.files.open(line.manual["file_sha256"]) as file:
        assert file.read() == manual
    assert (line.is_here, report.fetched, report.fetched_bytes, report.fault) == (True, 1, len(manual), None)
    assert asked(office) == 6
    assert tablet.store.row("SELECT count(*) FROM downloads") == (0,)
    assert sync(tablet, office).fetched == 0 and asked(office) == 6


def test_what_came_before_a_cut_is_not_fetched_again(tablet: Tablet, office: Office, manual: bytes) -> None:
    office.interfere = cut_after(4)
    broken = sync(tablet, office)
    kept = tablet.store.row("SELECT count(*) FROM downloads")
    office.interfere = lambda _: False
    before = asked(office)

    report = sync(tablet, office)

    assert broken.fault is not None and broken.fault.code == "server_unreachable"
    assert kept == (4,)
    assert (report.fetched, report.fetched_bytes) == (1, len(manual) - 4 * PIECE)
    assert asked(office) - before == 2


def test_bytes_that_are_not_the_file_never_become_it(tablet: Tablet, office: Office, manual: bytes) -> None:
    name = hashlib.sha256(manual).hexdigest()
    office.blobs[name] = manual[:-1] + bytes([manual[-1] ^ 1])
    wrong = sync(tablet, office)
    office.blobs[name] = manual

    assert wrong.fault is not None and wrong.fault.code == "blob_hash_differs"
    assert not tablet.files.holds(name)
    assert tablet.store.row("SELECT count(*) FROM downloads") == (0,)
    assert sync(tablet, office).fetched == 1


def test_a_piece_that_was_altered_on_the_way_is_refused(tablet: Tablet, office: Office, manual: bytes) -> None:
    with serving(office) as url:
        transport = tablet.transport(url)
        run = SyncRun(tablet.store, tablet.outbox, transport, tablet.files)
        run.pull()
        office.answered = lambda body: body[:-1]
        with pytest.raises(Exception, match="answer_not_understood"):
            run.fetch_files()


def test_a_file_the_office_does_not_have_yet_holds_up_nothing(tablet: Tablet, office: Office) -> None:
    file_manual(office, b"later")

    report = sync(tablet, office)

    assert (report.fault, report.fetched, report.is_consistent) == (None, 0, True)


def test_a_file_that_would_fill_the_device_is_not_begun(tablet: Tablet, office: Office) -> None:
    file_manual(office, b"large", size_bytes=downloads.FILE_BYTES_MAX + 1)

    report = sync(tablet, office)

    assert report.fault is not None and report.fault.code == "blob_too_large"
    assert asked(office) == 0


def test_on_a_network_that_costs_nothing_is_fetched(tablet: Tablet, office: Office, manual: bytes) -> None:
    assert sync(tablet, office, sends_files=False).fetched == 0
    assert asked(office) == 0


def test_what_nobody_wants_any_more_is_forgotten(tablet: Tablet, office: Office, manual: bytes) -> None:
    office.interfere = cut_after(2)
    sync(tablet, office)
    office.interfere = lambda _: False
    office.write("work_order", ORDER, {"status": "closed"})

    report = sync(tablet, office)

    assert (report.fetched, report.fault) == (0, None)
    assert tablet.store.row("SELECT count(*) FROM downloads") == (0,)
