"""Where each part was: spans from facts, by serial, batch, machine and day, as known at any time."""

import hashlib
from datetime import UTC, timedelta, timezone
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.problems import Refused
from server.domain.timetable import PLACE_TIME
from server.domain.trace import (
    FOLDED_CHARACTERS_MAX,
    Fact,
    comparable,
    day_bounds,
    fold,
    in_machine,
    of_batch,
    of_serial,
    spans,
)
from server.keys import new_id
from server.services.trace import trace_machine, trace_number
from server.store.database import reading
from tests.server.builders import Firm, create, fitted, photo, removed

MAKER = "09506000134352"
CHINA = timezone(timedelta(hours=8))


def fact(name: str, act: str, machine: str, day: int, **others: object) -> Fact:
    values = {"maker": MAKER, "serial": "SN-1", "batch": "L1", "position": day, "corrects": None} | others
    return Fact(name, act, machine=machine, order=f"order-{name}", at=eight_on(day), **values)


def eight_on(day: int) -> str:
    return f"2026-03-{day:02d}T08:00:00Z"


def test_a_part_is_in_its_machine_until_it_is_removed() -> None:
    facts = [fact("a", "fitted", "M1", 3), fact("b", "removed", "M1", 9)]

    (span,) = spans(facts)

    assert (span.machine, span.begins_at, span.ends_at) == ("M1", eight_on(3), "2026-03-09T08:00:00Z")
    assert not span.elsewhere


def test_a_part_moves_from_machine_to_machine() -> None:
    facts = [fact("a", "fitted", "M1", 3), fact("b", "removed", "M1", 9), fact("c", "fitted", "M2", 9)]

    first, second = spans(facts)

    assert (first.machine, first.ends_at) == ("M1", "2026-03-09T08:00:00Z")
    assert (second.machine, second.begins_at, second.ends_at) == ("M2", eight_on(9), None)
    assert not first.elsewhere and not second.elsewhere


def test_the_order_of_arrival_changes_nothing() -> None:
    facts = [
        fact("a", "fitted", "M1", 3, position=9),
        fact("b", "removed", "M1", 9, position=2),
        fact("c", "fitted", "M2", 9, position=3),
        fact("d", "removed", "M2", 12, position=1),
    ]

    answers = [spans(arrived) for arrived in permutations(facts)]

    assert all(answer == answers[0] for answer in answers)
    assert [(span.machine, span.ends_at is None) for span in answers[0]] == [("M1", False), ("M2", False)]


def test_a_part_fitted_twice_without_a_removal_is_in_two_places() -> None:
    facts = [fact("a", "fitted", "M1", 3), fact("b", "fitted", "M2", 5)]

    found = spans(facts)

    assert [span.ends_at for span in found] == [None, None]
    assert all(span.elsewhere for span in found)


def test_a_late_removal_clears_the_other_place() -> None:
    fitted = [fact("a", "fitted", "M1", 3), fact("b", "fitted", "M2", 5)]
    late = fact("c", "removed", "M1", 4, position=99)

    before, after = spans([*fitted, late], as_known_at=98), spans([*fitted, late], as_known_at=99)

    assert [span.elsewhere for span in before] == [True, True]
    assert [span.elsewhere for span in after] == [False, False]


def test_what_was_known_at_a_log_position_can_be_asked_again() -> None:
    facts = [fact("a", "fitted", "M1", 3, position=10), fact("b", "removed", "M1", 4, position=20)]

    known = {position: spans(facts, as_known_at=position) for position in (9, 10, 20)}

    assert known[9] == []
    assert [span.ends_at for span in known[10]] == [None]
    assert [span.ends_at for span in known[20]] == [eight_on(4)]


def test_a_correction_stands_in_for_the_fact_it_names() -> None:
    wrong = fact("a", "fitted", "M1", 3, serial="SN-7", position=10)
    right = fact("b", "fitted", "M1", 3, serial="SN-1", position=11, corrects="a")

    assert [span.fact.serial for span in spans([wrong, right])] == ["SN-1"]
    assert [span.fact.serial for span in spans([wrong, right], as_known_at=10)] == ["SN-7"]


def test_a_part_known_only_by_its_removal_was_there_before_records_began() -> None:
    (span,) = spans([fact("a", "removed", "M1", 3)])

    assert (span.begins_at, span.ends_at, span.machine) == (None, eight_on(3), "M1")


def test_a_removal_typed_without_a_maker_ends_the_only_part_of_that_number() -> None:
    fitted = fact("a", "fitted", "M1", 3)
    removed = fact("b", "removed", "M1", 9, maker="")

    (span,) = spans([fitted, removed])

    assert span.fitted == fitted and span.removed == removed


def test_a_removal_typed_without_a_maker_ends_nothing_where_two_parts_have_the_number() -> None:
    facts = [
        fact("a", "fitted", "M1", 3),
        fact("b", "fitted", "M1", 4, maker="09506000134369"),
        fact("c", "removed", "M1", 9, maker=""),
    ]

    found = spans(facts)

    assert [(span.fact.id, span.ends_at) for span in found] == [("a", None), ("b", None), ("c", eight_on(9))]


def test_serials_are_the_same_part_only_byte_for_byte() -> None:
    facts = [fact("a", "fitted", "M1", 3, serial="sn-1"), fact("b", "fitted", "M2", 4, serial="SN-1")]

    found = spans(facts)

    assert not any(span.elsewhere for span in found)
    assert len(of_serial(found, "Sn-1")) == 2


def test_the_same_serial_of_another_maker_is_another_part() -> None:
    facts = [fact("a", "fitted", "M1", 3), fact("b", "fitted", "M2", 4, maker="09506000134369")]

    assert not any(span.elsewhere for span in spans(facts))


def test_fitting_a_part_where_it_already_is_keeps_one_span() -> None:
    facts = [fact("a", "fitted", "M1", 3), fact("b", "fitted", "M1", 5)]

    (span,) = spans(facts)

    assert span.begins_at == "2026-03-03T08:00:00Z"
    assert [again.id for again in span.again] == ["b"]


def test_parts_without_serials_are_removed_oldest_first() -> None:
    facts = [
        fact("a", "fitted", "M1", 3, serial=None),
        fact("b", "fitted", "M1", 4, serial=None),
        fact("c", "removed", "M1", 9, serial=None),
    ]

    found = spans(facts)

    assert [(span.fact.id, span.ends_at is None) for span in found] == [("a", False), ("b", True)]
    assert len(of_batch(found, "l1")) == 2


@pytest.mark.parametrize(
    ("typed", "printed"),
    [("ab12", "AB12"), ("ＡＢ１２", "AB12"), ("ab 12", "AB12"), ("straße", "STRASSE"), ("①", "1")],
)
def test_search_folds_case_and_width(typed: str, printed: str) -> None:
    assert fold(typed) == fold(printed)


@given(st.text(max_size=80))
def test_a_folded_text_fits_its_column_and_folds_to_itself(text: str) -> None:
    folded = fold(text)

    assert len(folded) <= FOLDED_CHARACTERS_MAX
    assert len(folded) == FOLDED_CHARACTERS_MAX or fold(folded) == folded
    assert fold(text) == folded


def test_a_machine_on_a_day_holds_what_was_in_it_then() -> None:
    other_machine = fact("c", "fitted", "M2", 3, serial="X")
    found = spans([fact("a", "fitted", "M1", 3), fact("b", "removed", "M1", 9), other_machine])

    parts = {day: in_machine(found, "M1", *day_bounds(f"2026-03-{day:02d}", UTC)) for day in (2, 3, 6, 9, 10)}

    assert {day: len(inside) for day, inside in parts.items()} == {2: 0, 3: 1, 6: 1, 9: 1, 10: 0}


def test_a_day_begins_at_local_midnight() -> None:
    assert day_bounds("2026-03-03", CHINA) == ("2026-03-02T16:00:00Z", "2026-03-03T16:00:00Z")
    with pytest.raises(ValueError, match="isoformat"):
        day_bounds("third of March", CHINA)


def test_instants_of_either_precision_sort_by_time() -> None:
    instants = ["2026-03-03T08:00:01Z", "2026-03-03T08:00:00.500Z", eight_on(3)]

    assert sorted(instants, key=comparable) == instants[::-1]


def ask(firm: Firm, number: str, as_known_at: int | None = None) -> dict[str, Any]:
    with reading(firm.engine) as connection:
        return trace_number(connection, firm.id, number, as_known_at)


def stock(firm: Firm, number: str) -> str:
    """Write a part with a supplier and a batch of that number; return the batch's id."""
    supplier, part, batch = new_id(), new_id(), new_id()
    known = {"part_number": "MC12-MOT", "name": "电机", "manufacturer": "晟远", "gtin": MAKER}
    firm.ensure(
        create("supplier", supplier, name="佳力轴承"),
        create("part", part, **known),
        create("batch", batch, part_id=part, supplier_id=supplier, number=number, certificate="HGZ-1"),
    )
    return batch


def test_a_serial_leads_to_machine_customer_order_engineer_and_evidence(firm: Firm) -> None:
    batch = stock(firm, "B2606")
    sheet, signature = new_id(), new_id()
    machine = firm.company.machine
    firm.send(firm.wei, fitted(firm.order, machine, "SN-100", "2026-11-20T08:00:00Z", batch="B2606", batch_id=batch))
    firm.send(firm.wei, photo(firm.order, purpose="part_label"))
    content = {"content": "{}", "content_sha256": hashlib.sha256(b"{}").hexdigest()}
    signed = {"job_sheet_id": sheet, "job_sheet_sha256": content["content_sha256"], "outcome": "signed"}
    signed |= {"signer_name": "陈敏", "signed_at": "2026-11-20T09:00:00Z"}
    firm.send(firm.wei, create("job_sheet", sheet, order_id=firm.order, **content))
    firm.send(firm.wei, create("signature", signature, order_id=firm.order, **signed))

    answer = ask(firm, "sn-100")

    (span,) = answer["spans"]
    act = span["fitted"]
    assert answer["found_as"] == ["serial"]
    assert (span["serial"], span["batch"]["number"], span["batch"]["certificate"]) == ("SN-100", "B2606", "HGZ-1")
    assert span["supplier"]["name"] == "佳力轴承"
    assert (span["machine"]["serial"], span["machine"]["customer"]["name"]) == ("MC12-0007", "陈氏实验室")
    assert (act["order"]["number"], act["engineer"]["name_en"]) == (firm.company.number, "Wei")
    assert (act["device"], act["at"]) == (firm.wei.id, "2026-11-20T08:00:00Z")
    assert all(act[name] for name in ("captured_at", "corrected_at", "received_at", "position"))
    assert [(shot["purpose"], shot["arrived"]) for shot in act["photos"]] == [("part_label", False)]
    assert (act["signature"]["id"], act["signature"]["signer_name"]) == (signature, "陈敏")


def test_a_batch_leads_to_every_machine(firm: Firm) -> None:
    batch = stock(firm, "B2607")
    machines_of_batch = [firm.add_machine() for _ in range(3)]
    for count, machine in enumerate(machines_of_batch):
        order = firm.add_order(firm.company.wei, machine)
        firm.send(firm.wei, fitted(order, machine, f"SN-20{count}", batch="B2607"))
    order = firm.add_order(firm.company.wei, machines_of_batch[0])
    firm.send(firm.wei, fitted(order, machines_of_batch[0], "SN-209", batch_id=batch))
    firm.send(firm.wei, removed(firm.add_order(firm.company.wei, machines_of_batch[1]), machines_of_batch[1], "SN-201"))

    answer = ask(firm, "b2607")

    assert answer["found_as"] == ["batch"]
    assert {span["machine"]["id"] for span in answer["spans"]} == set(machines_of_batch)
    assert {span["serial"]: span["removed"] is not None for span in answer["spans"]} == {
        "SN-200": False,
        "SN-201": True,
        "SN-202": False,
        "SN-209": False,
    }


def test_a_corrected_serial_is_not_found_under_the_wrong_one(firm: Firm) -> None:
    wrong = fitted(firm.order, firm.company.machine, "SN-7")
    firm.send(firm.wei, wrong)
    known_then = len(firm.log())
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "SN-1", replaces_id=wrong.id))

    assert [span["serial"] for span in ask(firm, "SN-1")["spans"]] == ["SN-1"]
    assert [span["serial"] for span in ask(firm, "SN-7", as_known_at=known_then)["spans"]] == ["SN-7"]
    with pytest.raises(Refused, match="not_found"):
        ask(firm, "SN-7")


def test_a_part_in_two_places_is_told_of_in_both(firm: Firm) -> None:
    other = firm.add_machine()
    order = firm.add_order(firm.company.wei, other)
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "SN-300"))
    firm.send(firm.wei, fitted(order, other, "SN-300", "2026-11-21T08:00:00Z"))

    found = ask(firm, "SN-300")["spans"]

    assert [span["machine"]["id"] for span in found] == [firm.company.machine, other]
    assert all(span["elsewhere"] for span in found)


def test_a_machine_tells_what_was_in_it_on_a_day(firm: Firm) -> None:
    machine = firm.company.machine
    firm.send(firm.wei, fitted(firm.order, machine, "SN-400", "2026-03-03T01:00:00Z"))
    firm.send(firm.wei, removed(firm.order, machine, "SN-400", "2026-03-09T01:00:00Z"))

    with reading(firm.engine) as connection:
        counts = {
            day: len(trace_machine(connection, firm.id, "mc12-0007", day, PLACE_TIME)["spans"])
            for day in ("2026-03-02", "2026-03-03", "2026-03-09", "2026-03-10")
        }
        abroad = trace_machine(connection, firm.id, "mc12-0007", "2026-03-02", ZoneInfo("America/Los_Angeles"))

    assert len(abroad["spans"]) == 1, "it is still 2 March there"
    assert counts == {"2026-03-02": 0, "2026-03-03": 1, "2026-03-09": 1, "2026-03-10": 0}
    assert ask(firm, "MC12-0007")["found_as"] == ["machine"]


def test_another_company_finds_nothing(firm: Firm, other_firm: Firm) -> None:
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "SN-500", batch="B500"))

    for number in ("SN-500", "B500"):
        with pytest.raises(Refused, match="not_found"):
            ask(other_firm, number)
