"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

from typing import Any

from server.services.readiness import OK, explain
from server.web import shapes
from server.web.openapi import about, blueprint
from server.web.wiring import wired

health = blueprint("health")


@health.get("/health/live")
@health.doc(**about("存活"))
@health.alt_response(200, schema=shapes.Health)
def live() -> dict[str, Any]:
    """Tell that the process answers."""
    return {"status": OK, "checks": {}, "reasons": []}


@health.get("/health/ready")
@health.doc(**about("就绪"))
@health.alt_response(200, schema=shapes.Health)
@health.alt_response(503, schema=shapes.Health)
def ready() -> tuple[dict[str, Any], int]:
    """Tell whether database, writing, clock, disk and file storage are as they must be; 503 when they are not."""
    checks = wired().readiness.read()
    reasons = explain(checks)
    if reasons:
        return {"status": "not_ready", "checks": checks, "reasons": reasons}, 503
    return {"status": OK, "checks": checks, "reasons": []}, 200
