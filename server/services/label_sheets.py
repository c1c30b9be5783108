"""Labels for chosen machines and parts, each with a link that only this office can have made.

A label's seal is the start of an HMAC under the office's own secret: whoever changes a digit of a link, or guesses the
number of another machine, has no seal for it. Source: RFC 2104 section 5 (truncated output).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine

from printing.label_sheets import LABEL_PAPERS, Label, print_labels
from printing.labels import machine_text, part_text, seal_text
from schemas.problems import Refused
from server.domain.catalogue import ENTRIES
from server.keys import OfficeKey
from server.store import records
from server.store.database import reading

SEAL_CHARACTERS: Final = 16
"""96 bits: out of reach of guessing over a network, and short enough for a label of one centimetre."""

COPIES_MAX: Final = 50

_PURPOSE: Final = b"labels of machines and parts"


@dataclass(frozen=True, slots=True)
class LabelOrder:
    """What is to be printed: which records, in this order, on which paper from which position on."""

    kind: str
    ids: Sequence[str]
    paper: str
    start: int = 1
    copies: int = 1
    framed: bool = False


def seal_of(key: OfficeKey, organisation: str, text: str) -> str:
    """Return the seal of a label's text."""
    secret = hmac.new(key.token_secret, _PURPOSE, hashlib.sha256).digest()
    digest = hmac.new(secret, f"{organisation}\n{text}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")[:SEAL_CHARACTERS]


def is_sealed(key: OfficeKey, organisation: str, text: str, seal: str) -> bool:
    """Tell whether a seal was made here for a label's text, the link up to its question mark."""
    return hmac.compare_digest(seal_of(key, organisation, text).encode(), seal.encode())


def print_sheet(
    engine: Engine,
    key: OfficeKey,
    organisation: str,
    base_url: str,
    order: LabelOrder,
    language: str,
    made_at: datetime,
) -> bytes:
    """Return the PDF of some labels.

    Raises Refused with `not_found` for a record or paper there is none of, `value_invalid` for a start or a number of
    labels that cannot be.
    """
    if order.paper not in LABEL_PAPERS or order.kind not in ENTRIES or not ENTRIES[order.kind].labelled:
        raise Refused("not_found", what=f"{order.kind} {order.paper}")
    if not 1 <= order.copies <= COPIES_MAX:
        raise Refused("value_invalid", field="copies", detail=f"1 - {COPIES_MAX}")
    with reading(engine) as connection:
        found = records.bodies_of(connection, organisation, order.ids)
        models = {body["model_id"] for kind, body in found.values() if kind == "machine"}
        models_found = records.bodies_of(connection, organisation, models)
    labels: list[Label] = []
    for record_id in order.ids:
        if found.get(record_id, ("",))[0] != order.kind:
            raise Refused("not_found", what=f"{order.kind} {record_id}")
        body = found[record_id][1]
        model = models_found.get(body.get("model_id", ""), ("", {}))[1]
        label = (
            _label_machine(base_url, body, model, language) if order.kind == "machine" else _label_part(base_url, body)
        )
        sealed = seal_text(label.text, seal_of(key, organisation, label.text))
        labels += [Label(sealed, label.title, label.lines)] * order.copies
    offset = made_at.strftime("%z") or "+0000"
    zone = f"UTC{offset[:3]}:{offset[3:5]}"
    paper = LABEL_PAPERS[order.paper]
    return print_labels(paper, labels, order.start, f"{made_at:%Y-%m-%d %H:%M}", zone, order.framed)


def _label_machine(base_url: str, body: Mapping[str, Any], model: Mapping[str, Any], language: str) -> Label:
    name = model.get("name") or ""
    if not language.startswith("zh"):
        name = model.get("name_en") or name
    text = machine_text(base_url, model.get("gtin"), body["serial"])
    return Label(text, f"S/N {body['serial']}", tuple(line for line in (name, model.get("manufacturer")) if line))


def _label_part(base_url: str, body: Mapping[str, Any]) -> Label:
    text = part_text(base_url, body.get("gtin"), body["part_number"])
    return Label(text, body["part_number"], tuple(line for line in (body.get("name"), body.get("name_en")) if line))
