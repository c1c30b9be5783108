"""Whatever is altered in a dossier or an exported log is named."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from server.keys import OfficeKey
from server.services import log_tree
from server.services.blobs import BlobDesk, Owner
from server.services.dossier import build_dossier
from server.services.dossier_archive import write_archive
from server.services.dossier_entries import Subject
from server.services.file_check import check_files
from server.services.log_export import export_log
from server.settings import read_settings
from server.store.database import reading
from server.store.file_storage import open_files
from sync.checkpoint import write_note
from tests.server.builders import photo
from tests.server.dossier_story import SHA256, Story, Verify, codes, story, verify
from verifier.archive import read_archive
from verifier.dossier import Dossier
from verifier.findings import Outcome

__all__ = ["story", "verify"]


def test_a_whole_log_is_checked_and_every_alteration_named(story: Story, verify: Verify) -> None:
    with reading(story.firm.engine) as connection:
        lines = list(export_log(connection, story.key, story.firm.id))
        root = log_tree.root_at(connection, story.firm.id, len(lines) - 2).hex()
    head, *entries, end = lines

    status, told = verify(b"".join(lines))
    assert (status, told["facts"]["root"]) == (0, root)
    swapped = [*entries[:5], entries[6], entries[5], *entries[7:]]
    other = json.loads(entries[-1])
    other["receipt"] = other["receipt"].replace('"applied"', '"refused"')
    altered = json.dumps(other, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    expected = {
        "root_differs": [head, *entries[:-1], altered, end],
        "log_cut": [head, *entries[:-1], end],
        "log_longer": [head, *entries, entries[-1], end],
        "entry_misplaced": [head, *swapped, end],
        "chain_broken": [head, *entries[:7], *entries[8:], end],
        "checkpoint_unsigned": [head, *entries],
        "format_unknown": entries,
        "line_unreadable": [head, *entries[:4], b"{}\n", *entries[4:], end],
        "entry_unreadable": [head, *entries[:4], entries[4].replace(b'"sealed":"', b'"sealed":"x'), *entries[5:], end],
        "device_not_enrolled": [
            head,
            *(
                line
                for line in entries
                if b'"name":"\\u5e73\\u677f' not in line and story.firm.wei.public_key.encode() not in line
            ),
            end,
        ],
    }
    for code, forged in expected.items():
        status, told = verify(b"".join(forged))
        assert status == 1 and code in codes(told), code


def forge(data: bytes, **files: bytes) -> bytes:
    """Return a dossier with other files in it, as somebody would who knows the format."""
    return write_archive(read_archive(data) | {name.replace("_", "."): content for name, content in files.items()})


def test_every_part_of_a_dossier_is_held_to(story: Story, verify: Verify) -> None:
    data = story.build()
    files = read_archive(data)
    entries = files["entries.jsonl"].splitlines(keepends=True)
    flipped = bytearray(entries[3])
    flipped[len(flipped) // 2] ^= 1
    cases = {
        "file_differs": forge(data, cover_html=b"all is well"),
        "file_unlisted": write_archive(files | {"more": b""}),
        "file_missing": write_archive({name: files[name] for name in files if name != "cover.html"}),
        "manifest_unsigned": forge(data, manifest_json=files["manifest.json"].replace(b'"B-1"', b'"B-2"')),
        "subject_missing": forge(data, manifest_json=files["manifest.json"].replace(b'"B-1"', b'"B-7"')),
        "checkpoint_unsigned": forge(data, checkpoint=files["checkpoint"][:-3]),
        "entry_misplaced": forge(data, entries_jsonl=b"".join([entries[1], entries[0], *entries[2:]])),
        "device_not_enrolled": forge(
            data, entries_jsonl=b"".join(line for line in entries if b"enrolment" not in line)
        ),
        "chain_gap": forge(data, between_jsonl=b""),
        "witness_unproven": forge(data, witnesses_jsonl=b""),
        "format_unknown": forge(data, manifest_json=files["manifest.json"].replace(b"dossier/1", b"dossier/9")),
        "manifest_unreadable": forge(data, manifest_json=files["manifest.json"].replace(b'"size":', b'"Size":')),
        "inclusion_wrong": forge(data, entries_jsonl=b"".join(moved(entries))),
        "archive_not_canonical": data + b"\0",
    }
    for code, forged in cases.items():
        status, told = verify(forged)
        assert status == 1 and code in codes(told), (code, codes(told))


def moved(entries: list[bytes]) -> list[bytes]:
    """Return entries of which the last claims the place behind it."""
    last = json.loads(entries[-1])
    last["position"] += 1
    return [*entries[:-1], json.dumps(last, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"]


def test_no_byte_of_a_dossier_can_be_another(story: Story) -> None:
    """Of all bytes every seventh, with another bit flipped: names, sizes, checksums and directory of the ZIP too."""
    data = story.build(files="none")
    for at in range(0, len(data), 7):
        altered = bytearray(data)
        altered[at] ^= 1 << at % 8
        dossier = Dossier(Outcome("dossier"))
        dossier.read(bytes(altered))

        assert dossier.outcome.findings, f"byte {at}"


def test_evidence_altered_on_the_servers_disk_is_named(story: Story, verify: Verify, tmp_path: Path) -> None:
    content = b"a second photo"
    sha256 = hashlib.sha256(content).hexdigest()
    owner = Owner(story.firm.id, story.firm.wei.id)
    blobs = BlobDesk(story.firm.engine, open_files(read_settings({"GONGDAN_DATA": str(tmp_path)})), 1_000_000, 24)
    blobs.receive(owner, blobs.create(owner, len(content), sha256).upload, 0, [content], len(content))
    story.firm.send(story.firm.wei, photo(story.firm.order, original_sha256=sha256))
    (file,) = (found for found in tmp_path.rglob("*") if found.is_file() and found.read_bytes() == content)

    file.chmod(0o600)
    file.write_bytes(b"another photo.")
    found = {it.place: it.code for it in check_files(blobs, story.firm.id, frozenset())}
    status, told = verify(build_dossier(blobs, story.key, story.firm.id, Subject("serial", "C-1")).data)

    assert found == {f"file {sha256}": "file_differs", f"file {SHA256}": "file_missing"}
    assert status == 1 and codes(told) == {"file_differs"}


def resign(
    data: bytes,
    key: OfficeKey,
    files: dict[str, bytes],
    *,
    manifest: dict[str, Any] | None = None,
    contents: dict[str, bytes] | None = None,
) -> bytes:
    """Return a dossier with other files, its manifest made anew and signed with the office's key."""
    contents = (contents or read_archive(data)) | files
    said = json.loads(contents.pop("manifest.json"))
    manifest = manifest or said
    del contents["manifest.sig"]
    manifest["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    spelled = json.dumps(manifest, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    origin, digest = f"gongdan/dossier/{manifest['organisation']}", hashlib.sha256(spelled).hexdigest()
    note = write_note(origin, [digest], bytes.fromhex(key.public_key), key.sign)
    return write_archive({"manifest.json": spelled, "manifest.sig": note.encode(), **contents})


def without_reasons(part: bytes) -> object:
    """Return what lines say but why they are here, which is the office's word alone."""
    try:
        return [json.loads(line) | {"about": ""} for line in part.splitlines()]
    except ValueError:
        return part


@settings(max_examples=60)
@given(data=st.data())
def test_whoever_has_the_offices_key_still_cannot_alter_what_was_sealed(story: Story, data: st.DataObject) -> None:
    """The manifest is signed anew around a byte changed in what was sealed, answered, proven or photographed."""
    whole = story.build()
    files = read_archive(whole)
    name = data.draw(st.sampled_from(["entries.jsonl", "witnesses.jsonl", "checkpoint", f"files/{SHA256}"]))
    at = data.draw(st.integers(0, len(files[name]) - 1))
    altered = bytearray(files[name])
    altered[at] ^= 1 << data.draw(st.integers(0, 7))
    dossier = Dossier(Outcome("dossier"))

    dossier.read(resign(whole, story.key, {name: bytes(altered)}))

    is_word = name == "entries.jsonl" and without_reasons(files[name]) == without_reasons(bytes(altered))
    assert dossier.outcome.findings or is_word


def openings_of(data: bytes) -> list[bytes]:
    """Return the sealed lines of a dossier that open personal values."""
    return [line for line in read_archive(data)["entries.jsonl"].splitlines() if b"\\t{" in line]


def test_personal_values_can_be_left_out_or_erased_and_everything_else_holds(story: Story, verify: Verify) -> None:
    whole = story.build()
    subject = Subject("serial", "B-1")
    bare = build_dossier(story.blobs, story.key, story.firm.id, subject, personal=False).data
    entries = read_archive(whole)["entries.jsonl"]
    opening = re.search(rb'\\"([0-9a-f]{64})\\":\[\\"[0-9a-f]{32}\\",', entries)
    assert opening is not None and openings_of(whole) and not openings_of(bare)
    assert (verify(whole)[0], verify(bare)[0]) == (0, 0)

    spelled = rb'(\\":)\[\\"[0-9a-f]{32}\\",\\"[^\\]*\\"\]'
    erased = re.sub(spelled, rb'\1{\\"erased\\":\\"erased-0123456789abcdef\\"}', entries)
    assert erased != entries and verify(resign(whole, story.key, {"entries.jsonl": erased}))[0] == 0

    forged = entries.replace(opening[0], opening[0].replace(b"[", b"[", 1)[:-10] + b"0" * 7 + opening[0][-3:], 1)
    status, told = verify(resign(whole, story.key, {"entries.jsonl": forged}))
    assert status == 1 and "opening_wrong" in codes(told)
