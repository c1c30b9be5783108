"""The photos of an order as they are shown: with what was said of each later, and how far its files have come.

A photo is a fact and stays as it came, byte for byte. Marks drawn over it, another purpose or caption are further
facts that point at it; the latest counts. One taken by mistake is withdrawn (field_client/work_withdraw.py).
Source: handbook V4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from field_client.outbox import Edit
from field_client.store import Record, Store, Values
from field_client.store_erasing import find_erased
from field_client.work import Workbench, find_order
from field_client.work_facts import find_withdrawals
from schemas.problems import Refused
from sync.blobs import blobs_named

SafeState = Literal["on_device", "sending", "received", "verified", "elsewhere", "erased"]
"""Only here; on its way; all bytes sent; proven by the server; taken by another device; gone for good."""

SAID = ("purpose", "caption", "marks")
"""What a remark may say of a photo."""


@dataclass(frozen=True, slots=True)
class AlbumPhoto:
    """One photo as it stands: `percent` of its bytes have reached the server; `remarks` counts those made.

    `withdrawal` is that of a photo that does not count.
    """

    id: str
    order_id: str
    values: Values
    purpose: str
    caption: str | None
    marks: tuple[Values, ...]
    remarks: int
    state: SafeState
    percent: int
    withdrawal: Values | None = None
    erased_at: str = ""


def list_photos(bench: Workbench, order: str | None = None) -> list[AlbumPhoto]:
    """Return the photos of an order, oldest first, with those withdrawn; raises Refused as `find_order` does."""
    found = find_order(bench, order)
    remarks: dict[str, list[Values]] = {}
    for remark in bench.store.find_by("photo_remark", "order_id", found.id):
        remarks.setdefault(remark.values["photo_id"], []).append(remark.values)
    photos = bench.store.find_by("photo", "order_id", found.id)
    withdrawals = find_withdrawals(bench.store, "order_id", found.id)
    return [
        _describe(bench.store, photo, remarks.get(photo.id, []), withdrawals.get(photo.id)) for photo in list(photos)
    ]


def standing_photos(bench: Workbench, order: Record) -> list[Values]:
    """Return the photos of an order that count, with the purpose and caption that stand."""
    photos = [photo for photo in list_photos(bench, order.id) if photo.withdrawal is None]
    return [photo.values | {"purpose": photo.purpose, "caption": photo.caption} for photo in photos]


def show_photo(bench: Workbench, photo_id: str) -> AlbumPhoto:
    """Return one photo; raises Refused with `not_found`."""
    photo = _find(bench, photo_id)
    withdrawals = find_withdrawals(bench.store, "order_id", photo.values["order_id"])
    return _describe(bench.store, photo, _remarks_of(bench, photo), withdrawals.get(photo.id))


def remark_photo(
    bench: Workbench,
    photo_id: str,
    *,
    purpose: str | None = None,
    caption: str | None = None,
    marks: Iterable[Mapping[str, Any]] | None = None,
) -> AlbumPhoto:
    """Say something further of a photo; what is left out stays as it was, an empty caption or list clears it.

    What changes nothing records nothing. Raises Refused with `not_found` or `value_invalid`.
    """
    photo = _find(bench, photo_id)
    before = _standing(photo, _remarks_of(bench, photo))
    drawn = None if marks is None else [dict(mark) for mark in marks]
    said = {"purpose": purpose, "caption": caption, "marks": drawn}
    after = before | {name: value or None for name, value in said.items() if value is not None}
    if after != before:
        _write(bench, photo, after)
    return show_photo(bench, photo_id)


def take_back_remark(bench: Workbench, photo_id: str) -> AlbumPhoto:
    """Undo the latest remark of a photo, by a further one that says again what stood before.

    Raises Refused with `not_found`, also when nothing was remarked.
    """
    photo = _find(bench, photo_id)
    remarks = _remarks_of(bench, photo)
    if not remarks:
        raise Refused("not_found", what=f"photo_remark {photo_id}")
    _write(bench, photo, _standing(photo, remarks[:-1]))
    return show_photo(bench, photo_id)


def _write(bench: Workbench, photo: Record, said: Values) -> None:
    values = {
        "order_id": photo.values["order_id"],
        "machine_id": photo.values.get("machine_id"),
        "photo_id": photo.id,
        **said,
        "remarked_at": bench.now(),
    }
    bench.outbox.write("photo.remark", [Edit("photo_remark", bench.make_id(), values, is_new=True)])


def _find(bench: Workbench, photo_id: str) -> Record:
    found = bench.store.find(photo_id)
    if found is None or found.kind != "photo":
        raise Refused("not_found", what=f"photo {photo_id}")
    return found


def _remarks_of(bench: Workbench, photo: Record) -> list[Values]:
    remarks = bench.store.find_by("photo_remark", "order_id", photo.values["order_id"])
    return [remark.values for remark in remarks if remark.values["photo_id"] == photo.id]


def _standing(photo: Record, remarks: list[Values]) -> Values:
    """Return what is said of a photo: by its latest remark, else by itself."""
    source = remarks[-1] if remarks else photo.values
    return {name: source.get(name) or None for name in SAID}


def _describe(store: Store, photo: Record, remarks: list[Values], withdrawal: Record | None) -> AlbumPhoto:
    said = _standing(photo, remarks)
    state, percent = read_safe_state(store, photo.values)
    return AlbumPhoto(
        id=photo.id,
        order_id=photo.values["order_id"],
        values=photo.values,
        purpose=said["purpose"],
        caption=said["caption"],
        marks=tuple(said["marks"] or ()),
        remarks=len(remarks),
        state=state,
        percent=percent,
        withdrawal=withdrawal.values if withdrawal else None,
        erased_at=max(find_erased(store, files_named(photo.values)).values(), default=""),
    )


def files_named(values: Mapping[str, Any]) -> list[str]:
    """Return the files that a record names."""
    return [name for name, _ in blobs_named(values)]


def read_safe_state(store: Store, values: Mapping[str, Any]) -> tuple[SafeState, int]:
    """Return how safe the files named by a record are, and how many percent of their bytes have been sent."""
    if find_erased(store, files_named(values)):
        return "erased", 100
    sql = "SELECT state, offset, size_bytes FROM blobs WHERE sha256 = ?"
    rows = [row for name, _ in blobs_named(values) if (row := store.row(sql, name)) is not None]
    if not rows:
        return "elsewhere", 100
    if all(state in ("verified", "freed") for state, _, _ in rows):
        return "verified", 100
    sent, size = sum(row[1] for row in rows), sum(row[2] for row in rows)
    if sent == size:
        return "received", 100
    return ("sending" if sent else "on_device"), 100 * sent // size
