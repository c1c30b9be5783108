"""A whole exported log: every signature, every chain, every receipt, every witness, and the root the office signed.

The file has one line of JSON for what it is, one for each entry, and one for the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from verifier.entries import (
    FIRST_PREV,
    Entry,
    Trust,
    Unreadable,
    find_gone,
    is_position,
    named_by_acts,
    read_entry,
    read_hash,
    read_json,
    sheets_of,
)
from verifier.findings import Outcome
from verifier.merkle import Tree
from verifier.notes import Checkpoint, read_checkpoint

FORMAT = "gongdan-log/1"
_HEAD = {"format", "organisation", "organisation_name", "office_device", "office_key"}
_ENTRY = {"position", "sealed", "receipt"}
_HASH_BYTES = 32


@dataclass(slots=True)
class LogReader:
    """Reads an exported log once, from its first line to its last."""

    outcome: Outcome
    trust: Trust | None = None
    checkpoint: Checkpoint | None = None
    sheets: dict[str, tuple[int, str]] = field(default_factory=dict)
    """job sheet -> position and hash of its content"""
    changes: int = 0
    _tree: Tree = field(default_factory=Tree)
    _heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    _roots: bytearray = field(default_factory=bytearray)
    _gone: dict[str, str] = field(default_factory=dict)
    """what stands for a personal value that is not given -> the first place where it does"""
    _erased: set[str] = field(default_factory=set)
    """The stand-ins that the office's acts of erasing name"""

    def root_at(self, size: int) -> bytes | None:
        """Return the root that the log had at a size, None where it never had that size."""
        if not 0 < size <= self._tree.size:
            return None
        return bytes(self._roots[(size - 1) * _HASH_BYTES : size * _HASH_BYTES])

    def read(self, lines: Iterable[bytes]) -> None:
        """Read the lines; what is wrong goes into the outcome."""
        source = iter(lines)
        try:
            head = _read_line(next(source, b""), _HEAD)
            if head["format"] != FORMAT:
                raise Unreadable(str(head["format"]))
            key = read_hash(head["office_key"])
            self.trust = Trust(str(head["organisation"]), str(head["office_device"]), key)
        except (Unreadable, ValueError, TypeError) as error:
            self.outcome.find("format_unknown", "line 1", str(error))
            return
        self.outcome.facts |= {"organisation": head["organisation"], "name": head["organisation_name"]}
        note = self._read_entries(source)
        for stand_in, place in self._gone.items():
            if stand_in not in self._erased:
                self.outcome.find("opening_missing", place, stand_in)
        self._compare_end(note)

    def _read_entries(self, source: Iterator[bytes]) -> str:
        for number, line in enumerate(source, 2):
            try:
                if line.startswith(b'{"checkpoint":'):
                    note = _read_line(line, {"checkpoint"})["checkpoint"]
                    if next(source, None) is not None:
                        raise Unreadable("more behind the checkpoint")
                    return str(note)
                document = _read_line(line, _ENTRY)
            except Unreadable as error:
                self.outcome.find("line_unreadable", f"line {number}", str(error))
                continue
            self._take(document, number)
        return ""

    def _take(self, document: dict[str, Any], number: int) -> None:
        find = self.outcome.find
        expected = self._tree.size + 1
        if not is_position(document["position"]) or document["position"] != expected:
            find("entry_misplaced", f"line {number}", f"{document['position']} != {expected}")
        try:
            entry = read_entry(expected, document["sealed"], document["receipt"])
        except Unreadable as error:
            find("entry_unreadable", f"log {expected}", str(error))
            self._tree.append(bytes(_HASH_BYTES))
            self._roots += self._tree.root
            return
        assert self.trust is not None
        self.outcome.findings += self.trust.check(entry)
        self._check_chain(entry)
        witness = entry.witness
        if witness is not None and self.root_at(witness[0]) != witness[1]:
            find("witness_foreign", entry.place, f"{witness[0]} {witness[1].hex()}")
        self._tree.append(entry.leaf)
        self._roots += self._tree.root
        self.changes += len(entry.document["changes"])
        for stand_in in find_gone(entry):
            self._gone.setdefault(stand_in, entry.place)
        if entry.took_effect:
            if entry.document["device"] == self.trust.office_device:
                self._erased.update(named_by_acts(entry))
            self.sheets |= {sheet: (entry.position, sha256) for sheet, sha256 in sheets_of(entry)}

    def _check_chain(self, entry: Entry) -> None:
        assert self.trust is not None
        device, seq = entry.document["device"], entry.document["seq"]
        head, resumed = self._heads.get(device, (0, FIRST_PREV)), self.trust.resumed.get(device, (0, FIRST_PREV))
        head = resumed if resumed[0] > head[0] else head
        if (seq, entry.document["prev"]) != (head[0] + 1, head[1]):
            self.outcome.find("chain_broken", entry.place, f"{device} {head[0]} -> {seq}")
        self._heads[device] = seq, entry.digest

    def _compare_end(self, note: str) -> None:
        assert self.trust is not None
        self.checkpoint = read_checkpoint(note, self.trust.organisation, self.trust.office_key)
        self.outcome.facts |= {"entries": self._tree.size, "changes": self.changes, "root": self._tree.root.hex()}
        if self.checkpoint is None:
            self.outcome.find("checkpoint_unsigned", "checkpoint")
            return
        size = self.checkpoint.size
        if size != self._tree.size:
            code = "log_cut" if size > self._tree.size else "log_longer"
            self.outcome.find(code, "log", f"{self._tree.size} / {size}")
        elif self.checkpoint.root != self._tree.root:
            self.outcome.find("root_differs", "log", self._tree.root.hex())


def _read_line(line: bytes, members: set[str]) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise Unreadable("the line is cut off")
    try:
        document = read_json(line[:-1].decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unreadable(str(error)) from None
    if not isinstance(document, dict) or document.keys() != members:
        raise Unreadable("other members")
    return document
