"""What the audit desk answers and exports: lives, lots and machines, as known at any time, with what proves them."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pypdfium2
import pytest

from schemas.problems import Refused
from server.domain import epcis
from server.domain.life import Step
from server.keys import OfficeKey, new_id
from server.services import audit, audit_export, audit_life
from server.services.audit import Asked
from server.services.audit_export import Question
from server.services.audit_log import find_known_on
from server.services.audit_search import search
from server.services.blobs import BlobDesk
from server.store.database import reading, writing
from server.store.disk_files import DiskFiles
from server.store.tables import LogEntry
from tests.server.builders import GTIN, Firm, create, fitted, photo, removed
from tests.source_tree import ROOT

ZONE = timezone(timedelta(hours=8))
SCHEMA = json.loads((ROOT / "tests/fixtures/epcis/EPCISDocument.schema.json").read_text("utf-8"))
FITTED, REMOVED, AGAIN = "2026-03-03T08:00:00Z", "2026-03-09T08:00:00Z", "2026-03-12T08:00:00Z"
GS = "\x1d"


def ask(firm: Firm, on: str = "", known: str = "") -> Asked:
    """Return for which day and as known on which."""
    with reading(firm.engine) as connection:
        return audit.ask(connection, firm.id, on, known, ZONE)


def life(firm: Firm, serial: str, on: str = "") -> audit.LifeView:
    """Return the life of a serial number."""
    with reading(firm.engine) as connection:
        return audit.view_life(connection, firm.id, serial, "", ask(firm, on), ZONE)


def export(firm: Firm, number: str, about: Any = "serial") -> tuple[Question, list[Step]]:
    """Return a question and the steps that answer it."""
    question = Question(about, number, "", ask(firm))
    with reading(firm.engine) as connection:
        return question, audit_export.read_steps(connection, firm.id, question)


def stock(firm: Firm, number: str, **more: Any) -> dict[str, str]:
    """Write a supplier, a part, a lot of that number, a centre and Wei's van; return their ids."""
    ids = {name: new_id() for name in ("supplier", "part", "batch", "service_centre", "van")}
    firm.ensure(
        create("supplier", ids["supplier"], name="佳力轴承", name_en="Jiali"),
        create("part", ids["part"], part_number="MC12-MOT", name="电机", gtin=GTIN, serialised=True),
        create("batch", ids["batch"], part_id=ids["part"], supplier_id=ids["supplier"], number=number, **more),
        create("service_centre", ids["service_centre"], name="浦东", tier="outlet"),
        create("van", ids["van"], name="魏的车", name_en="Wei's van", person_id=firm.wei.person),
    )
    return ids


def live_long(firm: Firm, serial: str) -> dict[str, str]:
    """Let a part come from its supplier by shelf and van into a machine, out of it, and into the next."""
    ids = stock(firm, "B2606", certificate="HGZ-1", produced_on="2026-01-02")
    other = firm.add_machine(serial="MC12-0099")
    order = firm.add_order(firm.wei.person, other)
    goods = {"part_id": ids["part"], "batch": "B2606", "batch_id": ids["batch"], "serial": serial, "quantity": 1}
    centre = {"to_place": "centre", "to_centre_id": ids["service_centre"]}
    van = {"to_place": "van", "to_van_id": ids["van"]}
    came = create("stock_move", new_id(), **goods, from_place="supplier", **centre, moved_at="2026-02-01T01:00:00Z")
    from_centre = {"from_place": "centre", "from_centre_id": ids["service_centre"]}
    loaded = create("stock_move", new_id(), **goods, **from_centre, **van, moved_at="2026-03-01T01:00:00Z")
    firm.ensure(came, loaded)
    machine = firm.company.machine
    batch = {"batch": "B2606", "batch_id": ids["batch"], "part_id": ids["part"], "supplier_id": ids["supplier"]}
    put_in = fitted(firm.order, machine, serial, FITTED, **batch)
    drawn = {**goods, "from_place": "van", "from_van_id": ids["van"], "to_place": "machine", "machine_id": machine}
    firm.send(firm.wei, put_in, create("stock_move", new_id(), **drawn, fitted_id=put_in.id, moved_at=FITTED))
    firm.send(firm.wei, removed(firm.order, machine, serial, REMOVED, part_id=ids["part"], destination="unknown"))
    firm.send(firm.wei, fitted(order, other, serial, AGAIN, **batch))
    return ids | {"other": other}


def strike(firm: Firm, subject: str, **more: Any) -> None:
    """Withdraw a part fitted."""
    named = {"order_id": firm.order, "subject_kind": "part_fitted", "subject_id": subject, "reason": "贴错了"}
    firm.send(firm.wei, create("withdrawal", new_id(), **named, withdrawn_at=REMOVED, **more))


def test_a_long_life_is_told_step_by_step_and_drawn_on_its_lanes(firm: Firm) -> None:
    ids = live_long(firm, "SN-L1")

    told = life(firm, "SN-L1")

    ways = [(step.act, step.source and step.source.kind, step.target and step.target.kind) for step in told.steps]
    assert ways == [
        ("moved", "supplier", "centre"),
        ("moved", "centre", "van"),
        ("moved", "van", "machine"),
        ("fitted", None, "machine"),
        ("removed", "machine", None),
        ("fitted", None, "machine"),
    ]
    assert all(step.is_verified for step in told.steps)
    assert told.steps[0].supplier["name"] == "佳力轴承" and told.steps[3].lot["certificate"] == "HGZ-1"
    assert [row.lane.kind for row in told.picture.rows] == ["supplier", "centre", "van", "machine", "machine"]
    assert [stay.lane for stay in told.stays] == [f"machine {ids['other']}"]
    assert len(told.picture.dots) == len(told.steps), "each mark has a row of the table"
    starts = [bar.x for bar in told.picture.bars]
    assert starts == sorted(starts) and [bar.is_open for bar in told.picture.bars] == [False, False, False, True]


@pytest.mark.parametrize(
    ("day", "kind"),
    [("2026-01-01", []), ("2026-02-10", ["centre"]), ("2026-03-02", ["van"]), ("2026-03-05", ["machine"]),
     ("2026-03-10", []), ("2026-11-01", ["machine"])],
)  # fmt: skip
def test_it_is_told_where_a_part_was_on_a_day(firm: Firm, day: str, kind: list[str]) -> None:
    live_long(firm, "SN-D1")

    told = life(firm, "SN-D1", day)

    assert [stay.lane.split()[0] for stay in told.stays] == kind
    assert (told.picture.day_x is not None) == (day > "2026-01-31")


def test_what_was_withdrawn_or_corrected_is_shown_struck(firm: Firm) -> None:
    machine = firm.company.machine
    wrong, right = fitted(firm.order, machine, "SN-7", FITTED), fitted(firm.order, machine, "SN-1", FITTED)
    right.set["replaces_id"] = wrong.id  # type: ignore[index]
    gone = fitted(firm.order, machine, "SN-2", FITTED)
    firm.send(firm.wei, wrong, gone)
    firm.send(firm.wei, right)
    strike(firm, gone.id)

    (withdrawn,), (corrected,) = life(firm, "SN-2").steps, life(firm, "SN-7").steps

    assert withdrawn.struck is not None and (withdrawn.struck.how, withdrawn.struck.reason) == ("withdrawn", "贴错了")
    assert corrected.struck is not None and (corrected.struck.how, corrected.struck.id) == ("corrected", right.id)
    assert [(step.id, step.struck and step.struck.how) for step in life(firm, "SN-1").steps] == [
        (wrong.id, "corrected"),
        (right.id, None),
    ]
    assert life(firm, "SN-2").stays == [] and life(firm, "SN-2").picture.bars[0].state == "struck"


def test_two_places_at_once_are_told_as_such(firm: Firm) -> None:
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "SN-T", FITTED))
    machine = firm.add_machine()
    firm.send(firm.wei, fitted(firm.add_order(firm.wei.person, machine), machine, "SN-T", REMOVED))

    told = life(firm, "SN-T")

    assert told.is_elsewhere and len(told.stays) == 2
    assert {bar.state for bar in told.picture.bars} == {"elsewhere"}


def test_what_was_known_on_a_day_is_answered_by_receipt_times(firm: Firm) -> None:
    live_long(firm, "SN-K")
    with writing(firm.engine) as connection:
        table = LogEntry.__table__
        rows = connection.execute(table.select().where(table.c.organisation == firm.id)).all()
        end = max(row.position for row in rows)
        for row in rows:
            day = 1 if row.position < end else 20
            where = (table.c.organisation == firm.id) & (table.c.position == row.position)
            connection.execute(table.update().where(where).values(received_at=f"2026-04-{day:02d}T08:00:00Z"))

    with reading(firm.engine) as connection:
        known = {day: find_known_on(connection, firm.id, f"2026-04-{day:02d}", ZONE).position for day in (1, 10, 20)}
        before = audit.view_life(connection, firm.id, "SN-K", "", ask(firm, known="2026-04-10"), ZONE)
        with pytest.raises(Refused, match="SN-K"):
            audit.view_life(connection, firm.id, "SN-K", "", ask(firm, known="2026-03-31"), ZONE)

    assert known == {1: end - 1, 10: end - 1, 20: end}
    assert before.steps[-1].act == "removed" and before.stays == []
    assert life(firm, "SN-K").steps[-1].act == "fitted"


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "0000-00-00", "9999-12-31"])
def test_a_day_that_is_none_is_refused(firm: Firm, day: str) -> None:
    with pytest.raises(Refused) as refused:
        ask(firm, on=day)

    assert refused.value.code == "value_invalid"


def test_a_lot_leads_to_machines_customers_vans_and_shelves(firm: Firm) -> None:
    live_long(firm, "SN-B1")

    with reading(firm.engine) as connection:
        view = audit.view_lot(connection, firm.id, "b2606", "", ask(firm))
        on_day = audit.view_lot(connection, firm.id, "B2606", "", ask(firm, "2026-03-05"))

    assert (view.count, view.machines, view.machines_now, view.customers) == (2, 2, 1, 1)
    assert [box.label for box in view.tree.boxes if box.level == "machine"] == ["MC12-0007", "MC12-0099"]
    assert [box.is_past for box in view.tree.boxes if box.level == "machine"] == [True, False]
    assert [span["machine"]["serial"] for span in on_day.spans] == ["MC12-0007"]
    assert view.lots[0]["supplier"]["name"] == "佳力轴承"


def test_a_machine_tells_its_parts_of_a_day(firm: Firm) -> None:
    live_long(firm, "SN-M1")

    with reading(firm.engine) as connection:
        ever = audit.view_machine(connection, firm.id, firm.company.machine, ask(firm), ZONE)
        then = audit.view_machine(connection, firm.id, firm.company.machine, ask(firm, "2026-03-05"), ZONE)
        later = audit.view_machine(connection, firm.id, firm.company.machine, ask(firm, "2026-03-11"), ZONE)

    assert [len(view.spans) for view in (ever, then, later)] == [1, 1, 0]
    assert ever.picture is not None and later.picture is None


def test_a_scan_finds_its_part_and_a_word_what_bears_it(firm: Firm) -> None:
    ids = live_long(firm, "SN-S1")
    goods = {"part_id": ids["part"], "serial": "SN-ON-SHELF", "quantity": 1, "moved_at": FITTED}
    there = {"to_place": "centre", "to_centre_id": ids["service_centre"]}
    firm.ensure(create("stock_move", new_id(), **goods, from_place="supplier", **there))

    def find(typed: str) -> list[tuple[str, str]]:
        with reading(firm.engine) as connection:
            return [(hit.kind, hit.title) for hit in search(connection, firm.id, typed, 2026)]

    label = f"01{GTIN}10B2606{GS}21SN-S1"
    both = [("serial", "SN-S1"), ("batch", "B2606")]
    assert find(f"]d2{label}") == find(f"({label[:2]}){GTIN}(10)B2606(21)SN-S1") == both
    assert find(f"https://id.example.com/01/{GTIN}/10/B2606/21/SN-S1") == both
    assert find(label.replace(GS, "")) == both, "separators were lost"
    assert find("sn-s1") == [("serial", "SN-S1")]
    assert find("sn-on-shelf") == [("serial", "SN-ON-SHELF")], "it was never in a machine"
    assert find("b2606") == [("batch", "B2606")]
    assert find("MC12-0099") == [("machine", "MC12-0099")]
    assert find("jiali") == [("supplier", "佳力轴承")]
    assert find("MC12-MOT") == [("part", "MC12-MOT")]
    assert find("no such thing") == find("\0") == find("") == []


def is_uri(value: Any) -> bool:
    """Tell whether a text is a URI; other values are for other rules."""
    return not isinstance(value, str) or bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", value))


def is_instant(value: Any) -> bool:
    """Tell whether a text is an instant with a zone. Raises ValueError when it is none at all."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def validate(document: dict[str, Any]) -> None:
    """Hold a document to GS1's schema, with the formats that it names."""
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("uri", raises=ValueError)(is_uri)
    formats.checks("date-time", raises=ValueError)(is_instant)
    # The file writes a reference as a URI fragment in the way of its own tool.
    spelled = json.loads(json.dumps(SCHEMA).replace("#/definitions/%40context", "#/definitions/@context"))
    jsonschema.Draft7Validator(spelled, format_checker=formats).validate(document)


def test_epcis_events_validate_and_say_what_happened(firm: Firm) -> None:
    live_long(firm, "SN/E 1")
    gone = fitted(firm.order, firm.company.machine, "SN/E 1", "2026-03-15T08:00:00Z", gtin=GTIN)
    firm.send(firm.wei, gone)
    strike(firm, gone.id)
    question, steps = export(firm, "SN/E 1")

    first, second = (audit_export.write_epcis(steps, firm.id, question, ZONE) for _ in range(2))

    assert first == second
    document = json.loads(first)
    validate(document)
    events = document["epcisBody"]["eventList"]
    told = [(event["type"], event["action"], event["bizStep"], event["disposition"]) for event in events]
    assert told == [
        ("ObjectEvent", "OBSERVE", "receiving", "in_progress"),
        ("ObjectEvent", "OBSERVE", "loading", "in_transit"),
        ("ObjectEvent", "OBSERVE", "picking", "in_progress"),
        ("AssociationEvent", "ADD", "installing", "active"),
        ("AssociationEvent", "DELETE", "removing", "unknown"),
        ("AssociationEvent", "ADD", "installing", "active"),
        ("AssociationEvent", "ADD", "installing", "active"),
        ("AssociationEvent", "ADD", "installing", "active"),
    ]
    assert events[3]["eventTime"] == FITTED and events[3]["eventTimeZoneOffset"] == "+08:00"
    assert events[3]["recordTime"] == steps[3].told["received_at"]
    assert events[-1]["eventID"] == events[-2]["eventID"] == f"urn:uuid:{gone.id}"
    assert events[-1]["errorDeclaration"]["reason"] == "did_not_occur" and "errorDeclaration" not in events[-2]


@pytest.mark.parametrize(("serial", "kind"), [("SN-R1", "ObjectEvent"), (None, "TransformationEvent")])
def test_what_is_refurbished_is_the_same_part_or_another_lot(firm: Firm, serial: str | None, kind: str) -> None:
    ids = stock(firm, "B1")
    made = new_id()
    papers = {"condition": "refurbished", "made_from_id": ids["batch"]}
    firm.ensure(
        create("batch", made, part_id=ids["part"], supplier_id=ids["supplier"], number="B1-R", **papers),
        create("stock_move", new_id(), part_id=ids["part"], batch="B1-R", batch_id=made, quantity=2 - bool(serial),
               from_place="returned", to_place="centre", to_centre_id=ids["service_centre"], moved_at=FITTED,
               **({"serial": serial} if serial else {})),
    )  # fmt: skip
    with reading(firm.engine) as connection:
        moves = {key: body for key, (kind, body) in firm.records().items() if kind == "stock_move"}
        steps = audit_life.steps_of_moves(connection, firm.id, moves)

    document = epcis.tell_document(steps, firm.id, FITTED, "+08:00")

    validate(document)
    (event,) = document["epcisBody"]["eventList"]
    assert (event["type"], event["bizStep"]) == (kind, "repairing")
    inputs = [{"epcClass": f"https://id.gs1.org/01/{GTIN}/10/B1", "quantity": 2}]
    assert event.get("inputQuantityList", inputs) == inputs
    assert ("epcList" in event) == bool(serial) and ("outputQuantityList" in event) != bool(serial)


def test_the_schema_of_epcis_refuses_what_is_wrong(firm: Firm) -> None:
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "SN-E2", FITTED))
    question, steps = export(firm, "SN-E2")
    document = json.loads(audit_export.write_epcis(steps, firm.id, question, ZONE))
    event = document["epcisBody"]["eventList"][0]
    assert event["childEPCs"] == [f"https://id.gs1.org/01/{GTIN}/21/SN-E2"]

    for name, value in (("bizStep", "fitting"), ("eventTime", "then"), ("action", "PUT"), ("parentID", "no uri")):
        with pytest.raises(jsonschema.ValidationError):
            validate(document | {"epcisBody": {"eventList": [event | {name: value}]}})


def test_tables_tell_every_step_and_open_as_spreadsheets(firm: Firm) -> None:
    live_long(firm, "=SN-C1")
    _, steps = export(firm, "=SN-C1")

    text = audit_export.write_table(steps, "csv", "en", "serial", ZONE).decode("utf-8-sig")
    book = audit_export.write_table(steps, "xlsx", "zh", "serial", ZONE)

    lines = text.splitlines()
    assert len(lines) == 1 + len(steps) and "'=SN-C1" in lines[1], "no spreadsheet program runs it"
    assert "2026-03-03 16:00:00" in text and "HGZ-1" in text
    assert book[:2] == b"PK"


def test_an_evidence_pack_is_the_same_bytes_for_the_same_question(
    firm: Firm, office_key: OfficeKey, tmp_path: Path
) -> None:
    live_long(firm, "SN-P1")
    firm.send(firm.wei, photo(firm.order, purpose="part_label"))
    question, steps = export(firm, "SN-P1")

    with reading(firm.engine) as connection:
        parts = (BlobDesk(firm.engine, DiskFiles(tmp_path), 1000, 24), office_key, firm.id, question, steps, ZONE)
        first, second = (audit_export.write_pack(connection, *parts) for _ in range(2))

    assert first == second and first.startswith(b"%PDF-")
    words = read_pdf(first)
    assert "SN-P1" in words and "ab" * 32 in words and "未到" in words
    assert (
        f"#{steps[0].position}" in words and f"gongdan.example/{firm.id}" in words.replace("\n", "")
    ) or firm.id in words


def read_pdf(data: bytes) -> str:
    """Return the words of a PDF."""
    document = pypdfium2.PdfDocument(data)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def test_a_lot_is_exported_whole(firm: Firm) -> None:
    live_long(firm, "SN-W1")
    question, steps = export(firm, "B2606", "batch")

    document = json.loads(audit_export.write_epcis(steps, firm.id, question, ZONE))

    validate(document)
    assert [event["action"] for event in document["epcisBody"]["eventList"]] == ["ADD", "DELETE", "ADD"]
