"""Log entries: sealed change-sets with their receipts, read strictly, and what each must satisfy."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from verifier.findings import Finding
from verifier.merkle import hash_entry
from verifier.notes import verify

FIRST_PREV = "0" * 64
DEPTH_MAX = 32
"""The protocol nests values of a change 12 deep; more only serves to exhaust a reader."""

_LINE = re.compile(rb"(([0-9a-f]{128})\.(\{[^\n\t]*\}))(?:\t(\{[^\n\t]*\}))?\Z")
_WITNESS = re.compile(r"(?:([0-9]{1,15}) ([0-9a-f]{64}))?\Z")
_KEY = re.compile(r"[0-9a-f]{64}\Z")
_TEXTS = {"id", "organisation", "device", "actor", "prev", "intent", "captured_at", "clock", "witness"}
_NUMBERS = {"seq", "schema", "basis", "offset_ms"}
_CHANGE = {"kind", "id", "op", "set", "was"}
_RECEIPT = {"digest": str, "device": str, "seq": int, "position": int, "verdict": str, "received_at": str}


class Unreadable(ValueError):
    """Bytes are not what they should be; the message says how."""


def spell(value: Any) -> str:
    """Return JSON in its one spelling: sorted keys, no white space, characters as themselves."""
    return _ENCODER.encode(value)


def read_json(text: str) -> Any:
    """Read JSON in its one spelling. Raises Unreadable for any other."""
    try:
        value = _DECODER.decode(text)
        _check_depth(value, DEPTH_MAX)
        same = spell(value) == text
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)[:200]) from None
    if not same:
        raise Unreadable("not in its one spelling")
    return value


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        raise ValueError("nested too deeply")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(item, dict | list):
            _check_depth(item, left - 1)


def _refuse(spelled: str) -> Any:
    raise ValueError(f"the number {spelled} is not whole")


def is_position(value: Any) -> bool:
    """Tell whether a value may be a position in the log or its size."""
    return type(value) is int and value > 0


def read_hash(value: Any) -> bytes:
    """Read 32 bytes in lower-case hexadecimal, which is their one spelling. Raises Unreadable."""
    if not isinstance(value, str) or not _KEY.match(value):
        raise Unreadable("a hash or key is 64 lower-case hexadecimal digits")
    return bytes.fromhex(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_DECODER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log."""

    position: int
    signature: bytes
    payload: bytes
    digest: str
    """Of signature and payload, without the openings."""
    document: Mapping[str, Any]
    """The change-set, with commitments in place of what tells of persons."""
    openings: Mapping[str, Any]
    """commitment -> salt and value, or that it was erased"""
    receipt_text: str
    receipt: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Where it is, for findings."""
        return f"log {self.position}"

    @property
    def leaf(self) -> bytes:
        """Its leaf in the Merkle tree."""
        return hash_entry(self.digest, hashlib.sha256(self.receipt_text.encode("utf-8")).digest())

    @property
    def witness(self) -> tuple[int, bytes] | None:
        """Size and root of the log that its author had seen, None where he had seen none."""
        found = _WITNESS.match(self.document["witness"])
        return (int(found[1]), bytes.fromhex(found[2])) if found and found[1] else None

    @property
    def took_effect(self) -> bool:
        """Whether the set was not refused."""
        return bool(self.receipt["verdict"] != "refused")

    def changes(self, kind: str | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield the changes of the set, of all kinds or of one."""
        return (change for change in self.document["changes"] if kind in (None, change["kind"]))


def read_entry(position: int, sealed: Any, receipt: Any) -> Entry:
    """Read an entry. Raises Unreadable."""
    if not isinstance(sealed, str) or not isinstance(receipt, str):
        raise Unreadable("a change-set and its receipt are text")
    found = _LINE.match(sealed.encode("utf-8", "surrogatepass"))
    if found is None:
        raise Unreadable("a sealed change-set is 128 hexadecimal digits, a dot and a JSON object")
    document, answer = read_json(_text(found[3])), read_json(receipt)
    openings = read_json(_text(found[4])) if found[4] else {}
    _check_set(document)
    if not isinstance(answer, dict) or any(type(answer.get(name)) is not kind for name, kind in _RECEIPT.items()):
        raise Unreadable("a receipt lacks members")
    digest = hashlib.sha256(found[1]).hexdigest()
    return Entry(position, bytes.fromhex(_text(found[2])), found[3], digest, document, openings, receipt, answer)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(str(error)) from None


def _check_set(document: Any) -> None:
    if not isinstance(document, dict) or document.keys() != _TEXTS | _NUMBERS | {"changes"}:
        raise Unreadable("a change-set has other members")
    if any(type(document[name]) is not str for name in _TEXTS) or any(type(document[n]) is not int for n in _NUMBERS):
        raise Unreadable("a member of a change-set is of another type")
    if not _WITNESS.match(document["witness"]):
        raise Unreadable("a witness is a size and a root")
    changes = document["changes"]
    if not isinstance(changes, list) or not changes:
        raise Unreadable("a change-set has changes")
    for change in changes:
        if not isinstance(change, dict) or change.keys() != _CHANGE or not isinstance(change["set"], dict):
            raise Unreadable("a change has other members")
        if type(change["kind"]) is not str or type(change["id"]) is not str:
            raise Unreadable("a change has a kind and an id")


def check_openings(entry: Entry) -> Iterator[Finding]:
    """Yield what is wrong with the personal values that an entry gives; one may be erased or left out."""
    committed = set(_commitments(entry.document["changes"]))
    for commitment, opening in entry.openings.items():
        if commitment not in committed:
            yield Finding("opening_wrong", entry.place, commitment)
        elif isinstance(opening, list) and len(opening) == 2 and isinstance(opening[0], str):
            told = f"gongdan-opening\n{opening[0]}\n{spell(opening[1])}"
            if hashlib.sha256(told.encode("utf-8")).hexdigest() != commitment:
                yield Finding("opening_wrong", entry.place, commitment)
        elif not isinstance(opening, dict) or "erased" not in opening:
            yield Finding("opening_wrong", entry.place, commitment)


def find_gone(entry: Entry) -> Iterator[str]:
    """Yield what stands for each personal value that an entry does not give: its stand-in, or its commitment alone."""
    # Most entries tell nothing of persons, and need not be gone through.
    for commitment in _commitments(entry.document["changes"]) if b'{"~":' in entry.payload else ():
        opening = entry.openings.get(commitment)
        if opening is None:
            yield commitment
        elif isinstance(opening, dict):
            yield str(opening.get("erased"))


def named_by_acts(entry: Entry) -> Iterator[str]:
    """Yield the stand-ins that the acts of erasing in an entry name."""
    for change in entry.changes("erasure"):
        named = change["set"].get("openings")
        yield from (str(one.get("stand_in")) for one in named or () if isinstance(one, dict))


def open_values(entry: Entry, value: Any) -> Any:
    """Return a value with what is known of the personal values in it; those not known are None."""
    if isinstance(value, dict):
        commitment = commitment_of(value)
        if commitment is None:
            return {name: open_values(entry, item) for name, item in value.items()}
        opening = entry.openings.get(commitment)
        return opening[1] if isinstance(opening, list) else None
    return [open_values(entry, item) for item in value] if isinstance(value, list) else value


def commitment_of(value: Any) -> str | None:
    """Return the commitment that stands in place of a personal value, None where there is none."""
    if isinstance(value, dict) and value.keys() == {"~"} and isinstance(value["~"], str):
        return value["~"]
    return None


def _commitments(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        commitment = commitment_of(value)
        if commitment is not None:
            yield commitment
        else:
            for item in value.values():
                yield from _commitments(item)
    elif isinstance(value, list):
        for item in value:
            yield from _commitments(item)


def sheets_of(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield id and content hash of the job sheets an entry brings."""
    for change in entry.changes("job_sheet"):
        yield change["id"], str(change["set"].get("content_sha256"))


def check_sheets(entry: Entry) -> Iterator[Finding]:
    """Yield what is wrong with the job sheets an entry brings: their content must have the hash they say."""
    for change in entry.changes("job_sheet"):
        content = open_values(entry, change["set"].get("content"))
        said = change["set"].get("content_sha256")
        if isinstance(content, str) and hashlib.sha256(content.encode("utf-8")).hexdigest() != said:
            yield Finding("sheet_differs", entry.place, change["id"])


@dataclass(slots=True)
class Trust:
    """Which key belongs to which device, as far as the log itself says, beginning with the office's."""

    organisation: str
    office_device: str
    office_key: bytes
    keys: dict[str, bytes] = field(default_factory=dict)
    resumed: dict[str, tuple[int, str]] = field(default_factory=dict)
    """device -> number and digest of the last set that was given up, after which its chain goes on"""

    def __post_init__(self) -> None:
        """Trust the office's key, and nothing else."""
        self.keys[self.office_device] = self.office_key

    def check(self, entry: Entry) -> Iterator[Finding]:
        """Yield what is wrong with an entry in itself, and learn the keys that it enrols when nothing is."""
        said, answer = entry.document, entry.receipt
        if said["organisation"] != self.organisation:
            yield Finding("organisation_differs", entry.place)
            return
        named = (answer["digest"], answer["position"], answer["device"], answer["seq"])
        if named != (entry.digest, entry.position, said["device"], said["seq"]):
            yield Finding("receipt_differs", entry.place)
        key = self.keys.get(said["device"])
        if key is None:
            yield Finding("device_not_enrolled", entry.place, str(said["device"]))
        elif not verify(key, entry.payload, entry.signature):
            yield Finding("signature_wrong", entry.place)
        else:
            yield from check_openings(entry)
            if entry.took_effect:
                self._learn(entry)

    def _learn(self, entry: Entry) -> None:
        for change in entry.changes("device"):
            new = change["set"]
            key, resumed = new.get("public_key"), (new.get("resumed_seq"), new.get("resumed_digest"))
            # Only the office enrols: a device that could would vouch for keys of its owner's making.
            if key is not None and entry.document["device"] == self.office_device and _KEY.match(str(key)):
                self.keys.setdefault(change["id"], bytes.fromhex(key))
            if type(resumed[0]) is int and isinstance(resumed[1], str):
                self.resumed[change["id"]] = resumed[0], resumed[1]
