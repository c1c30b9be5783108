"""What the records should be, worked out from the log alone by other code than the server's.

It reads the log's bytes with nothing but `json`, `hashlib` and a signature check, and knows the merge rules and
the findings in its own words. What it takes from the product is the declaration of the data, in `schemas/`, and
what was decided about a whole set: a set refused changes nothing.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from nacl.signing import VerifyKey

from schemas import KINDS, MergeRule
from tests.simulation.part_history import PartFact
from tests.simulation.sealed_lines import is_stand_in, read_payload
from tests.simulation.suspicions import find_suspicions
from tests.simulation.world import Broken

Body = dict[str, Any]
Respell = Callable[[int, Body], Body]
"""release, values -> the values as the server's release spells them"""
WHOLE: Final = "*"
REVIEWS: Final = ("conflict", "exception")
POSTPONED: Final = ("later_until", "later_person", "later_why", "later_by", "later_at")
"""What a review loses that was put off, when another value comes in for it."""


@dataclass(slots=True)
class Fact:
    """A record as it should stand; `stamps` tells when, by whose clock and on which device each field was written."""

    kind: str
    body: Body
    stamps: dict[str, tuple[str, str]] = field(default_factory=dict)
    deleted: bool = False
    text: str = ""
    born: int = 0
    """the log position that opened a conflict or exception"""


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
    received: list[str] = field(default_factory=list)
    """when each entry of the log was received, in order"""
    office: str = ""
    """the office's own device: it founded the log"""
    part_facts: dict[str, PartFact] = field(default_factory=dict)
    """what is told of parts, by the ids of the facts"""
    raised: dict[str, list[str]] = field(default_factory=dict)
    """record -> the exceptions that its creation raised"""
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

    def body_of(self, record_id: str | None) -> Body:
        """Return the values of a record, nothing when there is none."""
        fact = self.facts.get(record_id or "")
        return fact.body if fact else {}

    def bodies_of(self, kind: str) -> list[tuple[str, Body]]:
        """Return id and values of all records of a kind that are not deleted."""
        return [(key, fact.body) for key, fact in self.facts.items() if fact.kind == kind and not fact.deleted]

    def name(self, given: str, key: str) -> None:
        """Give a conflict or exception that was expected the name under which the server opened it."""
        fact = self.facts.pop(given)
        self.facts[key] = fact
        self.changed = self.changed - {given} | {key}
        if fact.kind == "conflict":
            named = self.conflicts[fact.body["subject_id"], fact.body["field"]]
        else:
            named = self.raised[fact.body["subject_id"]]
        if given in named:
            named[named.index(given)] = key

    def take(self, entry: Entry, office_key: bytes, respell: Respell) -> None:
        """Take an entry of the log in: check what the bytes promise, and do what they say."""
        payload = self._check(entry, office_key)
        self.position, self.digests[entry.digest] = entry.position, entry.position
        self.received.append(entry.received_at)
        self.office = self.office or entry.device
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
        line = entry.sealed.partition(b"\t")[0]
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
        return read_payload(entry.sealed)


class _Author:
    """Writes one set into a truth."""

    def __init__(self, truth: Truth, entry: Entry, payload: Body) -> None:
        self.truth, self.entry, self.payload = truth, entry, payload
        self.device: str = payload["device"]
        latest = f"{_milliseconds(entry.received_at):013d}-ffff"
        self.stamp = (min(payload["clock"], latest), self.device)
        self.shift_ms = self._find_shift()
        self.contested: set[tuple[str, str]] = set()
        self.decided = {
            (subject.body["subject_id"], subject.body["field"])
            for change in payload["changes"]
            if change["kind"] == "conflict" and change["set"].get("state") in ("settled", "open")
            if (subject := truth.facts.get(change["id"])) is not None
        }
        self.decides = any(change["kind"] == "exception" for change in payload["changes"])

    def write(self) -> set[tuple[str, str]]:
        """Make the changes; return which fields of which records wait for a person."""
        for change in self.payload["changes"]:
            part = self._read_part(change)
            for code in [] if self.decides else find_suspicions(self.truth, change, part):
                name = self._open("exception", {"code": code, "subject_id": change["id"], "state": "open"})
                self.truth.raised.setdefault(change["id"], []).append(name)
            if change["kind"] == "withdrawal":
                self._mark(change)
            self._make(change, part)
        return self.contested

    def _find_shift(self) -> int:
        """Return by how many milliseconds the times that a device wrote are off: a set was made before it was received,
        and after the newest entry that its device had seen."""
        if self.device == self.truth.office:
            return 0
        claimed = _milliseconds(self.payload["captured_at"]) + self.payload["offset_ms"]
        seen = int((self.payload["witness"] or "0").split()[0])
        made = max(claimed, _milliseconds(self.truth.received[seen - 1])) if 0 < seen < self.entry.position else claimed
        return min(made, _milliseconds(self.entry.received_at)) - claimed

    def _make(self, change: Body, part: PartFact | None) -> None:
        fact = self.truth.facts.get(change["id"])
        if fact is None:
            self._put(change["id"], change["kind"], change["set"])
            self._remember(change, part)
            if change["kind"] == "erasure":
                self._take_out(change["set"].get("fields") or ())
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
            # What stands for something erased is nobody's word.
            is_later = is_stand_in(stands) or self.stamp > fact.stamps[name if name in fact.stamps else ""]
            return {name: wanted} if is_later else {}
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
                conflict.body |= {name: None for name in POSTPONED if conflict.body.get(name) is not None}
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
        self.truth.facts[name] = Fact(kind, body, born=self.entry.position)
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
        if kind == "conflict":
            of_field = self.truth.conflicts[fact.body["subject_id"], fact.body["field"]]
            of_field[:] = [found for found in of_field if found != record_id]
            if fact.body["state"] == "open":
                # Opened again, it has its place by when it was opened first.
                of_field.append(record_id)
                of_field.sort(key=lambda found: self.truth.facts[found].born)

    def _take_out(self, places: list[Body]) -> None:
        """Put what stands for something erased where an act says that it stood: a field, or a member or item of it."""
        for place in places:
            name, _, inner = place["path"].partition(".")
            fact, stand_in = self.truth.facts[place["id"]], place["stand_in"]
            value = fact.body[name]
            if isinstance(value, dict) and inner:
                stand_in = value | {inner: stand_in}
            elif isinstance(value, list) and inner:
                stand_in = [stand_in if at == int(inner) else item for at, item in enumerate(value)]
            self._put(place["id"], fact.kind, {name: stand_in})

    def _mark(self, change: Body) -> None:
        """Tell in the exceptions that a fact raised that it was struck out."""
        for name in self.truth.raised.get(change["set"]["subject_id"], ()):
            self.truth.facts[name].body["withdrawal_id"] = change["id"]
            self.truth.changed.add(name)

    def _remember(self, change: Body, part: PartFact | None) -> None:
        """Remember what later findings depend on."""
        values = change["set"]
        if change["kind"] == "signature" and values["outcome"] == "signed":
            self.truth.signed.add(values["order_id"])
        if part is not None:
            self.truth.part_facts[part.id] = part

    def _read_part(self, change: Body) -> PartFact | None:
        """Return what a change tells of a part, None when it tells of none."""
        values, truth = change["set"], self.truth
        if change["op"] != "create" or change["id"] in truth.facts:
            return None
        place = (change["id"], self.entry.position)
        if change["kind"] == "withdrawal":
            subject = truth.part_facts.get(values["subject_id"])
            return subject and self._strike(subject, place, values["withdrawn_at"])
        if change["kind"] not in ("part_fitted", "part_removed"):
            return None
        act = change["kind"].removeprefix("part_")
        part, batch = truth.body_of(values.get("part_id")), truth.body_of(values.get("batch_id"))
        maker = values.get("gtin") or part.get("gtin") or part.get("manufacturer") or ""
        number = values.get("batch") or batch.get("number")
        at, about = values[f"{act}_at"], values.get("replaces_id")
        corrected = truth.part_facts.get(about or "")
        # Who repeats the time of what he corrects means that same moment, whatever his clock shows today.
        when = corrected.when if corrected and corrected.at == at else self._put_right(at)
        where = (values["machine_id"], values["order_id"])
        serial = values.get("serial") or None
        return PartFact(place[0], act, maker, serial, number, *where, at, when, place[1], about)

    def _strike(self, subject: PartFact, place: tuple[str, int], at: str) -> PartFact:
        when = self._put_right(at)
        told = {"id": place[0], "position": place[1], "act": "struck", "at": at, "when": when, "about": subject.id}
        return replace(subject, **told)  # type: ignore[arg-type]

    def _put_right(self, instant: str) -> str:
        moment = datetime.fromtimestamp((_milliseconds(instant) + self.shift_ms) / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
