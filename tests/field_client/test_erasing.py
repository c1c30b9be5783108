"""What the office erases goes from the device too: from what it holds, and from what it keeps to send again."""

from __future__ import annotations

import hashlib

import pytest

from field_client.outbox import Edit
from field_client.store_erasing import drop_files, find_erased, list_acts, note_erased, refuse_erased
from field_client.work_album import read_safe_state
from schemas.problems import Refused
from sync import openings
from sync.blobs import LocalBlob
from sync.chain import Sealed
from tests.field_client.office import Office, verify
from tests.field_client.scope import ORDER, Tablet, uuid

NAME, STAND_IN = "王建国", "erased-0123456789abcdef"
ERASURE = uuid(77)


def lines_of(tablet: Tablet) -> list[Sealed]:
    return [Sealed(bytes(line)) for (line,) in tablet.store.rows("SELECT line FROM outbox ORDER BY seq")]


def erase_files(office: Office, *names: str, act_id: str = ERASURE) -> None:
    """Let the office erase some files."""
    act = {"grounds": "asked", "openings": [], "files": list(names), "erased_at": "2026-11-21T08:00:00Z"}
    office.write("erasure", act_id, act)


def erase(office: Office, tablet: Tablet) -> None:
    """Let the office erase what the tablet's lines say of the contact, and what it holds itself."""
    gone = []
    for line in lines_of(tablet):
        gone += [
            {"hash": digest, "stand_in": STAND_IN, "position": 1}
            for digest, opening in openings.openings_of(line).items()
            if not openings.is_erased(opening) and NAME in str(opening)
        ]
    office.write("work_order", ORDER, {"contact": STAND_IN})
    office.write("erasure", ERASURE, {"grounds": "asked", "openings": gone, "erased_at": "2026-11-21T08:00:00Z"})


def test_what_was_sent_loses_its_openings_and_keeps_its_signature(tablet: Tablet, office: Office) -> None:
    tablet.outbox.write("order.note", [Edit("work_order", ORDER, {"contact": NAME, "diagnosis": "轴承"})])
    tablet.push_to(office)
    tablet.pull_from(office)
    (before,) = lines_of(tablet)
    assert NAME.encode() in before.line

    erase(office, tablet)
    tablet.pull_from(office)

    (after,) = lines_of(tablet)
    assert NAME.encode() not in after.line and after.signed == before.signed
    assert verify(tablet.keyring.public_key, after.payload, after.signature)
    assert openings.unseal(after, at_door=True).changeset.changes[0].set["contact"] == STAND_IN
    assert tablet.store.values_of(ORDER)["contact"] == STAND_IN
    assert list_acts(tablet.store) == [] and tablet.store.find(ERASURE) is not None


def test_what_is_still_to_be_sent_loses_them_too_and_what_is_seen_follows(tablet: Tablet, office: Office) -> None:
    tablet.outbox.write("order.note", [Edit("work_order", ORDER, {"contact": NAME, "phone": "1"})])
    erase(office, tablet)

    tablet.pull_from(office)

    (line,) = lines_of(tablet)
    assert NAME.encode() not in line.line
    assert tablet.store.values_of(ORDER)["contact"] == STAND_IN and tablet.store.values_of(ORDER)["phone"] == "1"
    bodies = tablet.store.rows("SELECT coalesce(base, '') || coalesce(local, '') FROM records")
    assert not any(NAME in body for (body,) in bodies)
    tablet.push_to(office)
    assert tablet.outbox.counts() == {"settled": 1}


def test_a_file_that_was_erased_is_dropped_and_neither_sent_nor_fetched_again(tablet: Tablet, office: Office) -> None:
    files = tablet.files
    sent, waiting = (files.keep(data, "image/jpeg") for data in (b"a face", b"another face"))
    for name in (sent, waiting):
        values = {"order_id": ORDER, "purpose": "fault", "original_sha256": name, "media_type": "image/jpeg"}
        edit = Edit("photo", uuid(80 + (name == sent)), values | {"size_bytes": 6}, is_new=True)
        tablet.outbox.write("photo.add", [edit], [LocalBlob(name, 6, 2)])
    tablet.store.db.execute("INSERT INTO downloads VALUES (?, 0, ?)", (waiting, b"ano"))

    erase_files(office, sent)
    tablet.pull_from(office)
    note_erased(tablet.store, {waiting: ""})
    kept_meanwhile = files.names()
    dropped = drop_files(tablet.store, files)

    assert kept_meanwhile == {sent, waiting} and dropped == 2 and files.names() == set()
    assert find_erased(tablet.store, [sent, waiting]) == {sent: "2026-11-21T08:00:00Z", waiting: ""}
    states = dict(tablet.store.rows("SELECT sha256, state FROM blobs"))
    assert states == {sent: "erased", waiting: "erased"} and not list(tablet.store.rows("SELECT * FROM downloads"))
    assert {read_safe_state(tablet.store, {"original_sha256": name})[0] for name in (sent, waiting)} == {"erased"}
    # Somebody takes the same bytes in again: they stay known as erased.
    assert files.keep(b"a face", "image/jpeg") == sent and drop_files(tablet.store, files) == 1
    erase_files(office, sent, waiting, act_id=uuid(78))
    tablet.pull_from(office)
    assert find_erased(tablet.store, [waiting])[waiting].startswith("2026")
    with pytest.raises(Refused) as refused:
        refuse_erased(tablet.store, sent)
    assert refused.value.code == "file_erased"


def test_an_act_that_an_older_release_took_in_is_read_for_its_files(tablet: Tablet, office: Office) -> None:
    name = hashlib.sha256(b"a face").hexdigest()
    erase_files(office, name)
    tablet.pull_from(office)
    with tablet.store.transaction():
        tablet.store.db.execute("DELETE FROM erased_files")
        tablet.store.remember(erasures_read=None)

    tablet.pull_from(office)

    assert find_erased(tablet.store, [name]) == {name: "2026-11-21T08:00:00Z"}
