"""The pages, one module for each; every page is a blueprint named here."""

from typing import Final

from flask import Blueprint

from field_client.ui import assets
from field_client.ui.pages import checks, drafts, entry, more, order, photos, scan, sync, today

BLUEPRINTS: Final[tuple[Blueprint, ...]] = (
    assets.blueprint,
    entry.blueprint,
    drafts.blueprint,
    today.blueprint,
    order.blueprint,
    scan.blueprint,
    photos.blueprint,
    checks.blueprint,
    sync.blueprint,
    more.blueprint,
)
