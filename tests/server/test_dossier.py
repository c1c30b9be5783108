"""A dossier shows an outsider what was recorded."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from schemas.problems import Refused
from server.keys import new_id
from server.services.log_check import CODES
from server.services.log_export import export_log
from server.services.proofs import verify_log
from server.store.database import reading
from tests.server.builders import create, fitted
from tests.server.dossier_story import PHOTO, SHA256, Story, Verify, codes, story, verify
from tests.source_tree import ROOT
from verifier.__main__ import main
from verifier.archive import read_archive
from verifier.findings import SENTENCES, Finding, Outcome
from verifier.report import spell

__all__ = ["story", "verify"]


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


def test_a_batch_has_a_dossier(story: Story, verify: Verify) -> None:
    firm = story.firm
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "L-1", batch="LOT-7"))
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "L-2", batch="LOT-8"))

    status, told = verify(story.build("LOT-7", "batch"))

    assert (status, [step["values"]["serial"] for step in told["facts"]["life"]]) == (0, ["L-1"])


def test_the_verifier_runs_where_there_is_nothing_else_of_ours(story: Story, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "verifier", tmp_path / "verifier", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "dossier.zip").write_bytes(story.build())
    program = (
        "import sys, verifier.__main__ as v; status = v.main(sys.argv[1:]);"
        " ours = {'sync', 'schemas', 'server', 'field_client', 'printing', 'pages'} & sys.modules.keys();"
        " sys.exit(status or len(ours))"
    )
    words = [sys.executable, "-c", program, "dossier.zip", "--key", story.key.public_key, "--language", "en"]

    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All good" in done.stdout
