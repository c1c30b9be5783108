"""What the pages for customers ask before anybody is known: which company, which model, which machine.

Rule 1: whether a serial number is known here makes no difference to what somebody without a login is shown.
Rule 2: only a code with a seal of ours leads to the machine's record; of others both sides are told.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine

from printing.labels import machine_text
from server.keys import OfficeKey
from server.services.label_sheets import is_sealed
from server.services.names import find_organisation
from server.store import records
from server.store.database import reading
from server.store.devices import read_organisation


def find_company(engine: Engine, called: str | None) -> tuple[str, str]:
    """Return the organisation that takes requests in, and its own person. Raises Refused with `not_found`."""
    with reading(engine) as connection:
        organisation = find_organisation(connection, called)
        return organisation, read_organisation(connection, organisation).office_person


def find_model(connection: Connection, organisation: str, gtin: str) -> tuple[str, dict[str, Any]] | None:
    """Return the model with a GTIN, None when there is none."""
    models = records.bodies_of_kind(connection, organisation, "model")
    return next(((model, body) for model, body in models if body.get("gtin") == gtin), None)


def find_machine(connection: Connection, organisation: str, model: str, serial: str) -> str | None:
    """Return the machine of a model with exactly this serial number, None when it is not known."""
    machines = records.bodies_holding(connection, organisation, "machine", "serial", serial)
    return next((machine for machine, body in machines if body["model_id"] == model), None)


def name_request(key: OfficeKey, organisation: str, form_key: str) -> str:
    """Return the id of the request that a form makes: pressing its button twice makes one request.

    Nobody can choose the id of another's: it follows from the server's secret.
    """
    said = f"form\n{organisation}\n{form_key}".encode()
    return str(uuid.UUID(bytes=hmac.new(key.token_secret, said, hashlib.sha256).digest()[:16], version=5))


def told_of_machine(
    engine: Engine, key: OfficeKey, organisation: str, base_url: str, code: tuple[str, str, str | None]
) -> Mapping[str, Any]:
    """Return what a request says of the machine whose code was read: GTIN, serial number, seal if there was one.

    A code without a seal of ours is what anybody can write: its number is told and leads to no record (rule 2).
    """
    gtin, serial, seal = code
    is_ours = seal is not None and is_sealed(key, organisation, machine_text(base_url, gtin, serial), seal)
    with reading(engine) as connection:
        model = find_model(connection, organisation, gtin)
        machine = find_machine(connection, organisation, model[0], serial) if model and is_ours else None
    named = {"machine_model": model[1]["name"] if model else None, "machine_serial": serial, "machine_id": machine}
    named["code_seal"] = "sealed" if is_ours else "unsealed" if seal is None else "forged"
    return {name: value for name, value in named.items() if value}
