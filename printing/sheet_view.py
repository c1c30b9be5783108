"""A job sheet's content as people read it: labelled, in Chinese and English, the same on paper and on the screen.

Rule 1: whatever the content holds is read: a value of another type than expected is left out, never a crash.
Rule 2: codes and times are spelled out here; what was typed stays as it was typed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final, NamedTuple

from schemas.base import INSTANT_PATTERN
from schemas.evidence import PHOTO_PURPOSE_LABELS
from schemas.job_sheet import OUTCOME_LABELS, VERDICT_LABELS
from schemas.order import GRADE_LABELS, RESULT_LABELS, SERVICE_LABELS
from schemas.part import DESTINATION_LABELS
from schemas.problems import Refused

OFFSET_MINUTES_MAX: Final = 14 * 60
"""No zone is farther from UTC."""

_INSTANT: Final = re.compile(INSTANT_PATTERN).match


class Said(NamedTuple):
    """A text in Chinese and English; what was typed is the same in both."""

    zh: str
    en: str

    def __bool__(self) -> bool:
        """Tell whether anything is said."""
        return bool(self.zh or self.en)


YES_NO: Final = {"yes": ("是", "Yes"), "no": ("否", "No")}


class Fact(NamedTuple):
    """One labelled value."""

    label: Said
    value: Said


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their titles; `failed` are the numbers of the rows to stand out."""

    name: str
    label: Said
    columns: tuple[Said, ...]
    rows: tuple[tuple[Said, ...], ...]
    failed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PhotoView:
    """One photo: what it shows, and the files it is."""

    purpose: Said
    caption: str
    taken_at: str
    sha256: str
    thumbnail_sha256: str


@dataclass(frozen=True, slots=True)
class SheetView:
    """A job sheet, ready to be shown."""

    sha256: str
    organisation: str
    checkpoint: str
    utc_offset: timezone
    number: str
    composed_at: str
    engineer: str
    issuer: Said
    issuer_lines: tuple[str, ...]
    customer: tuple[Fact, ...]
    machine: tuple[Fact, ...]
    request: tuple[Fact, ...]
    work: tuple[Fact, ...]
    tables: tuple[Table, ...]
    photos: tuple[PhotoView, ...]

    @property
    def zone(self) -> str:
        """The zone of all times, such as UTC+08:00."""
        minutes = self.utc_offset.utcoffset(None) // timedelta(minutes=1)
        return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


@dataclass(frozen=True, slots=True)
class SignatureView:
    """What the customer said to the sheet."""

    outcome: str
    said: Said
    name: str
    role: str
    reason: str
    signed_at: str
    sheet_sha256: str
    strokes_sha256: str


def read_sheet(content: str) -> SheetView:
    """Return a job sheet's content as people read it. Raises Refused with `sheet_unreadable`."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused("sheet_unreadable") from None
    if not isinstance(document, dict):
        raise Refused("sheet_unreadable")
    return _Reader(document).read(hashlib.sha256(content.encode("utf-8")).hexdigest())


def read_signature(values: Mapping[str, Any], utc_offset: timezone) -> SignatureView:
    """Return a signature record as people read it, its time in the sheet's zone."""
    outcome = _text(values.get("outcome"))
    return SignatureView(
        outcome=outcome,
        said=_choose(OUTCOME_LABELS, outcome),
        name=_text(values.get("signer_name")),
        role=_text(values.get("signer_role")),
        reason=_text(values.get("reason")),
        signed_at=_time(values.get("signed_at"), utc_offset),
        sheet_sha256=_text(values.get("job_sheet_sha256")),
        strokes_sha256=_text(values.get("strokes_sha256")),
    )


class _Reader:
    """Reads one document; every look into it may find nothing."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._zone = _zone(document.get("utc_offset_minutes"))

    def read(self, sha256: str) -> SheetView:
        document, order, machine = self._document, self._group("order"), self._group("machine")
        centre, model = self._group("centre"), _mapping(machine.get("model"))
        return SheetView(
            sha256=sha256,
            organisation=_text(document.get("organisation")),
            checkpoint=_text(document.get("checkpoint")),
            utc_offset=self._zone,
            number=_text(order.get("number")),
            composed_at=self._time(document.get("composed_at")),
            engineer=_text(document.get("engineer")),
            issuer=_named(centre),
            issuer_lines=tuple(line for line in (_text(centre.get("address")), _text(centre.get("phone"))) if line),
            customer=self._customer(),
            machine=_facts(
                (("机型", "Model"), _named(model)),
                (("制造商", "Manufacturer"), _said(model.get("manufacturer"))),
                (("出厂编号", "Serial number"), _said(machine.get("serial"))),
                (("安装位置", "Place"), _said(machine.get("place"))),
                (("验收日期", "Accepted on"), _said(machine.get("accepted_on"))),
            ),
            request=_facts(
                (("服务类型", "Service"), _choose(SERVICE_LABELS, order.get("service"))),
                (("故障等级", "Grade"), _choose(GRADE_LABELS, order.get("grade"))),
                (("报修时间", "Reported"), _said(self._time(order.get("reported_at")))),
                (("报警代码", "Alarms"), _said(order.get("alarms"))),
                (("故障现象", "Symptom"), _said(order.get("symptom"))),
            ),
            work=self._work(),
            tables=tuple(table for table in (self._checks(), self._fitted(), self._removed()) if table.rows),
            photos=tuple(self._photo(photo) for photo in self._rows("photos")),
        )

    def _customer(self) -> tuple[Fact, ...]:
        customer, site = self._group("customer"), self._group("site")
        city, address = _text(site.get("city")), _text(site.get("address"))
        address = address if city in address else f"{city} {address}".strip()
        return _facts(
            (("客户", "Customer"), _named(customer)),
            (("客户编号", "Code"), _said(customer.get("code"))),
            (("现场", "Site"), _said(site.get("name"))),
            (("地址", "Address"), _said(address)),
        )

    def _work(self) -> tuple[Fact, ...]:
        work = self._group("work")
        return _facts(
            (("到场时间", "Arrived"), _said(self._time(work.get("arrived_at")))),
            (("开工时间", "Started"), _said(self._time(work.get("started_at")))),
            (("处理结果", "Result"), _choose(RESULT_LABELS, work.get("result"))),
            (("故障原因", "Diagnosis"), _said(work.get("diagnosis"))),
            (("处理措施", "Remedy"), _said(work.get("remedy"))),
        )

    def _checks(self) -> Table:
        checks = self._rows("checks")
        return Table(
            "checks",
            Said("检查与测量", "Checks and measurements"),
            tuple(
                Said(*title)
                for title in (
                    *(("项目", "Item"), ("结果", "Result"), ("允许", "Limits")),
                    *(("判定", "Verdict"), ("说明", "Note")),
                )
            ),
            tuple(self._check(check) for check in checks),
            frozenset(row for row, check in enumerate(checks) if check.get("verdict") == "failed"),
        )

    def _check(self, check: Mapping[str, Any]) -> tuple[Said, ...]:
        unit = _text(check.get("unit"))
        label = _text(check.get("label")) or _text(check.get("item"))
        value = _choose(YES_NO, check.get("value"))
        return (
            Said(label, _text(check.get("label_en")) or label),
            Said(*(f"{text} {unit}".strip() for text in value)),
            _said(_limits(check, unit)),
            _choose(VERDICT_LABELS, check.get("verdict")),
            _said(check.get("reason")),
        )

    def _fitted(self) -> Table:
        titles = (("备件", "Part"), ("序列号", "Serial"), ("批号", "Batch"), ("供应商", "Supplier"))
        titles += (("部位", "Position"), ("数量", "Qty"))
        names = ("part_name", "serial", "batch", "supplier", "place", "quantity")
        rows = tuple(tuple(_said(part.get(name)) for name in names) for part in self._rows("parts_fitted"))
        return Table("parts_fitted", Said("装入备件", "Parts fitted"), tuple(Said(*title) for title in titles), rows)

    def _removed(self) -> Table:
        titles = (("备件", "Part"), ("序列号", "Serial"), ("批号", "Batch"), ("去向", "Goes to"))
        rows = tuple(
            (
                *(_said(part.get(name)) for name in ("part_name", "serial", "batch")),
                _choose(DESTINATION_LABELS, part.get("destination")),
            )
            for part in self._rows("parts_removed")
        )
        return Table("parts_removed", Said("拆下备件", "Parts removed"), tuple(Said(*title) for title in titles), rows)

    def _photo(self, photo: Mapping[str, Any]) -> PhotoView:
        return PhotoView(
            purpose=_choose(PHOTO_PURPOSE_LABELS, photo.get("purpose")),
            caption=_text(photo.get("caption")),
            taken_at=self._time(photo.get("taken_at")),
            sha256=_text(photo.get("original_sha256")),
            thumbnail_sha256=_text(photo.get("thumbnail_sha256")),
        )

    def _group(self, name: str) -> Mapping[str, Any]:
        return _mapping(self._document.get(name))

    def _rows(self, name: str) -> list[Mapping[str, Any]]:
        rows = self._document.get(name)
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def _time(self, instant: Any) -> str:
        return _time(instant, self._zone)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, str):
        # Half of a character, which JSON can spell and no file can hold, is shown as unknown.
        return value.encode("utf-8", "replace").decode("utf-8")
    return str(value) if type(value) is int else ""


def _said(value: Any) -> Said:
    if isinstance(value, list):
        value = ", ".join(text for text in map(_text, value) if text)
    return Said(_text(value), _text(value))


def _named(values: Mapping[str, Any]) -> Said:
    name, english = _text(values.get("name")), _text(values.get("name_en"))
    return Said(name or english, english or name)


def _choose(labels: Mapping[str, tuple[str, str]], value: Any) -> Said:
    """Return what people say for a code; a code of a newer release stays as it is."""
    return Said(*labels[value]) if isinstance(value, str) and value in labels else _said(value)


def _facts(*pairs: tuple[tuple[str, str], Said]) -> tuple[Fact, ...]:
    return tuple(Fact(Said(*label), value) for label, value in pairs if value)


def _limits(check: Mapping[str, Any], unit: str) -> str:
    low, high = _text(check.get("low")), _text(check.get("high"))
    if not low and not high:
        return ""
    spelled = f"{low} ~ {high}" if low and high else f"≥ {low}" if low else f"≤ {high}"
    return f"{spelled} {unit}".rstrip()


def _zone(minutes: Any) -> timezone:
    is_offset = type(minutes) is int and abs(minutes) <= OFFSET_MINUTES_MAX
    return timezone(timedelta(minutes=minutes if is_offset else 0))


def _time(instant: Any, zone: timezone) -> str:
    """Return a moment to the minute; a text that is none stays as it is."""
    spelled = _text(instant)
    if _INSTANT(spelled) is None:
        return spelled
    return f"{datetime.fromisoformat(spelled).astimezone(zone):%Y-%m-%d %H:%M}"


def spell_bilingual(said: Said, between: str = " ") -> str:
    """Return both languages on one line, or the one where they agree."""
    return said.zh if said.zh == said.en else between.join(text for text in said if text)


def thumbnails_of(view: SheetView) -> Iterable[str]:
    """Return the names of the small pictures that the sheet shows."""
    return dict.fromkeys(photo.thumbnail_sha256 for photo in view.photos if photo.thumbnail_sha256)
