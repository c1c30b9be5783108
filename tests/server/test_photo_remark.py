"""What is said of a photo afterwards travels beside it, and the photo stays as it was signed."""

from __future__ import annotations

from server.keys import new_id
from server.services.proofs import verify_log
from tests.server.builders import Firm, create, handset, update

MARK = {"shape": "arrow", "colour": "red", "x": 100, "y": 200, "to_x": 340, "to_y": 260}
PHOTO_SHA256 = "ab" * 32


def photo(firm: Firm) -> tuple[str, dict[str, object]]:
    values: dict[str, object] = {"order_id": firm.order, "machine_id": firm.company.machine, "purpose": "fault"}
    return new_id(), values | {"original_sha256": PHOTO_SHA256, "media_type": "image/jpeg", "size_bytes": 10}


def remark(firm: Firm, photo_id: str, **more: object) -> dict[str, object]:
    values: dict[str, object] = {"order_id": firm.order, "machine_id": firm.company.machine, "photo_id": photo_id}
    return values | {"purpose": "fault", "marks": [MARK], "remarked_at": "2026-11-21T06:00:00Z"} | more


def test_marks_reach_the_next_engineer_at_the_machine(firm: Firm) -> None:
    photo_id, values = photo(firm)
    firm.send(firm.wei, create("photo", photo_id, **values))
    remark_id, said = new_id(), remark(firm, photo_id)
    answer = firm.send(firm.wei, create("photo_remark", remark_id, **said))
    firm.add_order(engineer=firm.lin.person, machine=firm.company.machine)

    device = handset(firm, firm.lin.person)
    device.sync()

    assert answer.verdict == "applied"
    assert device.held[remark_id] == ("photo_remark", said)
    assert device.held[photo_id] == ("photo", values)
    assert verify_log(firm.engine, firm.id).holds


def test_marks_that_cannot_be_drawn_are_refused(firm: Firm) -> None:
    photo_id, values = photo(firm)
    firm.send(firm.wei, create("photo", photo_id, **values))
    bad: list[dict[str, object]] = [
        {"marks": [MARK | {"x": -1}]},
        {"marks": [MARK | {"shape": "star"}]},
        {"marks": [MARK] * 41},
        {"marks": [MARK | {"x": "100"}]},
        {"purpose": "selfie"},
    ]

    answers = [firm.send(firm.wei, create("photo_remark", new_id(), **remark(firm, photo_id, **more))) for more in bad]
    again = new_id()
    firm.send(firm.wei, create("photo_remark", again, **remark(firm, photo_id)))
    edited = firm.send(firm.wei, update("photo_remark", again, caption=(None, "x")))

    codes = [answer.fault.code if answer.fault else None for answer in (*answers, edited)]
    assert codes == ["value_invalid"] * len(bad) + ["fact_is_final"]
