"""What a scanned or typed code says: the identities it may stand for. Text and bytes in, values out.

Rule 1: never guess silently. Where a code can be read in several ways, all are given, and a person chooses.
Rule 2: an identity is exact: no case is folded, no character trimmed from what a symbol held.
Rule 3: `str.strip`, `split` and `splitlines` take the separator GS for a space; they are not used without arguments.

Source of all rules of numbers: GS1 General Specifications (sections named below) and GS1 Digital Link URI Syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

from biip import ParseError
from biip.gs1_digital_link_uris import GS1DigitalLinkURI

from scanning.element_strings import (
    DATE_AIS,
    GS,
    Element,
    is_gtin,
    read_date,
    read_elements,
    read_marked_elements,
    read_unmarked_elements,
    show,
)
from schemas.problems import Refused

Kind = Literal["gs1", "digital_link", "enrolment", "plain"]

ENROLMENT_PREFIX: Final = "gongdan-enrol:"
CODE_BYTES_MAX: Final = 4096
"""More than the largest QR code holds (2,953 bytes)."""

_GS1_SYMBOLOGIES: Final = frozenset({"]C1", "]d2", "]d5", "]Q3", "]Q4", "]e0", "]J1"})
"""Section 5.1.3: symbols that say of themselves, by FNC1 in first place, that they hold element strings.

]d5 and ]Q4 say so too, beside how their letters are encoded. Source: ISO/IEC 15424, ISO/IEC 16022, ISO/IEC 18004.
"""

_OTHERS_SYMBOLOGIES: Final = frozenset({"]C2", "]C4", "]d3", "]d6", "]Q5", "]Q6", "]e1", "]e2", "]e3"})
"""FNC1 in second place, or a block of another application: what they hold is somebody else's, and no element string."""

_RETAIL_DIGITS: Final = {"]E0": 13, "]E3": 13, "]E4": 8}
"""EAN-13 and UPC-A, the same with an add-on behind, and EAN-8: so many digits are a GTIN."""

_RESTRICTED: Final = re.compile(r"0(?:02|04|2[0-9])|000000[02]")
"""How 14 digits begin that are a number for use within a region or a company, not a GTIN (section 2.1.11)."""

EXCLUSIVE: Final = (
    ("01", "02"), ("01", "03"), ("01", "37"), ("01", "255"), ("01", "8006"), ("02", "03"), ("02", "255"), ("03", "37"),
    ("03", "235"), ("03", "8006"), ("03", "8026"), ("02", "8026"), ("21", "235"), ("37", "8006"), ("8006", "8026"),
    ("255", "8006"), ("255", "8026"),
)  # fmt: skip
"""Section 4.13.1: identities of an article that exclude each other. Source: GS1 Barcode Syntax Dictionary, ``ex``."""

HEX: Final = "hex:"

_SYMBOLOGY: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_LINK_TO_GTIN: Final = re.compile(r"/01/[0-9]{8,14}(?:[/?#]|\Z)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_MARKED: Final = re.compile(r"[(（][0-9]{2,4}[)）]")
_BRACKETS: Final = str.maketrans("（）", "()")


@dataclass(frozen=True, slots=True)
class Identity:
    """One thing a code may stand for.

    `gtin` has 14 digits with a right check digit. `expiry` and `production_date` are ISO 8601 days. For an enrolment
    the whole text is in `serial`.
    """

    kind: Kind
    gtin: str | None = None
    serial: str | None = None
    batch: str | None = None
    expiry: str | None = None
    production_date: str | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """A code as it was read, with the identities it may stand for, the likeliest first; there is at least one."""

    raw: bytes
    symbology: str | None
    candidates: tuple[Identity, ...]


def parse(raw: bytes, symbology: str | None, this_year: int) -> Scan:
    """Read what a symbol held.

    `symbology` is its AIM identifier, None where the scanner told none; `this_year` settles the century of dates.
    Raises Refused code_invalid.
    """
    if not raw or len(raw) > CODE_BYTES_MAX:
        raise Refused("code_invalid", detail=f"{len(raw)} B")
    text = _decode(raw)
    if symbology is None and (found := _SYMBOLOGY.match(text)):
        symbology, text = found[0], text[3:]
    return Scan(raw, symbology, tuple(dict.fromkeys(_find_candidates(text, symbology, this_year))))


def parse_typed(text: str, this_year: int) -> Scan:
    """Read what a person typed or a keyboard scanner wrote; spaces and line ends around it do not count.

    Raises Refused code_invalid.
    """
    return parse(text.strip(" \t\r\n\u3000").encode(), None, this_year)


def spell_kept(scan: Scan) -> str:
    """Return a scan as a record keeps it: its AIM identifier, where one is known, then every byte of it.

    Bytes that are no text, that a database cannot hold, or that a form would lose at the ends, are written as HEX and
    hexadecimal digits.
    """
    raw = scan.raw
    start = "" if scan.symbology is None or raw.startswith(scan.symbology.encode()) else scan.symbology
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = HEX
    is_cut = text[:1].isspace() or text[-1:].isspace()
    is_plain = not is_cut and not text.startswith(HEX) and not _CONTROL.search(text.replace(GS, ""))
    return start + (text if is_plain else HEX + raw.hex())


def read_kept(text: str, this_year: int) -> Scan:
    """Read what `spell_kept` wrote. Raises Refused code_invalid."""
    symbology = found[0] if (found := _SYMBOLOGY.match(text)) else None
    body = text[3:] if symbology else text
    if not body.startswith(HEX):
        return parse(body.encode(), symbology, this_year)
    try:
        raw = bytes.fromhex(body.removeprefix(HEX))
    except ValueError:
        raise Refused("code_invalid", detail=show(text)) from None
    return parse(raw, symbology, this_year)


def _find_candidates(text: str, symbology: str | None, this_year: int) -> Iterator[Identity]:
    if symbology in _OTHERS_SYMBOLOGIES:
        yield _keep_plain(text)
    elif symbology in _GS1_SYMBOLOGIES or text.startswith(GS):
        yield from _read_gs1_symbol(text.removeprefix(GS), this_year)
    elif text.startswith(ENROLMENT_PREFIX):
        yield Identity("enrolment", serial=text)
    elif text.startswith(("http://", "https://", "HTTP://", "HTTPS://")):
        yield _read_link(text, this_year)
    elif _MARKED.match(text):
        yield _identify("gs1", read_marked_elements(text.translate(_BRACKETS)), this_year)
    elif GS in text:
        yield _identify("gs1", read_elements(text), this_year)
    elif symbology in _RETAIL_DIGITS:
        yield _read_retail(text, _RETAIL_DIGITS[symbology])
    else:
        yield from _read_unmarked(text, this_year)


def _read_gs1_symbol(text: str, this_year: int) -> Iterator[Identity]:
    """Read a symbol that promises element strings; where the promise is broken, offer what it may have meant."""
    try:
        yield _identify("gs1", read_elements(text), this_year)
    except Refused:
        readings = list(_read_without_separators(text, this_year)) if GS not in text else []
        if not readings:
            raise
        yield from readings


def _read_unmarked(text: str, this_year: int) -> Iterator[Identity]:
    """Read a text that says nothing of itself: element strings whose separators were lost, or a bare number."""
    plain = _keep_plain(text)
    yield from _read_without_separators(text, this_year)
    if len(text) in (13, 14) and is_gtin(text.zfill(14)) and not _RESTRICTED.match(text.zfill(14)):
        yield Identity("gs1", gtin=text.zfill(14))
    yield plain


def _read_retail(text: str, digits: int) -> Identity:
    """Read the number of a retail symbol; what stands in an add-on is no part of it."""
    gtin = text[:digits].zfill(14)
    if len(text) < digits or not is_gtin(gtin):
        raise Refused("code_invalid", detail=show(text))
    return Identity("plain", serial=text[:digits]) if _RESTRICTED.match(gtin) else Identity("gs1", gtin=gtin)


def _keep_plain(text: str) -> Identity:
    if _CONTROL.search(text):
        raise Refused("code_invalid", detail=show(text))
    return Identity("plain", serial=text)


def _read_without_separators(text: str, this_year: int) -> Iterator[Identity]:
    for elements in read_unmarked_elements(text):
        try:
            yield _identify("gs1", elements, this_year)
        except Refused:
            continue


def _read_link(text: str, this_year: int) -> Identity:
    """Read a GS1 Digital Link of any host; another web address is a plain text."""
    try:
        split = urlsplit(text)
        query = split.query.replace(";", "&")  # both divide attributes (URI Syntax section 4.10)
        link = GS1DigitalLinkURI.parse(split._replace(query=query).geturl())
    except (ParseError, ValueError) as error:
        if _LINK_TO_GTIN.search(text):
            raise Refused("code_invalid", detail=show(text)) from error
        return Identity("plain", serial=text)
    elements = [Element(found.ai.ai, found.value) for found in link.element_strings]
    # The library keeps the last of several values for one AI; a contradiction must be seen.
    known = {element.ai for element in elements}
    elements += [Element(ai, value) for ai, value in parse_qsl(query, keep_blank_values=True) if ai in known]
    identity = _identify("digital_link", elements, this_year)
    return identity if identity != Identity("digital_link") else Identity("plain", serial=text)


def _identify(kind: Kind, elements: list[Element], this_year: int) -> Identity:
    """Make an identity of element strings; raises Refused code_invalid where two contradict each other."""
    values: dict[str, str] = {}
    for element in elements:
        element.check()
        if values.setdefault(element.ai, element.value) != element.value:
            raise Refused("code_invalid", detail=f"({element.ai}){values[element.ai]} ≠ {element}")
    for one, other in EXCLUSIVE:
        if one in values and other in values:
            raise Refused("code_invalid", detail=f"({one}) + ({other})")
    days = {ai: read_date(value, this_year) for ai, value in values.items() if ai in DATE_AIS}
    if "7003" in values:
        days.setdefault("17", read_date(values["7003"][:6], this_year))
    return Identity(
        kind,
        gtin=values.get("01"),
        serial=values.get("21"),
        batch=values.get("10"),
        expiry=days.get("17"),
        production_date=days.get("11"),
    )


def _decode(raw: bytes) -> str:
    """Give the text of a symbol: UTF-8, or GB 18030, which older Chinese label printers write."""
    for charset in ("utf-8", "gb18030"):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    raise Refused("code_invalid", detail=raw.hex())
