"""The office writes through the same door, signed with its own key."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from server.clock import utc_now
from server.keys import OfficeKey, new_id, verify_signature
from server.services.office import Office, organisations
from server.services.proofs import verify_log
from server.store.database import reading, writing
from server.store.tables import DeviceHead, Organisation
from server.store.workspace import open_workspace
from sync import chain, codec
from tests.server.builders import Firm, create, faults_of, photo, update


def test_founding_is_the_first_entry_of_the_log(engine: Engine, office: Office, office_key: OfficeKey) -> None:
    organisation = office.found("新公司")

    with reading(engine) as connection:
        names = dict(organisations(connection))
    assert names[organisation] == "新公司"
    assert verify_log(engine, organisation).entries == 1
    assert verify_log(engine, organisation).holds


def test_what_the_office_writes_is_signed_with_its_key(firm: Firm, office_key: OfficeKey) -> None:
    answer = firm.write(update("work_order", firm.order, grade=("important", "urgent")))

    entry = firm.log()[-1]
    sealed = chain.open_line(entry.sealed)
    changeset = codec.decode(sealed.payload)
    assert verify_signature(bytes.fromhex(office_key.public_key), sealed.payload, sealed.signature)
    assert (changeset.actor, changeset.intent) == (firm.company.dana, "test.office")
    assert (answer.position, answer.digest) == (entry.position, sealed.digest)


def test_the_witness_of_the_office_is_the_log_it_saw(firm: Firm) -> None:
    root = verify_log(firm.engine, firm.id).root
    size = len(firm.log())

    firm.write(update("work_order", firm.order, grade=("important", "urgent")))

    changeset = codec.decode(chain.open_line(firm.log()[-1].sealed).payload)
    assert (changeset.witness, changeset.basis) == (f"{size} {root}", size)


def test_several_writes_share_one_transaction(firm: Firm) -> None:
    orders = [firm.add_order() for _ in range(3)]
    with writing(firm.engine) as connection:
        store = open_workspace(connection, firm.id)
        for order in orders:
            change = update("work_order", order, grade=("important", "urgent"))
            firm.office.write_in(store, firm.company.dana, "order.grade", [change])
        store.flush()

    assert [firm.body(order)["grade"] for order in orders] == ["urgent"] * 3
    assert verify_log(firm.engine, firm.id).holds


def test_a_failure_after_a_write_leaves_nothing(firm: Firm) -> None:
    size = len(firm.log())

    with pytest.raises(ZeroDivisionError), writing(firm.engine) as connection:
        store = open_workspace(connection, firm.id)
        change = update("work_order", firm.order, grade=("important", "urgent"))
        firm.office.write_in(store, firm.company.dana, "order.grade", [change])
        store.flush()
        raise ZeroDivisionError

    assert len(firm.log()) == size
    assert firm.body(firm.order)["grade"] == "important"
    assert firm.write(update("work_order", firm.order, grade=("important", "urgent"))).verdict == "applied"


def test_mallory_of_another_company_writes_nothing_here(firm: Firm, other_firm: Firm) -> None:
    mallory = other_firm.company.dana

    answer = firm.write(update("work_order", firm.order, grade=("important", "urgent")), actor=mallory)

    assert faults_of(answer) == ["wrong_actor"]


def test_a_device_enrolled_by_the_office_can_write_at_once(firm: Firm) -> None:
    heads = {row.device: row for row in firm.rows(DeviceHead)}
    assert heads[firm.wei.id].public_key == firm.wei.public_key

    assert firm.send(firm.wei, photo(firm.order)).verdict == "applied"


def test_a_device_cannot_be_given_another_key_or_person(firm: Firm) -> None:
    answer = firm.write(
        update("device", firm.wei.id, public_key=(firm.wei.public_key, firm.lin.public_key)), actor=firm.company.system
    )

    assert answer.verdict == "contested"
    assert firm.send(firm.wei, photo(firm.order)).verdict == "applied"


def test_each_company_has_an_epoch_of_its_own(firm: Firm, other_firm: Firm) -> None:
    (ours,), (theirs,) = firm.rows(Organisation), other_firm.rows(Organisation)

    assert ours.epoch != theirs.epoch


def test_times_in_records_are_instants(firm: Firm) -> None:
    device = create("device", new_id(), person_id=firm.wei.person, public_key="0" * 64, state="active")
    late = {**device.set, "enrolled_at": utc_now()}

    assert firm.write(create("device", device.id, **late), actor=firm.company.system).verdict == "applied"
    assert firm.body(device.id)["enrolled_at"].endswith("Z")
