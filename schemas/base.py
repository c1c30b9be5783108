"""What a record kind is made of: typed fields, each with its merge rule, labels and limits.

Values are exactly what travels and is signed, so the wire types are few and have one spelling each:
text, whole number, truth, and lists and groups of these. Decimals, times, days and ids are text with
a fixed pattern. There are no floating-point numbers: two JSON writers may spell one float differently,
and a signature would then break (RFC 8785 section 3.2.2.3 shows how hard the alternative is).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

from schemas.merge_rules import ASK, FROZEN, MergeRule

WHOLE_NUMBER_MAX = 2**53 - 1
"""The largest whole number every JSON reader keeps exactly (RFC 8259 section 6)."""

LIST_ITEMS_MAX = 500
"""More items than any checklist or skill list of the handbooks has; a longer list belongs in records of its own."""

# Digits are written [0-9]: in Python \d also takes the digits of other scripts, a second spelling of one value.
UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"
REAL_DAY = (
    r"(?:(?:19|20|21)[0-9]{2}-"
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"|(?:(?:19|20|21)(?:0[48]|[2468][048]|[13579][26])|2000)-02-29)"
)
"""A day of the years 1900 to 2199 that exists: 30 February would stop every reader that makes a date of it."""
INSTANT_PATTERN = REAL_DAY + r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{3})?Z\Z"
DAY_PATTERN = REAL_DAY + r"\Z"
DECIMAL_PATTERN = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?\Z"
SHA256_PATTERN = r"[0-9a-f]{64}\Z"
STAND_IN_PATTERN = r"erased-[0-9a-f]{16}\Z"
"""What stands for a text that was erased: every personal field takes it, and it says nothing of what it stands for."""
KEY_PATTERN = r"[a-z][a-z0-9_]{0,63}\Z"


class Nature(Enum):
    """Whether a record may be edited."""

    STATE = "state"
    """Edited and merged field by field."""

    FACT = "fact"
    """Appended once; a wrong one is corrected by a further fact that points at it."""


class Audience(Enum):
    """Which devices hold a record."""

    EVERYBODY = "everybody"
    """The catalogue: every device of the organisation."""

    ASSIGNED = "assigned"
    """The devices of the person named in the record, while the record is live."""

    LINKED = "linked"
    """Devices that hold a record which carries this one, or which this one follows."""

    OFFICE = "office"
    """No device."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What the product knows of a field beside its type."""

    merge: MergeRule
    label_zh: str
    label_en: str
    unit: str | None = None
    refers_to: str | None = None
    carries: bool = False
    """A device that holds this record also holds the record referred to."""
    follows: bool = False
    """A device that holds the record referred to also holds this one."""
    indexed: bool = False
    """The device can look records up by this field, or by each item of a list, without reading them all."""
    personal: bool = False
    """It tells of a person: what is signed holds a commitment to it, and it can be erased (docs/privacy.md)."""
    tells_of: tuple[str, ...] | None = None
    """For the name of a file: its bytes tell of a person, and can be erased with what these fields of the record say of
    him, or with what a record says that one of them refers to. Empty where only who looks at it can tell of whom.
    """


class StrictText(fields.String):
    """Text only: marshmallow's own String also takes bytes, which JSON cannot carry.

    Without NUL, which PostgreSQL cannot hold.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or "\x00" in value:
            raise self.make_error("invalid")
        return value


class StrictTruth(fields.Boolean):
    """True or false only, not the words and numbers that marshmallow's Boolean also understands."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class StrictWhole(fields.Integer):
    """A JSON whole number, never a truth value or a text of digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return value


def _declare(
    field_class: type[fields.Field[Any]],
    labels: tuple[str, str],
    *args: Any,
    merge: MergeRule = ASK,
    required: bool = False,
    validators: list[Any] | None = None,
    unit: str | None = None,
    refers_to: str | None = None,
    carries: bool = False,
    follows: bool = False,
    indexed: bool = False,
    personal: bool = False,
    tells_of: tuple[str, ...] | None = None,
    **metadata: Any,
) -> Any:
    rule = FieldRule(merge, labels[0], labels[1], unit, refers_to, carries, follows, indexed, personal, tells_of)
    return field_class(
        *args,
        required=required,
        allow_none=not required,
        validate=validators or [],
        metadata={"rule": rule, "description": f"{labels[0]} / {labels[1]}", **metadata},
    )


def text(zh: str, en: str, *, most: int = 200, least: int = 0, **options: Any) -> Any:
    """Declare a text field of `least` to `most` characters."""
    return _declare(StrictText, (zh, en), validators=[validate.Length(min=least, max=most)], **options)


def pattern(zh: str, en: str, regular_expression: str, **options: Any) -> Any:
    """Declare a text field that matches a whole regular expression (which ends in ``\\Z``)."""
    return _declare(StrictText, (zh, en), validators=[validate.Regexp(regular_expression)], **options)


def instant(zh: str, en: str, **options: Any) -> Any:
    """Declare a moment in UTC, RFC 3339 with ``Z``, to the second or the millisecond."""
    return pattern(zh, en, INSTANT_PATTERN, wire="instant", **options)


def day(zh: str, en: str, **options: Any) -> Any:
    """Declare a calendar day, ISO 8601 ``YYYY-MM-DD``."""
    return pattern(zh, en, DAY_PATTERN, wire="day", **options)


def decimal(zh: str, en: str, **options: Any) -> Any:
    """Declare a decimal number written as text, at most 15 digits before and 9 after the point."""
    return pattern(zh, en, DECIMAL_PATTERN, wire="decimal", **options)


def sha256(zh: str, en: str, **options: Any) -> Any:
    """Declare the name of a file: the SHA-256 of its bytes in lower-case hexadecimal."""
    return pattern(zh, en, SHA256_PATTERN, wire="sha256", **{"merge": FROZEN, **options})


def reference(zh: str, en: str, kind: str, **options: Any) -> Any:
    """Declare the id (UUID) of another record, of kind `kind`."""
    return pattern(zh, en, UUID_PATTERN, refers_to=kind, wire="reference", **options)


def choice(zh: str, en: str, among: tuple[str, ...], **options: Any) -> Any:
    """Declare a text that is one of a fixed list."""
    return _declare(StrictText, (zh, en), validators=[validate.OneOf(among)], **options)


def whole(zh: str, en: str, *, least: int = 0, most: int = WHOLE_NUMBER_MAX, **options: Any) -> Any:
    """Declare a whole number from `least` to `most`."""
    return _declare(StrictWhole, (zh, en), validators=[validate.Range(min=least, max=most)], **options)


def truth(zh: str, en: str, **options: Any) -> Any:
    """Declare a yes or no."""
    return _declare(StrictTruth, (zh, en), **options)


def many(zh: str, en: str, item: Any, *, most: int = LIST_ITEMS_MAX, **options: Any) -> Any:
    """Declare a list of `item`, at most `most` long."""
    return _declare(fields.List, (zh, en), item, validators=[validate.Length(max=most)], **options)


def group(zh: str, en: str, schema: type[Schema], **options: Any) -> Any:
    """Declare a group of named values that is written and merged as one value."""
    return _declare(fields.Nested, (zh, en), schema, **options)


class Part(Schema):
    """A group of values inside a record; unknown names are kept, so that newer clients lose nothing."""

    class Meta:
        unknown = INCLUDE


class RecordSchema(Schema):
    """A kind of record: subclasses declare their fields and the few class attributes below.

    Unknown fields are kept as they came (DESIGN: old clients and newer clients work together).
    """

    class Meta:
        unknown = INCLUDE

    kind: ClassVar[str]
    label: ClassVar[tuple[str, str]]
    """What people call it, in Chinese and English."""
    nature: ClassVar[Nature] = Nature.STATE
    audience: ClassVar[Audience] = Audience.LINKED
    held_by: ClassVar[str | None] = None
    """The field naming the person whose devices hold the record, for Audience.ASSIGNED."""
    released_when: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Field values at which an assigned record leaves the devices again."""
    writers: ClassVar[frozenset[str]] = frozenset()
    """The roles that may write it; `system` is the server itself."""
    ended_by: ClassVar[str | None] = None
    """The field that says it is over, for what is never deleted because signatures and provenance name it."""


def faults_of(field: Any, value: Any) -> list[str]:
    """Return what is wrong with `value` for `field`, as marshmallow's sentences; empty when nothing is."""
    try:
        field.deserialize(value)
    except ValidationError as error:
        return [str(message) for message in _flatten(error.messages)]
    return []


def _flatten(messages: Any, path: str = "") -> list[str]:
    if isinstance(messages, dict):
        return [line for key, inner in messages.items() for line in _flatten(inner, f"{path}{key}: ")]
    if isinstance(messages, list):
        return [line for inner in messages for line in _flatten(inner, path)]
    return [f"{path}{messages}"]
