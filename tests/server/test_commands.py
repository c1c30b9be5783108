"""The commands of gongdan-server on a real database, and as real processes where starting is the point."""

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from click.testing import CliRunner, Result
from PIL import Image

from server.__main__ import COMMANDS, main
from server.demo.records import refer
from server.keys import new_id
from server.settings import read_settings
from server.store.database import open_engine, writing
from tests.documents import read_document
from verifier.__main__ import main as verify

PROGRAM = Path(sys.executable).with_name("gongdan-server")
Run = Callable[..., Result]


def run_in(folder: Path) -> Run:
    """Return how to run a command on a data folder, in English unless told otherwise."""

    def run(*arguments: str, status: int = 0, language: str = "en", **environment: str) -> Result:
        settings = {"GONGDAN_DATA": str(folder), "GONGDAN_LANGUAGE": language, **environment}
        result = CliRunner().invoke(main, arguments, env=settings)
        assert result.exit_code == status, (arguments, result.output, result.exception)
        return result

    return run


@pytest.fixture(scope="module")
def seeded_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the demo company, only copied."""
    folder = tmp_path_factory.mktemp("seeded") / "data"
    run = run_in(folder)
    run("migrate")
    run("demo")
    return folder


@pytest.fixture
def run(seeded_folder: Path, tmp_path: Path) -> Run:
    """How to run a command on a copy of the demo company."""
    shutil.copytree(seeded_folder, tmp_path / "data")
    return run_in(tmp_path / "data")


def read_json(result: Result) -> Any:
    return json.loads(result.stdout)


def test_help_names_every_command_in_both_languages() -> None:
    answer = CliRunner().invoke(main, ["--help"])

    lines = answer.output.splitlines()
    for command in COMMANDS:
        told = next(line for line in lines if line.split()[:1] == [command])
        assert re.search("[\u4e00-\u9fff]", told) and re.search("[a-z]{3}", told.split(" / ")[-1])


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help(command: str) -> None:
    answer = CliRunner().invoke(main, [command, "--help"])

    assert answer.exit_code == 0 and re.search("[\u4e00-\u9fff]", answer.output)


def test_help_loads_no_database_and_no_web_server() -> None:
    listing = "import sys; from server.__main__ import main; main(['--help'], standalone_mode=False); "
    loaded = subprocess.run(
        [sys.executable, "-c", listing + "print(*sys.modules)"], capture_output=True, text=True, check=True
    ).stdout.split()

    assert "click" in loaded
    assert {"sqlalchemy", "flask", "granian", "nacl", "PIL"} & set(loaded) == set()


def test_a_database_without_tables_says_what_to_run(tmp_path: Path) -> None:
    answer = run_in(tmp_path / "data")("orders", status=1)

    assert "gongdan-server migrate" in answer.output


def test_seeding_twice_says_that_nothing_changed(run: Run) -> None:
    assert "nothing was changed" in run("demo").output
    assert "没有改动" in run("demo", language="zh").output


def test_orders_are_listed_in_the_language_asked_for(run: Run) -> None:
    english, chinese = run("orders").output, run("orders", language="zh").output

    assert "GD260001" in english and "Wei Dongming" in english and "Urgent" in english
    assert "GD260001" in chinese and "卫东明" in chinese and "紧急" in chinese
    listed = [row["number"] for row in read_json(run("orders", "--json"))]
    assert len(listed) == len(set(listed)) > 100
    waiting = {row["number"] for row in read_json(run("orders", "--status", "received", "--json"))}
    assert len(waiting) == 10 and waiting >= {"GD260011", "GD260012"}


def test_an_order_is_created_with_what_follows_from_its_machine(run: Run) -> None:
    asked = ("--machine", "mc12-2403-0018", "--grade", "urgent", "--engineer", "wei", "--term", "Key equipment (E)")
    run("orders", "create", "--by", "dana", *asked, "--symptom", "rotor shakes", "contact=Chen")

    number = read_json(run("orders", "--json"))[-1]["number"]
    body = read_json(run("orders", "show", number, "--json"))["order"]["body"]
    assert re.fullmatch(r"GD\d{6}", number)
    assert (body["status"], body["service"], body["symptom"]) == ("assigned", "repair", "rotor shakes")
    assert body["checklist_id"] == refer("checklist", "mc12-repair")
    assert body["customer_id"] == refer("customer", "renhe") and body["contact"] == "Chen"
    on_site, reported = (datetime.fromisoformat(body[name]) for name in ("on_site_due_at", "reported_at"))
    assert (on_site - reported, body["service_terms_id"]) == (timedelta(hours=2), refer("service_terms", "key"))


def test_two_orders_get_two_numbers(run: Run) -> None:
    before = {row["number"] for row in read_json(run("orders", "--json"))}
    for _ in range(2):
        run("orders", "create", "--by", "dana", "--machine", "MC12-2403-0018", "--grade", "general")

    numbers = [row["number"] for row in read_json(run("orders", "--json"))]
    assert len(numbers) == len(set(numbers)) == len(before) + 2 and before < set(numbers)


def test_an_older_page_is_contested_and_settled(run: Run) -> None:
    run("orders", "set", "GD260001", "grade=important", "--by", "he")
    answer = run("orders", "set", "GD260001", "grade=general", "--was", "grade=urgent", "--by", "dana")
    (found,) = read_json(run("conflicts", "--order", "GD260001", "--json"))
    listed = run("conflicts", "--order", "GD260001").output

    run("conflicts", "settle", found["id"], "--choose", "incoming", "--note", "checked", "--by", "he")
    again = run("conflicts", "settle", found["id"], "--choose", "office", "--by", "dana", status=1)

    assert "grade" in answer.output
    for word in ("base", "office", "incoming", "He Jing", "Dana Dai", "captured", "corrected", "received"):
        assert word in listed
    assert "[conflict_settled]" in again.output
    assert read_json(run("orders", "show", "GD260001", "--json"))["order"]["body"]["grade"] == "general"
    assert "checked" in run("conflicts", "--state", "settled").output


def test_a_conflict_is_settled_with_another_value(run: Run) -> None:
    (found,) = read_json(run("conflicts", "--json"))
    moment = "2026-12-24T09:00:00Z"

    run("conflicts", "settle", found["id"][:8], "--choose", moment, "--by", "dana")

    body = read_json(run("orders", "show", found["order"], "--json"))["order"]["body"]
    assert body["appointment_at"] == moment


def test_an_exception_is_settled_with_a_decision(run: Run) -> None:
    found = read_json(run("exceptions", "--json"))

    for one in found:
        run("exceptions", "settle", one["id"], "--decision", "swap it at the next visit", "--by", "dana")

    assert found and "None." in run("exceptions").output
    assert "swap it" in run("exceptions", "--state", "settled").output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("orders", "show", "GD999999"), "not_found"),
        (("orders", "set", "GD260001", "status=closed", "--by", "dana"), "move_not_allowed"),
        (("orders", "set", "GD260001", "grade=awful", "--by", "dana"), "value_invalid"),
        (("orders", "set", "GD260001", "colour=red", "--by", "dana"), "value_invalid"),
        (("orders", "set", "GD260001", "grade=general", "--by", "aud"), "writer_not_allowed"),
        (("orders", "set", "GD260001", "grade=general", "--by", "mallory"), "not_found"),
        (("orders", "create", "--by", "dana", "--machine", "NONE", "--grade", "general"), "not_found"),
        (("conflicts", "settle", "00000000", "--choose", "office", "--by", "dana"), "not_found"),
        (("trace", "NEVER-SEEN"), "not_found"),
        (("trace", "VM850-24-0007", "--on", "yesterday"), "value_invalid"),
        (("enrol", "--person", "mallory"), "not_found"),
        (("label", "NONE"), "not_found"),
        (("devices", "thaw", new_id(), "--by", "gao"), "device_unknown"),
        (("--organisation", "别家", "orders"), "not_found"),
    ],
)
def test_a_refusal_is_a_sentence_with_its_code(run: Run, arguments: tuple[str, ...], code: str) -> None:
    english = run(*arguments, status=1)
    chinese = run(*arguments, status=1, language="zh")

    assert english.stderr.rstrip().endswith(f"[{code}]")
    assert chinese.stderr.rstrip().endswith(f"[{code}]") and re.search("[\u4e00-\u9fff]", chinese.stderr)


def test_a_serial_and_a_batch_are_traced(run: Run) -> None:
    told = run("trace", "sv2510-0031").output
    batch = read_json(run("trace", "SV2510", "--json"))

    for word in ("SV2510-0031", "Chengyue", "HGZ-SV2510", "VM850-24-0007", "Xingchen", "GD260015", "Zhao Jianguo"):
        assert word in told
    assert {span["machine"]["serial"] for span in batch["spans"]} == {"VM850-24-0007", "VM850-25-0022"}


def test_the_past_is_traced_as_it_was_known(run: Run) -> None:
    first, second = read_json(run("trace", "SV2510", "--json"))["spans"]
    earlier = str(second["fitted"]["position"] - 1)

    known_then = read_json(run("trace", "SV2510", "--as-known-at", earlier, "--json"))["spans"]

    assert [span["serial"] for span in known_then] == [first["serial"]]


def test_an_enrolment_code_is_a_text_and_a_picture(run: Run, tmp_path: Path) -> None:
    output = run("enrol", "--person", "wei", "--png", str(tmp_path / "code.png")).output

    text = re.search(r"gongdan-enrol:http://\S+?#[A-Z2-7]{20}", output)
    (read,) = zxingcpp.read_barcodes(Image.open(tmp_path / "code.png"))
    assert text is not None and read.text == text[0]
    assert "█" in output


def test_a_machine_label_is_read_back(run: Run, tmp_path: Path) -> None:
    output = run("label", "MC12-2403-0017", "--png", str(tmp_path / "label.png")).output

    (read,) = zxingcpp.read_barcodes(Image.open(io.BytesIO((tmp_path / "label.png").read_bytes())))
    assert re.fullmatch(r"https://127.0.0.1:8080/01/09506000001005/21/MC12-2403-0017\?s=[\w-]{16}", read.text)
    assert read.text in output


def test_a_revoked_device_is_not_thawed(run: Run) -> None:
    devices = {device["state"]: device["device"] for device in read_json(run("devices", "--json"))}

    refused = run("devices", "thaw", devices["revoked"], "--by", "gao", status=1)
    run("devices", "thaw", devices["active"], "--by", "gao")

    assert "[device_revoked]" in refused.output


def test_a_lost_device_is_revoked(run: Run) -> None:
    device = next(device for device in read_json(run("devices", "--json")) if device["state"] == "active")

    run("devices", "revoke", device["device"], "--by", "dana")

    states = {found["device"]: found["state"] for found in read_json(run("devices", "--json"))}
    assert states[device["device"]] == "revoked"


def test_the_log_is_verified_and_replayed(run: Run) -> None:
    assert "agrees" in run("verify-log").output
    assert "agrees" in run("replay").output


def test_what_an_outsider_checks_is_written_and_holds(run: Run, tmp_path: Path) -> None:
    """The commands of docs/proofs.md, and what they write, checked as that page says."""
    shown = read_document("docs/proofs.md").commands_of("gongdan-server")
    written = [words for words in shown if "--out" in words]
    key = run("office-key").output.split()[2]

    for words in written:
        out = tmp_path / words[-1]
        run(*words[:-1], str(out))
        assert verify([str(out), "--key", key]) == 0, words

    assert {words[0] for words in written} == {"dossier", "export-log"} and len(written) == 4
    assert verify([str(out), "--key", "0" * 64]) == 1
    assert "agrees" in run("verify-log", "--files").output


def test_an_altered_log_is_found(run: Run, tmp_path: Path) -> None:
    engine = open_engine(read_settings({"GONGDAN_DATA": str(tmp_path / "data")}).database_url)
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE log SET sealed = replace(sealed, 'SV2510-0031', 'SV2510-0032')")

    assert "does not agree" in run("verify-log", status=1).output


def test_receipts_are_written_for_a_device(run: Run, tmp_path: Path) -> None:
    device = refer("device", "zhao")

    run("receipts", str(tmp_path / "receipts.zip"), "--device", device)

    with zipfile.ZipFile(tmp_path / "receipts.zip") as bundle:
        lines = bundle.read("receipts").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert {json.loads(line)["device"] for line in lines} == {device}


def test_something_that_is_no_bundle_is_not_imported(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")

    assert "[bundle_invalid]" in run("import", str(tmp_path / "note.txt"), status=1).output
    assert not (tmp_path / "note.txt.receipts").exists()


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    yield number


def test_the_server_starts_answers_and_stops(run: Run, tmp_path: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    settings = {"GONGDAN_DATA": str(tmp_path / "data"), "GONGDAN_BIND": f"127.0.0.1:{port}", "GONGDAN_BASE_URL": url}
    server = subprocess.Popen(
        [PROGRAM, "--language", "en", "serve"],
        env=os.environ | settings | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stdout is not None
        told = [server.stdout.readline(), server.stdout.readline()]
        ready = wait_for(f"{url}/api/v1/health/ready", server)
        page = urllib.request.urlopen(docs_address(told[0]), timeout=10).status
        orders = run("orders").output
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
        if server.stdout is not None:
            server.stdout.close()

    assert ready["status"] == "ok" and page == 200
    assert url in told[0] and "gongdan-server enrol" in told[1]
    assert "GD260001" in orders, "commands work while the server runs"


def docs_address(line: str) -> str:
    found = re.search(r"http\S+/docs", line)
    assert found is not None, line
    return found[0]


def wait_for(address: str, server: subprocess.Popen[str]) -> dict[str, str]:
    """Ask until the server answers; fail when it has ended instead."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                found: dict[str, str] = json.load(answer)
                return found
        except (ConnectionError, urllib.error.URLError):
            continue
    raise AssertionError(server.stdout.read() if server.stdout else "ended")


def test_found_creates_an_organisation_whose_administrator_can_enrol_devices(tmp_path: Path) -> None:
    run = run_in(tmp_path / "data")
    run("migrate")

    run("found", "衡远售后", "--admin", "高珊", "--login", "gao", "--password", "a long pass phrase")

    assert "gongdan-enrol:" in run("enrol", "--person", "gao", "--no-code").output
    assert "nothing was altered" in run("verify-log").output


def test_fleet_shows_each_device_and_why_it_is_silent(run: Run) -> None:
    shown = run("fleet").stdout
    told = read_json(run("fleet", "--json"))

    assert len(told) == len(read_json(run("devices", "--json"))) - 1, "the office's own device is not of the fleet"
    for device in told:
        assert device["name"] in shown
        assert (device["reasons"] == ["revoked"]) is (device["state"] == "revoked")
    assert {device["state"] for device in told} == {"active", "revoked"}
    assert "It was revoked. [revoked]" in shown
    assert "终端已停用。 [revoked]" in run("fleet", language="zh").stdout
    assert len(read_json(run("fleet", "--json", "--limit", "1"))) == 1


def test_metrics_are_printed_once_or_refused_to_the_world(run: Run) -> None:
    assert "gongdan_database_up 1.0" in run("metrics", "--once").stdout
    assert "GONGDAN_METRICS_TOKEN" in run("metrics", status=1, GONGDAN_METRICS_BIND="0.0.0.0:9464").output


def test_entry_tells_what_happened_to_a_change_set(run: Run) -> None:
    told = read_json(run("entry", "3", "--json"))
    by_device = read_json(run("entry", "--device", told["device"], "--seq", str(told["seq"]), "--json"))
    shown = run("entry", "3").stdout

    assert told == by_device and told["position"] == 3
    assert told["set_id"] in shown and told["intent"] in shown and f"#{told['seq']}" in shown
    run("entry", status=2)
    run("entry", "3", "--device", told["device"], status=2)
    assert "not_found" in run("entry", "999999", status=1).output
