"""The fast JSON of the store: letter for letter the canonical one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import WHOLE_NUMBER_MAX
from server.store import json_text
from sync import canonical

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-WHOLE_NUMBER_MAX, WHOLE_NUMBER_MAX), TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)
OTHERS = st.recursive(
    st.one_of(SCALARS, st.floats(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
    max_leaves=12,
)


@given(VALUES)
def test_the_store_writes_what_is_signed(value: object) -> None:
    written = json_text.dump(value)

    assert written == canonical.dump(value)
    assert json_text.load(written) == value


def test_every_character_is_written_alike() -> None:
    every = "".join(chr(point) for point in range(0x11000) if not 0xD800 <= point < 0xE000)

    assert json_text.dump(every) == canonical.dump(every)


@given(VALUES)
def test_what_is_canonical_is_read_at_once(value: object) -> None:
    assert json_text.read_canonical(canonical.dump(value).encode()) == value


def spell_sorted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@given(st.one_of(OTHERS.map(json.dumps), OTHERS.map(spell_sorted)))
def test_what_is_read_at_once_is_what_would_be_read_slowly(spelled: str) -> None:
    data = spelled.encode("utf-8", "surrogatepass")

    value = json_text.read_canonical(data)

    if value is not None:
        assert canonical.dump(canonical.load(data)).encode() == data
        assert canonical.dump(value) == canonical.dump(canonical.load(data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[1.5]",
        b"[1e5]",
        b"[-0]",
        b"[1 ]",
        b"[01]",
        b"[NaN]",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'["\\u0041"]',
        b'["\\ud800"]',
        b'["\x7f\xff"]',
        b"[9007199254740992]",
        b"[-9007199254740992]",
        b"[18446744073709551616]",
        b"[[9007199254740993]]",
        b'{"a":{"b":[0.5]}}',
        b"[" * 300 + b"]" * 300,
        b"[" * 3000 + b"]" * 3000,
        b"null",
    ],
)
def test_what_may_not_be_canonical_is_left_to_be_read_slowly(data: bytes) -> None:
    assert json_text.read_canonical(data) is None
