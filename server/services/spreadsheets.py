"""Spreadsheets as rows of texts: CSV in the encodings people have, and XLSX; from strangers, so limited in everything.

Rule 1: nothing in a spreadsheet is worked out, followed or run: a formula is a fault of its cell.
Rule 2: a text that a spreadsheet program would take for a formula is written with an apostrophe before it in CSV, and
        that apostrophe is taken away when it is read. Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils.exceptions import InvalidFileException

from schemas.problems import Fault, Refused

FILE_BYTES_MAX: Final = 8 * 1024 * 1024
UNPACKED_BYTES_MAX: Final = 64 * 1024 * 1024
"""A catalogue of 20,000 parts unpacks to some 25 MB."""
ROWS_MAX: Final = 25_000
COLUMNS_MAX: Final = 100
CELL_MOST: Final = 20_000
FILES_MAX: Final = 200
"""Of a workbook: an office program writes some twenty."""

EXACT_DIGITS: Final = 10**15
"""A spreadsheet program keeps 15 digits of a number. Source: Excel specifications and limits."""

TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

_TAKEN_FOR_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED: Final = re.compile(r"''*[=+\-@\t\r]")
_PLAIN_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_DTD: Final = (b"<!DOCTYPE", b"<!ENTITY")

Cell = str | Fault


@dataclass(frozen=True, slots=True)
class Sheet:
    """Headers, and the rows that are not empty with their numbers in the file, from 1."""

    headers: list[str]
    rows: list[tuple[int, list[Cell]]]


def read_sheet(data: bytes) -> Sheet:
    """Read a CSV or XLSX file. Raises Refused with `table_unreadable` or `table_too_large`."""
    if len(data) > FILE_BYTES_MAX:
        raise Refused("table_too_large", limit=f"{FILE_BYTES_MAX // 1024 // 1024} MB")
    if data[:2] == b"PK":
        lines = _read_xlsx(data)
    elif data[:4] == b"\xd0\xcf\x11\xe0":
        raise _unreadable("an old .xls or a locked file: save it as .xlsx")
    else:
        lines = _read_csv(data)
    return _make_sheet(lines)


def write_csv(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield a CSV file in UTF-8 with the mark by which spreadsheet programs know it. Source: RFC 4180."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    yield b"\xef\xbb\xbf"
    for row in (headers, *rows) if isinstance(rows, Sequence) else _chain(headers, rows):
        writer.writerow([_escape(cell) for cell in row])
        if out.tell() > 64 * 1024:
            yield out.getvalue().encode("utf-8")
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode("utf-8")


def write_xlsx(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a workbook of one sheet of texts, its headers bold and kept in sight."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31])
    sheet.freeze_panes = "A2"
    bold = Font(bold=True)
    for number, header in enumerate(headers):
        sheet.column_dimensions[_letter(number)].width = min(40, max(12, 2 * len(header)))
    sheet.append([_text_cell(sheet, header, bold) for header in headers])
    for row in rows:
        sheet.append([_text_cell(sheet, cell) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _letter(number: int) -> str:
    return chr(65 + number) if number < 26 else chr(64 + number // 26) + chr(65 + number % 26)


def _text_cell(sheet: Any, text: str, font: Font | None = None) -> Any:
    cell = WriteOnlyCell(sheet, _UNWRITABLE.sub("\ufffd", text))
    # The library would write what begins with an equals sign as a formula.
    cell.data_type = "s"
    cell.number_format = "@"
    if font is not None:
        cell.font = font
    return cell


def _chain(first: Sequence[str], rest: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    yield first
    yield from rest


def _escape(text: str) -> str:
    return f"'{text}" if _TAKEN_FOR_FORMULA.match(text) and not _PLAIN_NUMBER.match(text) else text


def _unescape(text: str) -> str:
    return text[1:] if _ESCAPED.match(text) else text


def _make_sheet(lines: Iterator[tuple[int, list[Cell]]]) -> Sheet:
    rows: list[tuple[int, list[Cell]]] = []
    headers: list[str] | None = None
    for number, cells in lines:
        while cells and cells[-1] == "":
            cells.pop()
        if not any(cells):
            continue
        if len(cells) > COLUMNS_MAX:
            raise Refused("table_too_large", limit=f"{COLUMNS_MAX} columns")
        if headers is None:
            headers = [cell if isinstance(cell, str) else "?" for cell in cells]
            continue
        if len(rows) == ROWS_MAX:
            raise Refused("table_too_large", limit=f"{ROWS_MAX} rows")
        rows.append((number, [_limit(cell) for cell in cells]))
    if headers is None:
        raise _unreadable("it is empty")
    return Sheet(headers, rows)


def _limit(cell: Cell) -> Cell:
    if isinstance(cell, str) and (len(cell) > CELL_MOST or "\x00" in cell):
        return Fault("table_too_large", {"limit": f"{CELL_MOST} characters in a cell"})
    return cell


def _read_csv(data: bytes) -> Iterator[tuple[int, list[Cell]]]:
    text = _decode(data)
    if "\x00" in text:
        raise _unreadable("it holds bytes that are no text")
    head = text[:10_000].split("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, [_unescape(cell) for cell in row]
    except csv.Error as error:
        raise _unreadable(f"row {reader.line_num}: {error}") from None


def _decode(data: bytes) -> str:
    """Return the text of bytes in UTF-8, UTF-16 with its mark, or GB 18030, which all of GBK and GB 2312 is."""
    encodings = ["utf-16"] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _unreadable("its encoding is neither UTF-8, UTF-16 nor GB 18030")


def _read_xlsx(data: bytes) -> Iterator[tuple[int, list[Cell]]]:
    _look_through(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False, keep_vba=False)
        if not book.worksheets:
            raise _unreadable("it has no sheet")
        sheet = book.worksheets[0]
        # What the file says of its size is not believed.
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(max_col=COLUMNS_MAX + 1), start=1):
            yield number, [_read_value(cell) for cell in row]
    except (
        InvalidFileException, DefusedXmlException, ParseError, zipfile.BadZipFile,
        KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, EOFError, NotImplementedError,
    ) as error:  # fmt: skip
        raise _unreadable(f"not a workbook ({type(error).__name__})") from None


def _look_through(data: bytes) -> None:
    """Refuse what would unpack to too much, or declares entities, before a reader of workbooks sees it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > FILES_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
                raise Refused("table_too_large", limit=f"{UNPACKED_BYTES_MAX // 1024 // 1024} MB")
            for part in parts:
                if part.flag_bits & 1:
                    raise _unreadable("it is locked with a password")
                with archive.open(part) as file:
                    head = file.read(4096).replace(b"\x00", b"")
                if any(mark in head for mark in _DTD):
                    raise _unreadable("it declares entities")
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise _unreadable(f"not a workbook ({type(error).__name__})") from None


def _read_value(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type in ("f", "e"):
        return Fault("cell_not_a_value")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if (value.hour, value.minute, value.second) == (0, 0, 0) else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return _read_number(value)
    return str(value) if isinstance(value, str) else Fault("cell_not_a_value")


def _read_number(value: float) -> Cell:
    if abs(value) >= EXACT_DIGITS:
        return Fault("cell_lost_digits")
    if value == int(value):
        return str(int(value))
    return f"{value:.9f}".rstrip("0")


def _unreadable(detail: str) -> Refused:
    return Refused("table_unreadable", detail=detail)
