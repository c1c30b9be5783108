"""The table of docs/scanning.md is what the code does, and a scan is kept so that it can be read again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.scan import Identity, parse, read_kept, spell_kept
from schemas.problems import Refused
from tests.source_tree import ROOT

THIS_YEAR = 2026
ROW = re.compile(r"^\| (?P<rule>[^|]+) \| [^|]+ \| `(?P<read>[^`]+)` \| (?P<means>[^|]+) \|$", re.MULTILINE)
NAMES = {"gtin": "gtin", "serial": "serial", "batch": "batch", "expiry": "expiry", "production_date": "produced"}


def read_table() -> list[tuple[str, str, str]]:
    """Return rule, what was read, and what it means, of each row."""
    text = (Path(ROOT) / "docs/scanning.md").read_text(encoding="utf-8")
    return [(found["rule"], found["read"], found["means"]) for found in ROW.finditer(text)]


def spell(identity: Identity) -> str:
    """Return an identity as the table says it."""
    if identity.kind == "plain":
        return f"plain={identity.serial}"
    told = ((said, getattr(identity, name)) for name, said in NAMES.items())
    return " ".join(f"{said}={value}" for said, value in told if value)


RULES = read_table()


def test_the_table_is_there() -> None:
    assert len(RULES) > 30


@pytest.mark.parametrize(("read", "means"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_each_rule_of_the_table_is_what_the_code_does(read: str, means: str) -> None:
    try:
        found = "; ".join(map(spell, parse(read.replace("<GS>", "\x1d").encode(), None, THIS_YEAR).candidates))
    except Refused as refused:
        assert refused.code == "code_invalid"
        found = "refused"

    assert found == means


@pytest.mark.parametrize(
    "text",
    [
        "]d2800309521234543212A1",
        "]d22530952123454321",
        "]d2402123456789012345670",
        "]d28018123456789012345670",
        "]d24326260600",
        "]d27007260101260230",
        "]d27011260631",
        "]d2010952123454321303952123454321302",
        "]d221A<GS>235B",
        "]E04006381333932",
        "]E31234567890",
        "]C2A\x01B",
    ],
)
def test_what_breaks_a_rule_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="code_invalid"):
        parse(text.replace("<GS>", "\x1d").encode(), None, THIS_YEAR)


@pytest.mark.parametrize(
    "text",
    [
        "]d2800309521234543213A1",
        "]d201095212345432137007260101260331",
        "]d20000614141123456789043242612001200",
        "]d2253952123454321377",
    ],
)
def test_what_keeps_the_rules_is_read(text: str) -> None:
    assert parse(text.encode(), None, THIS_YEAR).candidates


SYMBOLOGIES = st.sampled_from([None, "]d2", "]C1", "]Q1", "]C0", "]Q3"])
LABELS = st.sampled_from(
    [b"010952123454321321SN1", b"010952123454321310B\x1d21S", b"SN1 ", "序列号".encode("gb18030"), b"hex:00", b"A\x1d"]
)


@given(st.one_of(LABELS, st.binary(min_size=1, max_size=60)), SYMBOLOGIES)
def test_every_byte_of_a_scan_is_kept_and_reads_the_same_again(raw: bytes, symbology: str | None) -> None:
    try:
        scan = parse(raw, symbology, THIS_YEAR)
    except Refused:
        return
    if raw.startswith(b"]"):
        return

    kept = spell_kept(scan)

    assert kept == kept.strip() and "\x00" not in kept
    again = read_kept(kept, THIS_YEAR)
    assert (again.raw, again.symbology, again.candidates) == (raw, symbology, scan.candidates)
