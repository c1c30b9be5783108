"""One act, one sealed set: atomic, chained, settled only by its own receipt, and safe from a kill at any step."""

from __future__ import annotations

import pytest

from field_client.outbox import Edit, make_id, parse_instant, spell_instant
from schemas.problems import Refused
from sync import chain, openings
from sync.blobs import LocalBlob
from sync.receipt import Receipt, load
from tests.field_client.office import Office, verify
from tests.field_client.scope import MACHINE, ORDER, Tablet, uuid

NOTE = {"order_id": ORDER, "item": "level", "verdict": "noted", "checked_at": "2026-11-21T08:00:00Z"}


def write(tablet: Tablet, **values: str) -> None:
    tablet.outbox.write("order.note", [Edit("work_order", ORDER, values)])


def test_a_set_carries_what_its_author_saw(tablet: Tablet) -> None:
    write(tablet, symptom="噪声")
    write(tablet, symptom="噪声大", diagnosis="轴承")

    lines = [chain.open_line(outgoing.line) for outgoing in tablet.outbox.waiting()]
    first, second = (openings.unseal(line, at_door=True).changeset for line in lines)

    assert first.changes[0].was == {"symptom": "离心机振动大"}
    assert second.changes[0].was == {"symptom": "噪声", "diagnosis": None}
    assert (first.seq, second.seq) == (1, 2)
    assert (first.prev, second.prev) == (chain.FIRST_PREV, lines[0].digest)
    assert second.clock > first.clock
    assert first.basis == tablet.store.recall("position")
    assert first.witness == tablet.store.recall("witness") != ""
    assert all(verify(tablet.keyring.public_key, line.payload, line.signature) for line in lines)


def test_an_act_that_changes_nothing_makes_no_set(tablet: Tablet) -> None:
    assert tablet.outbox.write("order.note", [Edit("work_order", ORDER, {"symptom": "离心机振动大"})]) is None
    assert list(tablet.outbox.waiting()) == []


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (Edit("spaceship", ORDER, {"a": "b"}), "kind_unknown"),
        (Edit("work_order", uuid(99), {"symptom": "x"}), "record_missing"),
        (Edit("work_order", ORDER, {"grade": "deadly"}), "value_invalid"),
        (Edit("work_order", ORDER, {"symptom": 7}), "value_invalid"),
        (Edit("check_result", uuid(98), {"order_id": ORDER}, is_new=True), "field_missing"),
        (Edit("work_order", ORDER, {"number": "1"}, is_new=True), "field_missing"),
        (Edit("machine", MACHINE, {"model_id": uuid(1), "serial": "1"}, is_new=True), "record_exists"),
    ],
)
def test_a_bad_edit_takes_its_whole_act_with_it(tablet: Tablet, edit: Edit, code: str) -> None:
    good = Edit("work_order", ORDER, {"diagnosis": "轴承"})

    with pytest.raises(Refused, match=code):
        tablet.outbox.write("order.note", [good, edit])

    assert "diagnosis" not in tablet.store.values_of(ORDER)
    assert tablet.outbox.counts() == {}
    assert tablet.store.recall("seq") is None


def test_a_fact_is_not_edited(tablet: Tablet) -> None:
    tablet.outbox.write("check.record", [Edit("check_result", uuid(50), NOTE, is_new=True)])

    with pytest.raises(Refused, match="fact_is_final"):
        tablet.outbox.write("check.record", [Edit("check_result", uuid(50), {"value": "2"})])


def test_too_many_changes_and_too_large_a_set_are_refused(tablet: Tablet) -> None:
    many = [Edit("check_result", uuid(1000 + turn), NOTE, is_new=True) for turn in range(201)]
    content = {"order_id": ORDER, "content": "中" * 60_000, "content_sha256": "0" * 64}
    large = [Edit("job_sheet", uuid(1000 + turn), content, is_new=True) for turn in range(2)]

    with pytest.raises(Refused, match="too_many_changes"):
        tablet.outbox.write("check.record", many)
    with pytest.raises(Refused, match="change_set_too_large"):
        tablet.outbox.write("order.sign", large)

    assert tablet.outbox.counts() == {}
    assert tablet.store.find(uuid(1000)) is None


def test_a_receipt_settles_only_the_set_it_names(tablet: Tablet, office: Office) -> None:
    write(tablet, symptom="一")
    write(tablet, symptom="二")
    first, second = [load(office.take_in(outgoing.line)) for outgoing in tablet.outbox.waiting()]

    settled = tablet.outbox.settle([second])

    assert settled == 1
    assert [found.seq for found in tablet.outbox.sets("settled")] == [2]
    assert [found.seq for found in tablet.outbox.sets("sealed")] == [1]
    assert tablet.outbox.settle([second, first]) == 1
    assert [found.receipt for found in tablet.outbox.sets("settled")] == [first, second]
    assert tablet.store.values_of(ORDER)["symptom"] == "二"


def test_a_receipt_that_comes_twice_or_for_another_set_changes_nothing(tablet: Tablet, office: Office) -> None:
    write(tablet, symptom="一")
    sent = [load(office.take_in(outgoing.line)) for outgoing in tablet.outbox.waiting()]
    foreign = Receipt(uuid(90), uuid(91), 1, "ab" * 32, "applied", "2026-11-21T08:00:00Z", 1)

    first, second = tablet.outbox.settle(sent), tablet.outbox.settle([*sent, foreign])

    assert (first, second) == (1, 0)
    assert tablet.outbox.counts() == {"settled": 1}


def test_a_refused_edit_gives_way_and_stays_in_the_outbox(tablet: Tablet, office: Office) -> None:
    office.refused["order.note"] = "move_not_allowed"
    write(tablet, symptom="不许")
    tablet.outbox.write("check.record", [Edit("check_result", uuid(50), NOTE, is_new=True)])

    tablet.push_to(office)
    tablet.pull_from(office)

    assert tablet.store.values_of(ORDER)["symptom"] == "离心机振动大"
    (refused,) = tablet.outbox.sets("refused")
    assert refused.changes[0].set == {"symptom": "不许"}
    assert refused.receipt is not None and refused.receipt.fault is not None
    assert tablet.outbox.counts() == {"refused": 1, "settled": 1}


def test_a_refused_new_record_is_still_to_be_seen(tablet: Tablet, office: Office) -> None:
    office.refused["check.record"] = "out_of_scope"
    tablet.outbox.write("check.record", [Edit("check_result", uuid(50), NOTE, is_new=True)])

    tablet.push_to(office)
    tablet.pull_from(office)

    assert tablet.store.values_of(uuid(50))["item"] == "level"


def test_a_held_set_is_sent_again_and_a_lost_one_before_it_too(tablet: Tablet, office: Office) -> None:
    write(tablet, symptom="一")
    tablet.push_to(office)
    office.head, office.stored, office.position = type(office.head)(0, chain.FIRST_PREV, "active"), {}, 11
    write(tablet, symptom="二")

    tablet.push_to(office)
    held = [found.seq for found in tablet.outbox.sets("held")]
    tablet.push_to(office)
    tablet.push_to(office)

    assert held == [2]
    assert tablet.outbox.counts() == {"settled": 2}
    assert office.head.seq == 2


def test_files_are_noted_in_the_transaction_that_names_them(tablet: Tablet) -> None:
    blob = LocalBlob("ab" * 32, 10, 0)

    with pytest.raises(Refused):
        tablet.outbox.write("photo.add", [Edit("photo", uuid(70), {}, is_new=True)], [blob])
    before = tablet.store.row("SELECT count(*) FROM blobs")
    tablet.outbox.write("check.record", [Edit("check_result", uuid(50), NOTE, is_new=True)], [blob, blob])

    assert before == (0,)
    assert tablet.store.row("SELECT count(*), max(state) FROM blobs") == (1, "kept")


def test_ids_are_uuidv7_and_sort_by_time() -> None:
    ids = [make_id(at) for at in (1_795_227_359_123, 1_795_227_359_124, 1_795_227_360_000)]

    assert ids == sorted(ids)
    assert all(found[14] == "7" and found[19] in "89ab" for found in ids)
    assert len({make_id(5) for _ in range(1000)}) == 1000


def test_instants_are_spelled_as_they_are_read() -> None:
    assert spell_instant(1_795_227_359_007) == "2026-11-21T02:15:59.007Z"
    assert parse_instant("2026-11-21T02:15:59.007Z") == 1_795_227_359_007
    assert parse_instant("2026-11-21T10:15:59+08:00") == 1_795_227_359_000
