"""What a code may stand for: exact identities, every reading where there are several, refusals where it is wrong."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning import scan
from scanning.scan import Identity
from schemas.problems import Refused

YEAR = 2026
GTIN = "09521234543213"
CSET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

serials = st.text(CSET_82, min_size=1, max_size=20)


def identify(raw: bytes | str, symbology: str | None = None) -> Identity:
    """Give the only reading there is."""
    (identity,) = candidates_of(raw, symbology)
    return identity


def candidates_of(raw: bytes | str, symbology: str | None = None) -> tuple[Identity, ...]:
    raw = raw.encode() if isinstance(raw, str) else raw
    return scan.parse(raw, symbology, YEAR).candidates


def refuse(raw: bytes | str, symbology: str | None = None) -> str:
    with pytest.raises(Refused) as refusal:
        candidates_of(raw, symbology)
    assert refusal.value.code == "code_invalid"
    return str(refusal.value.fault.facts["detail"])


def make_gtin(digits: str) -> str:
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


@pytest.mark.parametrize("symbology", ["]d2", "]C1", "]Q3"])
def test_a_gs1_symbol_has_one_reading(symbology: str) -> None:
    raw = b"010952123454321310B2024-07\x1d1728063021SN00417"

    read = scan.parse(raw, symbology, YEAR)

    assert (read.raw, read.symbology) == (raw, symbology)
    assert read.candidates == (Identity("gs1", gtin=GTIN, serial="SN00417", batch="B2024-07", expiry="2028-06-30"),)


@pytest.mark.parametrize("start", [b"\x1d", b"]d2", b"]C1"])
def test_a_keyboard_scanner_tells_the_symbology_in_front(start: bytes) -> None:
    assert identify(start + b"0109521234543213211A\x1d10X") == Identity("gs1", gtin=GTIN, serial="1A", batch="X")


def test_a_serial_that_ends_in_digits_like_an_ai_is_not_cut_where_a_separator_ends_it() -> None:
    assert identify("010952123454321321AB10CD", "]d2").serial == "AB10CD"


def test_without_separators_every_reading_is_given() -> None:
    found = candidates_of("010952123454321321SN004110B7", "]C0")

    assert set(found) == {
        Identity("gs1", gtin=GTIN, serial="SN004110B7"),
        Identity("gs1", gtin=GTIN, serial="SN0041", batch="B7"),
        Identity("plain", serial="010952123454321321SN004110B7"),
    }
    assert found[-1].kind == "plain"


def test_a_gs1_symbol_that_left_its_separators_out_gives_every_reading_too() -> None:
    found = candidates_of("010952123454321310B2024-071728063021SN00417", "]d2")

    assert Identity("gs1", gtin=GTIN, serial="SN00417", batch="B2024-07", expiry="2028-06-30") in found
    assert len(found) > 1
    assert all(identity.kind == "gs1" for identity in found)


def test_a_text_with_too_many_readings_is_refused_in_good_time() -> None:
    started = time.perf_counter()

    with pytest.raises(Refused) as refusal:
        candidates_of(f"01{GTIN}" + "102124037" * 6)

    assert refusal.value.code == "code_ambiguous"
    assert time.perf_counter() - started < 1


@given(serial=serials, batch=serials)
def test_an_identity_is_exactly_what_the_symbol_held(serial: str, batch: str) -> None:
    assert identify(f"01{GTIN}10{batch}\x1d21{serial}", "]d2") == Identity("gs1", GTIN, serial, batch)


@given(serial=serials, batch=serials)
def test_readings_without_separators_include_the_true_one(serial: str, batch: str) -> None:
    try:
        found = candidates_of(f"01{GTIN}10{batch}21{serial}")
    except Refused as problem:
        assert problem.code == "code_ambiguous"
    else:
        assert Identity("gs1", GTIN, serial, batch) in found


@given(st.binary(min_size=1, max_size=80), st.sampled_from([None, "]Q1", "]d2", "]C0", "]E0"]))
def test_any_bytes_give_candidates_or_a_refusal_and_nothing_else(raw: bytes, symbology: str | None) -> None:
    try:
        read = scan.parse(raw, symbology, YEAR)
    except Refused as problem:
        assert problem.code in {"code_invalid", "code_ambiguous"}
    else:
        assert read.candidates
        assert read.raw == raw


@pytest.mark.parametrize(
    "text", ["(01)09521234543213(21)SN-1", "（01）0952 1234 543213 （21） SN-1", " (01)09521234543213(21)SN-1\n"]
)
def test_what_is_printed_below_a_symbol_may_be_typed(text: str) -> None:
    assert scan.parse_typed(text, YEAR).candidates == (Identity("gs1", gtin=GTIN, serial="SN-1"),)


def test_a_bracket_in_a_typed_serial_is_escaped() -> None:
    assert identify(r"(01)09521234543213(21)A\(10\)B").serial == "A(10)B"
    assert identify("(01)09521234543213(21)A(2)B").serial == "A(2)B"


def test_a_serial_alone_may_be_typed_with_its_ai() -> None:
    assert identify("(21)SN-1(10)B7") == Identity("gs1", serial="SN-1", batch="B7")


@pytest.mark.parametrize(
    "uri",
    [
        f"https://fuwu.example.cn/01/{GTIN}/21/LX-2024-00317",
        f"http://id.gs1.org/01/{GTIN}/21/LX-2024-00317",
        f"HTTPS://EXAMPLE.COM/some/prefix/01/{GTIN}/21/LX-2024-00317?linkType=all",
        f"https://example.com/01/{GTIN[1:]}/21/LX%2D2024%2D00317",
    ],
)
def test_a_digital_link_of_any_host_is_read(uri: str) -> None:
    assert identify(uri, "]Q1") == Identity("digital_link", gtin=GTIN, serial="LX-2024-00317")


def test_a_digital_link_is_percent_decoded_and_its_attributes_read() -> None:
    uri = f"https://x.cn/01/{GTIN}/10/A%2FB/21/L%2BX?17=280600;11=260131&foo=1"

    assert identify(uri) == Identity("digital_link", GTIN, "L+X", "A/B", "2028-06-30", "2026-01-31")


@given(serials)
def test_a_printed_machine_label_is_read_as_the_same_serial(serial: str) -> None:
    escaped = "".join(f"%{ord(sign):02X}" if not sign.isalnum() else sign for sign in serial)

    assert identify(f"https://fuwu.example.cn/01/{GTIN}/21/{escaped}").serial == serial


def test_another_web_address_is_a_plain_text() -> None:
    assert identify("https://www.example.cn/shop?id=7").kind == "plain"


@pytest.mark.parametrize(
    "uri",
    [
        "https://x.cn/01/09521234543214/21/A",
        f"https://x.cn/01/{GTIN}/21/{'A' * 21}",
        f"https://x.cn/01/{GTIN}/21/A?21=B",
        f"https://x.cn/01/{GTIN}?10=A&10=B",
        f"https://x.cn/01/{GTIN}/21/%E5%8F%B7",
        f"https://x.cn/01/{GTIN}?17=261340",
    ],
    ids=["check digit", "too long", "contradiction", "contradictory attributes", "not CSET 82", "month 13"],
)
def test_a_wrong_digital_link_is_refused(uri: str) -> None:
    assert refuse(uri)


@pytest.mark.parametrize(
    "text",
    [
        "(01)09521234543214(21)A",
        "(01)0952123454321(21)A",
        f"(21){'A' * 21}",
        "(21)",
        "(21)A^B",
        "(17)261301",
        "(17)260230",
        "(17)250229",
        "(01)09521234543213(21)A(21)B",
        "(01)09521234543213(02)09521234543213(37)4",
        "(05)123",
        "(00)106141412345678909",
        "(01)٠٩٥٢١٢٣٤٥٤٣٢١٣",
    ],
)
def test_element_strings_that_break_a_rule_are_refused(text: str) -> None:
    assert refuse(text)


def test_a_refusal_names_the_element_at_fault() -> None:
    assert refuse("010952123454321410B7", "]d2") == "(01)09521234543214"


def test_the_same_value_twice_is_no_contradiction() -> None:
    assert identify("(01)09521234543213(21)A(21)A") == Identity("gs1", gtin=GTIN, serial="A")


@pytest.mark.parametrize(
    ("digits", "this_year", "day"),
    [
        ("280630", 2026, "2028-06-30"),
        ("280600", 2026, "2028-06-30"),
        ("240200", 2026, "2024-02-29"),
        ("240229", 2026, "2024-02-29"),
        ("760101", 2026, "2076-01-01"),
        ("770101", 2026, "1977-01-01"),
        ("000101", 2051, "2100-01-01"),
        ("020101", 2051, "2002-01-01"),
        ("990101", 2026, "1999-01-01"),
    ],
)
def test_dates_slide_with_the_century_and_day_00_is_the_last(digits: str, this_year: int, day: str) -> None:
    read = scan.parse(f"(17){digits}(11){digits}(21)A".encode(), None, this_year)

    assert (read.candidates[0].expiry, read.candidates[0].production_date) == (day, day)


@given(st.text("0123456789", min_size=13, max_size=13), st.integers(0, 13), st.integers(1, 9))
def test_one_wrong_digit_of_a_gtin_is_always_noticed(digits: str, place: int, added: int) -> None:
    gtin = make_gtin(digits)
    assert identify(f"(01){gtin}").gtin == gtin

    wrong = gtin[:place] + str((int(gtin[place]) + added) % 10) + gtin[place + 1 :]

    assert refuse(f"(01){wrong}") == f"(01){wrong}"


@pytest.mark.parametrize(("text", "symbology"), [("4006381333931", "]E0"), ("96385074", "]E4")])
def test_a_retail_code_is_a_gtin(text: str, symbology: str) -> None:
    assert identify(text, symbology) == Identity("gs1", gtin=text.zfill(14))


def test_thirteen_typed_digits_may_be_a_gtin_or_a_serial() -> None:
    assert candidates_of("4006381333931") == (
        Identity("gs1", gtin="04006381333931"),
        Identity("plain", serial="4006381333931"),
    )


@pytest.mark.parametrize("serial", ["LX-2024-00317", "21SN0041", "离心机-7号", "(K)1234", " two  spaces ", "20240017"])
def test_a_bare_serial_is_kept_as_it_is(serial: str) -> None:
    assert identify(serial, "]Q1") == Identity("plain", serial=serial)


def test_a_serial_written_in_gb_18030_is_read() -> None:
    assert identify("离心机-7号".encode("gb18030"), "]Q1").serial == "离心机-7号"


def test_typed_text_loses_what_surrounds_it_but_not_a_separator() -> None:
    assert scan.parse_typed("\u3000LX-7\r\n", YEAR).candidates == (Identity("plain", serial="LX-7"),)
    typed = scan.parse_typed("\x1d21A\x1d10B\n", YEAR)
    assert typed.candidates == (Identity("gs1", serial="A", batch="B"),)


def test_an_enrolment_is_kept_whole() -> None:
    text = "gongdan-enrol:https://fuwu.example.cn#ABCDEFGHIJKLMNOPQRST"

    assert identify(text, "]Q1") == Identity("enrolment", serial=text)


@pytest.mark.parametrize("raw", [b"", b"\xff\xff\xff", b"A" * 5000, b"\x1d", b"[)>\x1e06\x1dS123\x1e\x04", b"A\x00B"])
def test_what_no_label_holds_is_refused(raw: bytes) -> None:
    assert refuse(raw)
