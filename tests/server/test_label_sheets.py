"""Labels that the office prints: a device reads them as what they stand for, and their seals are the office's own."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pypdfium2
import pytest
import zxingcpp

from scanning.scan import parse
from schemas.problems import Refused
from server.keys import new_id
from server.services.label_sheets import LabelOrder, is_sealed, print_sheet, seal_of
from tests.server.builders import GTIN, Firm, create

URL = "https://service.example.com"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def texts_on(pdf: bytes) -> list[str]:
    """Return what the codes of the first page say."""
    page = pypdfium2.PdfDocument(io.BytesIO(pdf))[0].render(scale=600 / 72, grayscale=True).to_pil()
    return sorted(found.text for found in zxingcpp.read_barcodes(page))


def print_it(firm: Firm, kind: str, *ids: str, paper: str = "l7160", **more: int) -> list[str]:
    """Return what the codes on the printed sheet say."""
    order = LabelOrder(kind, ids, paper, **more)  # type: ignore[arg-type]
    return texts_on(print_sheet(firm.engine, firm.office.key, firm.id, URL, order, "zh", NOON))


def test_a_machine_s_label_is_a_sealed_digital_link_that_a_device_reads(firm: Firm) -> None:
    model = new_id()
    firm.ensure(create("model", model, manufacturer="晟远", name="MC-13", family="lathe", gtin=GTIN))
    machine = firm.add_machine(model_id=model, serial="MC13/7")

    (text,) = print_it(firm, "machine", machine)

    link = urlsplit(text)
    (seal,) = parse_qs(link.query)["s"]
    bare = text.partition("?")[0]
    assert bare == f"{URL}/01/{GTIN}/21/MC13%2F7"
    assert is_sealed(firm.office.key, firm.id, bare, seal)
    assert not is_sealed(firm.office.key, firm.id, bare.replace("7", "8"), seal)
    assert seal_of(firm.office.key, new_id(), bare) != seal
    (read,) = parse(text.encode(), None, 2026).candidates
    assert (read.gtin, read.serial) == (GTIN, "MC13/7")


def test_what_has_no_gs1_number_carries_its_own(firm: Firm) -> None:
    part, other = new_id(), new_id()
    firm.ensure(
        create("part", part, part_number="GEN-FUS", name="保险管 5A"),
        create("part", other, part_number="MC12-MOT", name="电机", gtin=GTIN),
    )

    bare, sealed = print_it(firm, "part", part, other)

    assert bare == "GEN-FUS"
    assert sealed.startswith(f"{URL}/01/{GTIN}?s=")


def test_copies_and_what_is_not_there(firm: Firm) -> None:
    assert print_it(firm, "machine", firm.company.machine, copies=3) == ["MC12-0007"] * 3
    for kind, paper, record_id in (("machine", "l7160", new_id()), ("machine", "a0", firm.company.machine),
                                   ("customer", "l7160", firm.company.chen)):  # fmt: skip
        with pytest.raises(Refused, match="not_found"):
            print_it(firm, kind, record_id, paper=paper)
    with pytest.raises(Refused, match="value_invalid"):
        print_it(firm, "machine", firm.company.machine, copies=0)
