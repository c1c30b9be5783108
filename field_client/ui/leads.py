"""What a label led to, as a page shows it and as a form takes it over."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from field_client.codes import Code
from field_client.desk import Desk
from field_client.work_label import LabelRead, Lead, read_label_codes, read_label_typed
from pages.language import gettext
from schemas.problems import Refused
from schemas.shown_text import show_text

BREAK: Final = "~"
"""Between symbology and bytes of a code in an address; it stands in neither."""

SHOWN_MOST: Final = 60


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """What was read, as an address carries it: codes with their symbology, or what was typed."""

    codes: tuple[str, ...] = ()
    typed: str = ""

    def address(self, path: str, **more: str) -> str:
        """Return the address of a page that shows it."""
        said = [("code", code) for code in self.codes] + ([("typed", self.typed)] if self.typed else [])
        return f"{path}?{urlencode([*said, *((name, value) for name, value in more.items() if value)])}"

    def lead(self, desk: Desk) -> LabelRead:
        """Return what it leads to; raises Refused as `work_label` does."""
        if self.typed:
            return read_label_typed(desk.bench, self.typed)
        return read_label_codes(desk.bench, map(open_code, self.codes))


def spell_code(code: Code) -> str:
    """Return a code as one word of an address."""
    return code.symbology + BREAK + base64.urlsafe_b64encode(code.raw).decode("ascii")


def open_code(word: str) -> Code:
    """Return the code that `spell_code` spelled; raises Refused with `code_invalid`."""
    symbology, found, body = word.partition(BREAK)
    try:
        raw = base64.b64decode(body, altchars=b"-_", validate=True)
    except binascii.Error:
        found = ""
    if not found:
        raise Refused("code_invalid", detail=show_text(word[:SHOWN_MOST]))
    return Code(raw, symbology, "", ())


def name_lead(lead: Lead, desk: Desk) -> tuple[str, str]:
    """Return the title and the line below it under which a lead is offered."""
    label, numbers = lead.label, _spell_numbers(lead, desk)
    if lead.machine is not None:
        model = _name_of(lead.model.values, desk) if lead.model else gettext("Machine")
        place = (lead.site or {}).get("name", "")
        return f"{model} {lead.machine.values['serial']}", place
    if lead.part is not None:
        return _name_of(lead.part.values, desk), numbers
    if lead.kind == "enrolment":
        return gettext("Enrolment code"), ""
    if lead.model is not None:
        return gettext("%(model)s, not known here", model=_name_of(lead.model.values, desk)), numbers
    return show_text((label.serial or label.gtin or label.text or "")[:SHOWN_MOST]), numbers


def fill_lead(lead: Lead) -> dict[str, str]:
    """Return what a form takes over of a lead: its fields by name."""
    label = lead.label
    said: dict[str, Any] = {
        "gtin": label.gtin or (lead.part.values.get("gtin") if lead.part else None),
        "part_number": label.part_number or (lead.part.values.get("part_number") if lead.part else None),
        "part_name": lead.part.values["name"] if lead.part else None,
        "part_id": lead.part.id if lead.part else None,
        "serial": label.serial,
        "batch": label.batch,
        "expires_on": lead.expires_on,
        "machine_id": lead.machine.id if lead.machine else None,
        "model_id": lead.model.id if lead.model else None,
        "scanned": label.text,
    }
    if lead.kind == "enrolment":
        said = {"invitation": label.text}
    return {name: value for name, value in said.items() if value}


def _name_of(values: dict[str, Any], desk: Desk) -> str:
    return desk.say(values["name"], values.get("name_en") or values["name"])


def _spell_numbers(lead: Lead, desk: Desk) -> str:
    label = lead.label
    said = [("part_number", label.part_number), ("serial", label.serial), ("batch", label.batch), ("gtin", label.gtin)]
    kinds = {"part_number": "part"}
    return " · ".join(
        f"{desk.say.field(kinds.get(name, 'part_fitted'), name)} {show_text(value)}" for name, value in said if value
    )
