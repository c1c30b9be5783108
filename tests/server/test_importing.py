"""Spreadsheets: looked at before anything is written, written in sets, gone on with after a cut, and back out again."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from schemas import KINDS
from schemas.problems import Refused
from server.domain.catalogue import ENTRIES
from server.keys import new_id
from server.services import catalogue_edit, exporting, importing, spreadsheets
from server.services.importing import Preview
from server.services.office import Office
from server.services.proofs import verify_log
from tests.server.builders import Firm, create

HEAD = "备件号,名称,等级,适用机型族,单价 (元),易损件\r\n"


def hand_in(firm: Firm, kind: str, data: str | bytes) -> str:
    """Hand a file in and return its id."""
    raw = data.encode("utf-8") if isinstance(data, str) else data
    return importing.hand_in(firm.engine, firm.id, firm.company.system, kind, "parts.csv", raw)


def look(firm: Firm, import_id: str) -> Preview:
    """Return a preview."""
    return importing.preview(firm.engine, firm.id, import_id)


def write_all(firm: Firm, import_id: str, office: Office | None = None) -> int:
    """Begin an import and go on to its end; return how many steps it took."""
    importing.begin(firm.engine, firm.id, import_id)
    steps, state = 0, "begun"
    while state == "begun":
        state = importing.go_on(firm.engine, office or firm.office, firm.id, firm.company.system, import_id).state
        steps += 1
    return steps


def faults_of(found: Preview) -> dict[int, dict[str, str]]:
    """Return the codes of all faults by row and column."""
    return {row.number: {name: fault.code for name, fault in row.faults.items()} for row in found.rows if row.faults}


def test_faults_are_told_by_row_and_column_and_nothing_is_written(firm: Firm) -> None:
    size = len(firm.log())
    bad = hand_in(
        firm,
        "part",
        HEAD + "A-1,轴承,原厂,lathe,680,否\r\n,无号,original,,,\r\nA-3,密封,最好,lathe,六百,也许\r\nA-1,再来,,,,\r\n",
    )

    found = look(firm, bad)

    assert faults_of(found) == {
        3: {"part_number": "field_missing"},
        4: {"grade": "value_invalid", "price_cents": "value_invalid", "wear_part": "value_invalid"},
        5: {"": "row_repeated"},
    }
    assert found.counts == {"fault": 3, "create": 1, "change": 0, "same": 0}
    with pytest.raises(Refused, match="table_has_faults"):
        importing.begin(firm.engine, firm.id, bad)
    assert importing.go_on(firm.engine, firm.office, firm.id, firm.company.system, bad).done == 0
    assert len(firm.log()) == size


def test_a_right_table_is_written_once_however_often_it_comes(firm: Firm) -> None:
    rows = HEAD + "A-1,轴承,原厂,lathe; machining_centre,680.50,否\r\nA-2,密封,,,,是\r\n"
    write_all(firm, hand_in(firm, "part", rows))

    (bearing, seal) = sorted(firm.bodies("part"), key=lambda body: body["part_number"])
    assert bearing["families"] == ["lathe", "machining_centre"]
    assert (bearing["price_cents"], bearing["wear_part"], seal["wear_part"]) == (68050, False, True)
    size = len(firm.log())
    again = hand_in(firm, "part", rows)
    assert look(firm, again).counts["same"] == 2
    write_all(firm, again)
    assert len(firm.log()) == size


def test_rows_change_what_they_name_and_leave_the_rest(firm: Firm) -> None:
    write_all(firm, hand_in(firm, "part", HEAD + "A-1,轴承,原厂,lathe,680,否\r\n"))

    change = hand_in(firm, "part", "part_number,name_en,price_cents\r\nA-1,Bearing,700\r\n")
    (row,) = look(firm, change).rows
    write_all(firm, change)

    assert (row.action, row.moves) == ("change", [("name_en", None, "Bearing"), ("price_cents", 68000, 70000)])
    (part,) = firm.bodies("part")
    assert (part["name"], part["name_en"], part["price_cents"], part["families"]) == (
        "轴承",
        "Bearing",
        70000,
        ["lathe"],
    )


def test_references_are_named_and_names_that_mean_several_are_not_guessed(firm: Firm) -> None:
    firm.ensure(*(create("supplier", new_id(), name="同名", code=code) for code in ("S-1", "S-2")))
    write_all(firm, hand_in(firm, "part", HEAD + "A-1,轴承,,,,\r\n"))
    table = hand_in(firm, "batch", "备件,供应商,批号\r\nA-1,S-1,B1\r\nA-1,同名,B2\r\nA-9,S-2,B3\r\n")

    assert faults_of(look(firm, table)) == {3: {"supplier_id": "name_ambiguous"}, 4: {"part_id": "name_unknown"}}

    write_all(firm, hand_in(firm, "batch", "备件,供应商,批号\r\nA-1,S-1,B1\r\n"))
    assert [body["number"] for body in firm.bodies("batch")] == ["B1"]


def test_an_import_is_cut_into_sets_and_goes_on_after_a_stop(firm: Firm) -> None:
    count = importing.ROWS_AT_ONCE + 50
    table = hand_in(firm, "part", HEAD + "".join(f"P-{number},件 {number},,,,\r\n" for number in range(count)))
    importing.begin(firm.engine, firm.id, table)
    size = len(firm.log())

    first = importing.go_on(firm.engine, firm.office, firm.id, firm.company.system, table)
    elsewhere = Office(firm.engine, firm.office.key)
    last = importing.go_on(firm.engine, elsewhere, firm.id, firm.company.system, table)
    again = importing.go_on(firm.engine, elsewhere, firm.id, firm.company.system, table)

    assert (first.done, first.state) == (importing.ROWS_AT_ONCE, "begun")
    assert (last.done, last.state, again.state) == (count, "done", "done")
    assert len(firm.bodies("part")) == count
    assert len(firm.log()) == size + 4
    assert verify_log(firm.engine, firm.id).holds


def test_what_somebody_changed_after_the_preview_is_not_overwritten(firm: Firm) -> None:
    write_all(firm, hand_in(firm, "part", HEAD + "A-1,轴承,,,680,\r\n"))
    table = hand_in(firm, "part", "part_number,price_cents\r\nA-1,700\r\n")
    (part,) = firm.bodies("part")
    seen = {name: value for name, value in part.items() if name != "id"}
    args = (firm.engine, firm.office, firm.id, firm.company.system, "part", part["id"])
    catalogue_edit.edit(*args, {**seen, "price_cents": 99900}, seen)

    assert faults_of(look(firm, table)) == {2: {"": "changed_meanwhile"}}
    importing.look_again(firm.engine, firm.id, table)
    write_all(firm, table)
    assert firm.bodies("part")[0]["price_cents"] == 70000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_the_encodings_people_have_are_read(firm: Firm, encoding: str) -> None:
    table = hand_in(firm, "supplier", "供应商编号;名称\r\nS-1;佳力轴承有限公司\r\n".encode(encoding))

    write_all(firm, table)

    assert [body["name"] for body in firm.bodies("supplier")] == ["佳力轴承有限公司"]


STRANGE: dict[str, dict[str, Any]] = {
    "part": {
        "part_number": "=1+1", "name": "'=cmd|' /C calc'!A0", "name_en": "@SUM(A1)", "manufacturer": " 空格 ",
        "component": "a;b", "families": ["lathe"], "serialised": True, "price_cents": 5, "warranty_months": 0,
    },
    "supplier": {"name": "-2+3", "code": "0012", "name_en": 'a"b,c\nd'},
    "customer": {"name": "\ttab", "phone": "+86 21 5555", "address": "一\n二", "code": "00"},
    "model": {
        "manufacturer": "M", "name": "N", "family": "lathe", "packing": ["取出；单独包", "b: c"],
        "component_terms": [{"component": "电机", "months": 36}, {"component": "a: b", "months": 1}],
    },
    "person": {
        "name": "许", "roles": ["engineer"], "skills": [{"family": "lathe", "level": "senior"}], "active": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_goes_out_comes_in_again_and_changes_nothing(firm: Firm, form: str, language: str) -> None:
    firm.ensure(*(create(kind, new_id(), **values) for kind, values in STRANGE.items()))
    model = next(body["id"] for body in firm.bodies("model") if body["name"] == "N")
    part = next(body["id"] for body in firm.bodies("part"))
    supplier = next(body["id"] for body in firm.bodies("supplier"))
    firm.ensure(
        create("machine", new_id(), model_id=model, serial="007", customer_id=firm.company.chen, state="down"),
        create("batch", new_id(), part_id=part, supplier_id=supplier, number="B;1", produced_on="2026-01-02"),
        create("part", new_id(), part_number="X", name="y", model_ids=[model], families=["a_b", "c"]),
    )
    size = len(firm.log())
    for kind, entry in ENTRIES.items():
        if entry.is_imported and firm.bodies(kind):
            data = exporting.export(firm.engine, firm.id, kind, form, language)
            found = look(firm, table := hand_in(firm, kind, data))
            assert found.is_right, (kind, faults_of(found), found.header_faults)
            assert found.counts["same"] == len(firm.bodies(kind)) == len(found.rows), (kind, found.rows)
            write_all(firm, table)
    assert len(firm.log()) == size


def test_no_cell_of_an_export_is_a_formula(firm: Firm) -> None:
    firm.ensure(create("supplier", new_id(), name="=HYPERLINK(1)", name_en="-1", code="@x"))

    lines = exporting.export(firm.engine, firm.id, "supplier", "csv", "en").decode("utf-8-sig").splitlines()

    assert lines[1].split(",")[1:] == ["'=HYPERLINK(1)", "-1", "'@x"]


def book(*rows: list[Any], **changed: bytes) -> bytes:
    """Return a workbook of rows, with some of its files replaced."""
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("a")
    for row in rows:
        sheet.append([WriteOnlyCell(sheet, cell) for cell in row])
    out = io.BytesIO()
    workbook.save(out)
    if not changed:
        return out.getvalue()
    again = io.BytesIO()
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, changed.get(name.rpartition("/")[2].replace(".", "_"), old.read(name)))
    return again.getvalue()


def test_a_workbook_is_read_as_values_and_never_worked_out(firm: Firm) -> None:
    head = ["Part number", "Name", "Warranty (months)", "Has serial numbers"]
    table = hand_in(
        firm,
        "part",
        book(head, ["P-1", "=1+1", 36.0, True], ["P-2", "b", 36.5, None], [12345678901234567, "c"], [1234, "d", 12]),
    )

    assert faults_of(look(firm, table)) == {
        2: {"name": "cell_not_a_value"},
        3: {"warranty_months": "value_invalid"},
        4: {"part_number": "cell_lost_digits"},
    }
    write_all(firm, hand_in(firm, "part", book(head, [1234, "d", 12, True])))
    (part,) = firm.bodies("part")
    assert (part["part_number"], part["warranty_months"], part["serialised"]) == ("1234", 12, True)


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><workbook>&b;</workbook>'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "table_unreadable"),
        (b"PK\x03\x04 and no more", "table_unreadable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "table_unreadable"),
        (b"a,b\x00\r\nc,d", "table_unreadable"),
        (b"\x81\xff\xff\x81", "table_unreadable"),
        (b'a\n"' + b"x" * 200_000, "table_unreadable"),
        (b"a\r\n" + b"1\r\n" * 25_001, "table_too_large"),
        (b"a" + b"," * 200 + b"b\r\n", "table_too_large"),
        (book(["a"], workbook_xml=ENTITIES), "table_unreadable"),
        (book(["a"], workbook_xml=b"<a>"), "table_unreadable"),
        (book(["a"], sheet1_xml=b"<worksheet><sheetData><row><c r='A1' t='s'><v>9</v></c></row></sheetData></worksheet>"),  # noqa: E501
         "table_unreadable"),
        (book(["a"], styles_xml=b" " * (65 * 1024 * 1024)), "table_too_large"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_with_a_sentence(data: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        spreadsheets.read_sheet(data)
    assert caught.value.code == code


def test_each_column_has_a_header_of_its_own_in_both_languages(firm: Firm) -> None:
    for kind in (entry.kind for entry in ENTRIES.values() if entry.is_imported):
        for language in ("zh", "en"):
            data = exporting.export(firm.engine, firm.id, kind, "csv", language)
            headers = spreadsheets.read_sheet(data).headers
            assert len(headers) == len(set(headers)), (kind, language)
            assert not look(firm, hand_in(firm, kind, data)).header_faults, KINDS[kind].schema.label


def test_unknown_and_repeated_columns_are_told(firm: Firm) -> None:
    found = look(firm, hand_in(firm, "supplier", "名称,Name,颜色\r\na,b,c\r\n"))

    assert {number: fault.code for number, fault in found.header_faults.items()} == {
        1: "column_repeated",
        2: "column_unknown",
    }
    assert not found.is_right
