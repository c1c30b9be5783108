"""What every declared table is made of."""

from __future__ import annotations

from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column

UUID_LENGTH = 36


class Base(DeclarativeBase):
    """The declarative base of all tables."""


db: SQLAlchemy = SQLAlchemy(model_class=Base)


def key(length: int = UUID_LENGTH) -> MappedColumn[Any]:
    """Return a column of text that is part of its table's key."""
    return mapped_column(String(length), primary_key=True)
