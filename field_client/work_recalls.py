"""Whether a part is recalled, as far as it is known here: every device holds all recalls. Source: schemas/recall.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from field_client.notices import Notice
from field_client.store import Record, Store, Values
from schemas.recall import ACTION_LABELS, DOUBT_LABELS, Covered, Extent, judge_all


@dataclass(frozen=True, slots=True)
class RecallHit:
    """A recall that covers a part, or from which it cannot be excluded."""

    recall: Record
    covered: Covered

    @property
    def is_sure(self) -> bool:
        """Whether the part is recalled, and not only in doubt."""
        return self.covered.cover == "hit"

    @property
    def notice(self) -> Notice:
        """What a person is told before he fits the part."""
        values = self.recall.values
        facts: dict[str, Any] = {"number": values["number"], "reason": values["reason"]}
        if self.covered.doubt is not None:
            return Notice("recall_unclear", facts | {"doubt": DOUBT_LABELS[self.covered.doubt]})
        return Notice("part_recalled", facts | {"action": ACTION_LABELS[values["action"]]})


def find_recalls(store: Store, part_id: str | None, batch: str | None, serial: str | None) -> list[RecallHit]:
    """Return the recalls that cover a part of the catalogue with a batch and serial number, the sure ones first."""
    if part_id is None:
        return []
    by_recall: dict[str, list[Extent]] = {}
    for named in store.find_by("recalled_part", "part_id", part_id):
        if next(store.find_by("recall_correction", "named_id", named.id), None) is not None:
            continue
        by_recall.setdefault(named.values["recall_id"], []).append(Extent.read(named.values))
    hits = []
    for recall_id, extents in by_recall.items():
        covered, recall = judge_all(extents, batch or None, serial or None), store.find(recall_id)
        if covered.cover != "miss" and recall is not None and recall.values.get("state") != "withdrawn":
            hits.append(RecallHit(recall, covered))
    return sorted(hits, key=lambda hit: (not hit.is_sure, hit.recall.id))


def find_recall_of_fitted(store: Store, fitted: Values) -> RecallHit | None:
    """Return the recall that a part in a machine is covered by, or may be, None when there is none."""
    part_id, gtin = fitted.get("part_id"), fitted.get("gtin")
    if part_id is None and gtin:
        part = next(store.find_by("part", "gtin", gtin), None)
        part_id = part.id if part else None
    batch = fitted.get("batch") or store.values_of(fitted.get("batch_id")).get("number")
    return next(iter(find_recalls(store, part_id, batch, fitted.get("serial"))), None)


def warn_of_recalls(
    store: Store, part: Record | None, number: str | None, serial: str | None, batch: Mapping[str, Any]
) -> Iterator[Notice]:
    """Yield what speaks against fitting a part for its recalls; `batch` are the values of its batch, where known."""
    hits = find_recalls(store, part.id if part else None, number, serial)
    yield from (hit.notice for hit in hits)
    if batch.get("recalled_on") and not any(hit.is_sure for hit in hits):
        reason = batch.get("recall_reason") or "—"
        yield Notice("batch_recalled", {"number": number, "recalled_on": batch["recalled_on"], "reason": reason})
