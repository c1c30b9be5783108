"""The tables beside `reviews`: questions to engineers, machines by serial number, and who looks at what.

`inquiries` and `machine_serials` are rebuilt from the log; `lookers` is the server's own.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db
from server.store.base import key as _key


class InquiryRow(db.Model):  # type: ignore[name-defined]
    """What an engineer was asked about a conflict or exception; the record of the same id has the rest."""

    __tablename__ = "inquiries"
    organisation: Mapped[str] = _key()
    id: Mapped[str] = _key()
    review: Mapped[str] = mapped_column(String(UUID_LENGTH))
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    state: Mapped[str] = mapped_column(String(10))
    __table_args__ = (Index("inquiries_by_review", "organisation", "review"),)


class MachineSerial(db.Model):  # type: ignore[name-defined]
    """The serial number of a machine, folded, and its model, so that one registered twice is noticed; whose it is.

    `serial` is the number as it is written: what many machines are called is read without their records. From when and
    whether a machine wants consumables say `accepted_on` and `is_retired`.
    """

    __tablename__ = "machine_serials"
    organisation: Mapped[str] = _key()
    id: Mapped[str] = _key()
    serial_folded: Mapped[str] = mapped_column(String(60))
    model: Mapped[str] = mapped_column(String(UUID_LENGTH))
    customer: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    site: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    serial: Mapped[str] = mapped_column(String(60), server_default="")
    accepted_on: Mapped[str | None] = mapped_column(String(10))
    is_retired: Mapped[bool] = mapped_column(Boolean, server_default=false())
    __table_args__ = (
        Index("machine_serials_by_serial", "organisation", "serial_folded"),
        Index("machine_serials_by_model", "organisation", "model", "accepted_on"),
    )


class Looker(db.Model):  # type: ignore[name-defined]
    """Who looks at which case of the reconciliation inbox, and when his page last said so."""

    __tablename__ = "lookers"
    organisation: Mapped[str] = _key()
    person: Mapped[str] = _key()
    case: Mapped[str] = mapped_column(String(UUID_LENGTH))
    looked_at: Mapped[str] = mapped_column(String(24))
