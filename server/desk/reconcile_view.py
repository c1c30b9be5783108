"""How the reconciliation inbox says what it shows: values with what differs marked, what to type, whom to ask."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pages.language import gettext
from schemas import KINDS, kind_of
from schemas.base import SHA256_PATTERN, UUID_PATTERN
from schemas.problems import Refused
from schemas.review import EXCEPTION_LABELS
from schemas.shown_text import show_text
from server.clock import spell_instant
from server.desk.visit import speech
from server.domain.text_marks import Piece, mark_differences
from server.services.inbox import Case, Entry, Inbox
from server.services.provenance import Origin
from server.web.wiring import wired
from sync.merge import WHOLE_RECORD

MARKED_LEAST: Final = 12
"""Characters from which on a difference is looked for with marks; shorter texts are read at a glance."""

_IS_FILE: Final = re.compile(SHA256_PATTERN).match
_ID: Final = re.compile(UUID_PATTERN.removesuffix(r"\Z"))

Names = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One of the values of a conflict, as it is shown."""

    side: str
    title: str
    key: str
    pieces: list[Piece]
    file: str | None
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Typed:
    """How another value is typed: the kind of input, and what there is to choose from."""

    input: str
    choices: tuple[tuple[str, str], ...] = ()


def cells_of(entry: Entry, names: Names) -> list[Cell]:
    """Return base, office and field of a conflict."""
    kind, field = entry.body["subject_kind"], entry.field
    values = {"base": entry.body.get("base"), "office": entry.office, "incoming": entry.body.get("incoming")}
    told = {side: spell_value(kind, field, value, names) for side, value in values.items()}
    marked = {side: [(text, False)] for side, text in told.items()}
    if min(len(told["office"]), len(told["incoming"])) >= MARKED_LEAST:
        marked["office"], marked["incoming"] = mark_differences(told["office"], told["incoming"])
    titles = {"base": gettext("Base"), "office": gettext("Office"), "incoming": gettext("From the field")}
    origins = {"base": None, "office": entry.office_origin, "incoming": entry.incoming_origin}
    return [
        Cell(side, titles[side], str(place), marked[side], _file_of(value), origins[side])
        for place, (side, value) in enumerate(values.items(), 1)
    ]


def spell_value(kind: str, field: str, value: Any, names: Names) -> str:
    """Return a value as people say it: a name for an id, words for a whole record, nothing that could mislead."""
    if isinstance(value, str) and value in names:
        return call(names[value])
    if field == WHOLE_RECORD:
        if value is None:
            return gettext("deleted")
        told = value.items() if isinstance(value, dict) else ()
        return "\n".join(f"{speech().field(kind, name)}: {spell_value(kind, name, part, names)}" for name, part in told)
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value)):
        return show_text(json.dumps(value, ensure_ascii=False, indent=1))
    if isinstance(value, str) and not value.strip():
        return gettext("(empty)")
    return speech().value(field, value)


def call(body: Mapping[str, Any] | None) -> str:
    """Return what people call a record: its number, its serial number, its name."""
    if not body:
        return "?"
    if speech().language != "zh" and body.get("name_en"):
        return show_text(str(body["name_en"]))
    return show_text(str(body.get("number") or body.get("serial") or body.get("name") or body.get("part_name") or "?"))


def spell_detail(detail: str | None, names: Names) -> str:
    """Return what an exception says for the eye, with names for the ids in it."""
    told = _ID.sub(lambda found: call(names[found[0]]) if found[0] in names else found[0], detail or "")
    return show_text(told)


def name_kind(kind: str) -> str:
    """Return what people call a kind of record."""
    return speech()(*KINDS[kind].schema.label) if kind in KINDS else kind


def name_field(entry: Entry) -> str:
    """Return what an entry is about: a field, or what is wrong."""
    if entry.kind == "exception":
        return speech()(*EXCEPTION_LABELS.get(entry.field, (entry.field, entry.field)))
    if entry.field == WHOLE_RECORD:
        return gettext("Deleted here, changed there")
    return speech().field(entry.body["subject_kind"], entry.field)


def describe_input(kind_name: str, field: str) -> Typed | None:
    """Return how another value of a field is typed; None where it cannot be."""
    kind = kind_of(kind_name)
    declared = kind.fields.get(field) if kind else None
    if kind is None or declared is None or kind.rules[field].refers_to is not None:
        return None
    for check in declared.validators:
        if hasattr(check, "choices"):
            return Typed("select", tuple((value, speech().value(field, value)) for value in check.choices))
    if type(declared).__name__ == "List" or type(declared).__name__ == "Nested":
        return None
    if declared.metadata.get("wire") == "instant":
        return Typed("datetime-local")
    most = max((getattr(check, "max", None) or 0 for check in declared.validators), default=0)
    return Typed("textarea" if most > 200 else "text")


def read_typed(kind_name: str, field: str, typed: str) -> Any:
    """Return what a typed text means for a field. Raises Refused with `value_invalid`."""
    how, kind = describe_input(kind_name, field), kind_of(kind_name)
    if how is None or kind is None:
        raise Refused("value_invalid", field=field, detail=gettext("it cannot be typed here"))
    if not typed.strip():
        return None
    if how.input == "datetime-local":
        return read_moment(field, typed)
    check = kind.checks[field]
    if type(kind.fields[field]).__name__ in ("StrictWhole", "StrictTruth"):
        try:
            value = json.loads(typed)
        except ValueError:
            value = typed
        return value if check(value) else typed
    return typed


def read_moment(field: str, typed: str) -> str:
    """Return a moment typed in the office's zone as an instant. Raises Refused with `value_invalid`."""
    try:
        at = datetime.fromisoformat(typed)
        local = at if at.tzinfo else at.replace(tzinfo=wired().settings.zone)
        return spell_instant(round(local.astimezone(UTC).timestamp() * 1000))
    except (ValueError, OverflowError):
        raise Refused("value_invalid", field=field, detail="2026-11-21T09:00") from None


def list_engineers(entry: Entry, case: Case, inbox: Inbox) -> list[str]:
    """Return whom one would ask about an entry, the likeliest first: who wrote the field's value, whose order it is."""
    likely = [origin.actor for origin in (entry.incoming_origin, entry.office_origin) if origin]
    likely.append(case.body.get("engineer_id") or "")
    return [who for who in dict.fromkeys(likely) if "engineer" in (inbox.names.get(who, {}).get("roles") or ())]


def mark_of(entry: Entry) -> str:
    """Return what changes when an entry that is shown should be shown anew."""
    told = (entry.seen, entry.body, entry.asked, entry.safe, entry.options)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def _file_of(value: Any) -> str | None:
    return value if isinstance(value, str) and _IS_FILE(value) else None
