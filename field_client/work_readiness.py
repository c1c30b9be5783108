"""Whether an engineer has what he needs before he leaves for an order; what is missing is named. Source: D2, P4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from field_client.evidence import EvidenceFolder
from field_client.store import Record, Values
from field_client.work import Workbench, checklist_of, find_order
from field_client.work_machine import list_visits
from field_client.work_manuals import list_manuals
from field_client.work_stock import count_usable

WITHOUT_CHECKLIST: Final = ("advice", "training", "spare_part")
"""Kinds of service that nothing is measured for."""

ITEMS: Final[dict[str, tuple[str, str]]] = {
    "history": ("本机有 {count} 次维修履历。", "Earlier visits on this device: {count}."),
    "history_missing": ("没有这台设备的资料和履历，请先同步。", "Nothing is known here of the machine; sync first."),
    "checklist": ("检查表：{name}", "Checklist: {name}"),
    "checklist_missing": ("没有适用的检查表。", "There is no checklist for this machine and service."),
    "manual": ("手册：{name}", "Manual: {name}"),
    "manual_missing": ("资料库没有这个机型的手册。", "The office has filed no manual for this model."),
    "manual_file_missing": ("手册“{name}”还没有下载，请同步。", "The manual '{name}' is not on this device yet; sync."),
    "part": ("{name} × {quantity} 在车上。", "{name} × {quantity} is in the van."),
    "part_missing": ("车上缺 {name} × {quantity}。", "Missing in the van: {name} × {quantity}."),
    "conditions": ("现场条件已知。", "The conditions on site are known."),
    "take_call": ("出发前：{name}", "Before leaving: {name}"),
    "take_tool": ("工具：{name}{times}", "Tool: {name}{times}"),
    "take_paper": ("单据：{name}{times}", "Papers: {name}{times}"),
    "take_safety": ("安全：{name}{times}", "Safety: {name}{times}"),
    "conditions_missing": ("没有现场条件和安全须知，请打电话确认。", "The conditions on site are not known; call."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReadyItem:
    """One thing to have before leaving; `code` is one of ITEMS."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_missing(self) -> bool:
        """Whether it is not there."""
        return self.code.endswith("_missing")

    @property
    def is_reminder(self) -> bool:
        """Whether it is something the device cannot see: to take along, or to do before leaving."""
        return self.code.startswith("take_")

    def sentence(self, language: str) -> str:
        """Return the sentence in Chinese (``zh``) or English."""
        zh, en = ITEMS[self.code]
        if language.startswith("zh"):
            return zh.format(**self.facts)
        return en.format(**self.facts | {"name": self.facts.get("name_en") or self.facts.get("name")})


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is there and what is missing before departure."""

    items: tuple[ReadyItem, ...]

    @property
    def missing(self) -> tuple[ReadyItem, ...]:
        """What is not there."""
        return tuple(item for item in self.items if item.is_missing)

    @property
    def is_ready(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def check_readiness_of(bench: Workbench, files: EvidenceFolder, names: Iterable[str]) -> dict[str, Readiness]:
    """Return for each of several orders what it needs, as `check_readiness` does."""
    checklists = list(bench.store.of_kind("checklist"))
    return {name: check_readiness(bench, files, name, checklists) for name in names}


def check_readiness(
    bench: Workbench,
    files: EvidenceFolder,
    name: str | None = None,
    checklists: Iterable[Record] | None = None,
) -> Readiness:
    """Return what an order needs and whether it is on this device and in the van.

    Raises Refused as `find_order` does.
    """
    order = find_order(bench, name)
    machine = bench.store.find(order.values.get("machine_id"))
    items = (
        *_check_history(bench, machine, order),
        *_check_checklist(bench, order, checklists),
        *(_check_manuals(bench, files, machine, order) if machine else ()),
        *_check_parts(bench, order),
        *_check_site(bench, machine, order),
        *_remind(order),
    )
    return Readiness(items)


def _check_history(bench: Workbench, machine: Record | None, order: Record) -> Iterator[ReadyItem]:
    # What the server has of a machine comes with it; of one that was only written down here nothing has come.
    if machine is None or bench.store.row("SELECT 1 FROM records WHERE id = ? AND base IS NULL", machine.id):
        yield ReadyItem("history_missing")
    else:
        yield ReadyItem("history", {"count": len(list_visits(bench, machine.id, order))})


def _check_checklist(bench: Workbench, order: Record, checklists: Iterable[Record] | None) -> Iterator[ReadyItem]:
    if order.values["service"] in WITHOUT_CHECKLIST:
        return
    checklist = checklist_of(bench, order, checklists)
    yield ReadyItem("checklist", _name(checklist.values)) if checklist else ReadyItem("checklist_missing")


def _check_manuals(bench: Workbench, files: EvidenceFolder, machine: Record, order: Record) -> Iterator[ReadyItem]:
    manuals = list_manuals(bench, files, machine, order.values["service"])
    if not manuals:
        yield ReadyItem("manual_missing")
    for line in manuals:
        yield ReadyItem("manual" if line.is_here else "manual_file_missing", _name(line.manual))


def _check_parts(bench: Workbench, order: Record) -> Iterator[ReadyItem]:
    for needed in order.values.get("needed_parts") or ():
        part = bench.store.values_of(needed["part_id"])
        lacking = needed["quantity"] - count_usable(bench, needed["part_id"])
        named = _name(part) if part else {"name": needed["part_id"]}
        if lacking > 0:
            yield ReadyItem("part_missing", named | {"quantity": lacking})
        else:
            yield ReadyItem("part", named | {"quantity": needed["quantity"]})


def _check_site(bench: Workbench, machine: Record | None, order: Record) -> Iterator[ReadyItem]:
    site_id = order.values.get("site_id") or (machine.values.get("site_id") if machine else None)
    site = bench.store.values_of(site_id)
    is_known = bool(site.get("conditions") or site.get("safety"))
    yield ReadyItem("conditions" if is_known else "conditions_missing")


def _remind(order: Record) -> Iterator[ReadyItem]:
    """Yield what the office's preparation list names that the device knows nothing of itself."""
    for item in order.values.get("preparation") or ():
        code = f"take_{item['what']}"
        if code in ITEMS:
            named = {"name": item["label"]} | ({"name_en": item["label_en"]} if item.get("label_en") else {})
            yield ReadyItem(code, named | {"times": f" × {item['quantity']}" if item.get("quantity") else ""})


def _name(values: Values) -> dict[str, Any]:
    """Return the names of a record, as facts of a sentence in either language."""
    return {name: values[name] for name in ("name", "name_en") if values.get(name)}
