"""What a label leads to: a machine, a part, an enrolment, or something not known here. Nothing is guessed.

A label is read by the camera, from a photo, or typed. Where what is known on the device leaves one meaning, that is
the answer; where it leaves several, a person chooses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from field_client.codes import Code, read_photo
from field_client.store import Record, Values
from field_client.work import OPEN_STATES, OrderLine, Workbench, describe_order
from field_client.work_part_checks import PartLabel, identify
from field_client.work_recalls import RecallHit, find_recalls
from field_client.work_scan import label_key, machines_named, to_label
from scanning.scan import Identity, Scan, parse, parse_typed
from schemas.problems import Refused

LeadKind = Literal["machine", "part", "enrolment", "unknown"]

ORDERS_MOST: Final = 20
"""More open orders than one machine ever had; a list to choose from must fit a screen or two."""


@dataclass(frozen=True, slots=True)
class Lead:
    """One thing a label may mean.

    `machine` with its model and open orders for a machine; `part`, `batch` and `supplier`, as far as they are known
    here, for a part. For what is unknown, `model` is the type of machine its GTIN names, where one does.
    """

    kind: LeadKind
    reading: Identity
    label: PartLabel
    machine: Record | None = None
    model: Record | None = None
    site: Values | None = None
    orders: tuple[OrderLine, ...] = ()
    part: Record | None = None
    batch: Record | None = None
    supplier: Record | None = None
    recalls: tuple[RecallHit, ...] = ()

    @property
    def expires_on(self) -> str | None:
        """The day until which the part may be used: the label's, else the batch's."""
        return self.reading.expiry or (self.batch.values.get("expires_on") if self.batch else None)

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two leads the same."""
        if self.machine is not None:
            return ("machine", self.machine.id)
        return (self.kind, *label_key(self.label))


@dataclass(frozen=True, slots=True)
class LabelRead:
    """What was read, and all it may mean, what is known here first; there is at least one lead."""

    scans: tuple[Scan, ...]
    leads: tuple[Lead, ...]

    @property
    def sole(self) -> Lead | None:
        """The only meaning that what is known here leaves, or None when a person must choose."""
        known = [lead for lead in self.leads if lead.kind != "unknown"]
        among = known or self.leads
        return among[0] if len(among) == 1 else None


def read_label(bench: Workbench, scans: Iterable[Scan]) -> LabelRead:
    """Return what the codes of one label lead to."""
    read = tuple(join_scans(scans))
    found = [lead for scan in read for reading in scan.candidates for lead in _follow(bench, reading, scan)]
    distinct = {lead.key: lead for lead in found}.values()
    return LabelRead(read, tuple(sorted(distinct, key=lambda lead: lead.kind == "unknown")))


def join_scans(scans: Iterable[Scan]) -> list[Scan]:
    """Put the codes of one label together that makers print apart: the article's number, its batch, its serial.

    That is done only where one code alone names the article, and none says again what another said. Source: GS1
    General Specifications section 4.14 (element strings of one item in several symbols).
    """
    read = list(scans)
    sure = [scan for scan in read if len(scan.candidates) == 1 and scan.candidates[0].kind == "gs1"]
    said = [{name: value for name, value in asdict(scan.candidates[0]).items() if value} for scan in sure]
    names = [name for values in said for name in values if name != "kind"]
    if len(sure) < 2 or names.count("gtin") != 1 or len(names) != len(set(names)):
        return read
    whole: dict[str, Any] = {name: value for values in said for name, value in values.items()}
    joined = Scan(b" ".join(scan.raw for scan in sure), sure[0].symbology, (Identity(**whole),))
    return [joined, *(scan for scan in read if scan not in sure)]


def read_label_codes(bench: Workbench, codes: Iterable[Code]) -> LabelRead:
    """Return what the codes found in one picture lead to.

    A code that says nothing valid is passed over where another one does. Raises Refused with `code_not_found` when
    there is none, else as `scan.parse` does.
    """
    scans, problem = [], Refused("code_not_found")
    for code in codes:
        try:
            scans.append(parse(code.raw, code.symbology, _this_year(bench)))
        except Refused as refusal:
            problem = refusal
    if not scans:
        raise problem
    return read_label(bench, scans)


def read_label_photo(bench: Workbench, original: bytes) -> LabelRead:
    """Return what the label in a photo leads to, trying hard to read it.

    Raises Refused as `imaging.load_grey` and `read_label_codes` do.
    """
    return read_label_codes(bench, read_photo(original))


def read_label_typed(bench: Workbench, text: str) -> LabelRead:
    """Return what a typed label leads to. Raises Refused as `scan.parse` does."""
    return read_label(bench, [parse_typed(text, _this_year(bench))])


def _follow(bench: Workbench, reading: Identity, scan: Scan) -> Iterator[Lead]:
    """Yield what one reading leads to; one that is known as nothing leads to the unknown."""
    label = to_label(bench, reading, scan)
    if reading.kind == "enrolment":
        yield Lead("enrolment", reading, label)
        return
    machines = machines_named(bench, reading)
    for machine in machines:
        yield _lead_to_machine(bench, reading, label, machine)
    part, batch, _ = identify(bench, label)
    if part is not None:
        supplier = bench.store.find(batch.values["supplier_id"]) if batch else None
        hits = tuple(find_recalls(bench.store, part.id, label.batch, label.serial))
        yield Lead("part", reading, label, part=part, batch=batch, supplier=supplier, recalls=hits)
    elif not machines:
        model = next(bench.store.find_by("model", "gtin", reading.gtin), None) if reading.gtin else None
        yield Lead("unknown", reading, label, model=model)


def _lead_to_machine(bench: Workbench, reading: Identity, label: PartLabel, machine: Record) -> Lead:
    store, values = bench.store, machine.values
    orders = (o for o in store.find_by("work_order", "machine_id", machine.id) if o.values.get("status") in OPEN_STATES)
    lines = tuple(describe_order(bench, order) for order, _ in zip(orders, range(ORDERS_MOST), strict=False))
    return Lead(
        "machine",
        reading,
        label,
        machine=machine,
        model=store.find(values.get("model_id")),
        site=store.values_of(values.get("site_id")),
        orders=lines,
    )


def _this_year(bench: Workbench) -> int:
    return int(bench.now()[:4])
