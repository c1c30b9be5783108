"""Which photos were taken by mistake, as their remarks say. Source: handbook V4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def photos_withdrawn(remarks: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the remark that says so of each withdrawn photo; `remarks` are oldest first and the latest counts."""
    latest = {remark["photo_id"]: remark for remark in remarks}
    return {photo: remark for photo, remark in latest.items() if remark.get("withdrawn")}
