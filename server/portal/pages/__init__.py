"""The pages, one module each."""

from __future__ import annotations

from typing import Final

from flask import Blueprint

from server.portal.pages import follow, report

BLUEPRINTS: Final[tuple[Blueprint, ...]] = (report.blueprint, follow.blueprint)
