"""Master data: which kinds the office keeps, what a record is called, found and matched by.

Rule 1: what is not named here has its own pages: work orders, reviews, devices, warranties.
Rule 2: a record is found by words: whole words by their beginning, Chinese by any part of it.
Rule 3: a row of a spreadsheet is the record whose natural key it names; case and width of letters make no other key,
        but where two records differ by no more, the one spelled alike is meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from marshmallow import fields, validate

from schemas import KINDS, Kind
from schemas.base import UUID_PATTERN
from schemas.shown_text import Title
from server.domain.authority import OFFICE_WRITERS

TERM_MOST: Final = 60
"""Characters of a word that are compared; longer ones are found by their beginning."""

KEY_MOST: Final = 420
"""Characters of a natural key: two texts of 200, and what parts them."""

_CHINESE: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUNS: Final = re.compile(rf"[{_CHINESE}]+|[^\W_{_CHINESE}]+")
_CHINESE_RUN: Final = re.compile(rf"[{_CHINESE}]").match
_PARTED: Final = re.compile(r"[\W_]+")

Labels = tuple[str, str]
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """How the office keeps one kind of master data."""

    kind: str
    group: str
    """One of GROUPS."""
    columns: tuple[str, ...]
    """The fields a list shows."""
    called: tuple[str, ...] = ("name",)
    """Fields that name a record, the first that has a value before the others."""
    matched: tuple[tuple[str, ...], ...] = (("name",),)
    """Natural keys, the first whose fields all have values before the others."""
    sections: tuple[tuple[Labels, tuple[str, ...]], ...] = ()
    """The groups of the form; fields named in none stand at its end."""
    is_imported: bool = True
    """Whether spreadsheets may bring it: not what is made of files or has a page of its own."""
    ending: tuple[str, Any] | None = None
    """Field and value that end what is never deleted."""
    stood_in_for_by: str = ""
    """The kind that is kept in its stead: what there is of it is still shown and edited, and none is made."""
    labelled: bool = False
    """Whether labels are printed for it."""
    kept_elsewhere: tuple[str, ...] = ()
    """Fields that have rules and a page of their own: who may do what."""
    begins_with: tuple[tuple[str, Any], ...] = ()
    """What those fields say in a record made here."""


GROUPS: Final[dict[str, Labels]] = {
    "customers": ("客户与设备", "Customers and machines"),
    "machines": ("机型与文件", "Models and documents"),
    "parts": ("备件", "Parts"),
    "people": ("人员与网点", "People and centres"),
    "rules": ("服务规则", "Rules of service"),
}

_CONTACT: Final = (("联系方式", "Contact"), ("contact", "phone", "email", "city", "address"))
_NAME: Final = (("名称", "Name"), ("code", "name", "name_en"))

ENTRIES: Final[dict[str, Entry]] = {
    entry.kind: entry
    for entry in (
        Entry(
            "customer",
            "customers",
            ("code", "name", "contact", "phone", "address"),
            ("name", "code", "name_en"),
            (("code",), ("name",)),
            (_NAME, _CONTACT),
        ),
        Entry(
            "site",
            "customers",
            ("name", "customer_id", "city", "address", "remote"),
            matched=(("customer_id", "name"),),
            sections=(
                (("名称", "Name"), ("customer_id", "name", "name_en")),
                _CONTACT,
                (("到场须知", "Before going there"), ("remote", "conditions", "safety")),
            ),
        ),
        Entry(
            "machine",
            "customers",
            ("serial", "model_id", "customer_id", "site_id", "state", "accepted_on"),
            ("serial",),
            (("model_id", "serial"),),
            (
                (("铭牌", "Name plate"), ("model_id", "serial", "firmware")),
                (("安装", "Where it stands"), ("customer_id", "site_id", "place", "state")),
                (("保修", "Warranty"), ("accepted_on", "warranty_months")),
            ),
            labelled=True,
        ),
        Entry(
            "model",
            "machines",
            ("name", "manufacturer", "family", "gtin", "warranty_months"),
            ("name", "name_en"),
            (("manufacturer", "name"),),
            (
                (("型号", "Model"), ("manufacturer", "name", "name_en", "family", "gtin")),
                (("保修", "Warranty"), ("warranty_months", "component_terms")),
                (("返厂", "Return to factory"), ("packing",)),
            ),
        ),
        Entry(
            "checklist",
            "machines",
            ("name", "family", "service", "version", "retired"),
            is_imported=False,
            matched=(("name", "version"),),
        ),
        Entry("manual", "machines", ("name", "families", "service", "language", "edition"), is_imported=False),
        Entry(
            "part",
            "parts",
            ("part_number", "name", "manufacturer", "grade", "component", "price_cents"),
            ("part_number", "name", "name_en"),
            (("part_number",),),
            (
                (("备件", "Part"), ("part_number", "name", "name_en", "manufacturer", "gtin", "grade")),
                (("适用", "What it fits"), ("component", "families", "model_ids")),
                (("管理与价格", "Keeping and price"), ("serialised", "wear_part", "warranty_months", "price_cents")),
            ),
            labelled=True,
        ),
        Entry(
            "batch",
            "parts",
            ("number", "part_id", "supplier_id", "produced_on", "expires_on", "recalled_on"),
            ("number",),
            (("part_id", "number"),),
        ),
        Entry("supplier", "parts", ("code", "name", "name_en"), ("name", "code", "name_en"), (("code",), ("name",))),
        Entry("van", "parts", ("name", "person_id", "centre_id")),
        Entry(
            "person",
            "people",
            ("name", "roles", "centre_id", "level", "phone", "active"),
            ("name", "name_en", "phone"),
            ending=("active", False),
            kept_elsewhere=("roles", "active"),
            begins_with=(("roles", ["engineer"]), ("active", True)),
        ),
        Entry("service_centre", "people", ("name", "tier", "city", "stars", "phone")),
        Entry(
            "sla_term",
            "rules",
            ("name", "grade", "answer_minutes", "on_site_minutes", "solved_minutes"),
            is_imported=False,
            stood_in_for_by="service_terms",
        ),
        Entry(
            "service_terms",
            "rules",
            ("name", "standard", "calendar_id"),
            sections=(
                (("名称", "Name"), ("name", "name_en", "standard", "calendar_id", "note")),
                (("时限", "Limits"), ("limits", "step_limits")),
                (("暂停", "Pauses"), ("pause_reasons",)),
                (("收费", "Charges"), ("labour_rates", "labour_step_minutes", "material_only")),
            ),
        ),
        Entry("working_calendar", "rules", ("name", "zone")),
        Entry(
            "known_fix",
            "rules",
            ("title", "family", "model_id", "alarms", "state"),
            ("title", "title_en"),
            (("title",),),
            (
                (("故障", "Fault"), ("title", "title_en", "state", "family", "model_id", "alarms", "words")),
                (("处理", "What to do"), ("cause", "remedy", "customer_steps", "customer_steps_en", "order_id")),
            ),
            ending=("state", "retired"),
        ),
    )
}
"""By kind, in the order of the pages."""


def fold(text: str) -> str:
    """Return a text as it is compared: without case, width of letters and surplus spaces. Source: Unicode UAX 15."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


OFFICE: Final = Title("办公室系统", "Office system")
"""What the office's own device and person are called; a device has no English name of its own."""


def title_of(kind: str, body: Body) -> Title:
    """Return what a record is called."""
    entry = ENTRIES.get(kind)
    names = entry.called if entry else ("name", "number", "serial")
    found = next((name for name in names if body.get(name)), None)
    if kind == "device" and body.get("name") == OFFICE:
        return OFFICE
    return Title(str(body[found]), str(body.get(f"{found}_en") or "")) if found else Title("")


def terms_of(kind: str, body: Body) -> set[str]:
    """Return all by which a record is found: words, `field=value`, `@name` and natural keys `!number:values`."""
    entry, found = ENTRIES[kind], set[str]()
    for name in _searched(kind):
        found |= words_of(body.get(name) or "")
    for name in _sorted_by_value(kind):
        value = body.get(name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        found.update(spell_facet(name, item) for item in values)
    found.update(spell_name(body[name]) for name in entry.called if body.get(name))
    found.update(spell_key(number, key) for number, key in keys_of(entry, body))
    return found


def words_of(text: str) -> set[str]:
    """Return the words of a text, each end of a Chinese run, and the text without what parts it."""
    folded, found = fold(text), set[str]()
    for run in _RUNS.findall(folded):
        if _CHINESE_RUN(run):
            found.update(run[start : start + TERM_MOST] for start in range(len(run)))
        else:
            found.add(run[:TERM_MOST])
    whole = _PARTED.sub("", folded)
    if whole and " " not in folded.strip() and len(whole) <= TERM_MOST:
        found.add(whole)
    return found


def wanted_words(text: str) -> list[str]:
    """Return the words that a search asks for, the longest first; each must begin some word of a record."""
    return sorted({run[:TERM_MOST] for run in _RUNS.findall(fold(text))}, key=lambda word: (-len(word), word))


def keys_of(entry: Entry, body: Body) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield number and values of each natural key whose fields all have values."""
    for number, names in enumerate(entry.matched):
        if all(body.get(name) for name in names):
            yield number, tuple(str(body[name]) for name in names)


def spell_facet(field: str, value: Any) -> str:
    """Return the term of a field's value."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{field}={text}"[:KEY_MOST]


def spell_name(text: Any) -> str:
    """Return the term of what a record is called."""
    return f"@{fold(str(text))}"[:KEY_MOST]


def spell_key(number: int, values: tuple[str, ...]) -> str:
    """Return the term of a natural key."""
    return f"!{number}:{'|'.join(map(fold, values))}"[:KEY_MOST]


def may_write(kind: str, roles: frozenset[str]) -> bool:
    """Tell whether somebody at the office may write records of a kind."""
    return not roles.isdisjoint(KINDS[kind].schema.writers & OFFICE_WRITERS)


@cache
def _searched(kind: str) -> tuple[str, ...]:
    """Return the short texts of a kind; of the codes GTIN is one that people type."""
    return tuple(name for name, field in KINDS[kind].fields.items() if name == "gtin" or _is_short_text(field))


def _is_short_text(field: Any) -> bool:
    lengths = [validator.max for validator in field.validators if isinstance(validator, validate.Length)]
    return isinstance(field, fields.String) and bool(lengths) and (lengths[0] or 0) <= 200


@cache
def _sorted_by_value(kind: str) -> tuple[str, ...]:
    """Return the fields lists are narrowed by: references, choices, truths, codes of families, and lists of them."""
    return tuple(name for name, field in KINDS[kind].fields.items() if _has_few_values(field))


def _has_few_values(field: Any) -> bool:
    inner = field.inner if isinstance(field, fields.List) else field
    if isinstance(inner, fields.Boolean):
        return True
    rule = inner.metadata["rule"]
    if rule.refers_to or rule.label_en in ("Family", "Machine family"):
        return True
    patterns = [check.regex.pattern for check in inner.validators if isinstance(check, validate.Regexp)]
    return patterns == [UUID_PATTERN] or any(isinstance(check, validate.OneOf) for check in inner.validators)


def referring(kind: str) -> Iterator[tuple[Kind, str]]:
    """Yield each kind of master data and the field by which it may refer to a record of a kind."""
    for name in ENTRIES:
        for field, rule in KINDS[name].rules.items():
            if rule.refers_to == kind or (kind, field) == ("model", "model_ids"):
                yield KINDS[name], field
