"""The pages, one module each, and where the navigation leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Blueprint

from pages.language import gettext
from schemas.people import OFFICE_ROLES
from server.desk.pages import (
    account,
    accounts,
    calendars,
    catalogue,
    checklists,
    consumables,
    dossiers,
    entry,
    erasures,
    fleet,
    imports,
    journal,
    known_fixes,
    labels,
    live,
    oidc,
    orders,
    password,
    purchases,
    recalls,
    reconcile,
    record,
    record_form,
    requests,
    schedule,
    stock,
    stock_booking,
    stock_counts,
    stock_vans,
    trace,
    trace_gaps,
)
from server.web.access import PAGE_ADMINS, PAGE_AUDITORS, PAGE_FLEET, PAGE_TRACERS

BLUEPRINTS: Final[tuple[Blueprint, ...]] = (
    entry.blueprint,
    live.blueprint,
    orders.blueprint,
    reconcile.blueprint,
    fleet.blueprint,
    account.blueprint,
    accounts.blueprint,
    erasures.blueprint,
    journal.blueprint,
    oidc.blueprint,
    password.blueprint,
    catalogue.blueprint,
    record.blueprint,
    record_form.blueprint,
    imports.blueprint,
    checklists.blueprint,
    labels.blueprint,
    dossiers.blueprint,
    schedule.blueprint,
    calendars.blueprint,
    requests.blueprint,
    known_fixes.blueprint,
    trace.blueprint,
    trace_gaps.blueprint,
    recalls.blueprint,
    stock.blueprint,
    stock_booking.blueprint,
    stock_vans.blueprint,
    stock_counts.blueprint,
    consumables.blueprint,
    purchases.blueprint,
)


@dataclass(frozen=True, slots=True)
class Destination:
    """A page that the navigation leads to: its address, its name in the reader's language, its key after ``g``."""

    address: str
    name: Callable[[], str]
    key: str
    roles: frozenset[str] = frozenset(OFFICE_ROLES)


NAVIGATION: Final[tuple[Destination, ...]] = (
    Destination("/desk/orders", lambda: gettext("Orders"), "o"),
    Destination("/desk/schedule", lambda: gettext("Schedule"), "s"),
    Destination("/desk/requests", lambda: gettext("Requests"), "q"),
    Destination("/desk/stock", lambda: gettext("Stock"), "w"),
    Destination("/desk/reconcile", lambda: gettext("Reconcile"), "r", reconcile.READERS),
    Destination("/desk/trace", lambda: gettext("Trace"), "t", PAGE_TRACERS.roles),
    Destination("/desk/recalls", lambda: gettext("Recalls"), "c"),
    Destination("/desk/fleet", lambda: gettext("Fleet"), "f", PAGE_FLEET.roles),
    Destination("/desk/accounts", lambda: gettext("Accounts"), "a", PAGE_ADMINS.roles),
    Destination("/desk/journal", lambda: gettext("Journal"), "l", PAGE_AUDITORS.roles),
    Destination("/desk/catalogue", lambda: gettext("Master data"), "m"),
)
