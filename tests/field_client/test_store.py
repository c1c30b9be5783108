"""The device's database: what is seen, what is kept, what a pull does to it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_client.outbox import Edit
from field_client.store import Store
from field_client.store_feed import Feed
from field_client.work import start
from schemas.problems import Refused
from sync import canonical, checksum
from sync.session import Cursor, PullSession
from tests.field_client.office import Office, digest_of
from tests.field_client.scope import BATCH, MACHINE, ORDER, WEI, Tablet, uuid


def checksum_of(office: Office) -> tuple[int, int]:
    held = {record_id: row for record_id, row in office.rows.items() if row.gone_at is None}
    return checksum.add(0, *(digest_of(record_id, row) for record_id, row in held.items())), len(held)


def edit_symptom(tablet: Tablet, text: str) -> None:
    tablet.outbox.write("order.note", [Edit("work_order", ORDER, {"symptom": text})])


def test_the_file_shows_nothing_without_the_key(tablet: Tablet) -> None:
    edit_symptom(tablet, "客户机密")

    stored = b"".join(path.read_bytes() for path in tablet.path.parent.glob("device.sqlite*"))

    assert "华东医院".encode() not in stored
    assert "客户机密".encode() not in stored
    assert b"work_order" not in stored


def test_a_wrong_key_is_refused(tablet: Tablet) -> None:
    with pytest.raises(Refused, match="pin_wrong"):
        Store(tablet.path, "00" * 32)


def test_what_was_stored_is_there_when_opened_again(tablet: Tablet) -> None:
    edit_symptom(tablet, "再次打开")
    tablet.store.close()

    tablet.store = Store(tablet.path, tablet.keyring.database_key)

    assert tablet.store.values_of(ORDER)["symptom"] == "再次打开"


def test_a_query_left_half_read_does_not_stop_the_next_write(tablet: Tablet) -> None:
    half_read = tablet.store.rows("SELECT id FROM records")
    first = next(half_read)
    one = tablet.store.row("SELECT id FROM records")
    beside = Store(tablet.path, tablet.keyring.database_key)

    beside.remember(written="by a sync")
    beside.close()
    tablet.store.remember(written="by a person")

    assert tablet.store.recall("written") == "by a person"
    assert one == first and first not in half_read


def test_records_are_found_by_indexed_fields_and_by_what_they_follow(tablet: Tablet) -> None:
    store = tablet.store

    assert [found.id for found in store.find_by("machine", "serial", "HA0001")] == [MACHINE]
    assert [found.id for found in store.find_by("batch", "number", "B2601")] == [BATCH]
    assert [found.id for found in store.find_by("work_order", "machine_id", MACHINE)] == [ORDER]
    assert list(store.find_by("machine", "serial", "HA9999")) == []


def test_a_pending_edit_survives_a_patch_of_the_same_record(tablet: Tablet, office: Office) -> None:
    edit_symptom(tablet, "现场所见")
    office.write("work_order", ORDER, {"symptom": "办公室改写", "phone": "021"})

    tablet.pull_from(office)

    values = tablet.store.values_of(ORDER)
    assert (values["symptom"], values["phone"]) == ("现场所见", "021")
    assert Feed(tablet.store).total == checksum_of(office)


def test_a_pending_edit_survives_a_whole_new_copy_of_the_record(tablet: Tablet, office: Office) -> None:
    edit_symptom(tablet, "现场所见")
    office.rows[ORDER].entered = office.position + 1
    office.write("work_order", ORDER, {"symptom": "办公室改写"})

    tablet.pull_from(office)

    assert tablet.store.values_of(ORDER)["symptom"] == "现场所见"


def test_lists_that_are_sets_keep_what_both_sides_added(tablet: Tablet, office: Office) -> None:
    tablet.outbox.write("order.note", [Edit("work_order", ORDER, {"alarms": ["E101", "E7"]})])
    office.write("work_order", ORDER, {"alarms": ["E101", "E9"]})

    tablet.pull_from(office)

    assert tablet.store.values_of(ORDER)["alarms"] == ["E101", "E9", "E7"]


def test_an_edit_is_seen_until_its_outcome_has_come_with_the_feed(tablet: Tablet, office: Office) -> None:
    edit_symptom(tablet, "现场所见")

    tablet.push_to(office)
    between = tablet.store.find(ORDER)
    tablet.pull_from(office)

    assert between is not None and between.values["symptom"] == "现场所见" and between.is_local
    after = tablet.store.find(ORDER)
    assert after is not None and after.values["symptom"] == "现场所见" and not after.is_local


def test_a_contested_field_shows_the_standing_value_once_it_is_known(tablet: Tablet, office: Office) -> None:
    office.contested.add("symptom")
    edit_symptom(tablet, "现场所见")

    tablet.push_to(office)
    tablet.pull_from(office)

    assert tablet.store.values_of(ORDER)["symptom"] == "离心机振动大"
    assert tablet.outbox.counts() == {"contested": 1}


def test_an_evicted_record_goes_with_its_lookups(tablet: Tablet, office: Office) -> None:
    office.withdraw(MACHINE)

    tablet.pull_from(office)

    assert tablet.store.find(MACHINE) is None
    assert list(tablet.store.find_by("machine", "serial", "HA0001")) == []
    assert Feed(tablet.store).total == checksum_of(office)


def test_an_evicted_record_with_unsent_edits_is_parked_until_they_are_settled(tablet: Tablet, office: Office) -> None:
    edit_symptom(tablet, "现场所见")
    office.withdraw(ORDER)

    tablet.pull_from(office)
    parked = tablet.store.values_of(ORDER)
    tablet.push_to(office)
    office.withdraw(ORDER)
    tablet.pull_from(office)

    assert parked["symptom"] == "现场所见"
    assert Feed(tablet.store).total == checksum_of(office)
    assert tablet.store.find(ORDER) is None


def test_a_record_that_unsent_work_refers_to_is_parked_too(tablet: Tablet, office: Office) -> None:
    note = {"order_id": ORDER, "item": "level", "verdict": "noted", "checked_at": "2026-11-21T08:00:00Z"}
    tablet.outbox.write("check.record", [Edit("check_result", uuid(50), note, is_new=True)])
    office.withdraw(ORDER)

    tablet.pull_from(office)

    assert tablet.store.values_of(ORDER)["number"] == "GD-1"


def test_a_parked_record_that_comes_back_is_the_servers_again(tablet: Tablet, office: Office) -> None:
    edit_symptom(tablet, "现场所见")
    office.withdraw(ORDER)
    tablet.pull_from(office)
    office.write("work_order", ORDER, {"phone": "021"})

    tablet.pull_from(office)

    values = tablet.store.values_of(ORDER)
    assert (values["symptom"], values["phone"]) == ("现场所见", "021")
    assert Feed(tablet.store).total == checksum_of(office)


def test_pages_take_effect_together_and_a_cut_off_run_goes_on(empty_tablet: Tablet, office: Office) -> None:
    office.page_size = 4
    feed = Feed(empty_tablet.store)
    session = PullSession(feed.cursor)

    feed.stage(session, office.page(session.next_query() or {}))
    seen_half_way = empty_tablet.store.count()
    resumed = PullSession(Feed(empty_tablet.store).cursor)
    while (query := resumed.next_query()) is not None:
        feed.stage(resumed, office.page(query))

    assert seen_half_way == 0
    assert resumed.cursor.position == office.position
    assert feed.total == checksum_of(office)
    assert empty_tablet.store.values_of(WEI)["name"] == "魏工"


def test_the_pages_of_an_update_take_effect_together_too(tablet: Tablet, office: Office) -> None:
    office.page_size = 1
    office.write("work_order", ORDER, {"symptom": "新"})
    office.write("machine", MACHINE, {"place": "新"})
    feed = Feed(tablet.store)
    session = PullSession(feed.cursor)
    position, total = session.cursor.position, feed.total

    feed.stage(session, office.page(session.next_query() or {}))
    seen_half_way = [tablet.store.values_of(ORDER)["symptom"], tablet.store.values_of(MACHINE).get("place")]
    stood = Feed(tablet.store).cursor.position, Feed(tablet.store).total
    feed.stage(session, office.page(session.next_query() or {}))

    assert position > 0
    assert seen_half_way == ["离心机振动大", None]
    assert stood == (position, total)
    assert session.done
    assert [tablet.store.values_of(ORDER)["symptom"], tablet.store.values_of(MACHINE)["place"]] == ["新", "新"]
    assert feed.total == checksum_of(office)


def test_after_a_restore_what_is_gone_goes_with_the_last_page(tablet: Tablet, office: Office) -> None:
    feed = Feed(tablet.store)
    backup = Office(epoch=uuid(7), page_size=3)
    for record_id, row in office.rows.items():
        if record_id != ORDER:
            backup.write(row.kind, record_id, row.values)
    feed.restart(Cursor(backup.epoch))
    session = PullSession(feed.cursor)

    seen = []
    while (query := session.next_query()) is not None:
        feed.stage(session, backup.page(query))
        seen.append(tablet.store.find(ORDER) is not None)

    assert seen == [*[True] * (len(seen) - 1), False]
    assert feed.total == checksum_of(backup)


def test_a_page_cut_short_stores_nothing(empty_tablet: Tablet, office: Office) -> None:
    feed = Feed(empty_tablet.store)
    session = PullSession(feed.cursor)

    with pytest.raises(Refused, match="answer_not_understood"):
        feed.stage(session, office.page(session.next_query() or {})[:-1])

    assert empty_tablet.store.count() == 0
    assert session.next_query() == {"since": "0", "epoch": ""}
    assert empty_tablet.store.row("SELECT count(*) FROM incoming") == (0,)


@pytest.mark.parametrize(
    "line",
    [
        b'["put","not-a-uuid","customer",{}]',
        b'["put",7,"customer",{}]',
        b'["put","019a0000-0000-7000-8000-0000000000aa","customer",[]]',
        b'["put","019a0000-0000-7000-8000-0000000000aa","customer"]',
        b'["jump","019a0000-0000-7000-8000-0000000000aa","customer",{}]',
        b'[ "put","019a0000-0000-7000-8000-0000000000aa","customer",{}]',
        b'["put","019a0000-0000-7000-8000-0000000000aa","customer",{"a":0.5}]',
        b"{}",
        b"",
    ],
)
def test_an_op_of_another_form_is_refused_with_its_page(tablet: Tablet, line: bytes) -> None:
    feed = Feed(tablet.store)
    office = Office(epoch=feed.cursor.epoch, position=feed.cursor.position)
    head = office.page({"since": str(office.position), "epoch": ""})[0].replace(b'"ops":0', b'"ops":1')

    with pytest.raises(Refused, match="answer_not_understood"):
        feed.stage(PullSession(feed.cursor), [head, line + b"\n"])

    assert tablet.store.row("SELECT count(*) FROM incoming") == (0,)


def test_one_record_may_come_several_times_in_a_run(tablet: Tablet) -> None:
    feed, new = Feed(tablet.store), uuid(60)
    lines = [
        f'["put","{new}","customer",{canonical.dump({"name": "一"})}]\n'.encode(),
        f'["patch","{new}","customer",{canonical.dump({"name": "二"})}]\n'.encode(),
        f'["put","{uuid(61)}","customer",{canonical.dump({"name": "三"})}]\n'.encode(),
        f'["evict","{uuid(61)}"]\n'.encode(),
    ]
    office = Office(epoch=feed.cursor.epoch, position=feed.cursor.position)
    head = office.page({"since": str(office.position), "epoch": ""})[0].replace(b'"ops":0', b'"ops":4')

    feed.stage(PullSession(feed.cursor), [head, *lines])

    assert tablet.store.values_of(new) == {"name": "二"}
    assert tablet.store.find(uuid(61)) is None
    recounted = Feed(tablet.store)
    before = recounted.total
    recounted.recount()
    assert recounted.total == before


def test_a_full_disk_is_said_and_nothing_is_half_stored(tablet: Tablet) -> None:
    pages = tablet.store.row("PRAGMA page_count")
    assert pages is not None
    tablet.store.db.execute(f"PRAGMA max_page_count = {pages[0] + 40}")

    with pytest.raises(Refused, match="disk_full"):
        for turn in range(100):
            edit_symptom(tablet, f"{turn}" * 2000)

    seq = tablet.store.recall("seq")
    assert [row.seq for row in tablet.outbox.sets("sealed")] == list(range(1, seq + 1))
    assert tablet.store.values_of(ORDER)["symptom"] == f"{seq - 1}" * 2000


def test_two_processes_never_take_the_same_number(tablet: Tablet) -> None:
    other = Tablet(tablet.path, tablet.data_key)

    start(tablet.bench, "GD-1")
    other.outbox.write("order.note", [Edit("work_order", ORDER, {"diagnosis": "轴承"})])
    edit_symptom(tablet, "三")

    assert [found.seq for found in tablet.outbox.sets("sealed")] == [1, 2, 3]
    assert tablet.store.values_of(ORDER)["diagnosis"] == "轴承"
    other.store.close()


Action = st.sampled_from(["edit", "add", "office", "office_new", "withdraw", "push", "pull"])


@given(st.lists(Action, max_size=25))
def test_however_work_and_syncs_alternate_both_sides_end_alike(
    tmp_path_factory: pytest.TempPathFactory, actions: list[str]
) -> None:
    office = Office()
    office.write("work_order", ORDER, {"number": "GD-1", "symptom": "0", "status": "assigned"})
    tablet = Tablet(Path(tmp_path_factory.mktemp("tablet")) / "device.sqlite")
    tablet.meet(office)
    tablet.pull_from(office)
    for turn, action in enumerate(actions):
        _act(tablet, office, action, turn)
    tablet.push_to(office)
    tablet.pull_from(office)

    held = {record_id: row.values for record_id, row in office.rows.items() if row.gone_at is None}
    assert {record_id: tablet.store.values_of(record_id) for record_id in held} == held
    assert Feed(tablet.store).total == checksum_of(office)
    assert tablet.store.count() == len(held)
    assert tablet.store.row("SELECT count(*) FROM edits") == (0,)
    tablet.store.close()


def _act(tablet: Tablet, office: Office, action: str, turn: int) -> None:
    if action == "edit" and tablet.store.find(ORDER):
        edit_symptom(tablet, f"field {turn}")
    elif action == "add" and tablet.store.find(ORDER):
        note = {"order_id": ORDER, "item": "level", "verdict": "noted", "checked_at": "2026-11-21T08:00:00Z"}
        tablet.outbox.write("check.record", [Edit("check_result", uuid(200 + turn), note, is_new=True)])
    elif action == "office":
        office.write("work_order", ORDER, {"symptom": f"office {turn}", "phone": f"{turn}"})
    elif action == "office_new":
        office.write("customer", uuid(300 + turn), {"name": f"{turn}"})
    elif action == "withdraw":
        office.withdraw(ORDER)
    elif action == "push":
        tablet.push_to(office)
    elif action == "pull":
        tablet.pull_from(office)
