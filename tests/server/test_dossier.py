"""A dossier shows an outsider what was recorded; whatever is altered in it is named."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from printing.sheet_code import SheetCode, spell_sheet_code
from schemas.problems import Refused
from server.keys import OfficeKey, new_id
from server.services import devices, log_tree
from server.services.blobs import BlobDesk, Owner
from server.services.dossier import build_dossier
from server.services.dossier_archive import write_archive
from server.services.dossier_entries import Subject
from server.services.file_check import check_files
from server.services.log_check import CODES
from server.services.log_export import export_log
from server.services.office import Office
from server.services.proofs import verify_log
from server.settings import read_settings
from server.store.database import reading
from server.store.file_storage import open_files
from sync.checkpoint import write_checkpoint, write_note
from tests.printing.sheets import compose
from tests.server.builders import create, fitted, open_firm, photo, removed
from tests.source_tree import ROOT
from verifier.__main__ import main
from verifier.archive import read_archive
from verifier.dossier import Dossier
from verifier.findings import SENTENCES, Finding, Outcome
from verifier.report import spell

PHOTO = b"a photo of the label"
SHA256 = hashlib.sha256(PHOTO).hexdigest()

Verify = Callable[..., tuple[int, dict]]


class Story:
    """A company in which a bearing was fitted, photographed, signed for and taken out again."""

    def __init__(self, engine: Engine, office: Office, folder: Path) -> None:
        """Let it happen."""
        self.firm = firm = open_firm(engine, office)
        self.key = office.key
        self.blobs = BlobDesk(engine, open_files(read_settings({"GONGDAN_DATA": str(folder)})), 1_000_000, 24)
        machine, other = firm.company.machine, firm.add_machine()
        firm.send(firm.wei, fitted(firm.order, machine, "B-1"), witness=self.witness())
        for serial in ("C-1", "C-2"):
            firm.send(firm.wei, fitted(firm.order, machine, serial))
        firm.send(firm.wei, photo(firm.order, thumbnail_sha256=SHA256))
        self.sheet, content = new_id(), compose(organisation=firm.id, checkpoint=self.checkpoint())
        self.sheet_sha256 = hashlib.sha256(content.encode()).hexdigest()
        self.code = spell_sheet_code(SheetCode(firm.id, self.sheet, self.sheet_sha256, self.checkpoint()))
        sheet = {"order_id": firm.order, "content": content, "content_sha256": self.sheet_sha256}
        firm.send(firm.wei, create("job_sheet", self.sheet, **sheet))
        firm.send(firm.lin, fitted(firm.add_order(firm.lin.person, other), other, "D-1"))
        firm.send(firm.wei, removed(firm.order, machine, "B-1"), witness=self.witness())
        owner = Owner(firm.id, firm.wei.id)
        self.blobs.receive(owner, self.blobs.create(owner, len(PHOTO), SHA256).upload, 0, [PHOTO], len(PHOTO))

    def witness(self) -> str:
        """Return size and root of the log as it stands."""
        with reading(self.firm.engine) as connection:
            return devices.read_checkpoint(connection, self.firm.id).witness

    def checkpoint(self) -> str:
        """Return the log as it stands, signed."""
        with reading(self.firm.engine) as connection:
            end = devices.read_checkpoint(connection, self.firm.id)
        return write_checkpoint(end, bytes.fromhex(self.key.public_key), self.key.sign)

    def build(self, number: str = "B-1", kind: str = "serial", files: str = "all") -> bytes:
        """Return a dossier."""
        return build_dossier(self.blobs, self.key, self.firm.id, Subject(kind, number), files).data


@pytest.fixture(scope="module")
def story(engine: Engine, office: Office, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The story."""
    return Story(engine, office, tmp_path_factory.mktemp("story"))


@pytest.fixture
def verify(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Run the verifier on some bytes, with the office's key unless told otherwise."""

    def run(data: bytes, *options: str, key: bool = True) -> tuple[int, dict]:
        file = tmp_path / "given"
        file.write_bytes(data)
        status = main([str(file), "--json", *(("--key", story.key.public_key) if key else ()), *options])
        return status, json.loads(capsys.readouterr().out)

    return run


def codes(told: dict) -> set[str]:
    """Return the codes of what was found wrong."""
    return {found["code"] for found in told["findings"]}


def test_a_dossier_shows_the_life_of_a_part(story: Story, verify: Verify) -> None:
    status, told = verify(story.build())

    assert (status, told["findings"]) == (0, [])
    facts = [(step["kind"], step["values"]["serial"]) for step in told["facts"]["life"]]
    assert facts == [("part_fitted", "B-1"), ("part_removed", "B-1")]
    assert {"sha256": SHA256, "state": "here"} in told["facts"]["evidence"]
    assert {"sha256": "ab" * 32, "state": "missing"} in told["facts"]["evidence"]


def test_the_same_log_gives_the_same_bytes_which_any_zip_reader_opens(story: Story) -> None:
    data = story.build()

    assert data == story.build()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read(f"files/{SHA256}") == PHOTO
        assert "B-1" in archive.read("cover.html").decode()


def test_files_can_be_left_out(story: Story, verify: Verify) -> None:
    small, none = story.build(files="small"), story.build(files="none")

    assert verify(small)[0] == verify(none)[0] == 0
    assert f"files/{SHA256}" in read_archive(small) and f"files/{SHA256}" not in read_archive(none)


def test_a_machine_has_a_dossier_and_what_nobody_recorded_has_none(story: Story, verify: Verify) -> None:
    status, told = verify(story.build("mc12-0007", "machine"))

    assert status == 0
    assert {step["values"].get("serial") for step in told["facts"]["life"]} == {"B-1", "C-1", "C-2"}
    with pytest.raises(Refused, match="not_found"):
        story.build("B-9")


def test_sets_between_are_named_by_their_digests(story: Story) -> None:
    lines = read_archive(story.build())["between.jsonl"].decode().splitlines()
    log = {row.position: row for row in story.firm.log()}

    assert len(lines) >= 2
    for line in lines:
        named = json.loads(line)
        assert log[named["position"]].digest == named["digest"]
        assert log[named["position"]].seq == named["seq"]


def test_without_a_key_of_the_readers_own_nothing_is_called_good(story: Story, verify: Verify) -> None:
    data = story.build()
    fingerprint = hashlib.sha256(bytes.fromhex(story.key.public_key)).hexdigest()

    assert verify(data, key=False)[0] == 3
    assert verify(data, "--fingerprint", fingerprint, key=False)[0] == 0
    status, told = verify(data, "--key", "0" * 64, key=False)
    assert (status, codes(told)) == (1, {"key_differs"})


def test_a_code_on_paper_is_checked_against_dossier_and_log(story: Story, verify: Verify, tmp_path: Path) -> None:
    paper, other = tmp_path / "code", tmp_path / "other"
    paper.write_text(story.code)
    other.write_text(story.code.replace(story.sheet_sha256, "0" * 64))
    with reading(story.firm.engine) as connection:
        log = b"".join(export_log(connection, story.key, story.firm.id))

    for data in (story.build(), log):
        assert verify(data, "--sheet", str(paper), key=False)[0] == 0
        status, told = verify(data, "--sheet", str(other))
        assert (status, codes(told)) == (1, {"sheet_unknown"})


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


def test_every_code_is_explained() -> None:
    codes_part = (ROOT / "docs" / "proofs.md").read_text().split("## Codes")[1].split("## Formats")[0]
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", codes_part, re.MULTILINE)

    assert {code for row in rows for code in re.findall("[a-z_]+", row)} == SENTENCES.keys() | CODES


def test_verifier_and_server_agree_on_the_log(story: Story, verify: Verify) -> None:
    proof = verify_log(story.firm.engine, story.firm.id)
    with reading(story.firm.engine) as connection:
        log = b"".join(export_log(connection, story.key, story.firm.id))

    _, told = verify(log)

    assert proof.holds and told["holds"]
    assert (told["facts"]["entries"], told["facts"]["root"]) == (proof.entries, proof.root)


def test_a_report_is_told_in_both_languages_and_obeys_no_control_character(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dossier.zip"
    file.write_bytes(story.build())
    for language, verdict in (("zh", "全部核验通过"), ("en", "All good")):
        assert main([str(file), "--key", story.key.public_key, "--language", language]) == 0
        told = capsys.readouterr().out
        assert verdict in told and "B-1" in told
    assert "".join(spell(Outcome("log", [Finding("key_differs", "\x1b[2J")]), "en")).isprintable()
    assert main([str(tmp_path / "nowhere")]) == 2


def test_moves_of_a_part_are_in_its_dossier_also_where_it_was_never_fitted(story: Story, verify: Verify) -> None:
    part, van = new_id(), new_id()
    story.firm.ensure(
        create("part", part, part_number=f"P-{part[-6:]}", name="轴承", serialised=True),
        create("van", van, name="一号车", person_id=story.firm.wei.person),
        create(
            "stock_move", new_id(), part_id=part, serial="M-1", quantity=1, from_place="supplier", to_place="van",
            to_van_id=van, moved_at="2026-11-20T08:00:00Z",
        ),
    )  # fmt: skip

    status, told = verify(story.build("M-1"))

    assert (status, [step["kind"] for step in told["facts"]["life"]]) == (0, ["part", "van", "stock_move"])


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
    found = {it.place: it.code for it in check_files(blobs, story.firm.id)}
    status, told = verify(build_dossier(blobs, story.key, story.firm.id, Subject("serial", "C-1")).data)

    assert found == {f"file {sha256}": "file_differs", f"file {SHA256}": "file_missing"}
    assert status == 1 and codes(told) == {"file_differs"}


def resign(data: bytes, key: OfficeKey, files: dict[str, bytes]) -> bytes:
    """Return a dossier with other files, its manifest made anew and signed with the office's key."""
    contents = read_archive(data) | files
    manifest = json.loads(contents.pop("manifest.json"))
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


def test_a_batch_has_a_dossier(story: Story, verify: Verify) -> None:
    firm = story.firm
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "L-1", batch="LOT-7"))
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "L-2", batch="LOT-8"))

    status, told = verify(story.build("LOT-7", "batch"))

    assert (status, [step["values"]["serial"] for step in told["facts"]["life"]]) == (0, ["L-1"])
