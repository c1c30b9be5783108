"""What the office erases goes from the device too: from what it holds, and from what it keeps to send again."""

from __future__ import annotations

from field_client.outbox import Edit
from field_client.store_erasing import list_acts
from sync import openings
from sync.chain import Sealed
from tests.field_client.office import Office, verify
from tests.field_client.scope import ORDER, Tablet, uuid

NAME, STAND_IN = "王建国", "erased-0123456789abcdef"
ERASURE = uuid(77)


def lines_of(tablet: Tablet) -> list[Sealed]:
    return [Sealed(bytes(line)) for (line,) in tablet.store.rows("SELECT line FROM outbox ORDER BY seq")]


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
