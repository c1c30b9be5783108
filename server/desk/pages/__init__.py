"""The pages, one module each, and where the navigation leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Blueprint

from pages.language import gettext
from schemas.people import OFFICE_ROLES
from server.desk.pages import entry, live, orders, reconcile

BLUEPRINTS: Final[tuple[Blueprint, ...]] = (entry.blueprint, live.blueprint, orders.blueprint, reconcile.blueprint)


@dataclass(frozen=True, slots=True)
class Destination:
    """A page that the navigation leads to: its address, its name in the reader's language, its key after ``g``."""

    address: str
    name: Callable[[], str]
    key: str
    roles: frozenset[str] = frozenset(OFFICE_ROLES)


NAVIGATION: Final[tuple[Destination, ...]] = (
    Destination("/desk/orders", lambda: gettext("Orders"), "o"),
    Destination("/desk/reconcile", lambda: gettext("Reconcile"), "r", reconcile.READERS),
)
