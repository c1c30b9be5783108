"""What one order looks like at this moment: its machine, checks, facts, photos, and what is disputed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from field_client.outbox import SentSet
from field_client.store import Record, Store, Values
from field_client.work import OrderLine, Workbench, describe_order, find_order
from field_client.work_album import SafeState, read_safe_state, standing_photos
from field_client.work_checks import list_items
from field_client.work_facts import find_standing, find_withdrawals


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One item of the checklist with its result here and the one before on this machine."""

    item: Values
    result: Values | None
    previous: Values | None


@dataclass(frozen=True, slots=True)
class PhotoLine:
    """One photo, and how far its files have come; `percent` of their bytes have reached the server."""

    photo: Values
    state: SafeState
    percent: int


@dataclass(frozen=True, slots=True)
class ConflictLine:
    """A field on which office and field disagree: `standing` is shown meanwhile, `incoming` is what was sent."""

    field: str
    base: Any
    standing: Any
    incoming: Any
    state: str
    settled_value: Any
    note: str | None


@dataclass(frozen=True, slots=True)
class WithdrawnLine:
    """A fact that does not count, and the withdrawal that says why."""

    id: str
    kind: str
    fact: Values
    withdrawal: Values


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Everything about one order that is known here; facts that are withdrawn or corrected stand apart."""

    line: OrderLine
    order: Values
    machine: Values
    model: Values
    customer: Values
    site: Values
    checks: tuple[CheckLine, ...]
    fitted: tuple[Values, ...]
    removed: tuple[Values, ...]
    photos: tuple[PhotoLine, ...]
    withdrawn: tuple[WithdrawnLine, ...]
    signature: Values | None
    conflicts: tuple[ConflictLine, ...]
    exceptions: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """What is only on this device, when it last met the server, and which sets need a person."""

    waiting_sets: int
    waiting_files: int
    waiting_bytes: int
    freed_files: int
    synced_at: str | None
    tried_at: str | None
    fault: str | None
    revoked_at: str | None
    offset_ms: int
    records: int
    held: tuple[SentSet, ...]
    refused: tuple[SentSet, ...]
    contested: tuple[tuple[SentSet, tuple[ConflictLine, ...]], ...]


def read_page(bench: Workbench, name: str | None = None) -> OrderPage:
    """Return the page of an order; raises Refused as `find_order` does."""
    order, store = find_order(bench, name), bench.store
    machine = store.values_of(order.values.get("machine_id"))
    signatures = list(store.find_by("signature", "order_id", order.id))

    def facts(kind: str) -> tuple[Values, ...]:
        return tuple(record.values for record in find_standing(store, kind, "order_id", order.id))

    return OrderPage(
        line=describe_order(bench, order),
        order=order.values,
        machine=machine,
        model=store.values_of(machine.get("model_id")),
        customer=store.values_of(order.values.get("customer_id")),
        site=store.values_of(order.values.get("site_id") or machine.get("site_id")),
        checks=tuple(_read_checks(bench, order)),
        fitted=facts("part_fitted"),
        removed=facts("part_removed"),
        photos=tuple(_read_photo(store, photo) for photo in standing_photos(bench, order)),
        withdrawn=tuple(_read_withdrawn(store, order)),
        signature=signatures[-1].values if signatures else None,
        conflicts=tuple(_read_conflict(conflict) for conflict in facts("conflict")),
        exceptions=facts("exception"),
    )


def read_status(bench: Workbench) -> DeviceStatus:
    """Return what a person must know of the device's state; an open question stays until it is settled."""
    store, outbox, recall = bench.store, bench.outbox, bench.store.recall
    counts = outbox.counts()
    sql = "SELECT count(*), coalesce(sum(size_bytes - offset), 0) FROM blobs WHERE state = 'kept'"
    files, size = store.row(sql) or (0, 0)
    freed = store.row("SELECT count(*) FROM blobs WHERE state = 'freed'") or (0,)
    contested = [(found, tuple(map(_read_conflict, outbox.conflicts_of(found)))) for found in outbox.sets("contested")]
    return DeviceStatus(
        waiting_sets=counts.get("sealed", 0) + counts.get("held", 0),
        waiting_files=files,
        waiting_bytes=size,
        freed_files=freed[0],
        synced_at=recall("synced_at"),
        tried_at=recall("tried_at"),
        fault=recall("fault"),
        revoked_at=recall("revoked"),
        offset_ms=recall("offset_ms", 0),
        records=store.count(),
        held=tuple(outbox.sets("held")),
        refused=tuple(outbox.sets("refused")),
        contested=tuple(contested),
    )


def _read_checks(bench: Workbench, order: Record) -> list[CheckLine]:
    return [
        CheckLine(found.item, found.result and found.result.values, found.previous and found.previous.values)
        for found in list_items(bench, order)
    ]


def _read_withdrawn(store: Store, order: Record) -> Iterator[WithdrawnLine]:
    for fact_id, withdrawal in find_withdrawals(store, "order_id", order.id).items():
        fact = store.find(fact_id)
        if fact is not None:
            yield WithdrawnLine(fact.id, fact.kind, fact.values, withdrawal.values)


def _read_photo(store: Store, photo: Values) -> PhotoLine:
    return PhotoLine(photo, *read_safe_state(store, photo))


def _read_conflict(values: Values) -> ConflictLine:
    return ConflictLine(
        field=values["field"],
        base=values.get("base"),
        standing=values.get("office"),
        incoming=values.get("incoming"),
        state=values["state"],
        settled_value=values.get("settled_value"),
        note=values.get("note"),
    )
