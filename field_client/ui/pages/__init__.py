"""The pages, one module for each; every page is a blueprint named here."""

from typing import Final

from flask import Blueprint

from field_client.ui.pages import (
    checks,
    create,
    drafts,
    entry,
    machine,
    more,
    order,
    parts,
    photos,
    questions,
    scan,
    sheet,
    stock,
    struck,
    sync,
    today,
    training,
)
from pages import assets

BLUEPRINTS: Final[tuple[Blueprint, ...]] = (
    assets.blueprint,
    entry.blueprint,
    drafts.blueprint,
    today.blueprint,
    order.blueprint,
    scan.blueprint,
    photos.blueprint,
    checks.blueprint,
    create.blueprint,
    struck.blueprint,
    sheet.blueprint,
    training.blueprint,
    sync.blueprint,
    machine.blueprint,
    parts.blueprint,
    stock.blueprint,
    more.blueprint,
    questions.blueprint,
)
