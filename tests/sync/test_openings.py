"""Openings: what tells of persons stays out of what is signed, and nothing passes for it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import KINDS
from schemas.problems import Refused
from sync import canonical, chain, codec, openings
from sync.chain import Sealed
from sync.changeset import CHANGE_SET_BYTES_MAX, Change
from tests.schemas.values import right_values
from tests.sync.made_up import CHANGE_SETS, FIRST, ORDER, WEI_PUBLIC, WIRE_VALUES, sign, verifies

STAND_IN = "erased-0123456789abcdef"
NAMED = replace(
    FIRST,
    changes=(
        Change(
            "work_order", ORDER, "update", {"contact": "王建国", "alarms": ["E1"]}, {"contact": "李", "alarms": None}
        ),
        Change("training_record", ORDER, "create", {"attendees": ["赵", "钱", "赵"], "topics": ["x"]}, {}),
        Change("conflict", ORDER, "update", {"settled_value": ["a", {"contact": "b"}]}, {"settled_value": None}),
    ),
)


def seal(said: Any = NAMED) -> Sealed:
    return openings.seal(said, sign, os.urandom)


def code_of(line: bytes, *, at_door: bool = True) -> str:
    with pytest.raises(Refused) as refusal:
        openings.unseal(chain.open_line(line), at_door=at_door)
    return refusal.value.code


def altered(sealed: Sealed, *remove: str, **add: Any) -> bytes:
    """Return the line with other openings."""
    opened = {name: value for name, value in openings.openings_of(sealed).items() if name not in remove}
    return sealed.signed + b"\t" + canonical.dump(opened | add).encode()


def test_no_value_of_a_person_is_signed_and_all_are_read_again() -> None:
    sealed = seal()

    for said in ("王建国", "李", "赵", "钱", 'settled_value":['):
        assert said.encode() not in sealed.payload
    assert openings.read(sealed) == openings.read_again(sealed, canonical.load).changeset == NAMED
    assert len(openings.openings_of(sealed)) == 6
    assert b"E1" in sealed.payload


@given(CHANGE_SETS)
def test_any_set_is_read_as_it_was_sealed(said: Any) -> None:
    sealed = seal(said)

    assert openings.unseal(sealed, at_door=True).changeset == said
    chain.verify(chain.open_line(sealed.line), WEI_PUBLIC, verifies)


PERSONAL = [(kind, name) for kind in sorted(KINDS) for name in sorted(KINDS[kind].personal)]


@given(st.data())
def test_every_personal_field_is_hidden_whatever_it_holds(data: st.DataObject) -> None:
    kind, name = data.draw(st.sampled_from(PERSONAL))
    value = data.draw(WIRE_VALUES if kind == "conflict" else right_values(KINDS[kind].fields[name]))
    said = replace(FIRST, changes=(Change(kind, ORDER, "create", {name: value}, {}),))

    sealed = seal(said)

    assert openings.unseal(sealed, at_door=True).changeset == said
    assert value in (None, []) or sealed.openings is not None


@pytest.mark.parametrize(("kind", "name"), PERSONAL)
def test_every_personal_field_takes_a_stand_in(kind: str, name: str) -> None:
    stand_in = [STAND_IN] if name in KINDS[kind].personal_lists else STAND_IN

    assert KINDS[kind].checks[name](stand_in)


def test_equal_values_have_different_commitments() -> None:
    hashes = [digest for *_, digest in openings.commitments(codec.decode(seal().payload))]

    assert len(set(hashes)) == len(hashes) == 6


def test_neither_signature_nor_digest_covers_the_openings() -> None:
    sealed = seal()
    digest = next(iter(openings.openings_of(sealed)))

    erased = openings.replace_openings(sealed, {digest: {"erased": STAND_IN}, "0" * 64: {"erased": STAND_IN}})

    assert (erased.digest, erased.payload, erased.signature) == (sealed.digest, sealed.payload, sealed.signature)
    chain.verify(chain.open_line(erased.line), WEI_PUBLIC, verifies)
    assert STAND_IN in repr(openings.unseal(erased, at_door=True).changeset)
    assert openings.replace_openings(sealed, {"0" * 64: {"erased": STAND_IN}}) is sealed


def test_what_is_known_of_an_erased_value_is_told_and_only_the_log_may_tell_it() -> None:
    sealed = seal()
    for change, side, name, _item, digest in openings.commitments(codec.decode(sealed.payload)):
        if (change.kind, side, name) == ("work_order", "set", "contact"):
            erased = openings.replace_openings(sealed, {digest: {"erased": STAND_IN, "fault": "too long"}})

    read = openings.unseal(erased)

    assert read.erased == {(0, "contact"): {"fault": "too long"}}
    assert read.faults_of(0) == {"contact": "too long"} and read.faults_of(1) == {}
    assert openings.read_again(erased, canonical.load) == read
    assert code_of(erased.line) == "malformed"


def test_what_does_not_fit_is_refused() -> None:
    sealed = seal()
    digest, (salt, value) = next(iter(openings.openings_of(sealed).items()))
    other = openings.commit("别人", salt)

    assert code_of(sealed.signed) == "openings_differ", "none of them"
    assert code_of(altered(sealed, digest)) == "openings_differ", "one is missing"
    assert code_of(altered(sealed, **{other: [salt, "别人"]})) == "openings_differ", "one too many"
    assert code_of(altered(sealed, **{digest: [salt, "别人"]})) == "openings_differ", "another value"
    assert code_of(altered(sealed, **{digest: ["0" * 32, value]})) == "openings_differ", "another salt"
    assert code_of(altered(sealed, **{digest: [salt, None]})) == "openings_differ"


@pytest.mark.parametrize(
    "opening",
    [
        *(None, "x", [], ["x"], ["0" * 31, "x"], ["G" * 32, "x"], [1, "x"], ["0" * 32, "x", "y"], {}, {"value": "x"}),
        *({"erased": "x"}, {"erased": [STAND_IN]}, {"erased": STAND_IN + "0"}, {"erased": STAND_IN, "more": "x"}),
    ],
)
def test_what_is_no_opening_is_refused(opening: Any) -> None:
    sealed = seal()

    assert code_of(altered(sealed, **{next(iter(openings.openings_of(sealed))): opening})) == "malformed"


@pytest.mark.parametrize(
    "behind", [b"", b"{}", b"[]", b"null", b"{", b"\t", b'{"a":1}', b'{"a": 1}', b'{"a":1}\t{"a":1}']
)
def test_what_are_no_openings_are_refused(behind: bytes) -> None:
    plain = seal(FIRST)

    assert plain.openings is None
    assert code_of(plain.signed + b"\t" + behind) in ("malformed", "not_canonical")
    assert code_of(seal().signed + b"\t" + behind) in ("malformed", "not_canonical")


def test_a_commitment_opens_once() -> None:
    hidden, opened = openings.hide(NAMED, os.urandom)
    start = hidden.changes[0]
    twice = replace(hidden, changes=(replace(start, was={**start.was, "contact": start.set["contact"]}),))
    line = chain.seal(codec.encode(twice), sign, canonical.dump(opened).encode()).line

    assert code_of(line) == "openings_differ"


def test_plain_where_it_is_personal_and_hidden_where_it_is_not_are_refused() -> None:
    plain = chain.seal(codec.encode(NAMED), sign)
    salt, digest = "0" * 32, openings.commit("in_progress", "0" * 32)
    misplaced = replace(FIRST, changes=(Change("work_order", ORDER, "create", {"status": {"~": digest}}, {}),))
    line = chain.seal(codec.encode(misplaced), sign, canonical.dump({digest: [salt, "in_progress"]}).encode()).line
    half = replace(NAMED, changes=(replace(NAMED.changes[0], was={"contact": None, "alarms": None}),))
    hidden, opened = openings.hide(half, os.urandom)
    mixed = replace(hidden, changes=(replace(hidden.changes[0], was={"contact": "李", "alarms": None}),))

    assert code_of(plain.line) == "personal_in_plain"
    assert openings.read(plain) == NAMED, "the log is read as it was written"
    assert code_of(line) == "commitment_misplaced"
    assert code_of(chain.seal(codec.encode(mixed), sign, canonical.dump(opened).encode()).line) == "personal_in_plain"


def test_what_only_a_newer_release_knows_may_be_hidden_too() -> None:
    digest = openings.commit("x", "0" * 32)
    newer = replace(FIRST, changes=(Change("visitor", ORDER, "create", {"name": {"~": digest}, "n": [1]}, {}),))
    line = chain.seal(codec.encode(newer), sign, canonical.dump({digest: ["0" * 32, "x"]}).encode()).line

    read = openings.unseal(chain.open_line(line), at_door=True).changeset

    assert read.changes[0].set == {"name": "x", "n": [1]}


def test_openings_have_a_limit_of_their_own() -> None:
    most = CHANGE_SET_BYTES_MAX - len(canonical.dump({"0" * 64: ["0" * 32, ""]}))
    sheet = Change("job_sheet", ORDER, "create", {"content": "x" * most}, {})

    sealed = seal(replace(FIRST, changes=(sheet,)))

    assert len(sealed.openings or b"") == CHANGE_SET_BYTES_MAX
    assert openings.read(chain.open_line(sealed.line)).changes == (sheet,)
    with pytest.raises(Refused) as refusal:
        seal(replace(FIRST, changes=(replace(sheet, set={"content": "x" * (most + 1)}),)))
    assert refusal.value.code == "change_set_too_large"
    opened = openings.openings_of(sealed)
    assert code_of(altered(sealed, **{name: [salt, value + "x"] for name, (salt, value) in opened.items()})) == (
        "change_set_too_large"
    )


def test_values_behind_commitments_are_no_deeper_than_others() -> None:
    deep: Any = "x"
    for _ in range(canonical.DEPTH_MAX + 1):
        deep = [deep]
    said = replace(FIRST, changes=(Change("conflict", ORDER, "create", {"base": deep}, {}),))

    assert code_of(seal(said).line) == "malformed"
