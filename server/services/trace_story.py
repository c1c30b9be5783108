"""What is told of a span: part, supplier and certificate, machine and customer, order and engineer, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from server.domain.times import correct
from server.domain.trace import Fact, Span
from server.services.trace_facts import LoggedSet, find_followers, read_log
from server.store import blobs, records
from sync import codec
from sync.blobs import blobs_named
from sync.chain import Sealed

Body = dict[str, Any]
Group = dict[str, Any]
"""A part of the answer: text, numbers, truths, and groups and lists of these."""

_BATCH_FIELDS: Final = ("number", "produced_on", "expires_on", "certificate", "certificate_sha256", "inspection_report")
_RECALL_FIELDS: Final = ("recalled_on", "recall_reason")
_PHOTO_FIELDS: Final = ("purpose", "caption", "taken_at", "original_sha256", "preview_sha256", "thumbnail_sha256")
_SIGNATURE_FIELDS: Final = (
    "outcome",
    "reason",
    "signer_name",
    "signer_role",
    "signed_at",
    "job_sheet_sha256",
    "strokes_sha256",
)


def tell(connection: Connection, organisation: str, found: Sequence[Span]) -> list[Group]:
    """Return what is known of each span, in the same order.

    Each is {part, serial, batch, supplier, machine, fitted, removed, again, elsewhere, withdrawn}; `fitted` and
    `removed` are acts ({order, engineer, device, at, captured_at, corrected_at, received_at, position, photos,
    signature ...}) or None; `withdrawn`, where its fact does not count, is {id, by, at, reason, position} or None.
    Photos that are withdrawn have the reason as `withdrawn`.
    """
    story = _Story(connection, organisation, {}, {}, {}, {}, {})
    story.read(found)
    return [story.tell_span(span) for span in found]


@dataclass(slots=True)
class _Story:
    """Everything the answer needs, read in a few queries however many spans there are."""

    connection: Connection
    organisation: str
    bodies: dict[str, tuple[str, Body]]
    log: dict[int, LoggedSet]
    followers: dict[str, list[str]]
    verified: dict[str, int]
    erased: dict[str, str]

    def read(self, found: Sequence[Span]) -> None:
        acts = [fact for span in found for fact in (span.fitted, span.removed, span.withdrawn)]
        facts = [fact for fact in acts if fact is not None]
        self.log = read_log(self.connection, self.organisation, (fact.position for fact in facts))
        orders = {fact.order for fact in facts}
        self.followers = find_followers(self.connection, self.organisation, orders)
        following = [record_id for ids in self.followers.values() for record_id in ids]
        machines = {fact.machine for fact in facts}
        self._read_bodies([*orders, *machines, *following, *(fact.id for fact in facts)])
        self._read_bodies(self._named_by(("part_id", "batch_id", "supplier_id", "model_id", "site_id", "customer_id")))
        self._read_bodies(self._named_by(("supplier_id",)))
        self._read_bodies(codec.decode(Sealed(entry.sealed).payload).actor for entry in self.log.values())
        hashes = [name for _, body in self.bodies.values() for name, _ in blobs_named(body)]
        self.verified = blobs.find_verified(self.connection, self.organisation, hashes)
        self.erased = blobs.find_erased(self.connection, self.organisation, set(hashes) - self.verified.keys())

    def tell_span(self, span: Span) -> Group:
        body = self._body(span.fact.id)
        batch = self._body(body.get("batch_id"))
        supplier = self._body(body.get("supplier_id") or batch.get("supplier_id"))
        return {
            "part": self._tell_part(span.fact, body),
            "serial": span.fact.serial,
            "batch": {"number": span.fact.batch} | pick(batch, _BATCH_FIELDS + _RECALL_FIELDS),
            "supplier": pick(supplier, ("name", "name_en", "code")),
            "machine": self._tell_machine(span.machine),
            "fitted": self._tell_act(span.fitted) if span.fitted else None,
            "removed": self._tell_act(span.removed) if span.removed else None,
            "again": [fact.id for fact in span.again],
            "elsewhere": span.elsewhere,
            "withdrawn": self._tell_withdrawal(span.withdrawn) if span.withdrawn else None,
        }

    def _tell_part(self, fact: Fact, body: Body) -> Group:
        part = self._body(body.get("part_id"))
        named = {"name": body.get("part_name"), "maker": fact.maker}
        return named | pick(part, ("part_number", "name", "name_en", "manufacturer", "gtin", "grade"))

    def _tell_machine(self, machine_id: str) -> Group:
        machine = self._body(machine_id)
        model, site = self._body(machine.get("model_id")), self._body(machine.get("site_id"))
        customer = self._body(machine.get("customer_id") or site.get("customer_id"))
        return {
            "id": machine_id,
            "serial": machine.get("serial"),
            "place": machine.get("place"),
            "model": pick(model, ("manufacturer", "name", "name_en")),
            "site": pick(site, ("name", "name_en", "city")),
            "customer": pick(customer, ("name", "name_en")),
        }

    def _tell_act(self, fact: Fact) -> Group:
        logged = self.log[fact.position]
        changeset = codec.decode(Sealed(logged.sealed).payload)
        body = self._body(fact.id)
        return {
            "id": fact.id,
            "order": {"id": fact.order} | pick(self._body(fact.order), ("number", "status")),
            "engineer": {"id": changeset.actor} | pick(self._body(changeset.actor), ("name", "name_en")),
            "device": changeset.device,
            "at": fact.at,
            "captured_at": changeset.captured_at,
            "corrected_at": correct(changeset.captured_at, changeset.offset_ms, logged.received_at),
            "received_at": logged.received_at,
            "position": fact.position,
            "photos": self._tell_photos(fact.order),
            "signature": self._tell_signature(fact.order),
        } | pick(body, ("place", "quantity", "scanned", "destination"))

    def _tell_withdrawal(self, fact: Fact) -> Group:
        actor = codec.decode(Sealed(self.log[fact.position].sealed).payload).actor
        by = {"id": actor} | pick(self._body(actor), ("name", "name_en"))
        return {"id": fact.id, "by": by, "at": fact.at, "position": fact.position} | pick(
            self._body(fact.id), ("reason",)
        )

    def _tell_photos(self, order: str) -> list[Group]:
        withdrawn = {body["subject_id"]: body["reason"] for _, body in self._following(order, "withdrawal")}
        told = []
        for photo_id, body in self._following(order, "photo"):
            state = {"arrived": body["original_sha256"] in self.verified, "withdrawn": withdrawn.get(photo_id)}
            state |= self._tell_erased(body["original_sha256"])
            told.append({"id": photo_id} | state | pick(body, _PHOTO_FIELDS))
        return told

    def _tell_signature(self, order: str) -> Group | None:
        """Tell of the newest signature; ids made later sort later."""
        signatures = self._following(order, "signature")
        if not signatures:
            return None
        signature_id, body = signatures[-1]
        state = {"strokes_arrived": body.get("strokes_sha256") in self.verified}
        state |= self._tell_erased(body.get("strokes_sha256"))
        return {"id": signature_id} | state | pick(body, _SIGNATURE_FIELDS)

    def _tell_erased(self, sha256: str | None) -> Group:
        """Tell when a file was erased; nothing of one that was not."""
        return {"erased_at": self.erased[sha256]} if sha256 in self.erased else {}

    def _following(self, order: str, kind: str) -> list[tuple[str, Body]]:
        ids = [record_id for record_id in self.followers.get(order, ()) if record_id in self.bodies]
        return [(record_id, self.bodies[record_id][1]) for record_id in ids if self.bodies[record_id][0] == kind]

    def _body(self, record_id: str | None) -> Body:
        return self.bodies[record_id][1] if record_id in self.bodies else {}

    def _named_by(self, names: tuple[str, ...]) -> set[str]:
        return {body[name] for _, body in self.bodies.values() for name in names if body.get(name)}

    def _read_bodies(self, ids: Iterable[str]) -> None:
        unknown = {record_id for record_id in ids if record_id not in self.bodies}
        self.bodies |= records.bodies_of(self.connection, self.organisation, unknown)


def pick(body: Body, names: Iterable[str]) -> Group:
    """Return what a record says of some fields, those it says nothing of left out."""
    return {name: body[name] for name in names if body.get(name) is not None}
