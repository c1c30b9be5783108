"""The facts about the data: every record kind and field, declared once and looked up here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from marshmallow.fields import List

from schemas import (
    aftercare,
    clocks,
    customer,
    equipment,
    erasure,
    evidence,
    inquiry,
    job_sheet,
    order,
    part,
    people,
    purchase,
    recall,
    request,
    review,
    service_terms,
    stock,
    warranty,
    withdrawal,
    working_time,
)
from schemas.base import Audience, FieldRule, Nature, RecordSchema
from schemas.checks import Check, compile_check
from schemas.merge_rules import MergeRule
from schemas.upgrades import SCHEMA_VERSION

__all__ = ["KINDS", "SCHEMA_VERSION", "Audience", "Kind", "MergeRule", "Nature", "kind_of"]


@dataclass(frozen=True)
class Kind:
    """A record kind, with what the rest of the product asks of it worked out once."""

    name: str
    schema: type[RecordSchema]

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The marshmallow fields by name."""
        return dict(self.schema().fields)

    @cached_property
    def rules(self) -> dict[str, FieldRule]:
        """Merge rule, labels and references of each field."""
        return {name: field.metadata["rule"] for name, field in self.fields.items()}

    @cached_property
    def checks(self) -> dict[str, Check]:
        """A quick test of one value per field; it says the same as the marshmallow field."""
        return {name: compile_check(field) for name, field in self.fields.items()}

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The fields a record is created with."""
        return tuple(name for name, field in self.fields.items() if field.required)

    @cached_property
    def references(self) -> dict[str, FieldRule]:
        """The fields that hold another record's id."""
        return {name: rule for name, rule in self.rules.items() if rule.refers_to}

    @cached_property
    def carried(self) -> tuple[str, ...]:
        """The reference fields whose target a holder of this record also holds."""
        return tuple(name for name, rule in self.references.items() if rule.carries)

    @cached_property
    def followed(self) -> tuple[str, ...]:
        """The reference fields whose target's holders also hold this record."""
        return tuple(name for name, rule in self.references.items() if rule.follows)

    @cached_property
    def structural(self) -> tuple[str, ...]:
        """The fields that decide who holds a record and what it carries."""
        held_by = (self.schema.held_by,) if self.schema.held_by else ()
        return (*held_by, *self.schema.released_when, *self.carried, *self.followed)

    @cached_property
    def indexed(self) -> tuple[str, ...]:
        """The fields a device looks records up by."""
        return tuple(name for name, rule in self.rules.items() if rule.indexed)

    @cached_property
    def personal(self) -> frozenset[str]:
        """The fields that tell of a person, and the lists whose items do."""
        return frozenset(name for name, rule in self.rules.items() if rule.personal) | self.personal_lists

    @cached_property
    def personal_lists(self) -> frozenset[str]:
        """The lists of which each item tells of a person by itself."""
        inner = {name: field.inner for name, field in self.fields.items() if isinstance(field, List)}
        return frozenset(name for name, item in inner.items() if item.metadata["rule"].personal)

    @cached_property
    def personal_files(self) -> dict[str, tuple[str, ...]]:
        """The fields that name files which tell of a person, each with the fields that say of whom."""
        return {name: rule.tells_of for name, rule in self.rules.items() if rule.tells_of is not None}

    @property
    def is_fact(self) -> bool:
        """Whether records of this kind are appended once and never edited."""
        return self.schema.nature is Nature.FACT

    @property
    def audience(self) -> Audience:
        """Which devices hold records of this kind."""
        return self.schema.audience

    def merge_rule(self, field: str) -> MergeRule:
        """Return the merge rule of a field; a field unknown here asks a person."""
        rule = self.rules.get(field)
        return rule.merge if rule else MergeRule.ASK


_SCHEMAS: Final[tuple[type[RecordSchema], ...]] = (
    people.ServiceCentre,
    people.Person,
    people.Absence,
    people.Device,
    erasure.Erasure,
    customer.Customer,
    customer.Site,
    equipment.Model,
    equipment.Machine,
    equipment.Checklist,
    equipment.Manual,
    warranty.Warranty,
    working_time.WorkingCalendar,
    service_terms.ServiceTerms,
    aftercare.SlaTerm,
    aftercare.TrainingRecord,
    aftercare.TrainingSignature,
    aftercare.FactoryReturn,
    order.WorkOrder,
    request.Request,
    request.RequestNote,
    request.KnownFix,
    clocks.ClockPause,
    clocks.Escalation,
    part.Supplier,
    part.CatalogueItem,
    part.Batch,
    recall.Recall,
    recall.RecalledPart,
    recall.RecallCorrection,
    part.PartChoice,
    part.PartFitted,
    part.PartRemoved,
    stock.Van,
    stock.StockMove,
    stock.StockLevel,
    stock.StockCount,
    purchase.Purchase,
    evidence.Photo,
    evidence.PhotoRemark,
    job_sheet.CheckResult,
    job_sheet.JobSheet,
    job_sheet.Signature,
    withdrawal.Withdrawal,
    review.Conflict,
    review.ReviewException,
    inquiry.Inquiry,
    inquiry.InquiryAnswer,
)

KINDS: Final[dict[str, Kind]] = {schema.kind: Kind(schema.kind, schema) for schema in _SCHEMAS}
"""Every record kind by name. Adding a kind: declare its schema, name it above (docs/extending.md)."""


def kind_of(name: str) -> Kind | None:
    """Return the kind of that name, or None when this release does not know it."""
    return KINDS.get(name)
