"""The fleet, for those who see to it that work arrives."""

from __future__ import annotations

from typing import Any

from server.clock import unix_ms
from server.services.fleet import FleetDevice, list_fleet
from server.store.database import reading
from server.web import fleet_shapes
from server.web.auth import require_person
from server.web.openapi import about, blueprint
from server.web.wiring import wired

fleet = blueprint("fleet")


@fleet.get("/fleet")
@fleet.arguments(fleet_shapes.FleetQuery, location="query")
@fleet.doc(**about("终端状况", "value_invalid"))
@fleet.alt_response(200, schema=fleet_shapes.FleetPage)
def show_fleet(query: dict[str, Any]) -> dict[str, Any]:
    """List devices, those first that were silent longest, with what waits on them and why they may be silent."""
    who = require_person()
    with reading(wired().engine) as connection:
        page = list_fleet(connection, who.organisation, query.get("after"), query["limit"], unix_ms())
    return {"devices": [_spell(device) for device in page.devices], "after": page.after}


def _spell(device: FleetDevice) -> dict[str, Any]:
    reasons = [
        {"code": reason.code, "zh": reason.sentence("zh"), "en": reason.sentence("en")} for reason in device.reasons
    ]
    return {**device.row, "reasons": reasons}
