"""What the records should be, worked out from the log alone by other code than the server's.

It reads the log's bytes with nothing but `json`, `hashlib` and a signature check, and knows the merge rules and
the findings in its own words. What it takes from the product is the declaration of the data, in `schemas/`, and
what was decided about a whole set: a set refused changes nothing.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from nacl.signing import VerifyKey

from schemas import KINDS, MergeRule
from schemas.lifecycle import ENDED_STATES
from tests.simulation.world import Broken

Body = dict[str, Any]
Respell = Callable[[int, Body], Body]
"""release, values -> the values as the server's release spells them"""
WHOLE: Final = "*"
REVIEWS: Final = ("conflict", "exception")
SIGNED_FIELDS: Final = ("diagnosis", "remedy", "result")
SIGNED_KINDS: Final = ("part_fitted", "part_removed", "check_result")


@dataclass(slots=True)
class Fact:
    """A record as it should stand; `stamps` tells when, by whose clock and on which device each field was written."""

    kind: str
    body: Body
    stamps: dict[str, tuple[str, str]] = field(default_factory=dict)
    deleted: bool = False
    text: str = ""


@dataclass(slots=True)
class Entry:
    """A row of the server's log."""

    position: int
    device: str
    seq: int
    digest: str
    sealed: bytes
    receipt: str
    received_at: str


@dataclass(slots=True)
class Truth:
    """The records, and what was expected to be opened for a person, after some entries of a log."""

    position: int = 0
    facts: dict[str, Fact] = field(default_factory=dict)
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    digests: dict[str, int] = field(default_factory=dict)
    """digest -> position"""
    entries: list[bytes] = field(default_factory=list)
    """what the Merkle log commits to, in order"""
    signed: set[str] = field(default_factory=set)
    parts: dict[tuple[str, str], list[tuple[str, int, str, str, str]]] = field(default_factory=dict)
    """(maker, serial) -> (at, position, id, act, machine)"""
    conflicts: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """(record, field) -> ids of its open conflicts, oldest first"""
    changed: set[str] = field(default_factory=set)
    """ids of the records written since `changed` was emptied"""
    opened: list[str] = field(default_factory=list)
    """names given here to conflicts and exceptions that the server has yet to name"""

    def copy(self) -> Truth:
        """Return a truth that goes its own way from here."""
        return copy.deepcopy(self)

    def live(self) -> dict[str, tuple[str, Body]]:
        """Return kind and body of every record that is not deleted."""
        return {key: (fact.kind, fact.body) for key, fact in self.facts.items() if not fact.deleted}

    def take(self, entry: Entry, office_key: bytes, respell: Respell) -> None:
        """Take an entry of the log in: check what the bytes promise, and do what they say."""
        payload = self._check(entry, office_key)
        self.position, self.digests[entry.digest] = entry.position, entry.position
        self.heads[entry.device] = (entry.seq, entry.digest)
        self.entries.append(bytes.fromhex(entry.digest) + hashlib.sha256(entry.receipt.encode()).digest())
        answer = json.loads(entry.receipt)
        if answer["verdict"] == "refused":
            return
        for change in payload["changes"]:
            change["set"], change["was"] = (respell(payload["schema"], change[side]) for side in ("set", "was"))
        contested = _Author(self, entry, payload).write()
        told = {(v["id"], name) for v in answer["changes"] for name in v["contested"]}
        if contested != told:
            raise Broken(f"log {entry.position}: contested are {sorted(contested)}, the receipt says {sorted(told)}")

    def _check(self, entry: Entry, office_key: bytes) -> Body:
        """Check density, digest, signature, chain and receipt of an entry; return what was signed."""
        line, _, openings = entry.sealed.partition(b"\t")
        payload: Body = json.loads(line[129:])
        known = self.facts.get(entry.device)
        key = bytes.fromhex(known.body["public_key"]) if known else office_key
        VerifyKey(key).verify(line[129:], bytes.fromhex(line[:128].decode()))
        answer = json.loads(entry.receipt)
        seq, digest = self.heads.get(entry.device, (0, "0" * 64))
        is_right = {
            "its device is in service": known is None or known.body["state"] == "active",
            "the log is dense": entry.position == self.position + 1,
            "the digest is that of the bytes": hashlib.sha256(line).hexdigest() == entry.digest,
            "no set is taken in twice": entry.digest not in self.digests,
            "the set is next in its chain": (payload["seq"], payload["prev"]) == (seq + 1, digest),
            "the row names device and number": (payload["device"], payload["seq"]) == (entry.device, entry.seq),
            "the receipt is for this entry": (answer["digest"], answer["position"]) == (entry.digest, entry.position),
            "the receipt names the time": answer["received_at"] == entry.received_at,
        }
        for promise, holds in is_right.items():
            if not holds:
                raise Broken(f"log {entry.position}, set {entry.seq} of {entry.device}: it is not so that {promise}")
        values = dict(_open_each(json.loads(openings))) if openings else {}
        for change in payload["changes"]:
            change["set"], change["was"] = (_put_in_place(change[side], values) for side in ("set", "was"))
        if values:
            raise Broken(f"log {entry.position}: {len(values)} openings open nothing")
        return payload


def _open_each(openings: Body) -> Iterator[tuple[str, Any]]:
    """Yield what each commitment stands for, by the words of docs/protocol.md."""
    for digest, opening in openings.items():
        if isinstance(opening, dict):
            yield digest, opening["erased"]
            continue
        salt, value = opening
        spelled = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if hashlib.sha256(f"gongdan-opening\n{salt}\n{spelled}".encode()).hexdigest() != digest:
            raise Broken(f"{opening} does not open {digest}")
        yield digest, value


def _put_in_place(values: Body, opened: Body) -> Body:
    return {name: _put_value(value, opened) for name, value in values.items()}


def _put_value(value: Any, opened: Body) -> Any:
    if isinstance(value, list):
        return [_put_value(item, opened) for item in value]
    return opened.pop(value["~"]) if isinstance(value, dict) and value.keys() == {"~"} else value


class _Author:
    """Writes one set into a truth."""

    def __init__(self, truth: Truth, entry: Entry, payload: Body) -> None:
        self.truth, self.entry, self.payload = truth, entry, payload
        self.device: str = payload["device"]
        latest = f"{_milliseconds(entry.received_at):013d}-ffff"
        self.stamp = (min(payload["clock"], latest), self.device)
        self.contested: set[tuple[str, str]] = set()
        self.decided = {
            (subject.body["subject_id"], subject.body["field"])
            for change in payload["changes"]
            if change["kind"] == "conflict" and change["set"].get("state") == "settled"
            if (subject := truth.facts.get(change["id"])) is not None
        }

    def write(self) -> set[tuple[str, str]]:
        """Make the changes; return which fields of which records wait for a person."""
        for change in self.payload["changes"]:
            for code in self._find_exceptions(change):
                self._open("exception", {"code": code, "subject_id": change["id"], "state": "open"})
            self._make(change)
        return self.contested

    def _make(self, change: Body) -> None:
        fact = self.truth.facts.get(change["id"])
        if fact is None:
            self._put(change["id"], change["kind"], change["set"])
            self._remember(change)
        elif change["op"] == "delete" or fact.deleted:
            self._delete(fact, change)
        else:
            values = {}
            for name, wanted in change["set"].items():
                values |= self._merge(fact, change, name, wanted)
            if values:
                self._put(change["id"], fact.kind, values)

    def _merge(self, fact: Fact, change: Body, name: str, wanted: Any) -> Body:
        """Return what becomes of one field: nothing, or its new value."""
        stands, seen = fact.body.get(name), change["was"].get(name)
        rule = KINDS[fact.kind].rules[name].merge if name in KINDS[fact.kind].rules else MergeRule.ASK
        untouched = stands == seen
        if untouched and (change["id"], name) in self.decided:
            return {name: wanted}
        if stands == wanted:
            return {}
        if untouched and not (rule is MergeRule.FROZEN and stands is not None):
            return {name: wanted}
        if rule in (MergeRule.LATEST, MergeRule.OFFICE):
            return {name: wanted} if self.stamp > fact.stamps[name if name in fact.stamps else ""] else {}
        if rule is MergeRule.EARLIEST:
            moments = sorted((_milliseconds(at), at) for at in (stands, wanted) if at is not None)
            return {name: moments[0][1]} if moments[0][1] != stands else {}
        if rule is MergeRule.UNION:
            base, ours, theirs = (value if isinstance(value, list) else [] for value in (seen, stands, wanted))
            kept = [item for item in ours if not (item in base and item not in theirs)]
            return {name: kept + [item for item in dict.fromkeys(theirs) if item not in kept and item not in base]}
        self._contest(change, fact, name, (seen, stands, wanted))
        return {}

    def _delete(self, fact: Fact, change: Body) -> None:
        if fact.deleted and change["op"] == "delete":
            return
        has_moved = any(fact.body.get(name) != value for name, value in change["was"].items())
        if fact.deleted or has_moved:
            standing = None if fact.deleted else {name: fact.body.get(name) for name in change["was"]}
            values = (change["was"], standing, change["set"] if fact.deleted else None)
            self._contest(change, fact, WHOLE, values)
            return
        fact.deleted = True
        self.truth.changed.add(change["id"])

    def _contest(self, change: Body, fact: Fact, name: str, values: tuple[Any, Any, Any]) -> None:
        self.contested.add((change["id"], name))
        base, stands, wanted = values
        of_field = self.truth.conflicts.setdefault((change["id"], name), [])
        for known in of_field:
            conflict = self.truth.facts[known]
            is_his = conflict.body["incoming_provenance"]["device_id"] == self.device
            if is_his and conflict.body["incoming"] == base:
                conflict.body |= {"office": stands, "incoming": wanted}
                self.truth.changed.add(known)
                return
        named = {"subject_kind": fact.kind, "subject_id": change["id"], "field": name, "state": "open"}
        of_field.append(
            self._open(
                "conflict",
                named
                | {"base": base, "office": stands, "incoming": wanted}
                | {"incoming_provenance": {"device_id": self.device, "actor_id": self.payload["actor"]}},
            )
        )

    def _open(self, kind: str, body: Body) -> str:
        name = f"{kind} {self.entry.position}.{len(self.truth.opened)}"
        self.truth.facts[name] = Fact(kind, body)
        self.truth.opened.append(name)
        return name

    def _put(self, record_id: str, kind: str, values: Body) -> None:
        fact = self.truth.facts.get(record_id)
        if fact is None:
            fact = self.truth.facts[record_id] = Fact(kind, {}, {"": self.stamp})
        else:
            fact.stamps |= dict.fromkeys(values, self.stamp)
        fact.body |= values
        self.truth.changed.add(record_id)
        if kind == "conflict" and fact.body["state"] == "settled":
            of_field = self.truth.conflicts[fact.body["subject_id"], fact.body["field"]]
            if record_id in of_field:
                of_field.remove(record_id)

    def _remember(self, change: Body) -> None:
        """Remember what later findings depend on."""
        values = change["set"]
        if change["kind"] == "signature" and values["outcome"] == "signed":
            self.truth.signed.add(values["order_id"])
        if change["kind"] in ("part_fitted", "part_removed") and values.get("serial"):
            self.truth.parts.setdefault((values["gtin"], values["serial"]), []).append(self._event(change))

    def _event(self, change: Body) -> tuple[str, int, str, str, str]:
        values, act = change["set"], change["kind"].removeprefix("part_")
        return (values[f"{act}_at"], self.entry.position, change["id"], act, values["machine_id"])

    def _find_exceptions(self, change: Body) -> list[str]:
        kind, values, found = change["kind"], change["set"], []
        order_id = change["id"] if kind == "work_order" else values.get("order_id")
        if not order_id or kind in REVIEWS or ("order_id" not in KINDS[kind].fields and kind != "work_order"):
            return []
        order = self.truth.facts.get(order_id)
        if order is not None and order.body["status"] in ENDED_STATES and change["op"] == "create":
            found.append("work_on_ended_order")
        says_otherwise = any(n in values and values[n] != change["was"].get(n) for n in SIGNED_FIELDS)
        if order_id in self.truth.signed and (kind in SIGNED_KINDS or (kind == "work_order" and says_otherwise)):
            found.append("changed_after_signature")
        if kind in ("part_fitted", "part_removed"):
            found += self._find_in_parts(change)
        return found

    def _find_in_parts(self, change: Body) -> list[str]:
        values, found = change["set"], []
        batch = self.truth.facts.get(values.get("batch_id") or "")
        if batch is not None and batch.body.get("recalled_on"):
            found.append("recalled_batch")
        if not values.get("serial"):
            return found
        at, machine = self._event(change)[0], values["machine_id"]
        known = sorted(self.truth.parts.get((values["gtin"], values["serial"]), []))
        earlier, later = [e for e in known if e[0] <= at], [e for e in known if e[0] > at]
        where = None
        for event in earlier:
            where = event[4] if event[3] == "fitted" else None if event[4] == where else where
        if change["kind"] == "part_removed":
            return [*found, "unknown_serial"] if earlier and where != machine else found
        is_elsewhere = where not in (None, machine)
        moves_on = bool(later) and later[0][3] == "fitted" and later[0][4] != machine
        return [*found, "serial_in_two_places"] if is_elsewhere or moves_on else found


def _milliseconds(instant: str) -> int:
    return round(datetime.fromisoformat(instant).timestamp() * 1000)


def merkle_root(entries: list[bytes]) -> bytes:
    """Return the root over some entries, by the words of RFC 6962 section 2.1."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return hashlib.sha256(b"\1" + merkle_root(entries[:split]) + merkle_root(entries[split:])).digest()
