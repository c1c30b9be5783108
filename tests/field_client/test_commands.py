"""The commands as a person calls them: real processes for what a process is, click's runner for the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import qrcode
from click.testing import CliRunner, Result

from field_client.__main__ import COMMANDS, main
from field_client.enrolment import parse_invitation
from schemas.problems import Refused
from tests.field_client.office import Office, hang_up, serving
from tests.field_client.scope import DEVICE, ORGANISATION, WEI
from tests.pictures import READABLE, draw_label, draw_qr, encode_jpeg, photograph

PIN = "482913"


class Phone:
    """A field client under a folder of its own, called by command line."""

    def __init__(self, folder: Path) -> None:
        """Keep its data under `folder`."""
        self.folder = folder
        chosen = {"FIELD_DATA": str(folder / "data"), "PIN": PIN, "PATIENCE_S": "0"}
        self.environment = {"TZ": "UTC"} | {f"GONGDAN_{name}": value for name, value in chosen.items()}

    def call(self, *words: str, **environment: str) -> Result:
        """Call a command in this process."""
        found = CliRunner().invoke(main, words, env=self.environment | environment)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found


@pytest.fixture
def address(office: Office) -> Iterator[str]:
    """The office's address; it enrols whoever comes."""
    office.enrols = {"organisation": ORGANISATION, "device": DEVICE, "person": WEI, "person_name": "魏工"}
    with serving(office) as url:
        yield url


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    """A phone that was never enrolled."""
    return Phone(tmp_path)


@pytest.fixture
def enrolled(phone: Phone, address: str, office: Office) -> Phone:
    """A phone that is enrolled and has synced; the office's clock stands still, so its offset is large."""
    assert phone.call("enrol", f"gongdan-enrol:{address}#CODE").exit_code == 0
    assert phone.call("sync").exit_code == 0
    return phone


def test_help_needs_no_heavy_library() -> None:
    program = (
        "import sys; sys.argv = ['gongdan-field', '--help']\n"
        "import atexit; atexit.register(lambda: print(sorted(set(sys.modules) & "
        "{'apsw', 'PIL', 'zxingcpp', 'nacl', 'argon2', 'urllib3', 'marshmallow', 'biip'})))\n"
        "from field_client.__main__ import main; main()"
    )

    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert all(name in child.stdout for name in COMMANDS)
    assert child.stdout.endswith("[]\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(phone: Phone, name: str) -> None:
    shown = phone.call(name, "--help")

    assert shown.exit_code == 0
    assert " / " in shown.output


def test_nothing_works_before_enrolment(phone: Phone) -> None:
    found = phone.call("today")

    assert found.exit_code == 1
    assert found.stderr == "这台终端尚未登记，请先运行 gongdan-field enrol。 [not_enrolled]\n"
    assert "not enrolled" in phone.call("today", GONGDAN_LANGUAGE="en").stderr


def test_enrolment_by_photo_of_the_code(phone: Phone, address: str, tmp_path: Path) -> None:
    qrcode.make(f"gongdan-enrol:{address}#CODE").get_image().save(tmp_path / "code.png")

    found = phone.call("enrol", "--image", str(tmp_path / "code.png"))

    assert found.exit_code == 0
    assert "魏工" in found.output
    assert phone.call("enrol", f"gongdan-enrol:{address}#CODE").stderr.endswith("[already_enrolled]\n")


def test_an_enrolment_cut_off_is_taken_up_with_the_same_key(phone: Phone, address: str, office: Office) -> None:
    text = f"gongdan-enrol:{address}#CODE"
    office.interfere = hang_up
    first = phone.call("enrol", text)
    sealed = (phone.folder / "data" / "keyring.json").read_bytes()
    office.interfere = lambda _: False

    second = phone.call("enrol", text)
    again = (phone.folder / "data" / "keyring.json").read_bytes()

    assert (first.exit_code, second.exit_code) == (1, 0)
    assert json.loads(sealed)["wrapped"] == json.loads(again)["wrapped"]


@pytest.mark.parametrize("text", ["", "hello", "gongdan-enrol:ftp://a#b", "gongdan-enrol:http://a", "gongdan-enrol:#A"])
def test_what_is_no_invitation_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="enrolment_code_invalid"):
        parse_invitation(text)


@pytest.mark.parametrize("address", ["http://gongdan.example", "http://8.8.8.8:8080"])
def test_no_device_enrols_in_the_open(phone: Phone, address: str) -> None:
    answer = phone.call("enrol", f"gongdan-enrol:{address}#ABCDEFGHIJKLMNOPQRST")

    assert answer.exit_code == 1
    assert "[server_not_trusted]" in answer.stderr


def test_a_wrong_pin_is_told_and_a_pin_file_is_read(enrolled: Phone, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text(f"{PIN}\n")

    assert enrolled.call("today", GONGDAN_PIN="000000").stderr == "PIN 不正确。 [pin_wrong]\n"
    assert enrolled.call("--pin-file", str(tmp_path / "pin"), "today", GONGDAN_PIN="").exit_code == 0


def test_a_wrong_call_and_a_wrong_setting_end_with_2(enrolled: Phone) -> None:
    assert enrolled.call("start", "--grade", "deadly").exit_code == 2
    assert enrolled.call("check", "level").exit_code == 2
    assert enrolled.call("sign").exit_code == 2
    assert enrolled.call("today", GONGDAN_LANGUAGE="fr").exit_code == 2
    assert enrolled.call("fly").exit_code == 2


def test_a_visit_from_scan_to_receipts(enrolled: Phone, address: str, office: Office, tmp_path: Path) -> None:
    photo = photograph(draw_label(draw_qr("https://a.example/01/06901234567892/21/HA0001"), ("HA0001",)), READABLE)
    (tmp_path / "machine.jpg").write_bytes(encode_jpeg(photo, orientation=6))
    (tmp_path / "strokes.json").write_text("[[[1,2,0],[3,4,16]]]")
    office.interfere = hang_up

    scanned = enrolled.call("scan", str(tmp_path / "machine.jpg"))
    acts = [
        enrolled.call("start", "--grade", "urgent"),
        enrolled.call("check", "level", "0.4"),
        enrolled.call("check", "level", "1.5", "--reason", "地面不平"),
        enrolled.call("check", "noise", "--skip", "--reason", "没有声级计"),
        enrolled.call("fit-part", "(01)06901234000016(10)B2602(21)S-9", "--removed-serial", "S-1"),
        enrolled.call("photograph", str(tmp_path / "machine.jpg"), "--purpose", "fault", GONGDAN_PHOTO_LOCATION="drop"),
        enrolled.call("sign", "--strokes", str(tmp_path / "strokes.json"), "--name", "陈主任", "--diagnosis", "轴承"),
        enrolled.call("finish", "--result", "solved"),
    ]
    offline = enrolled.call("sync")
    status = enrolled.call("status")
    office.interfere = lambda _: False
    synced = enrolled.call("sync", "--progress")
    page = enrolled.call("show")

    assert "GD-1" in scanned.output
    assert [act.exit_code for act in acts] == [0] * len(acts)
    assert "召回" in acts[4].output
    assert "位置 未记录" in acts[5].output
    assert offline.exit_code == 1 and "[server_unreachable]" in offline.stderr
    assert "只在本机：8 个变更集，4 个文件" in status.output
    assert "连不上服务器" in status.output
    assert synced.exit_code == 0
    assert "提交变更: 8 / 8" in synced.stderr
    assert len(office.blobs) == 4
    assert office.rows_of("work_order")[0]["status"] == "finished"
    assert "服务器已核验" in page.output
    assert "陈主任" in page.output
    assert "没有只在本机的内容" in enrolled.call("status").output


def test_a_conflict_is_shown_with_all_its_values(enrolled: Phone, office: Office) -> None:
    office.contested.add("grade")
    enrolled.call("start", "GD-1", "--grade", "urgent")

    synced = enrolled.call("sync")
    office.open_conflict("grade", "important", "general", "urgent")
    enrolled.call("sync")

    assert "1 个变更集有冲突" in synced.output
    for shown in (enrolled.call("status"), enrolled.call("show")):
        assert "故障等级: 原值 重要, 现值（办公室） 一般, 提交值（现场） 紧急" in shown.output
    english = enrolled.call("status", GONGDAN_LANGUAGE="en").output
    assert "base Important, standing (office) General, incoming (field) Urgent" in english


def test_a_refusal_is_shown_with_what_to_do(enrolled: Phone, office: Office) -> None:
    office.refused["order.start"] = "move_not_allowed"
    enrolled.call("start", "GD-1")
    enrolled.call("sync")

    shown = enrolled.call("status").output

    assert "被拒绝" in shown
    assert "[move_not_allowed] 请同步后再做一次。" in shown
    assert "处理中" in shown


def test_export_and_import_carry_a_visit_by_hand(enrolled: Phone, office: Office, tmp_path: Path) -> None:
    enrolled.call("start", "GD-1")

    exported = enrolled.call("export", str(tmp_path / "out.zip"))
    office.take_bundle_in(tmp_path / "out.zip", tmp_path / "back")
    imported = enrolled.call("import", str(tmp_path / "back"))

    assert "已导出 1 个变更集" in exported.output
    assert "1 个变更集已有结果" in imported.output
    assert "没有只在本机的内容" in enrolled.call("status").output


def test_an_order_is_created_on_site(enrolled: Phone) -> None:
    created = enrolled.call("create", "HA0001", "--symptom", "冒烟", "--grade", "urgent")

    assert created.exit_code == 0
    assert "冒烟" in enrolled.call("show").output
    assert "[machine_unknown]" in enrolled.call("create", "HA9", "--symptom", "冒烟").stderr
    assert os.environ.get("GONGDAN_PIN") is None
