"""A dossier: the log entries about one number, each shown to be in the log, with the evidence they name.

Rule 1: the file has one spelling; each of its parts is named by the manifest, and the office signed the manifest.
Rule 2: an entry counts when its device's key was enrolled by an entry that counts; the office's key is the reader's.
Rule 3: what is left out is named: sets of the same devices by digest or number, files by hash, personal values by their
        commitment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from verifier.archive import NotCanonical, read_archive
from verifier.entries import (
    FIRST_PREV,
    Entry,
    Trust,
    Unreadable,
    check_sheets,
    is_position,
    open_values,
    read_entry,
    read_hash,
    read_json,
    sheets_of,
)
from verifier.findings import Outcome
from verifier.merkle import is_included, is_prefix
from verifier.notes import DOSSIER, Checkpoint, read_checkpoint, read_note

FORMAT = "gongdan-dossier/1"
FILES = "files/"
FILE_FIELDS = (
    "original_sha256",
    "preview_sha256",
    "thumbnail_sha256",
    "strokes_sha256",
    "certificate_sha256",
    "file_sha256",
)
"""Fields whose value names a file."""

_MANIFEST = {"format", "organisation", "organisation_name", "office_device", "office_key", "subject", "size", "files"}
_MANIFEST |= {"evidence"}
_LINES = {
    "entries.jsonl": {"position", "about", "sealed", "receipt", "path"},
    "witnesses.jsonl": {"size", "root", "path"},
    "between.jsonl": {"device", "seq", "position", "digest", "receipt_sha256"},
    "gaps.jsonl": {"device", "after", "before"},
}


@dataclass(slots=True)
class Dossier:
    """A dossier being read; what is wrong goes into the outcome."""

    outcome: Outcome
    manifest: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    key: bytes = b""
    checkpoint: Checkpoint | None = None
    entries: list[Entry] = field(default_factory=list)
    about: dict[int, str] = field(default_factory=dict)
    """position -> why the entry is here"""
    gaps: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """device -> numbers of the sets between which the dossier names none"""
    unnamed: int = 0
    """sets in those gaps"""
    stamped_size: int = 0
    """size of the log that a timestamp is of"""
    prefixes: set[tuple[int, bytes]] = field(default_factory=set)
    """size and root of older logs that this one is shown to begin with"""

    def read(self, data: bytes) -> None:
        """Read and check a whole dossier."""
        try:
            self.files = read_archive(data)
        except NotCanonical as error:
            self.outcome.find("archive_not_canonical", "file", str(error))
            return
        if not self._read_manifest() or not self._read_checkpoint():
            return
        self._read_entries()
        self._read_prefixes()
        self._read_timestamp()
        self._check_witnesses()
        self._check_chains()
        self._check_evidence()
        self._check_subject()

    def _read_manifest(self) -> bool:
        try:
            manifest = read_json(self.files.get("manifest.json", b"").decode("utf-8"))
            if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
                self.outcome.find("format_unknown", "manifest.json")
                return False
            if manifest.keys() != _MANIFEST or not is_position(manifest["size"]):
                raise Unreadable("other members")
            _check_types(manifest)
            self.key = read_hash(manifest["office_key"])
        except (Unreadable, UnicodeDecodeError) as error:
            self.outcome.find("manifest_unreadable", "manifest.json", str(error))
            return False
        self.manifest = manifest
        note = self.files.get("manifest.sig", b"").decode("utf-8", "replace")
        said = read_note(note, DOSSIER + manifest["organisation"], self.key)
        if said != [hashlib.sha256(self.files["manifest.json"]).hexdigest()]:
            self.outcome.find("manifest_unsigned", "manifest.sig")
        named = manifest["files"]
        for name in sorted(named.keys() | self.files.keys() - {"manifest.json", "manifest.sig"}):
            if name not in self.files:
                self.outcome.find("file_missing", name)
            elif name not in named:
                self.outcome.find("file_unlisted", name)
            elif hashlib.sha256(self.files[name]).hexdigest() != named[name]:
                self.outcome.find("file_differs", name)
        return True

    def _read_checkpoint(self) -> bool:
        note = self.files.get("checkpoint", b"").decode("utf-8", "replace")
        self.checkpoint = read_checkpoint(note, self.manifest["organisation"], self.key)
        if self.checkpoint is None or self.checkpoint.size != self.manifest["size"]:
            self.outcome.find("checkpoint_unsigned", "checkpoint")
            return False
        return True

    def _read_entries(self) -> None:
        assert self.checkpoint is not None
        trust = Trust(self.manifest["organisation"], self.manifest["office_device"], self.key)
        before = 0
        for number, document in self._lines("entries.jsonl"):
            position = document["position"]
            if not is_position(position) or position <= before:
                self.outcome.find("entry_misplaced", f"entries.jsonl:{number}", str(position))
                continue
            before = position
            try:
                entry = read_entry(position, document["sealed"], document["receipt"])
                path = _read_path(document["path"])
            except Unreadable as error:
                self.outcome.find("entry_unreadable", f"log {position}", str(error))
                continue
            if not is_included(entry.leaf, position - 1, self.checkpoint.size, path, self.checkpoint.root):
                self.outcome.find("inclusion_wrong", entry.place)
            self.outcome.findings += [*trust.check(entry), *check_sheets(entry)]
            self.entries.append(entry)
            self.about[position] = str(document["about"])

    def _read_prefixes(self) -> None:
        assert self.checkpoint is not None
        end = self.checkpoint
        for number, document in self._lines("witnesses.jsonl"):
            place = f"witnesses.jsonl:{number}"
            try:
                path, root = _read_path(document["path"]), _read_path([document["root"]])[0]
                if not is_position(document["size"]):
                    raise Unreadable("no size")
            except Unreadable as error:
                self.outcome.find("line_unreadable", place, str(error))
                continue
            if is_prefix(document["size"], root, end.size, end.root, path):
                self.prefixes.add((document["size"], root))
            else:
                self.outcome.find("witness_foreign", place, f"{document['size']} {root.hex()}")

    def _read_timestamp(self) -> None:
        """Check that the timestamp is of a checkpoint that this log begins with; who made it is checked otherwise."""
        token = self.files.get("timestamp/reply.tsr")
        if token is None:
            return
        assert self.checkpoint is not None
        end = self.checkpoint
        try:
            note = self.files.get("timestamp/checkpoint", b"").decode("utf-8")
            path = _read_path(read_json(self.files.get("timestamp/path.json", b"").decode("utf-8")))
        except (Unreadable, UnicodeDecodeError) as error:
            self.outcome.find("timestamp_wrong", "timestamp/", str(error))
            return
        stamped = read_checkpoint(note, self.manifest["organisation"], self.key)
        if stamped is None or not is_prefix(stamped.size, stamped.root, end.size, end.root, path):
            self.outcome.find("timestamp_wrong", "timestamp/", "its checkpoint is not of this log")
        elif hashlib.sha256(note.encode("utf-8")).digest() not in token:
            self.outcome.find("timestamp_wrong", "timestamp/", "it is of something else")
        else:
            self.stamped_size = stamped.size

    def _check_witnesses(self) -> None:
        for entry in self.entries:
            witness = entry.witness
            if witness is None:
                continue
            if witness[0] >= entry.position:
                self.outcome.find("witness_foreign", entry.place, f"{witness[0]} >= {entry.position}")
            elif witness not in self.prefixes:
                self.outcome.find("witness_unproven", entry.place, f"{witness[0]} {witness[1].hex()}")

    def _check_chains(self) -> None:
        """Check that of each device every set from its first to its last in the dossier is here, or named."""
        links: dict[str, dict[int, tuple[int, str]]] = {}
        for number, document in self._lines("between.jsonl"):
            device, seq, position, digest = (document[name] for name in ("device", "seq", "position", "digest"))
            if not is_position(seq) or not is_position(position) or not isinstance(digest, str):
                self.outcome.find("line_unreadable", f"between.jsonl:{number}")
                continue
            links.setdefault(str(device), {})[seq] = position, digest
        for number, document in self._lines("gaps.jsonl"):
            if not is_position(document["after"]) or not is_position(document["before"]):
                self.outcome.find("line_unreadable", f"gaps.jsonl:{number}")
                continue
            self.gaps.setdefault(str(document["device"]), []).append((document["after"], document["before"]))
            self.unnamed += document["before"] - document["after"] - 1
        for device, shown in self._by_device().items():
            known = links.pop(device, {})
            if known.keys() & shown.keys():
                self.outcome.find("chain_broken", f"device {device}", "a set is both here and left out")
            known |= {seq: (entry.position, entry.digest) for seq, entry in shown.items()}
            self._check_chain(device, shown, known)
        for device in links:
            self.outcome.find("chain_broken", f"device {device}", "none of its sets is here")

    def _check_chain(self, device: str, shown: Mapping[int, Entry], known: dict[int, tuple[int, str]]) -> None:
        numbers = sorted(known)
        for seq, following in pairwise(numbers):
            if following != seq + 1 and (seq, following) not in self.gaps.get(device, ()):
                self.outcome.find("chain_gap", f"device {device}", f"{seq} .. {following}")
            if known[seq][0] >= known[following][0]:
                self.outcome.find("chain_broken", f"device {device}", f"{seq} -> {following}")
        for seq, entry in shown.items():
            before = known[seq - 1][1] if seq - 1 in known else FIRST_PREV if seq == 1 else None
            if before is not None and entry.document["prev"] != before:
                self.outcome.find("chain_broken", entry.place, f"{device} {seq - 1} -> {seq}")

    def _by_device(self) -> dict[str, dict[int, Entry]]:
        found: dict[str, dict[int, Entry]] = {}
        for entry in self.entries:
            same = found.setdefault(entry.document["device"], {})
            if entry.document["seq"] in same:
                self.outcome.find("chain_broken", entry.place, f"set {entry.document['seq']} is there twice")
            same[entry.document["seq"]] = entry
        return found

    def _check_evidence(self) -> None:
        """Check each file against its name, and that the manifest tells what became of each file an entry names."""
        named = {item["sha256"]: item["state"] for item in self.manifest["evidence"]}
        here = {name.removeprefix(FILES) for name in self.files if name.startswith(FILES)}
        for sha256 in sorted(here):
            if hashlib.sha256(self.files[FILES + sha256]).hexdigest() != sha256:
                self.outcome.find("file_differs", FILES + sha256)
        if here != {sha256 for sha256, state in named.items() if state == "here"}:
            self.outcome.find("evidence_unlisted", "manifest.json", "files")
        for entry in self.entries:
            if not self.about[entry.position].startswith("enrolment"):
                for sha256 in _files_named(entry):
                    if sha256 not in named:
                        self.outcome.find("evidence_unlisted", entry.place, sha256)

        acts = self.acts()
        for sha256 in sorted(sha256 for sha256, state in named.items() if state == "erased"):
            if sha256 not in acts:
                self.outcome.find("erasure_unproven", "manifest.json", sha256)

    def acts(self) -> dict[str, int]:
        """Return the files that acts of the office say to be erased, each with the position of the first such act."""
        found: dict[str, int] = {}
        for entry in self.entries:
            if entry.took_effect and entry.document["device"] == self.manifest["office_device"]:
                for change in entry.changes("erasure"):
                    files = change["set"].get("files")
                    for sha256 in files if isinstance(files, list) else ():
                        found.setdefault(str(sha256), entry.position)
        return found

    def _check_subject(self) -> None:
        number = self.manifest["subject"]["number"]
        if not any(number in change["set"].values() for entry in self.entries for change in entry.changes()):
            self.outcome.find("subject_missing", "manifest.json", number)

    def _lines(self, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
        data = self.files.get(name, b"")
        for number, line in enumerate(data.split(b"\n")[:-1] if data.endswith(b"\n") else [data] if data else [], 1):
            try:
                document = read_json(line.decode("utf-8"))
                if not isinstance(document, dict) or document.keys() != _LINES[name]:
                    raise Unreadable("other members")
            except (Unreadable, UnicodeDecodeError) as error:
                self.outcome.find("line_unreadable", f"{name}:{number}", str(error))
                continue
            yield number, document

    def sheets(self) -> dict[str, tuple[int, str]]:
        """Return position and content hash of the job sheets in the dossier."""
        taken = [entry for entry in self.entries if entry.took_effect]
        return {sheet: (entry.position, sha256) for entry in taken for sheet, sha256 in sheets_of(entry)}

    def life(self) -> list[dict[str, Any]]:
        """Return what the entries say of the number, in the order of the log."""
        return [
            {
                "position": entry.position,
                "received_at": entry.receipt["received_at"],
                "captured_at": entry.document["captured_at"],
                "device": entry.document["device"],
                "actor": entry.document["actor"],
                "verdict": entry.receipt["verdict"],
                "kind": change["kind"],
                "op": change["op"],
                "id": change["id"],
                "values": open_values(entry, change["set"]),
            }
            for entry in self.entries
            if self.about[entry.position] == "fact"
            for change in entry.changes()
        ]


def _files_named(entry: Entry) -> Iterator[str]:
    for change in entry.changes():
        yield from (change["set"][name] for name in FILE_FIELDS if isinstance(change["set"].get(name), str))


def _check_types(manifest: Mapping[str, Any]) -> None:
    subject, files, evidence = manifest["subject"], manifest["files"], manifest["evidence"]
    texts = [manifest["organisation"], manifest["office_device"], manifest["office_key"]]
    if not isinstance(subject, dict) or subject.keys() != {"kind", "number"}:
        raise Unreadable("the subject has a kind and a number")
    if not isinstance(files, dict) or not isinstance(evidence, list):
        raise Unreadable("files and evidence are listed")
    for item in evidence:
        if not isinstance(item, dict) or item.keys() != {"sha256", "state"}:
            raise Unreadable("a piece of evidence has a hash and a state")
        texts += item.values()
    texts += [*subject.values(), *files.values()]
    if not all(isinstance(text, str) for text in texts):
        raise Unreadable("a text is of another type")


def _read_path(path: Any) -> list[bytes]:
    if not isinstance(path, list):
        raise Unreadable("a path is a list of hashes")
    return [read_hash(node) for node in path]
