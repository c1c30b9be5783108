"""The tables of the trace: facts of fitting and removing, and the spans worked out of them. Rebuilt from the log."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db, key

NUMBER_LENGTH = 60
"""The most characters of a serial or batch number, as it is written and as it is searched."""

BY_BATCH: Final = (
    "known_until", "removal_known", "known_from", "fact", "maker", "serial", "serial_folded", "batch", "part",
    "batch_id", "supplier", "quantity", "machine", "order", "begins_at", "withdrawn", "again",
)  # fmt: skip
"""All that is told of a span of a batch that is in its machine, today or as known in the past."""


def _by_code_point(length: int) -> Any:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class TraceFact(db.Model):  # type: ignore[name-defined]
    """A part put into or taken out of a machine; or the withdrawal of such a fact, which bears what its subject bears.

    `subject` is the fact that this one withdraws (act ``struck``) or stands in for. `corrected_at` is `at` by the
    server's clock, where that differs.
    """

    __tablename__ = "trace_facts"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    act: Mapped[str] = mapped_column(String(8))
    maker: Mapped[str] = mapped_column(String(200))
    serial: Mapped[str | None] = mapped_column(String(NUMBER_LENGTH))
    batch: Mapped[str | None] = mapped_column(String(NUMBER_LENGTH))
    machine: Mapped[str] = mapped_column(String(UUID_LENGTH))
    order: Mapped[str] = mapped_column(String(UUID_LENGTH))
    at: Mapped[str] = mapped_column(String(24))
    position: Mapped[int] = mapped_column(BigInteger)
    subject: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    corrected_at: Mapped[str | None] = mapped_column(String(24))
    __table_args__ = (
        # A fact with a serial number is in the first, one with only a batch number in the second.
        Index(
            "trace_by_serial",
            "organisation",
            "serial",
            sqlite_where=text("serial IS NOT NULL"),
            postgresql_where=text("serial IS NOT NULL"),
        ),
        Index(
            "trace_by_batch",
            "organisation",
            "machine",
            "batch",
            sqlite_where=text("serial IS NULL AND batch IS NOT NULL"),
            postgresql_where=text("serial IS NULL AND batch IS NOT NULL"),
        ),
        # Few facts are withdrawn or corrected.
        Index(
            "trace_by_subject",
            "organisation",
            "subject",
            sqlite_where=text("subject IS NOT NULL"),
            postgresql_where=text("subject IS NOT NULL"),
        ),
    )


class PartSpan(db.Model):  # type: ignore[name-defined]
    """One part in one machine, as it was known from the log position `known_from` until before `known_until`.

    `fact` names the span: the fitting, or the removal where no fitting is known. `begins_at` and `ends_at` are by the
    server's clock, spelled to the millisecond, so that texts are in the order of time; `begins_at` is empty where the
    part was there before records began. A removal counts from the position `removal_known` on. What is `withdrawn`
    names its withdrawal and is no span of time. `again` counts further facts of fitting the part where it already was.
    """

    __tablename__ = "part_spans"
    organisation: Mapped[str] = key()
    fact: Mapped[str] = key()
    known_from: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    known_until: Mapped[int | None] = mapped_column(BigInteger)
    maker: Mapped[str] = mapped_column(String(200))
    serial: Mapped[str | None] = mapped_column(String(NUMBER_LENGTH))
    serial_folded: Mapped[str | None] = mapped_column(_by_code_point(NUMBER_LENGTH))
    batch: Mapped[str | None] = mapped_column(String(NUMBER_LENGTH))
    batch_folded: Mapped[str | None] = mapped_column(_by_code_point(NUMBER_LENGTH))
    part: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    batch_id: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    supplier: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    quantity: Mapped[int] = mapped_column(BigInteger)
    machine: Mapped[str] = mapped_column(String(UUID_LENGTH))
    order: Mapped[str] = mapped_column(String(UUID_LENGTH))
    begins_at: Mapped[str | None] = mapped_column(String(24))
    ends_at: Mapped[str | None] = mapped_column(String(24))
    removal: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    removal_order: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    removal_known: Mapped[int | None] = mapped_column(BigInteger)
    withdrawn: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    again: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        Index(
            "spans_by_serial",
            "organisation",
            "serial_folded",
            "known_until",
            sqlite_where=text("serial_folded IS NOT NULL"),
            postgresql_where=text("serial_folded IS NOT NULL"),
        ),
        # The rows of a batch, written in years, lie all over the table; here they stand together, with all that is told
        # of those that are in machines, and first by what tells which these are, today or at a log position.
        Index(
            "spans_by_batch",
            "organisation",
            "batch_folded",
            *BY_BATCH,
            sqlite_where=text("batch_folded IS NOT NULL"),
            postgresql_where=text("batch_folded IS NOT NULL"),
        ),
        Index("spans_by_machine", "organisation", "machine", "known_until"),
        # A span is in one of these: what the catalogue does not know is known by its GTIN or its maker's name. A recall
        # asks for a batch or some serial numbers of a part, and for those of which they are not known.
        Index(
            "spans_by_part",
            "organisation",
            "part",
            "known_until",
            "batch_folded",
            "serial_folded",
            "ends_at",
            sqlite_where=text("part IS NOT NULL"),
            postgresql_where=text("part IS NOT NULL"),
        ),
        Index(
            "spans_by_maker",
            "organisation",
            "maker",
            "known_until",
            "batch_folded",
            "serial_folded",
            "ends_at",
            sqlite_where=text("part IS NULL"),
            postgresql_where=text("part IS NULL"),
        ),
    )


class DoubleSpan(db.Model):  # type: ignore[name-defined]
    """That the part of a span was, as known at some log position, in another machine at the same time.

    There are few; whether it still is, the spans say. Who looks at spans need not ask for any other.
    """

    __tablename__ = "double_spans"
    organisation: Mapped[str] = key()
    fact: Mapped[str] = key()
