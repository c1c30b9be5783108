"""What is decoded is exactly what was signed, or it is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import WHOLE_NUMBER_MAX
from schemas.problems import Refused
from sync import canonical, codec
from sync.changeset import CHANGE_SET_BYTES_MAX, CHANGES_MAX, Change, ChangeSet
from tests.sync.made_up import CHANGE_SETS, FIRST, ORDER, START, WIRE_VALUES

PAYLOAD = codec.encode(FIRST)


def code_of(payload: bytes) -> str:
    """Return the code with which a payload is refused."""
    with pytest.raises(Refused) as refusal:
        codec.decode(payload)
    return refusal.value.code


def document(**fields: Any) -> dict[str, Any]:
    """Return the first change-set as a JSON document with some fields replaced; None takes one out."""
    merged = {**json.loads(PAYLOAD), **fields}
    return {name: value for name, value in merged.items() if value is not None}


def spelled(**fields: Any) -> bytes:
    """Return such a document in canonical form."""
    return canonical.dump(document(**fields)).encode()


def with_change(**fields: Any) -> bytes:
    """Return a payload whose only change has some fields replaced."""
    change = {**document()["changes"][0], **fields}
    return spelled(changes=[{name: value for name, value in change.items() if value is not None}])


@given(CHANGE_SETS)
def test_a_change_set_comes_back_as_it_went(changeset: ChangeSet) -> None:
    payload = codec.encode(changeset)

    assert codec.decode(payload) == changeset
    assert codec.encode(codec.decode(payload)) == payload
    assert b"\n" not in payload


@given(CHANGE_SETS, st.data())
def test_bytes_that_are_accepted_are_the_only_spelling_of_what_they_say(
    changeset: ChangeSet, data: st.DataObject
) -> None:
    payload = bytearray(codec.encode(changeset))
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))

    try:
        decoded = codec.decode(bytes(payload))
    except Refused as refusal:
        assert refusal.code in ("malformed", "not_canonical", "too_many_changes")
    else:
        assert codec.encode(decoded) == bytes(payload)


@given(st.binary(max_size=200))
def test_rubbish_is_refused_and_nothing_else_happens(rubbish: bytes) -> None:
    assert code_of(rubbish) == "malformed"


@given(WIRE_VALUES)
def test_any_json_that_is_no_change_set_is_refused(value: Any) -> None:
    assert code_of(canonical.dump(value).encode()) == "malformed"


@pytest.mark.parametrize("spelling", ["1.5", "1.0", "1e3", "NaN", "Infinity", "-Infinity", "1" * 5000, "00", "+1"])
def test_a_number_that_is_not_whole_is_refused(spelling: str) -> None:
    payload = with_change(set={"n": 7}, was={"n": 0}).replace(b":7}", f":{spelling}}}".encode())

    assert code_of(payload) == "malformed"


@pytest.mark.parametrize("number", [WHOLE_NUMBER_MAX + 1, -WHOLE_NUMBER_MAX - 1, 2**63, 2**64, 10**100])
def test_a_number_that_some_reader_would_round_is_refused(number: int) -> None:
    assert code_of(with_change(set={"n": number}, was={"n": 0})) == "malformed"
    assert code_of(with_change(set={"n": {"deep": [number]}}, was={"n": 0})) == "malformed"


@pytest.mark.parametrize("number", [WHOLE_NUMBER_MAX, -WHOLE_NUMBER_MAX, 0])
def test_a_number_that_every_reader_keeps_is_taken(number: int) -> None:
    assert codec.decode(with_change(set={"n": number}, was={"n": 1})).changes[0].set == {"n": number}


@pytest.mark.parametrize(
    ("right", "other"),
    [
        (b'{"actor"', b'{ "actor"'),
        (b'"seq":1', b'"seq": 1'),
        (b'"offset_ms":-1500', b'"offset_ms":-0'),
        (b'"work.start"', b'"work\\u002estart"'),
        (b'"in_progress"', b'"in\\u005fprogress"'),
        (b'"basis":17', b'"basis":17,"basis":17'),
        (b'"set":{"status":"in_progress"}', b'"set":{"status":"closed","status":"in_progress"}'),
        (b'"id":"01933e5c-0000-7000-8000-0000000000a1","intent":"work.start"',
         b'"intent":"work.start","id":"01933e5c-0000-7000-8000-0000000000a1"'),
    ],
)  # fmt: skip
def test_another_spelling_of_the_same_is_refused(right: bytes, other: bytes) -> None:
    assert PAYLOAD.count(right) == 1

    assert code_of(PAYLOAD.replace(right, other)) == "not_canonical"


@pytest.mark.parametrize("space", [b" ", b"\n", b"\t"])
def test_white_space_around_a_change_set_is_refused(space: bytes) -> None:
    assert code_of(PAYLOAD + space) == code_of(space + PAYLOAD) == "not_canonical"


@pytest.mark.parametrize("tail", [b"\x00", b"{}", b"]"])
def test_anything_behind_a_change_set_is_refused(tail: bytes) -> None:
    assert code_of(PAYLOAD + tail) == "malformed"


@pytest.mark.parametrize("text", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\\ud800", b"\\udc00x", b"\x01"])
def test_text_that_is_not_unicode_is_refused(text: bytes) -> None:
    assert code_of(PAYLOAD.replace(b"in_progress", text)) == "malformed"


def test_a_pair_of_surrogates_is_one_character_and_written_as_itself() -> None:
    assert code_of(PAYLOAD.replace(b"in_progress", b"\\ud83d\\udd27")) == "not_canonical"
    assert codec.decode(PAYLOAD.replace(b"in_progress", "🔧".encode())).changes[0].set == {"status": "🔧"}


def test_a_byte_order_mark_is_refused() -> None:
    assert code_of(b"\xef\xbb\xbf" + PAYLOAD) == "malformed"


def nested(levels: int) -> Any:
    """Return lists in lists."""
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def test_values_nest_as_deep_as_a_reader_stands_and_no_deeper() -> None:
    # The group of fields itself is the first level.
    deepest = nested(canonical.DEPTH_MAX - 1)

    assert codec.decode(with_change(set={"n": deepest}, was={"n": 0})).changes[0].set == {"n": deepest}
    assert code_of(with_change(set={"n": [deepest]}, was={"n": 0})) == "malformed"
    assert code_of(with_change(set={"n": 0}, was={"n": [deepest]})) == "malformed"


@pytest.mark.parametrize("levels", [1_000, 40_000])
def test_nesting_meant_to_exhaust_the_reader_is_refused(levels: int) -> None:
    bomb = b"[" * levels + b"]" * levels

    assert code_of(bomb) == "malformed"
    assert code_of(PAYLOAD.replace(b'"in_progress"', bomb)) == "malformed"
    assert code_of(b'{"a":' * levels) == "malformed"


def test_a_change_set_of_the_largest_size_is_taken_and_one_byte_more_is_not() -> None:
    room = CHANGE_SET_BYTES_MAX - len(with_change(set={"n": ""}, was={"n": 0}))

    largest = with_change(set={"n": "x" * room}, was={"n": 0})
    larger = with_change(set={"n": "x" * (room + 1)}, was={"n": 0})

    assert len(largest) == CHANGE_SET_BYTES_MAX and codec.decode(largest)
    assert code_of(larger) == "change_set_too_large"


def test_the_most_changes_are_taken_and_one_more_is_not() -> None:
    most = replace(FIRST, changes=(START,) * CHANGES_MAX)

    assert codec.decode(codec.encode(most)) == most
    assert code_of(codec.encode(replace(most, changes=(*most.changes, START)))) == "too_many_changes"


@pytest.mark.parametrize("name", sorted(document()))
def test_a_frame_without_one_of_its_fields_is_refused(name: str) -> None:
    assert code_of(spelled(**{name: None})) == "malformed"


def test_a_frame_with_a_further_field_is_refused() -> None:
    assert code_of(spelled(comment="hello")) == "malformed"
    assert code_of(with_change(comment="hello")) == "malformed"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "not an id"),
        ("id", FIRST.id.upper()),
        ("id", FIRST.id + "\n"),
        ("organisation", 1),
        ("device", FIRST.device.replace("-", "")),
        ("actor", ""),
        ("prev", "0" * 63),
        ("prev", "A" * 64),
        ("intent", ""),
        ("intent", "Work.start"),
        ("intent", "w" * 65),
        ("captured_at", "2026-11-21T02:15:59+08:00"),
        ("captured_at", "yesterday"),
        ("captured_at", "٢٠٢٦-11-21T02:15:59Z"),
        ("clock", "0000000000000"),
        ("clock", "0000000000000-00FF"),
        ("clock", "٠٠٠٠٠٠٠٠٠٠٠٠٠-0000"),
        ("witness", "1"),
        ("witness", f"٣ {'0' * 64}"),
        ("witness", f"1 {'0' * 64} "),
        ("seq", 0),
        ("seq", "1"),
        ("seq", True),
        ("seq", WHOLE_NUMBER_MAX + 1),
        ("schema", 0),
        ("schema", 100_001),
        ("basis", -1),
        ("offset_ms", codec.OFFSET_MS_MAX + 1),
        ("offset_ms", -codec.OFFSET_MS_MAX - 1),
        ("changes", []),
        ("changes", {}),
        ("changes", "none"),
        ("changes", [None]),
        ("changes", [[]]),
    ],
)
def test_a_frame_with_a_field_out_of_form_is_refused(name: str, value: Any) -> None:
    assert code_of(spelled(**{name: value})) == "malformed"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "Work order"},
        {"kind": 1},
        {"id": "1"},
        {"id": ORDER.upper()},
        {"op": "replace"},
        {"op": ["update"]},
        {"set": []},
        {"was": "assigned"},
        {"was": {}},
        {"set": {}},
        {"was": {"grade": "urgent"}},
        {"was": {"status": "assigned", "grade": "urgent"}},
        {"op": "create"},
        {"op": "delete"},
    ],
)
def test_a_change_out_of_form_is_refused(fields: dict[str, Any]) -> None:
    assert code_of(with_change(**fields)) == "malformed"


@pytest.mark.parametrize(
    "change",
    [
        Change("work_order", ORDER, "create", {"number": "GD-1"}, {}),
        Change("work_order", ORDER, "delete", {}, {"number": "GD-1"}),
        Change("time_machine", ORDER, "create", {"year": 1985}, {}),
    ],
)
def test_kinds_and_fields_are_not_the_frames_business(change: Change) -> None:
    assert codec.decode(codec.encode(replace(FIRST, changes=(change,)))).changes == (change,)
