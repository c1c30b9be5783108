"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

from typing import Any, Final

from server.services.readiness import OK, explain
from server.web import shapes
from server.web.openapi import about, blueprint
from server.web.wiring import wired

MISSED: Final = frozenset({"files"})
"""What is missed but not needed: were all servers taken out of service with the bucket, no record would go either."""

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
    """Tell whether database, writing, clock and disk are as they must be; 503 when they are not.

    Without the file storage the server is `degraded` and stays in service: records go their way and files wait.
    """
    checks = wired().readiness.read()
    reasons = explain(checks)
    if any(reason["check"] not in MISSED for reason in reasons):
        return {"status": "not_ready", "checks": checks, "reasons": reasons}, 503
    return {"status": "degraded" if reasons else OK, "checks": checks, "reasons": reasons}, 200
