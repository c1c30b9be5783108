"""A record kind that is only declared: a training record goes from one device to another on both databases."""

from __future__ import annotations

from server.keys import new_id
from server.services.proofs import verify_log
from tests.server.builders import Firm, create, handset, update

TRAINED_AT = "2026-11-21T06:00:00Z"


def training(firm: Firm, **more: object) -> tuple[str, dict[str, object]]:
    """Return an id and the values of a training at the machine of Wei's order."""
    values: dict[str, object] = {
        "order_id": firm.order,
        "machine_id": firm.company.machine,
        "topics": ["操作规程", "日常保养", "安全"],
        "attendees": ["陈敏", "周洁"],
        "trained_at": TRAINED_AT,
    }
    return new_id(), values | more


def test_a_training_record_reaches_the_next_engineer_at_the_machine(firm: Firm) -> None:
    record_id, values = training(firm)
    answer = firm.send(firm.wei, create("training_record", record_id, **values))
    firm.add_order(engineer=firm.lin.person, machine=firm.company.machine)

    device = handset(firm, firm.lin.person)
    device.sync()

    assert answer.verdict == "applied"
    assert device.held[record_id] == ("training_record", values)
    assert verify_log(firm.engine, firm.id).holds


def test_what_its_declaration_says_is_kept(firm: Firm) -> None:
    record_id, values = training(firm)
    firm.send(firm.wei, create("training_record", record_id, **values))

    nobody = firm.send(firm.wei, create("training_record", new_id(), **values | {"attendees": None}))
    edited = firm.send(firm.wei, update("training_record", record_id, topics=(values["topics"], [])))
    by_office = firm.write(create("training_record", new_id(), **values))

    codes = [answer.fault.code if answer.fault else None for answer in (nobody, edited, by_office)]
    assert codes == ["field_missing", "fact_is_final", "writer_not_allowed"]
