"""The fast JSON of the store: letter for letter the canonical one."""

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


@given(VALUES)
def test_the_store_writes_what_is_signed(value: object) -> None:
    written = json_text.dump(value)

    assert written == canonical.dump(value)
    assert json_text.load(written) == value


def test_every_character_is_written_alike() -> None:
    every = "".join(chr(point) for point in range(0x11000) if not 0xD800 <= point < 0xE000)

    assert json_text.dump(every) == canonical.dump(every)
