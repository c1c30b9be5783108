"""Where parts of the catalogue are and were fitted."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from server.domain.recall import Fitting
from server.services.trace import spans_in
from server.store import records


def find_fittings(connection: Connection, organisation: str, parts: Collection[str]) -> list[Fitting]:
    """Return where some parts of the catalogue are and were, but for facts that were withdrawn."""
    gtins = {
        body["gtin"]: key
        for key, (_, body) in records.bodies_of(connection, organisation, parts).items()
        if body.get("gtin")
    }
    facts = {
        key: part
        for key, body in records.bodies_of_kind(connection, organisation, "part_fitted")
        if (part := body.get("part_id") or gtins.get(body.get("gtin") or "")) in parts
    }
    machines = {body["machine_id"] for _, body in records.bodies_of(connection, organisation, facts).values()}
    return [
        Fitting(
            span.fact.id,
            machine,
            facts[span.fact.id],
            span.fact.batch,
            span.fact.serial,
            span.begins_at,
            span.ends_at,
            span.removed.id if span.removed else None,
        )
        for machine in sorted(machines)
        for span in spans_in(connection, organisation, machine)
        if span.fact.id in facts and span.withdrawn is None
    ]
