"""Plays an offline repair from beginning to end in the terminal, with real processes, and checks each step.

Run by `make demo`. Everything happens in a temporary folder; with `--keep` it is kept to look at.
Ends with 1 and a sentence as soon as something is not as the story says.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import zxingcpp  # noqa: E402
from PIL import Image  # noqa: E402

from scripts.demo_stage import Stage, StoryError  # noqa: E402
from tests import pictures  # noqa: E402

MACHINE = "MC12-2403-0018"
PART_GTIN = "09506000050010"
PART_BATCH = "B260120"
PART_SERIAL = "B260120-0331"
REMOVED_SERIAL = "B240107-0099"
STROKES = [[[20, 60, 0], [45, 20, 80], [70, 65, 160]], [[90, 30, 420], [90, 70, 500], [130, 50, 610]]]
CHECKS = (
    ("room_temperature", "23"),
    ("room_humidity", "46"),
    ("levelness", "0.3"),
    ("insulation_resistance", "12.5"),
    ("earth_resistance", "1.1"),
    ("no_load_current", "0.58"),
    ("no_load_voltage", "221"),
    ("no_load_speed", "12010"),
    ("state_after", "正常"),
    ("site_cleaned", "yes"),
)


def open_office(stage: Stage) -> str:
    """Make the company, take an order down, enrol a device; return the order's number."""
    stage.say(
        "办公室：准备数据库，写入示例公司，启动服务器。",
        "The office: prepare the database, write a made-up company, start the server.",
    )
    stage.office("migrate")
    stage.office("demo")
    stage.start_server()
    stage.say("派工员戴娜受理报修，派给卫东明。", "Dana the dispatcher takes a call and assigns it to Wei.")
    at = (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y-%m-%dT%H:00:00Z")
    asked = ["--machine", MACHINE, "--grade", "urgent", "--engineer", "wei", "--appointment", at]
    term = ["--term", "标准服务（A）", "--symptom", "转速不稳，有异响 / unsteady speed, noise"]
    number = re.search(r"GD\d+", stage.office("orders", "create", "--by", "dana", *asked, *term))
    stage.expect(number is not None, "工单已编号", "the order has a number")
    assert number is not None
    stage.say("戴娜为卫东明生成一次性登记二维码。", "Dana makes a one-time enrolment code for Wei.")
    stage.office("enrol", "--person", "wei", "--png", str(stage.folder / "enrolment.png"))
    stage.say(
        "卫东明的终端扫描二维码登记：密钥在终端上生成，只有公钥离开终端。",
        "Wei's device reads the code and enrols: its key is made on the device and never leaves it.",
    )
    stage.device("enrol", "--image", str(stage.folder / "enrolment.png"), "--name", "Wei 手机")
    stage.device("sync")
    today = stage.device("today")
    stage.expect(number[0] in today, "工单已在终端上", "the order is on the device")
    return number[0]


def take_pictures(stage: Stage) -> None:
    """Photograph the machine's label, a part's label, and two things Wei sees, at 12 megapixels each."""
    stage.say("打印设备标签，拍成 1200 万像素的照片（透视、模糊、阴影）。", "Print the machine's label; photograph it.")
    text = stage.office("label", MACHINE, "--png", str(stage.folder / "label.png")).split()[-1]
    shots = {
        "machine.jpg": pictures.draw_label(pictures.draw_qr(text), ("MC-12 mini centrifuge", f"S/N {MACHINE}")),
        "part.jpg": pictures.draw_label(
            pictures.draw_symbol(
                f"(01){PART_GTIN}(10){PART_BATCH}(21){PART_SERIAL}", zxingcpp.BarcodeFormat.DataMatrix
            ),
            ("Brushless motor", f"LOT {PART_BATCH}"),
        ),
        "fault.jpg": Image.new("L", (1100, 1100), 90),
        "after.jpg": Image.new("L", (1100, 1100), 210),
    }
    for name, label in shots.items():
        data = pictures.encode_jpeg(pictures.photograph(label), orientation=6)
        (stage.folder / name).write_bytes(data)
        print(f"     {name}: {len(data):,} bytes")
    (stage.folder / "strokes.json").write_text(json.dumps(STROKES))


def repair_offline(stage: Stage, number: str) -> None:
    """Do the whole repair while the server does not run."""
    stage.say("服务器停止：卫东明下到没有网络的地下室。", "The server stops: Wei goes down where there is no network.")
    stage.stop_server()
    lonely = stage.device("sync", status=1)
    stage.expect("[server_unreachable]" in lonely, "没有网络", "there is no network")
    scanned = stage.device("scan", str(stage.folder / "machine.jpg"))
    stage.expect(MACHINE in scanned and number in scanned, "照片认出设备并打开工单", "the photo opens the order")
    stage.say("开工并测量。超限的值会被拦下。", "Begin and measure; a value beyond its limit is stopped.")
    stage.device("start")
    refused = stage.device("check", "levelness", "1.8", status=1)
    stage.expect("[limit_exceeded]" in refused, "水平度 1.8° 超限", "levelness 1.8° is beyond its limit")
    for item, value in CHECKS:
        stage.device("check", item, value)
    stage.say(
        "更换电机：扫描新件的 DataMatrix 照片，记下旧件编号。", "Replace the motor: scan the new one's DataMatrix."
    )
    place = ["--place", "电机座 / motor mount", "--removed-serial", REMOVED_SERIAL, "--destination", "returned"]
    fitted = stage.device("fit-part", str(stage.folder / "part.jpg"), *place)
    stage.expect(PART_SERIAL in fitted and PART_BATCH in fitted, "序列号和批号已读出", "serial and batch were read")
    stage.say("拍照，客户签字，完工。", "Take photos, have the customer sign, finish.")
    stage.device("photograph", str(stage.folder / "fault.jpg"), "--purpose", "fault")
    stage.device("photograph", str(stage.folder / "after.jpg"), "--purpose", "after")
    found = ["--diagnosis", "电机轴承磨损 / motor bearing worn", "--remedy", "更换电机 / motor replaced"]
    signer = ["--strokes", str(stage.folder / "strokes.json"), "--name", "陈敏", "--role", "检验科主任"]
    stage.device("sign", *signer, *found, "--result", "solved")
    stage.device("finish", "--grade", "important")
    stage.device("status")
    stage.device("export", str(stage.folder / "wei.bundle"))


def decide_meanwhile(stage: Stage, number: str) -> str:
    """Change the same order at the office; return the new appointment."""
    stage.say(
        "同时，戴娜不知情地改了预约、等级和状态（命令直接写数据库，服务器仍未运行）。",
        "Meanwhile Dana, who cannot know, changes appointment, grade and status; the server still does not run.",
    )
    appointment = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT01:30:00Z")
    stage.office("orders", "set", number, f"appointment_at={appointment}", "--by", "dana")
    stage.office("orders", "set", number, "grade=general", "status=on_hold", "--by", "dana")
    return appointment


def meet(stage: Stage, number: str, appointment: str) -> None:
    """Bring both sides together and settle what they disagree on."""
    stage.say(
        "服务器重新启动，终端同步：变更集逐份有回执，照片随后上传。", "The server starts again; the device syncs."
    )
    stage.start_server()
    stage.device("sync", "--progress")
    found = stage.office_json("conflicts", "--order", number)
    body = stage.order_body(number)
    fields = sorted(question["body"]["field"] for question in found)
    stage.expect(fields == ["grade", "status"], "恰好等级和状态各一个冲突", "grade and status conflict, nothing else")
    stage.expect(
        body["appointment_at"] == appointment, "预约是另一字段，已自动合并", "the appointment merged by itself"
    )
    stage.expect(
        (body["grade"], body["status"]) == ("general", "on_hold"),
        "裁定之前，办公室的值保持有效",
        "until somebody decides, the office's values stand",
    )
    stage.expect(body["result"] == "solved", "现场的结论已写入", "what Wei found is there")
    stage.say("戴娜看到双方的值、作者和三个时间，逐一裁定。", "Dana sees both values, authors and times, and decides.")
    stage.office("conflicts", "--order", number)
    for question in found:
        note = ["--note", "以现场为准 / the site knows better", "--by", "dana"]
        stage.office("conflicts", "settle", question["id"], "--choose", "incoming", *note)
    again = stage.office("conflicts", "settle", found[0]["id"], "--choose", "office", "--by", "he", status=1)
    stage.expect("[conflict_settled]" in again, "第二个人裁定时被告知已裁定", "a second dispatcher is told so")
    stage.device("sync")
    shown = stage.device("show", number)
    settled = "裁定为" if stage.language == "zh" else "settled as"
    stage.expect(shown.count(settled) == 2, "结果已回到终端", "the outcome is on the device")
    body = stage.order_body(number)
    stage.expect((body["grade"], body["status"]) == ("important", "finished"), "工单已完工", "the order is finished")


def prove(stage: Stage, number: str) -> None:
    """Ask as an auditor: trace the part, verify the log, rebuild everything."""
    stage.say("审计员敖德追溯备件的序列号和批号。", "Aud the auditor traces the part's serial number and batch.")
    stage.office("trace", PART_SERIAL)
    (span,) = stage.office_json("trace", PART_SERIAL)["spans"]
    act = span["fitted"]
    stage.expect(
        (span["machine"]["serial"], act["order"]["number"], span["batch"]["number"]) == (MACHINE, number, PART_BATCH),
        "序列号 → 设备、工单、批次",
        "the serial number leads to machine, order and batch",
    )
    photos = {photo["purpose"]: photo["arrived"] for photo in act["photos"]}
    stage.expect(
        photos == {"fault": True, "after": True}, "两张照片已到并核验", "both photos arrived and were verified"
    )
    stage.expect(act["signature"]["signer_name"] == "陈敏", "有客户签字", "the customer's signature is there")
    machines = {span["machine"]["serial"] for span in stage.office_json("trace", PART_BATCH)["spans"]}
    stage.expect(machines == {MACHINE}, "批号 → 每台设备", "the batch leads to every machine")
    removed = stage.office_json("trace", REMOVED_SERIAL)["spans"][0]["removed"]
    stage.expect(removed["order"]["number"] == number, "旧件何时拆下也有记录", "the old part's removal is known")
    stage.say("核验日志未被改动；从日志重建全部数据并比较。", "Verify the log; rebuild everything from it and compare.")
    stage.office("verify-log")
    stage.office("replay")


def carry_by_hand(stage: Stage, number: str) -> None:
    """Bring the same change-sets as a file, and another engineer's work by file alone."""
    stage.say(
        "同一批变更集再以文件导入一次：回执相同，什么也不变。",
        "The same change-sets come again, as a file: the same receipts, and nothing changes.",
    )
    before = stage.office_json("orders", "show", number)
    stage.office("import", str(stage.folder / "wei.bundle"))
    stage.expect(stage.office_json("orders", "show", number) == before, "没有变化", "nothing changed")
    brought = read_receipts(stage.folder / "wei.bundle.receipts")
    stage.office("receipts", "stored", "--device", json.loads(brought[0])["device"])
    stage.expect(brought == read_receipts(stage.folder / "stored"), "回执逐字相同", "the receipts are the same bytes")
    stage.device("import", str(stage.folder / "wei.bundle.receipts"))
    stage.say(
        "林小雨那里一直没有网络：她的工作只用文件带回。", "Lin never gets a network: her work comes by file alone."
    )
    text = re.search(r"gongdan-enrol:\S+?#\w+", stage.office("enrol", "--person", "lin", "--no-code"))
    assert text is not None
    stage.device("enrol", text[0], "--name", "Lin 平板", who="lin")
    stage.device("sync", who="lin")
    stage.stop_server()
    stage.device("start", "GD260003", who="lin")
    stage.device("export", str(stage.folder / "lin.bundle"), who="lin")
    stage.office("import", str(stage.folder / "lin.bundle"))
    stage.device("import", str(stage.folder / "lin.bundle.receipts"), who="lin")
    stage.device("status", who="lin")
    status = stage.order_body("GD260003")["status"]
    stage.expect(status == "in_progress", "办公室看到她已开工", "the office sees that she began")
    stage.office("verify-log")


def read_receipts(path: Path) -> list[bytes]:
    """Return the receipts in a bundle."""
    with zipfile.ZipFile(path) as bundle:
        return bundle.read("receipts").splitlines()


def play(stage: Stage) -> None:
    """Play the whole story."""
    number = open_office(stage)
    take_pictures(stage)
    repair_offline(stage, number)
    appointment = decide_meanwhile(stage, number)
    meet(stage, number, appointment)
    prove(stage, number)
    carry_by_hand(stage, number)
    took_s = time.monotonic() - stage.began
    stage.say(f"完。用时 {took_s:.0f} 秒。", f"The end, after {took_s:.0f} seconds.")


def main() -> int:
    """Play the story in a temporary folder and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--language", choices=("zh", "en"), default=os.environ.get("GONGDAN_LANGUAGE") or "zh")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="gongdan-demo-"))
    stage = Stage(folder, options.language, port)
    try:
        play(stage)
    except StoryError as error:
        print(f"\n\033[31m✗ {error}\033[0m", file=sys.stderr)
        return 1
    finally:
        stage.stop_server()
        if options.keep:
            print(folder)
        else:
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
