"""The job sheet of an order: as it would be signed, as it was signed, and what was changed since.

Source: handbook V5, V7.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from field_client.evidence import EvidenceFolder
from field_client.store import Record, Values
from field_client.store_erasing import find_erased
from field_client.work import Workbench, checklist_of, find_order
from field_client.work_album import standing_photos
from field_client.work_facts import find_standing
from printing.job_sheet import JobSheetSource, compose_job_sheet
from printing.job_sheet_form import FILE_BYTES_MAX, SignedSheet, files_of, print_job_sheet
from schemas import KINDS, kind_of
from schemas.job_sheet import SIGNED_ORDER_FIELDS
from schemas.problems import Refused
from sync import canonical
from sync.openings import is_stand_in

Standing = Literal["unsigned", "signed", "changed", "declined", "absent"]

_SIGNED_LISTS: Final = {"parts_fitted": "part_fitted", "parts_removed": "part_removed", "checks": "check_result"}
"""list of the sheet -> kind of the facts it holds"""

_NOT_READ: Final = frozenset({"composed_at", "checkpoint"})

_NOT_SAID: Final = frozenset({"supplier", "label", "label_en", "low", "high"})
"""What the sheet adds to a fact from other records: the office may put it right without touching what was signed."""


@dataclass(frozen=True, slots=True)
class SheetState:
    """How an order stands to the customer's signature, and which fields or kinds of facts were changed since."""

    standing: Standing
    changed: tuple[str, ...] = ()
    signature: Record | None = None


def compose(bench: Workbench, order: Record) -> str:
    """Return the job sheet of an order as it stands, as canonical JSON."""
    store, values = bench.store, order.values
    machine = store.values_of(values.get("machine_id"))
    checklist = checklist_of(bench, order)
    engineer = store.values_of(bench.outbox.identity.person)
    now = bench.now()

    def facts(kind: str) -> list[Values]:
        return [record.values for record in find_standing(store, kind, "order_id", order.id)]

    return compose_job_sheet(
        JobSheetSource(
            order=values,
            composed_at=now,
            engineer=engineer.get("name") or store.recall("person_name", ""),
            organisation=bench.outbox.identity.organisation,
            checkpoint=store.recall("checkpoint"),
            utc_offset_minutes=_offset_minutes(now),
            centre=store.values_of(values.get("centre_id") or engineer.get("centre_id")),
            customer=store.values_of(values.get("customer_id")),
            site=store.values_of(values.get("site_id") or machine.get("site_id")),
            machine=machine,
            model=store.values_of(machine.get("model_id")),
            items=checklist.values["items"] if checklist else (),
            checks=facts("check_result"),
            parts=[(part, store.values_of(part.get("supplier_id")).get("name")) for part in facts("part_fitted")],
            removed=facts("part_removed"),
            photos=standing_photos(bench, order),
        )
    )


def compose_draft(bench: Workbench, name: str | None = None, **findings: str | None) -> SignedSheet:
    """Return the sheet that the customer would sign, with `findings` (diagnosis, remedy, result) as they would be.

    Raises Refused as `find_order` does.
    """
    order = find_order(bench, name)
    values = {key: value for key, value in findings.items() if value is not None}
    return _without_erased(bench, SignedSheet(compose(bench, Record(order.id, order.kind, order.values | values))))


def find_signed(bench: Workbench, name: str | None = None) -> SignedSheet:
    """Return the sheet of an order under its newest signature.

    Raises Refused with `sheet_missing`, `sheet_erased`, or as `find_order` does.
    """
    order = find_order(bench, name)
    signature = newest_signature(bench, order)
    sheet = bench.store.find(signature.values["job_sheet_id"]) if signature else None
    if signature is None or sheet is None:
        raise Refused("sheet_missing", order=order.values["number"])
    if is_stand_in(sheet.values["content"]):
        raise Refused("sheet_erased", order=order.values["number"])
    return _without_erased(bench, SignedSheet(sheet.values["content"], sheet.id, signature.values))


def _without_erased(bench: Workbench, sheet: SignedSheet) -> SignedSheet:
    return replace(sheet, erased=find_erased(bench.store, files_of(sheet)))


def print_sheet(files: EvidenceFolder, sheet: SignedSheet) -> bytes:
    """Return a sheet as PDF, the same bytes as the server's.

    Raises Refused with `sheet_incomplete` when a file it shows is not on this device, or `sheet_unreadable`.
    """
    names = files_of(sheet)
    missing = [name for name in names if not files.holds(name)]
    if missing:
        raise Refused("sheet_incomplete", count=len(missing))
    return print_job_sheet(sheet, {name: _read(files, name) for name in names})


def newest_signature(bench: Workbench, order: Record) -> Record | None:
    """Return the newest signature of an order, or why there is none."""
    signatures = list(bench.store.find_by("signature", "order_id", order.id))
    return signatures[-1] if signatures else None


def read_sheet_state(bench: Workbench, order: Record) -> SheetState:
    """Tell how an order stands to the newest signature.

    What counts as a change is what the office counts: the findings, parts and checks of a sheet that was signed.
    """
    signature = newest_signature(bench, order)
    if signature is None:
        return SheetState("unsigned")
    outcome = signature.values["outcome"]
    sheet = bench.store.values_of(signature.values["job_sheet_id"])
    if outcome != "signed" or not sheet:
        return SheetState(outcome, signature=signature)
    if is_stand_in(sheet["content"]):
        # What it said of persons was erased, and with it what could be compared.
        return SheetState("signed", (), signature)
    changed = _compare(canonical.load(sheet["content"]), canonical.load(compose(bench, order)))
    return SheetState("changed" if changed else "signed", changed, signature)


def digest_reading(content: str) -> str:
    """Return the SHA-256 of what a person reads in a sheet: without the moment it was composed and the log's state."""
    document = canonical.load(content)
    read = {name: value for name, value in document.items() if name not in _NOT_READ}
    return hashlib.sha256(canonical.dump(read).encode()).hexdigest()


def label_change(name: str) -> tuple[str, str]:
    """Return what people call one of the things `SheetState.changed` names, in Chinese and English."""
    kind = kind_of(name)
    if kind is not None:
        return kind.schema.label
    rule = KINDS["work_order"].rules[name]
    return rule.label_zh, rule.label_en


def _compare(signed: Any, standing: Any) -> tuple[str, ...]:
    before, after = signed.get("work", {}), standing["work"]
    changed = [name for name in SIGNED_ORDER_FIELDS if before.get(name) != after.get(name)]
    changed += [kind for name, kind in _SIGNED_LISTS.items() if _spell(signed.get(name, [])) != _spell(standing[name])]
    return tuple(changed)


def _spell(facts: list[dict[str, Any]]) -> Counter[str]:
    """Return facts to be compared: without what other records added, in no order."""
    return Counter(canonical.dump({n: v for n, v in fact.items() if n not in _NOT_SAID}) for fact in facts)


def _offset_minutes(now: str) -> int:
    offset = datetime.fromisoformat(now).astimezone().utcoffset() or timedelta()
    return offset // timedelta(minutes=1)


def _read(files: EvidenceFolder, name: str) -> bytes:
    """Return a file, of one too large to be shown only as much as tells that."""
    with io.BufferedReader(files.open(name)) as stream:
        return stream.read(FILE_BYTES_MAX + 1)
