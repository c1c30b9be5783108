"""Receipts: what was answered is what is read, and only a final answer ends the sending."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.problems import PROBLEMS, Fault, Refused
from sync import receipt
from sync.receipt import VERDICTS, ChangeVerdict, Receipt, worst
from tests.sync.made_up import DIGESTS, NAMES, UUIDS, WIRE_VALUES

FAULTS = st.one_of(
    st.none(), st.builds(Fault, st.sampled_from(sorted(PROBLEMS)), st.dictionaries(NAMES, WIRE_VALUES, max_size=2))
)
RECEIPTS = st.builds(
    Receipt,
    set_id=UUIDS,
    device=UUIDS,
    seq=st.integers(1, 10**6),
    digest=DIGESTS,
    verdict=st.sampled_from(VERDICTS),
    received_at=st.just("2026-11-21T02:15:59.123Z"),
    position=st.one_of(st.none(), st.integers(1, 10**9)),
    fault=FAULTS,
    changes=st.lists(
        st.builds(ChangeVerdict, UUIDS, st.sampled_from(VERDICTS), st.lists(NAMES, max_size=2).map(tuple), FAULTS),
        max_size=3,
    ).map(tuple),
)
PLAIN = Receipt("s", "d", 1, "0" * 64, "applied", "2026-11-21T02:15:59.123Z", 7)


def altered(**fields: Any) -> str:
    """Return the plain receipt as JSON with some members replaced."""
    return json.dumps({**json.loads(receipt.dump(PLAIN)), **fields})


@given(RECEIPTS)
def test_a_receipt_comes_back_as_it_went(written: Receipt) -> None:
    line = receipt.dump(written)

    assert receipt.load(line) == receipt.load(line.encode()) == written
    assert receipt.dump(receipt.load(line)) == line
    assert "\n" not in line


@pytest.mark.parametrize(
    "line",
    [
        "", "null", "[]", "1", '"receipt"', "{}", "<html>Sign in</html>", "[" * 100_000,
        altered(verdict="splendid"), altered(verdict=["applied"]), altered(changes=None), altered(changes=[{}]),
        altered(fault={"code": "malformed"}), altered(fault=3), altered(fault={"code": [], "facts": {}}),
        altered(changes=[{"id": "a", "verdict": "splendid", "contested": [], "fault": None}]),
        altered(seq="1"), altered(seq=True), altered(digest=None), altered(set_id=7), altered(position="7"),
        altered(changes=[{"id": 1, "verdict": "applied", "contested": [], "fault": None}]),
        altered(changes=[{"id": "a", "verdict": "applied", "contested": "status", "fault": None}]),
    ],
)  # fmt: skip
def test_what_is_no_receipt_is_refused(line: str) -> None:
    with pytest.raises(Refused) as refusal:
        receipt.load(line)

    assert refusal.value.code == "malformed"


@given(WIRE_VALUES)
def test_any_json_that_is_no_receipt_is_refused(value: Any) -> None:
    with pytest.raises(Refused):
        receipt.load(json.dumps(value))


def test_what_a_newer_server_adds_to_a_receipt_is_passed_over() -> None:
    change = {"id": "a", "verdict": "applied", "contested": [], "fault": None, "weight": 3}

    read = receipt.load(altered(changes=[change], colour="green"))

    assert read.verdict == "applied" and read.changes == (ChangeVerdict("a", "applied"),)


def test_a_code_of_a_newer_server_is_some_failure() -> None:
    read = receipt.load(altered(fault={"code": "moon_full", "facts": {"phase": 1}}))

    assert read.fault == Fault("internal", {"phase": 1})


@pytest.mark.parametrize(
    ("verdict", "code", "final"),
    [
        ("applied", None, True),
        ("merged", None, True),
        ("contested", None, True),
        ("held", "gap_in_sequence", False),
        ("held", "schema_unknown", False),
        ("held", None, False),
        ("refused", "value_invalid", True),
        ("refused", "record_missing", True),
        ("refused", "device_revoked", True),
        ("refused", "sequence_reused", True),
        ("refused", "too_many_held", False),
        ("refused", "internal", False),
    ],
)
def test_a_set_is_sent_again_until_its_answer_is_final(verdict: Any, code: str | None, final: bool) -> None:
    fault = Fault(code) if code else None

    assert Receipt("s", "d", 1, "0" * 64, verdict, "2026-11-21T02:15:59.123Z", None, fault).is_final is final


def test_the_worst_verdict_counts() -> None:
    assert worst([]) == "applied"
    assert worst(["applied", "merged", "applied"]) == "merged"
    assert worst(["contested", "merged"]) == "contested"
    assert worst(list(VERDICTS)) == "refused"
