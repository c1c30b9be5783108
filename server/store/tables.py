"""Every table. Each key but that of `attempts` begins with the organisation: organisations share nothing.

`log` is the data; `records`, `feed`, `holders`, `holdings`, `reaches`, `links`, `devices`, `order_board`, `plans`,
`reviews`, `inquiries`, `machine_serials`, `signed_orders`, `trace_facts`, `part_spans`, `double_spans`, `stock`,
`log_tiles`, `recalled_parts` and `request_board` are rebuilt from it. The rest (checkpoints, accounts, enrolments,
uploads, contacts, watermarks, the journal, lookers, what was kept aside) is the server's own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from server.store.access_tables import Account as Account
from server.store.access_tables import Attempt as Attempt
from server.store.access_tables import Enrolment as Enrolment
from server.store.access_tables import Identity as Identity
from server.store.access_tables import JournalEntry as JournalEntry
from server.store.access_tables import PasswordLink as PasswordLink
from server.store.access_tables import Policy as Policy
from server.store.access_tables import RecoveryCode as RecoveryCode
from server.store.access_tables import SecondFactor as SecondFactor
from server.store.access_tables import SignInSession as SignInSession
from server.store.access_tables import Wipe as Wipe
from server.store.base import UUID_LENGTH, db
from server.store.base import Base as Base
from server.store.base import key as _key
from server.store.checkpoints import CheckpointRow as CheckpointRow
from server.store.desk_tables import SavedView as SavedView
from server.store.erasure_tables import ErasedMark as ErasedMark
from server.store.gap_tables import GapRow as GapRow
from server.store.log_tiles import LogTile as LogTile
from server.store.plan_tables import CalendarLink as CalendarLink
from server.store.plan_tables import PlanRow as PlanRow
from server.store.recall_tables import RecalledPartRow as RecalledPartRow
from server.store.recall_tables import RecallReceipt as RecallReceipt
from server.store.restorations import Restoration as Restoration
from server.store.trace_tables import DoubleSpan as DoubleSpan
from server.store.trace_tables import PartSpan as PartSpan
from server.store.trace_tables import TraceFact as TraceFact


def _where(condition: str) -> dict[str, Any]:
    """Return the options of an index that has only the rows of which a condition is true."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


SETTLED = {"settled": True}
"""Marks a column that keeps its first value: writing it again would only make SQLite write its index again."""


class Organisation(db.Model):  # type: ignore[name-defined]
    """A tenant: its place in the log, its Merkle frontier, and the feed epoch."""

    __tablename__ = "organisations"
    organisation: Mapped[str] = _key()
    name: Mapped[str] = mapped_column(String(200))
    epoch: Mapped[str] = mapped_column(String(UUID_LENGTH))
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    frontier: Mapped[str] = mapped_column(Text, default="0")
    office_device: Mapped[str] = mapped_column(String(UUID_LENGTH))
    office_person: Mapped[str] = mapped_column(String(UUID_LENGTH))


class LogEntry(db.Model):  # type: ignore[name-defined]
    """One change-set as it came, with its receipt, and the trace id of the request that brought it: append-only."""

    __tablename__ = "log"
    organisation: Mapped[str] = _key()
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    device: Mapped[str] = mapped_column(String(UUID_LENGTH))
    seq: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    receipt: Mapped[str] = mapped_column(Text)
    received_at: Mapped[str] = mapped_column(String(24))
    trace_id: Mapped[str] = mapped_column(String(32), server_default="")
    __table_args__ = (Index("log_by_device", "organisation", "device", "seq", unique=True),)


class HeldSet(db.Model):  # type: ignore[name-defined]
    """A change-set that came before one of its predecessors."""

    __tablename__ = "held"
    organisation: Mapped[str] = _key()
    device: Mapped[str] = _key()
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[str] = mapped_column(String(24))


class KeptAside(db.Model):  # type: ignore[name-defined]
    """Bytes that changed nothing but must not be lost: forks, revoked or frozen devices, unreadable sets."""

    __tablename__ = "kept_aside"
    organisation: Mapped[str] = _key()
    digest: Mapped[str] = _key(64)
    device: Mapped[str] = mapped_column(String(UUID_LENGTH))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    code: Mapped[str] = mapped_column(String(60))
    received_at: Mapped[str] = mapped_column(String(24))


class DeviceHead(db.Model):  # type: ignore[name-defined]
    """The end of a device's chain, and what is needed to check its next set."""

    __tablename__ = "devices"
    organisation: Mapped[str] = _key()
    device: Mapped[str] = _key()
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    public_key: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    frozen: Mapped[bool]
    seq: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))


class RecordRow(db.Model):  # type: ignore[name-defined]
    """A record as it stands. `stamps` tells which log position and device last wrote each field."""

    __tablename__ = "records"
    organisation: Mapped[str] = _key()
    id: Mapped[str] = _key()
    kind: Mapped[str] = mapped_column(String(64), info=SETTLED)
    body: Mapped[str] = mapped_column(Text)
    stamps: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[bool]
    __table_args__ = (Index("records_by_kind", "organisation", "kind", "id"),)


class FeedRow(db.Model):  # type: ignore[name-defined]
    """The last step by which a holder's scope came to be what it is, for each record."""

    __tablename__ = "feed"
    organisation: Mapped[str] = _key()
    id: Mapped[str] = _key()
    holder: Mapped[str] = _key()
    position: Mapped[int] = mapped_column(BigInteger)
    entered: Mapped[int] = mapped_column(BigInteger)
    gone: Mapped[bool]
    __table_args__ = (Index("feed_by_position", "organisation", "holder", "position", "id"),)


class Holder(db.Model):  # type: ignore[name-defined]
    """The checksum and count of a holder's scope."""

    __tablename__ = "holders"
    organisation: Mapped[str] = _key()
    holder: Mapped[str] = _key()
    checksum: Mapped[str] = mapped_column(String(32))
    count: Mapped[int] = mapped_column(BigInteger)


class Holding(db.Model):  # type: ignore[name-defined]
    """To whom a root is assigned, and the ids of all it carries to him, itself included, with commas between."""

    __tablename__ = "holdings"
    organisation: Mapped[str] = _key()
    root: Mapped[str] = _key()
    holder: Mapped[str] = mapped_column(String(UUID_LENGTH))
    carried: Mapped[str] = mapped_column(Text)


class Reach(db.Model):  # type: ignore[name-defined]
    """How many roots bring a record to a holder; the sum of `holdings`, so that nobody has to count them."""

    __tablename__ = "reaches"
    organisation: Mapped[str] = _key()
    id: Mapped[str] = _key()
    holder: Mapped[str] = _key()
    roots: Mapped[int] = mapped_column(BigInteger)


class Link(db.Model):  # type: ignore[name-defined]
    """That a record follows another: who holds the parent holds it too."""

    __tablename__ = "links"
    organisation: Mapped[str] = _key()
    parent: Mapped[str] = _key()
    id: Mapped[str] = _key()


class SignedOrder(db.Model):  # type: ignore[name-defined]
    """That a customer has signed a job sheet of an order; the newest signature."""

    __tablename__ = "signed_orders"
    organisation: Mapped[str] = _key()
    order: Mapped[str] = _key()
    signature: Mapped[str] = mapped_column(String(UUID_LENGTH))
    position: Mapped[int] = mapped_column(BigInteger)


class BoardRow(db.Model):  # type: ignore[name-defined]
    """What the dispatcher's list of orders shows and filters by.

    `next_due_at` is the next limit of an order that has not ended, spelled to the millisecond, so that texts are in the
    order of time, and `next_clock` what it is for; `paused_by` the reason of a pause that is open.
    """

    __tablename__ = "order_board"
    organisation: Mapped[str] = _key()
    id: Mapped[str] = _key()
    number: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(20))
    grade: Mapped[str] = mapped_column(String(20))
    engineer: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    customer: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    machine: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    due_at: Mapped[str | None] = mapped_column(String(24))
    next_clock: Mapped[str | None] = mapped_column(String(20))
    next_due_at: Mapped[str | None] = mapped_column(String(24))
    paused_by: Mapped[str | None] = mapped_column(String(20))
    words: Mapped[str] = mapped_column(String(400), server_default="")
    recall: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    __table_args__ = (
        Index("board_by_status", "organisation", "status", "due_at"),
        Index("board_by_number", "organisation", "number"),
        Index(
            "board_by_recall",
            "organisation",
            "recall",
            sqlite_where=text("recall IS NOT NULL"),
            postgresql_where=text("recall IS NOT NULL"),
        ),
        # The clocks that run are looked at all day, and are few beside the orders of years.
        Index(
            "board_by_clock",
            "organisation",
            "next_due_at",
            "id",
            sqlite_where=text("next_due_at IS NOT NULL"),
            postgresql_where=text("next_due_at IS NOT NULL"),
        ),
    )


class ReviewRow(db.Model):  # type: ignore[name-defined]
    """An open or settled conflict or exception; the record of the same id has the rest.

    `case` is the order it belongs to, or its subject where there is none; `changed` where the log last changed it.
    """

    __tablename__ = "reviews"
    organisation: Mapped[str] = _key()
    id: Mapped[str] = _key()
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(UUID_LENGTH))
    field: Mapped[str] = mapped_column(String(60))
    opened: Mapped[int] = mapped_column(BigInteger)
    case: Mapped[str] = mapped_column(String(UUID_LENGTH), server_default="")
    changed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    later_until: Mapped[str | None] = mapped_column(String(24))
    later_person: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    later_at: Mapped[str | None] = mapped_column(String(24))
    __table_args__ = (
        Index("reviews_by_state", "organisation", "state", "kind", "opened"),
        Index("reviews_by_change", "organisation", "state", "changed"),
        Index("reviews_by_subject", "organisation", "subject", "state"),
        # Those that wait are counted often, and are few beside those of years.
        Index(
            "reviews_open",
            "organisation",
            "kind",
            "opened",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )


class StockBalance(db.Model):  # type: ignore[name-defined]
    """How many of a part, batch and serial number are at a van or centre; a balance of zero has no row."""

    __tablename__ = "stock"
    organisation: Mapped[str] = _key()
    place: Mapped[str] = _key()
    part: Mapped[str] = _key()
    batch: Mapped[str] = _key(60)
    serial: Mapped[str] = _key(60)
    quantity: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        Index("stock_by_part", "organisation", "part"),
        Index(
            "stock_below_zero",
            "organisation",
            "part",
            sqlite_where=text("quantity < 0"),
            postgresql_where=text("quantity < 0"),
        ),
        Index("stock_by_batch", "organisation", "batch", **_where("batch <> ''")),
        Index("stock_by_serial", "organisation", "serial", **_where("serial <> ''")),
    )


class Watermark(db.Model):  # type: ignore[name-defined]
    """Up to which log position something that follows the log, such as the warranties, has come."""

    __tablename__ = "watermarks"
    organisation: Mapped[str] = _key()
    name: Mapped[str] = _key(40)
    position: Mapped[int] = mapped_column(BigInteger)


class Blob(db.Model):  # type: ignore[name-defined]
    """A file that some record names: `expected`, or `verified` once its bytes have the right hash, `erased` for good.

    While it is expected, `size_bytes` is what a record says, if any does, and `position` where the log first names it.
    Of an erased one `position` is where the log has the act.
    """

    __tablename__ = "blobs"
    organisation: Mapped[str] = _key()
    sha256: Mapped[str] = _key(64)
    state: Mapped[str] = mapped_column(String(10))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    verified_at: Mapped[str | None] = mapped_column(String(24))
    position: Mapped[int | None] = mapped_column(BigInteger)
    # What is still missing is counted often, and is little beside what has come.
    __table_args__ = (
        Index(
            "blobs_expected",
            "organisation",
            "position",
            "size_bytes",
            sqlite_where=text("state = 'expected'"),
            postgresql_where=text("state = 'expected'"),
        ),
    )


class Upload(db.Model):  # type: ignore[name-defined]
    """A file on its way; `finished_at` is set when its bytes were found to be right."""

    __tablename__ = "uploads"
    organisation: Mapped[str] = _key()
    upload: Mapped[str] = _key()
    device: Mapped[str] = mapped_column(String(UUID_LENGTH))
    sha256: Mapped[str | None] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[str] = mapped_column(String(24))
    finished_at: Mapped[str | None] = mapped_column(String(24))
    __table_args__ = (
        Index("uploads_by_device", "organisation", "device"),
        Index("uploads_by_hash", "organisation", "sha256"),
        # Counted whenever an upload begins; what is finished is remembered for a day and is many times as much.
        Index(
            "uploads_unfinished",
            "organisation",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )


class Contact(db.Model):  # type: ignore[name-defined]
    """When a device last called and what it told of itself; written now and then, not at each call."""

    __tablename__ = "contacts"
    organisation: Mapped[str] = _key()
    device: Mapped[str] = _key()
    contacted_at: Mapped[str] = mapped_column(String(24))
    synced_at: Mapped[str | None] = mapped_column(String(24))
    position: Mapped[int | None] = mapped_column(BigInteger)
    failed_at: Mapped[str | None] = mapped_column(String(24))
    problem: Mapped[str | None] = mapped_column(String(60))
    told_at: Mapped[str | None] = mapped_column(String(24))
    waiting_sets: Mapped[int | None] = mapped_column(BigInteger)
    oldest_at: Mapped[str | None] = mapped_column(String(24))
    waiting_files: Mapped[int | None] = mapped_column(BigInteger)
    waiting_bytes: Mapped[int | None] = mapped_column(BigInteger)
    offset_ms: Mapped[int | None] = mapped_column(BigInteger)
    free_bytes: Mapped[int | None] = mapped_column(BigInteger)
    schema_version: Mapped[int | None] = mapped_column(BigInteger)
    client: Mapped[str | None] = mapped_column(String(40))
