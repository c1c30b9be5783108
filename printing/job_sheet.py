"""The job sheet as a document: what the customer reads and signs, composed from records, spelled in one way.

Rule 1: the same records give the same bytes, on the device and on the server.
Rule 2: names and labels are copied in, so that the sheet can be read for ever without any other record.
Rule 3: the document holds text, whole numbers, lists and groups only; decimals and times are text.

Source: handbook V5, V7 (cause, method, parts, result, times), V4 (photos).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

FORMAT: Final = "gongdan-job-sheet/1"

Values = Mapping[str, Any]

_FRAME: Final = ("organisation", "checkpoint", "utc_offset_minutes")
_ORDER: Final = ("number", "service", "grade", "symptom", "alarms", "reported_at")
_WORK: Final = ("arrived_at", "started_at", "diagnosis", "remedy", "result")
_CUSTOMER: Final = ("name", "name_en", "code")
_SITE: Final = ("name", "address", "city")
_MACHINE: Final = ("serial", "place", "accepted_on")
_MODEL: Final = ("manufacturer", "name", "name_en")
_CHECK: Final = ("item", "value", "unit", "verdict", "reason", "checked_at")
_ITEM: Final = ("label", "label_en", "low", "high")
_FITTED: Final = ("part_name", "gtin", "serial", "batch", "place", "quantity", "fitted_at")
_REMOVED: Final = ("part_name", "gtin", "serial", "batch", "destination", "removed_at")
_PHOTO: Final = ("purpose", "caption", "original_sha256", "thumbnail_sha256", "taken_at")
_CENTRE: Final = ("name", "name_en", "address", "phone")


@dataclass(frozen=True, slots=True)
class JobSheetSource:
    """The records a job sheet is composed from, as values by field name.

    `parts` are pairs of a part fitted and the name of its supplier; `items` are the items of the checklist.
    `utc_offset_minutes` is what the device's clock shows, so that the times are printed alike wherever the sheet is
    printed. `checkpoint` is the log's signed checkpoint that the device last saw: the sheet is no older than it.
    """

    order: Values
    composed_at: str
    engineer: str
    organisation: str | None = None
    checkpoint: str | None = None
    utc_offset_minutes: int | None = None
    centre: Values = field(default_factory=dict)
    customer: Values = field(default_factory=dict)
    site: Values = field(default_factory=dict)
    machine: Values = field(default_factory=dict)
    model: Values = field(default_factory=dict)
    items: Iterable[Values] = ()
    checks: Iterable[Values] = ()
    parts: Iterable[tuple[Values, str | None]] = ()
    removed: Iterable[Values] = ()
    photos: Iterable[Values] = ()


def compose_job_sheet(source: JobSheetSource) -> str:
    """Return the job sheet as canonical JSON: compact, keys sorted by code point, characters as themselves.

    Of several answers to one check item the last in `checks` counts; items stand in the checklist's order.
    """
    document = {
        "format": FORMAT,
        "composed_at": source.composed_at,
        "engineer": source.engineer,
        **_pick({name: getattr(source, name) for name in _FRAME}, _FRAME),
        "centre": _pick(source.centre, _CENTRE),
        "order": _pick(source.order, _ORDER),
        "work": _pick(source.order, _WORK),
        "customer": _pick(source.customer, _CUSTOMER),
        "site": _pick(source.site, _SITE),
        "machine": _pick(source.machine, _MACHINE) | {"model": _pick(source.model, _MODEL)},
        "checks": _compose_checks(list(source.items), source.checks),
        "parts_fitted": [
            _pick(part, _FITTED) | _pick({"supplier": name}, ("supplier",)) for part, name in source.parts
        ],
        "parts_removed": [_pick(part, _REMOVED) for part in source.removed],
        "photos": [_pick(photo, _PHOTO) for photo in source.photos],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _compose_checks(items: list[Values], checks: Iterable[Values]) -> list[dict[str, Any]]:
    last = {check["item"]: check for check in checks}
    declared = {item["key"]: item for item in items}
    order = [key for key in declared if key in last] + [key for key in last if key not in declared]
    return [_pick(last[key], _CHECK) | _pick(declared.get(key, {}), _ITEM) for key in order]


def _pick(values: Values, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the named values that there are."""
    return {name: values[name] for name in names if values.get(name) is not None}
