"""What a label leads to, by what is known on the device."""

from __future__ import annotations

from typing import Any

import pytest

from field_client.codes import Code
from field_client.work_label import LabelRead, read_label_codes, read_label_photo, read_label_typed
from schemas.problems import Refused
from tests import pictures
from tests.field_client.office import Office
from tests.field_client.scope import (
    BATCH,
    MACHINE,
    MODEL,
    ORDER,
    ORDER_VALUES,
    OTHER_ORDER,
    PART,
    SUPPLIER,
    Tablet,
    uuid,
)

MACHINE_LINK = "https://id.example/01/06901234567892/21/HA0001"
PART_LABEL = "(01)06901234000016(10)B2601(17)280630(21)S-9"


def kinds(read: LabelRead) -> list[str]:
    return [lead.kind for lead in read.leads]


def code(raw: bytes, symbology: str = "]Q1") -> Code:
    return Code(raw, symbology, "QR Code", ())


def test_a_machines_label_leads_to_its_open_orders(tablet: Tablet, office: Office) -> None:
    office.write("work_order", OTHER_ORDER, ORDER_VALUES | {"number": "GD-2", "status": "closed"})
    tablet.pull_from(office)

    lead = read_label_typed(tablet.bench, MACHINE_LINK).sole

    assert lead is not None
    assert lead.machine is not None and lead.machine.id == MACHINE
    assert lead.model is not None and lead.model.id == MODEL
    assert [line.id for line in lead.orders] == [ORDER]
    assert lead.site is not None and lead.site["name"] == "检验科"


def test_a_parts_label_is_known_with_batch_expiry_and_supplier(tablet: Tablet) -> None:
    lead = read_label_typed(tablet.bench, PART_LABEL).sole

    assert lead is not None
    known = [record.id if record else None for record in (lead.part, lead.batch, lead.supplier)]
    assert known == [PART, BATCH, SUPPLIER]
    assert (lead.label.serial, lead.label.batch, lead.expires_on) == ("S-9", "B2601", "2028-06-30")


def test_a_label_without_expiry_has_that_of_its_batch(tablet: Tablet) -> None:
    lead = read_label_typed(tablet.bench, "(01)06901234000016(10)B2601").sole

    assert lead is not None and lead.expires_on == "2020-01-01"


def test_a_part_number_is_a_part(tablet: Tablet) -> None:
    lead = read_label_typed(tablet.bench, "P-77").sole

    assert lead is not None and lead.part is not None and lead.label.part_number == "P-77"


def test_an_enrolment_code_is_told(tablet: Tablet) -> None:
    lead = read_label_typed(tablet.bench, "gongdan-enrol:eyJ9").sole

    assert lead is not None and (lead.kind, lead.reading.serial) == ("enrolment", "gongdan-enrol:eyJ9")


def test_an_unknown_machine_of_a_known_model_names_the_model(tablet: Tablet) -> None:
    lead = read_label_typed(tablet.bench, "(01)06901234567892(21)HA9999").sole

    assert lead is not None and lead.kind == "unknown"
    assert lead.model is not None and lead.model.id == MODEL
    assert (lead.label.gtin, lead.label.serial) == ("06901234567892", "HA9999")


def test_machines_that_share_a_serial_are_all_offered(tablet: Tablet, office: Office) -> None:
    office.write("model", uuid(50), {"manufacturer": "恒安", "name": "MC-20", "family": "centrifuge"})
    office.write("machine", uuid(51), {"model_id": uuid(50), "serial": "HA0001"})
    tablet.pull_from(office)

    read = read_label_typed(tablet.bench, "HA0001")

    assert kinds(read) == ["machine", "machine"]
    assert read.sole is None


def test_a_text_that_is_both_a_serial_and_a_part_number_is_both(tablet: Tablet, office: Office) -> None:
    office.write("machine", uuid(51), {"model_id": MODEL, "serial": "P-77"})
    tablet.pull_from(office)

    read = read_label_typed(tablet.bench, "P-77")

    assert kinds(read) == ["machine", "part"]
    assert read.sole is None


def test_a_label_whose_separators_were_lost_offers_its_readings(tablet: Tablet) -> None:
    read = read_label_typed(tablet.bench, "0106901234000016" + "10B2601" + "21S-9")

    parts = {(lead.label.batch, lead.label.serial) for lead in read.leads if lead.kind == "part"}
    assert parts == {("B2601", "S-9"), ("B260121S-9", None)}
    assert read.sole is None


def test_what_is_known_here_stands_before_what_is_not(tablet: Tablet) -> None:
    read = read_label_codes(tablet.bench, [code(b"https://shop.example/leaflet"), code(MACHINE_LINK.encode())])

    assert kinds(read) == ["machine", "unknown"]
    assert read.sole is read.leads[0]


def test_a_spoiled_code_beside_a_good_one_is_passed_over(tablet: Tablet) -> None:
    spoiled = code(b"\x1d01123", "]d2")

    read = read_label_codes(tablet.bench, [spoiled, code(MACHINE_LINK.encode())])

    assert kinds(read) == ["machine"]
    with pytest.raises(Refused, match="code_invalid"):
        read_label_codes(tablet.bench, [spoiled])
    with pytest.raises(Refused, match="code_not_found"):
        read_label_codes(tablet.bench, [])


def test_a_label_whose_numbers_are_printed_as_codes_of_their_own_is_one_part(tablet: Tablet) -> None:
    article, batch, serial = code(b"0106901234000016", "]C1"), code(b"10B2601", "]C1"), code(b"21S-9", "]C1")

    lead = read_label_codes(tablet.bench, [batch, article, serial]).sole
    other_article = read_label_codes(tablet.bench, [article, batch, code(b"0106901234567892", "]C1")])
    two_serials = read_label_codes(tablet.bench, [article, serial, code(b"21S-10", "]C1")])

    assert lead is not None and lead.part is not None
    assert (lead.label.gtin, lead.label.batch, lead.label.serial) == ("06901234000016", "B2601", "S-9")
    assert len(other_article.leads) == 3
    assert [found.label.serial for found in two_serials.leads] == [None, "S-9", "S-10"]


def test_a_photo_of_a_label_leads_to_the_machine(tablet: Tablet, office: Office) -> None:
    values: dict[str, Any] = {
        "manufacturer": "恒安",
        "name": "LX-2024",
        "family": "centrifuge",
        "gtin": "09521234543213",
    }
    office.write("model", uuid(50), values)
    office.write("machine", uuid(51), {"model_id": uuid(50), "serial": "LX-2024-00317"})
    tablet.pull_from(office)

    lead = read_label_photo(tablet.bench, pictures.machine_photo()).sole

    assert lead is not None and lead.machine is not None and lead.machine.id == uuid(51)
    assert lead.orders == ()
