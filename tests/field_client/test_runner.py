"""Whole sync runs over real HTTP: what they bring, what stops them, and that nothing is lost on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from field_client import work
from field_client.runner import Progress, SyncReport, SyncRun
from field_client.store_feed import Feed
from field_client.work_page import read_status
from sync import chain
from sync.blobs import RANKS, LocalBlob
from sync.ledger import Head
from tests.field_client.office import Office, serving
from tests.field_client.scope import ORDER, RECORDS, Tablet, uuid


@pytest.fixture
def url(office: Office) -> Iterator[str]:
    """The office's address."""
    with serving(office) as address:
        yield address


def run(tablet: Tablet, url: str, progress: list[Progress] | None = None, **options: bool) -> SyncReport:
    told = progress if progress is not None else []
    return SyncRun(
        tablet.store, tablet.outbox, tablet.transport(url), tablet.files, progress=told.append, **options
    ).run()


def test_a_first_run_brings_everything(empty_tablet: Tablet, office: Office, url: str) -> None:
    office.page_size = 5
    progress: list[Progress] = []

    report = run(empty_tablet, url, progress)

    assert report.fault is None
    assert report.is_consistent is True
    assert empty_tablet.store.count() == len(RECORDS)
    assert [step.done for step in progress if step.step == "pull"] == [5, 10, 11]
    assert report.traffic.received > 0
    assert read_status(empty_tablet.bench).synced_at is not None


def test_a_run_with_nothing_new_is_one_request_for_records(empty_tablet: Tablet, office: Office, url: str) -> None:
    run(empty_tablet, url)
    office.requests.clear()

    run(empty_tablet, url)

    assert office.requests == [("GET", "/pull")]


def test_a_day_of_work_arrives_with_its_files(tablet: Tablet, office: Office, url: str) -> None:
    data = b"strokes"
    name = tablet.files.keep(data, "application/json")
    work.start(tablet.bench, "GD-1")
    work.finish(tablet.bench, "GD-1", diagnosis="轴承")
    tablet.outbox.write(
        "order.note",
        [work.Edit("work_order", ORDER, {"remedy": "更换"})],
        [LocalBlob(name, len(data), 0)],
    )

    report = run(tablet, url)

    assert (report.settled, report.files, report.fault) == (3, 1, None)
    assert office.rows[ORDER].values["status"] == "finished"
    assert office.blobs[hashlib.sha256(data).hexdigest()] == data
    status = read_status(tablet.bench)
    assert (status.waiting_sets, status.waiting_files) == (0, 0)
    assert tablet.files.holds(name)
    assert tablet.store.find(ORDER) == work.Record(ORDER, "work_order", office.rows[ORDER].values, False)


def test_a_verified_file_goes_only_when_the_setting_says_so(tablet: Tablet, office: Office, url: str) -> None:
    name, small = tablet.files.keep(b"a", "image/jpeg"), tablet.files.keep(b"b", "image/jpeg")
    note = [work.Edit("work_order", ORDER, {"remedy": "更换"})]
    blobs = [LocalBlob(name, 1, RANKS["original_sha256"]), LocalBlob(small, 1, RANKS["thumbnail_sha256"])]
    tablet.outbox.write("order.note", note, blobs)

    run(tablet, url)
    held = tablet.files.holds(name)
    run(tablet, url, frees_files=True)

    assert (held, tablet.files.holds(name)) == (True, False)
    assert tablet.files.holds(small), "a job sheet is printed with thumbnails and signatures"
    assert read_status(tablet.bench).freed_files == 1


def test_the_clock_is_measured(empty_tablet: Tablet, office: Office, url: str) -> None:
    empty_tablet.clock.at_ms += 86_400_000

    run(empty_tablet, url)

    assert abs(empty_tablet.store.recall("offset_ms") + 86_400_000) < 1000


def test_an_answer_lost_after_the_commit_costs_nothing(tablet: Tablet, office: Office, url: str) -> None:
    work.start(tablet.bench, "GD-1")

    def lose(_: bytes) -> bytes:
        office.answered = lambda body: body
        return b""

    office.answered = lose
    run(tablet, url)
    between = tablet.outbox.counts()
    run(tablet, url)

    assert between == {"sealed": 1}
    assert tablet.outbox.counts() == {"settled": 1}
    assert office.head.seq == 1


def test_an_edit_made_while_a_push_is_under_way_is_kept(tablet: Tablet, office: Office, url: str) -> None:
    work.start(tablet.bench, "GD-1")

    def meanwhile(desk: BaseHTTPRequestHandler) -> bool:
        if desk.path.endswith("/push"):
            office.interfere = lambda _: False
            other = Tablet(tablet.path, tablet.data_key, tablet.clock)
            other.outbox.write("order.note", [work.Edit("work_order", ORDER, {"status": "on_hold"})])
            other.store.close()
        return False

    office.interfere = meanwhile

    run(tablet, url)

    assert tablet.store.values_of(ORDER)["status"] == "on_hold"
    assert read_status(tablet.bench).waiting_sets in (0, 1)
    run(tablet, url)
    assert office.rows[ORDER].values["status"] == "on_hold"


@pytest.mark.parametrize("path", ["/push", "/pull", "/blobs/states", "/token"])
def test_a_run_cut_off_anywhere_is_made_up_by_the_next(tablet: Tablet, office: Office, url: str, path: str) -> None:
    name = tablet.files.keep(b"a", "image/jpeg")
    note = [work.Edit("work_order", ORDER, {"remedy": "更换"})]
    tablet.outbox.write("order.note", note, [LocalBlob(name, 1, 0)])
    office.write("work_order", ORDER, {"phone": "021"})

    def cut(desk: BaseHTTPRequestHandler) -> bool:
        desk.close_connection = path in desk.path
        return path in desk.path

    office.interfere = cut
    first = run(tablet, url)
    office.interfere = lambda _: False
    second = run(tablet, url)

    assert first.fault is not None and first.fault.code == "server_unreachable"
    assert second.fault is None and second.is_consistent
    assert tablet.store.values_of(ORDER)["phone"] == "021"
    assert office.rows[ORDER].values["remedy"] == "更换"
    assert name in office.blobs


def test_a_difference_is_found_and_only_differing_records_are_fetched(tablet: Tablet, office: Office, url: str) -> None:
    work.start(tablet.bench, "GD-1")
    office.refused["order.start"] = "move_not_allowed"
    rows = office.rows
    rows[uuid(1 << 40)] = replace(rows[ORDER], values={**rows[ORDER].values, "number": "GD-7"})
    del rows[RECORDS[0][1]]
    rows[ORDER].values["contact"] = "李"

    report = run(tablet, url)

    assert (report.is_consistent, report.repaired) == (True, 2)
    assert tablet.store.values_of(uuid(1 << 40))["number"] == "GD-7"
    assert tablet.store.values_of(ORDER)["contact"] == "李"
    assert tablet.store.find(RECORDS[0][1]) is None
    assert tablet.outbox.counts() == {"refused": 1}


def test_a_repair_leaves_unsent_work_alone(tablet: Tablet, office: Office, url: str) -> None:
    run(tablet, url)
    office.head = Head(0, "ab" * 32, "active")
    work.start(tablet.bench, "GD-1")
    office.rows[ORDER].values["contact"] = "李"
    office.stored = {}

    report = run(tablet, url)

    assert report.repaired == 1
    values = tablet.store.values_of(ORDER)
    assert values["contact"] == "李"
    assert len(list(tablet.outbox.sets("sealed", "held", "refused"))) == 1


def test_a_restored_server_gets_back_what_its_backup_lacks(tablet: Tablet, office: Office, url: str) -> None:
    work.start(tablet.bench, "GD-1")
    run(tablet, url)
    backup = Office(epoch="00000000-0000-7000-8000-0000000000e2", public_key=office.public_key)
    for kind, record_id, values in RECORDS[1:]:
        backup.write(kind, record_id, values)
    with serving(backup) as restored:
        work.finish(tablet.bench, "GD-1")
        report = run(tablet, restored)

    assert (report.fault, report.is_consistent) == (None, True)
    assert backup.head.seq == 2
    assert backup.rows[ORDER].values["status"] == tablet.store.values_of(ORDER)["status"] == "finished"
    assert tablet.store.find(RECORDS[0][1]) is None
    assert Feed(tablet.store).cursor.epoch == backup.epoch
    assert tablet.outbox.counts() == {"settled": 2}


def test_a_revoked_device_stops_and_keeps_its_work(tablet: Tablet, office: Office, url: str) -> None:
    work.start(tablet.bench, "GD-1")
    office.head = Head(0, chain.FIRST_PREV, "revoked")

    report = run(tablet, url)

    assert report.fault is not None and report.fault.code == "device_revoked"
    status = read_status(tablet.bench)
    assert status.revoked_at is not None
    assert status.waiting_sets == 1
    assert tablet.store.values_of(ORDER)["status"] == "in_progress"


def test_refused_and_contested_sets_block_nothing(tablet: Tablet, office: Office, url: str) -> None:
    office.refused["order.start"] = "move_not_allowed"
    office.contested.add("symptom")
    work.start(tablet.bench, "GD-1")
    for name, value in (("symptom", "别的"), ("remedy", "更换")):
        tablet.outbox.write("order.note", [work.Edit("work_order", ORDER, {name: value})])

    report = run(tablet, url)

    assert report.settled == 3
    assert tablet.outbox.counts() == {"refused": 1, "contested": 1, "settled": 1}
    assert office.rows[ORDER].values["remedy"] == "更换"
    assert len(read_status(tablet.bench).refused) == 1
