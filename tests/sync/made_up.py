"""Change-sets made up for the tests of the protocol, and a key that signs for real."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from schemas.base import WHOLE_NUMBER_MAX
from sync import chain, openings
from sync.changeset import Change, ChangeSet
from sync.codec import OFFSET_MS_MAX

WEI_KEY = SigningKey(bytes(range(32)))
WEI_PUBLIC = bytes(WEI_KEY.verify_key)
LIN_KEY = SigningKey(bytes(range(1, 33)))

ORDER = "01933e5c-0000-7000-8000-000000000001"
START = Change("work_order", ORDER, "update", {"status": "in_progress"}, {"status": "assigned"})
FIRST = ChangeSet(
    id="01933e5c-0000-7000-8000-0000000000a1",
    organisation="01933e5c-0000-7000-8000-0000000000b1",
    device="01933e5c-0000-7000-8000-0000000000c1",
    seq=1,
    prev=chain.FIRST_PREV,
    actor="01933e5c-0000-7000-8000-0000000000d1",
    intent="work.start",
    schema=1,
    captured_at="2026-11-21T02:15:59.123Z",
    offset_ms=-1500,
    clock="1795227359123-0000",
    basis=17,
    witness="",
    changes=(START,),
)
"""Wei's first change-set: he starts work on his order."""


def sign(message: bytes) -> bytes:
    """Sign as Wei's device."""
    return WEI_KEY.sign(message).signature


def verifies(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature holds, as a server would."""
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def seal(changeset: ChangeSet) -> chain.Sealed:
    """Encode and sign as Wei's device."""
    return openings.seal(changeset, sign, os.urandom)


def follow(sealed: chain.Sealed, changeset: ChangeSet, **fields: Any) -> ChangeSet:
    """Return a further set that names `sealed` as the one before it."""
    return replace(changeset, seq=changeset.seq + 1, prev=sealed.digest, **fields)


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
UUIDS = st.uuids().map(str)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
WHOLE = st.integers(-WHOLE_NUMBER_MAX, WHOLE_NUMBER_MAX)
WIRE_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), WHOLE, st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
"""Every value that may travel: JSON without fractions, and without numbers some reader would round."""

FIELDS = st.dictionaries(NAMES, WIRE_VALUES, max_size=3)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Make up a change whose frame is right."""
    op = draw(st.sampled_from(["create", "update", "delete"]))
    values = draw(FIELDS)
    seen = {name: draw(WIRE_VALUES) for name in values}
    new, was = {"create": (values, {}), "update": (values, seen), "delete": ({}, seen)}[op]
    return Change(draw(NAMES), draw(UUIDS), op, new, was)  # type: ignore[arg-type]


CHANGE_SETS = st.builds(
    ChangeSet,
    id=UUIDS,
    organisation=UUIDS,
    device=UUIDS,
    seq=st.integers(1, WHOLE_NUMBER_MAX),
    prev=DIGESTS,
    actor=UUIDS,
    intent=st.from_regex(r"[a-z][a-z0-9_.]{0,20}", fullmatch=True),
    schema=st.integers(1, 100_000),
    captured_at=st.just(FIRST.captured_at),
    offset_ms=st.integers(-OFFSET_MS_MAX, OFFSET_MS_MAX),
    clock=st.from_regex(r"[0-9]{13}-[0-9a-f]{4}", fullmatch=True),
    basis=st.integers(0, WHOLE_NUMBER_MAX),
    witness=st.one_of(st.just(""), st.builds("{} {}".format, st.integers(0, 10**15 - 1), DIGESTS)),
    changes=st.lists(changes(), min_size=1, max_size=4).map(tuple),
)
