"""Quick value tests compiled from the marshmallow fields.

marshmallow says precisely what is wrong but takes some 10 microseconds a field. Almost every value is
right, so a compiled test looks first and marshmallow is asked only to explain a refusal. A property
test holds the two to the same answer for every declared field.
"""

import re
from collections.abc import Callable
from typing import Any

from marshmallow import fields, validate

Check = Callable[[Any], bool]


def compile_check(field: Any) -> Check:
    """Return a function telling whether a JSON value is acceptable to a declared `field`."""
    nullable = field.allow_none
    if isinstance(field, fields.String) and len(field.validators) == 1:
        return _text_check(field.validators[0], nullable)
    inner = _type_check(field)
    tests = [_validator_check(validator) for validator in field.validators]

    if not tests:
        return lambda value: (value is None and nullable) or (value is not None and inner(value))
    if len(tests) == 1:
        (only,) = tests
        return lambda value: nullable if value is None else inner(value) and only(value)
    return lambda value: nullable if value is None else inner(value) and all(test(value) for test in tests)


def _text_check(validator: Any, nullable: bool) -> Check:
    """Return the test of a text by one rule in one piece: most fields are such, and a call costs as much as a rule."""
    if isinstance(validator, validate.Length) and validator.max is not None:
        least, most = validator.min or 0, validator.max
        return lambda value: (
            nullable if value is None else type(value) is str and least <= len(value) <= most and "\x00" not in value
        )
    if isinstance(validator, validate.OneOf):
        among = frozenset(choice for choice in validator.choices if "\x00" not in choice)
        return lambda value: nullable if value is None else type(value) is str and value in among
    only = _validator_check(validator)
    return lambda value: nullable if value is None else type(value) is str and "\x00" not in value and only(value)


def _type_check(field: Any) -> Check:
    if isinstance(field, fields.List):
        item = compile_check(field.inner)
        return lambda value: type(value) is list and all(map(item, value))
    if isinstance(field, fields.Nested):
        return _group_check(field.schema)
    if isinstance(field, fields.String):
        return lambda value: type(value) is str and "\x00" not in value
    for field_class, wire_type in ((fields.Boolean, bool), (fields.Integer, int)):
        if isinstance(field, field_class):
            return lambda value: type(value) is wire_type
    return lambda value: True


def _group_check(schema: Any) -> Check:
    checks = {name: compile_check(field) for name, field in schema.fields.items()}
    required = {name for name, field in schema.fields.items() if field.required}

    def accepts(value: Any) -> bool:
        return (
            type(value) is dict
            and required <= value.keys()
            and all(name not in checks or checks[name](inner) for name, inner in value.items())
        )

    return accepts


def _validator_check(validator: Any) -> Check:
    if isinstance(validator, validate.Length) and validator.max is not None:
        least, most = validator.min or 0, validator.max
        return lambda value: least <= len(value) <= most
    if isinstance(validator, validate.Range):
        low, high = validator.min, validator.max
        return lambda value: low <= value <= high
    if isinstance(validator, validate.OneOf):
        among = frozenset(validator.choices)
        return lambda value: value in among
    if isinstance(validator, validate.Regexp):
        matches = re.compile(validator.regex.pattern, validator.regex.flags).match
        return lambda value: matches(value) is not None
    raise TypeError(f"no compiled form for the validator {validator!r}")
