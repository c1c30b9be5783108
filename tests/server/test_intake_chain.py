"""Exactly once, in each device's own order: repetitions, gaps, forks, and devices that may not write."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.keys import new_id
from server.reception import Reception
from server.store.tables import DeviceHead, HeldSet, KeptAside, LogEntry
from sync.changeset import Change
from sync.ledger import HELD_MAX
from tests.cast import Device
from tests.server.builders import Firm, create, device_record, photo, update


def note(firm: Firm, before: str | None, after: str) -> Change:
    return update("work_order", firm.order, diagnosis=(before, after))


def seal_notes(firm: Firm, count: int) -> list[bytes]:
    """Return sealed sets of Wei's, each going on from the one before."""
    texts = [None, *(f"step {number}" for number in range(1, count + 1))]
    return [firm.wei.seal("order.note", note(firm, before, str(after))) for before, after in pairwise(texts)]


def test_a_repeated_set_is_answered_with_the_stored_receipt_byte_for_byte(firm: Firm) -> None:
    line = firm.wei.seal("order.note", note(firm, None, "轴承磨损"))
    first = firm.push_raw(line)
    size = len(firm.log())

    again = firm.push_raw(line, line)

    assert again == first * 2
    assert len(firm.log()) == size
    assert firm.log()[-1].receipt == first[0]


def test_a_repetition_is_answered_by_another_server_process_too(firm: Firm) -> None:
    line = firm.wei.seal("order.note", note(firm, None, "轴承磨损"))
    first = firm.push_raw(line)

    again = Reception(firm.engine).submit(firm.id, firm.wei.id, [line])

    assert again == first


def test_a_refused_set_is_repeated_with_its_refusal(firm: Firm) -> None:
    line = firm.wei.seal("order.note", update("work_order", firm.order, result=(None, "miracle")))
    first = firm.push_raw(line)

    again = firm.push_raw(line)

    assert '"verdict":"refused"' in first[0]
    assert again == first


def test_the_same_number_with_other_content_freezes_the_device_and_keeps_both(firm: Firm) -> None:
    twin = Device(firm.id, firm.wei.person, firm.wei.id, firm.wei.key)
    firm.send(firm.wei, note(firm, None, "one story"))

    (answer,) = firm.push(line := twin.seal("order.note", note(firm, None, "another story")))

    assert answer.verdict == "refused" and answer.fault and answer.fault.code == "sequence_reused"
    assert answer.position is None
    assert [row.sealed for row in firm.rows(KeptAside)] == [line]
    assert b"one story" in firm.log()[-1].sealed
    assert firm.body(firm.order)["diagnosis"] == "one story"
    assert next(row.frozen for row in firm.rows(DeviceHead) if row.device == firm.wei.id)


def test_two_contents_of_a_number_that_waits_for_its_predecessor_are_both_kept(firm: Firm) -> None:
    twin = Device(firm.id, firm.wei.person, firm.wei.id, firm.wei.key)
    (_first, second), (_other, forked) = (
        seal_notes(firm, 2),
        [twin.seal("order.note", note(firm, None, text)) for text in ("another story", "and its end")],
    )
    firm.push(second)

    (answer,) = firm.push(forked)

    assert answer.verdict == "refused" and answer.fault and answer.fault.code == "sequence_reused"
    assert [row.sealed for row in firm.rows(HeldSet)] == [second]
    assert [row.sealed for row in firm.rows(KeptAside)] == [forked]
    assert next(row.frozen for row in firm.rows(DeviceHead) if row.device == firm.wei.id)


def test_a_frozen_device_keeps_its_old_receipts_and_its_new_sets_are_kept_aside(firm: Firm) -> None:
    twin = Device(firm.id, firm.wei.person, firm.wei.id, firm.wei.key)
    first = firm.wei.seal("order.note", note(firm, None, "one story"))
    stored = firm.push_raw(first)
    firm.push(twin.seal("order.note", note(firm, None, "another story")))

    after = firm.send(firm.wei, note(firm, "one story", "more"))

    assert after.fault and after.fault.code == "device_frozen"
    assert len(firm.rows(KeptAside)) == 2
    assert firm.push_raw(first) == stored


def test_a_set_that_does_not_follow_its_predecessor_freezes_the_device(firm: Firm) -> None:
    firm.send(firm.wei, note(firm, None, "one"))
    firm.wei.prev = "f" * 64

    answer = firm.send(firm.wei, note(firm, "one", "two"))

    assert answer.fault and answer.fault.code == "chain_broken"
    assert firm.body(firm.order)["diagnosis"] == "one"
    assert len(firm.rows(KeptAside)) == 1


def test_a_gap_is_held_and_applied_in_order_once_it_is_closed(firm: Firm) -> None:
    first, second, third = seal_notes(firm, 3)

    (late,) = firm.push(third)
    (early,) = firm.push(second)

    assert (late.verdict, early.verdict) == ("held", "held")
    assert late.fault and late.fault.code == "gap_in_sequence" and late.fault.facts == {"expected": 1}
    assert not late.is_final
    assert "diagnosis" not in firm.body(firm.order)

    (closing,) = firm.push(first)

    assert closing.verdict == "applied"
    assert firm.body(firm.order)["diagnosis"] == "step 3"
    assert firm.rows(HeldSet) == []
    assert [answer.verdict for answer in firm.push(second, third)] == ["applied", "applied"]
    assert [row.seq for row in firm.log()[-3:]] == [1, 2, 3]


def test_a_gap_is_closed_inside_one_request(firm: Firm) -> None:
    first, second, third = seal_notes(firm, 3)

    answers = firm.push(third, first, second)

    assert [answer.verdict for answer in answers] == ["held", "applied", "applied"]
    assert firm.body(firm.order)["diagnosis"] == "step 3"
    assert firm.rows(HeldSet) == []
    assert firm.push(third)[0].verdict == "applied"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_repetition_of_handing_in_gives_the_same_log(data: st.DataObject, firm: Firm) -> None:
    wei = Device(firm.id, firm.wei.person, new_id())
    firm.ensure(device_record(wei))
    photos = [photo(firm.order) for _ in range(5)]
    lines = [wei.seal("order.photo", change) for change in photos]
    shuffled = data.draw(st.permutations(lines * 2))
    cuts = data.draw(st.lists(st.integers(1, 4), min_size=10, max_size=10))

    while shuffled:
        size = cuts.pop()
        firm.push(*shuffled[:size])
        shuffled = shuffled[size:]

    mine = [row for row in firm.log() if row.device == wei.id]
    assert [row.sealed for row in mine] == lines
    assert all(firm.has(change.id) for change in photos)
    assert firm.push_raw(*lines) == [row.receipt for row in mine]
    assert [row for row in firm.rows(HeldSet) if row.device == wei.id] == []


def test_more_than_the_limit_ahead_is_refused_for_later(firm: Firm) -> None:
    firm.wei.seq = HELD_MAX

    ahead = firm.send(firm.wei, note(firm, None, "far ahead"))

    assert ahead.verdict == "refused" and ahead.fault and ahead.fault.code == "too_many_held"
    assert not ahead.is_final


def test_a_revoked_device_changes_nothing_and_loses_nothing(firm: Firm) -> None:
    before = firm.wei.seal("order.note", note(firm, None, "before"))
    stored = firm.push_raw(before)
    firm.ensure(update("device", firm.wei.id, state=("active", "revoked")))

    after = firm.send(firm.wei, note(firm, "before", "after"))

    assert after.fault and after.fault.code == "device_revoked"
    assert firm.body(firm.order)["diagnosis"] == "before"
    assert [row.code for row in firm.rows(KeptAside)] == ["device_revoked"]
    assert firm.push_raw(before) == stored


def test_a_device_revoked_in_the_same_group_is_refused_at_once(firm: Firm) -> None:
    revoke = firm.dana.seal("device.revoke", update("device", firm.wei.id, state=("active", "revoked")))

    _revoked, late = firm.push(revoke, firm.wei.seal("order.note", note(firm, None, "too late")))

    assert late.fault and late.fault.code == "device_revoked"


def test_another_organisations_device_is_unknown_here(firm: Firm, other_firm: Firm) -> None:
    mallory = other_firm.dana
    foreign = mallory.seal("order.note", note(firm, None, "stolen"))
    disguised = Device(firm.id, mallory.person, mallory.id, mallory.key).seal("a", note(firm, None, "stolen"))

    answers = firm.push(foreign, disguised, sender=mallory.id)

    assert [answer.fault.code for answer in answers if answer.fault] == ["wrong_organisation", "device_unknown"]
    assert "diagnosis" not in firm.body(firm.order)
    assert sorted(row.code for row in firm.rows(KeptAside)) == ["device_unknown", "wrong_organisation"]


def test_another_organisations_record_cannot_be_reached(firm: Firm, other_firm: Firm) -> None:
    answer = other_firm.write(update("work_order", firm.order, symptom=("离心机异响", "stolen")))

    assert [verdict.fault.code for verdict in answer.changes if verdict.fault] == ["record_missing"]
    assert firm.body(firm.order)["symptom"] == "离心机异响"


def test_altered_and_truncated_bytes_are_refused_and_kept(firm: Firm) -> None:
    line = firm.wei.seal("order.note", note(firm, None, "genuine"))
    altered = line.replace(b"genuine", b"forgery")

    answers = firm.push(altered, line[:-1], line[:50], b"", line)

    codes = [answer.fault.code if answer.fault else answer.verdict for answer in answers]
    assert codes == ["bad_signature", "malformed", "malformed", "malformed", "applied"]
    assert len(firm.rows(KeptAside)) == 4
    assert firm.body(firm.order)["diagnosis"] == "genuine"


def test_a_set_in_somebody_elses_name_is_refused(firm: Firm) -> None:
    answer = firm.send(firm.wei, note(firm, None, "not me"), actor=firm.lin.person)

    assert answer.verdict == "refused"
    assert [verdict.fault.code for verdict in answer.changes if verdict.fault] == ["wrong_actor"]


def test_the_chain_goes_on_behind_a_refused_set(firm: Firm) -> None:
    refused = firm.wei.seal("order.note", update("work_order", firm.order, status=("assigned", "closed")))
    contested = firm.wei.seal("order.note", update("work_order", firm.order, symptom=("never so", "odd noise")))
    after = firm.wei.seal("order.note", note(firm, None, "goes on"))

    answers = firm.push(refused, contested, after)

    assert [answer.verdict for answer in answers] == ["refused", "contested", "applied"]
    assert firm.body(firm.order)["diagnosis"] == "goes on"


def test_the_log_is_dense_and_keeps_refused_sets_too(firm: Firm) -> None:
    firm.send(firm.wei, create("photo", firm.company.chen, order_id=firm.order))

    positions = [row.position for row in firm.rows(LogEntry)]

    assert sorted(positions) == list(range(1, len(positions) + 1))
    assert '"refused"' in firm.log()[-1].receipt
