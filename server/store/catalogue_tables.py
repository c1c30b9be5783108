"""Tables of master data: the catalogue and what finds its records, rebuilt from the log; drafts and imports, not.

Texts that are compared by their beginning or shown in order are sorted by their code points on both databases.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db, key


def _by_code_point(length: int) -> Any:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class CatalogueRow(db.Model):  # type: ignore[name-defined]
    """A record of master data, by what it is called."""

    __tablename__ = "catalogue"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    kind: Mapped[str] = mapped_column(String(64))
    sorted_as: Mapped[str] = mapped_column(_by_code_point(80))
    __table_args__ = (Index("catalogue_by_name", "organisation", "kind", "sorted_as", "id"),)


class CatalogueTerm(db.Model):  # type: ignore[name-defined]
    """Something by which a record of master data is found (`server.domain.catalogue.terms_of`)."""

    __tablename__ = "catalogue_terms"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    term: Mapped[str] = mapped_column(_by_code_point(420), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    __table_args__ = (Index("catalogue_by_term", "organisation", "kind", "term", "id"),)


class CatalogueTrail(db.Model):  # type: ignore[name-defined]
    """That the log entry at a position changed a record of master data, or something of an order."""

    __tablename__ = "catalogue_trail"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class Draft(db.Model):  # type: ignore[name-defined]
    """A record that somebody is building and no device may hold yet, such as the next version of a checklist."""

    __tablename__ = "drafts"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    kind: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    changed_at: Mapped[str] = mapped_column(String(24))
    revision: Mapped[int] = mapped_column(BigInteger)


class Import(db.Model):  # type: ignore[name-defined]
    """A spreadsheet that was handed in, as its cells; `basis` is the log position its preview was made at."""

    __tablename__ = "imports"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    kind: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    cells: Mapped[bytes] = mapped_column(LargeBinary)
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    handed_in_at: Mapped[str] = mapped_column(String(24))
    basis: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    rows: Mapped[int] = mapped_column(BigInteger)
    done: Mapped[int] = mapped_column(BigInteger)
