"""A whole visit in a cellar, in the browser, with the server unplugged; then all of it is at the office, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.tablet import Office, Tablet, copy_office
from tests.pictures import part_photo

Picture = Callable[[Page, str], None]

MACHINE, ORDER = "MC12-2403-0017", "GD260001"
MOTOR, OLD_MOTOR = "B260120-0301", "B240107-0099"


def press(page: Page, name: str) -> None:
    """Press a button and wait until the page tells what it did."""
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.locator(".word.done").first).to_be_visible()


def draw_signature(page: Page) -> None:
    """Sign with a finger."""
    pad = page.locator("[data-pad][data-ready] canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    screen = page.context.new_cdp_session(page)
    for share in range(8):
        place = {
            "x": box["x"] + (0.1 + share / 10) * box["width"],
            "y": box["y"] + (0.3 + share % 2 / 3) * box["height"],
        }
        screen.send(
            "Input.dispatchTouchEvent", {"type": "touchMove" if share else "touchStart", "touchPoints": [place]}
        )
    screen.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    screen.detach()


def work_through(page: Page, order: str) -> None:
    """Check, fit a part from the van, photograph, and write down what was found."""
    page.goto(order + "/checks/levelness")
    page.get_by_label("水平度").fill("0.4")
    page.get_by_role("button", name="记录", exact=True).click()
    page.wait_for_url("**/checks/insulation_resistance")
    page.goto(order + "/parts/fit")
    page.get_by_label("从车上取").select_option(label=f"直流无刷电机 · {MOTOR} · B260120")
    expect(page.get_by_label("序列号").first).to_have_value(MOTOR)
    page.get_by_label("序列号").nth(1).fill(OLD_MOTOR)
    page.get_by_label("去向").select_option("returned")
    press(page, "记录")
    page.goto(order + "/photos")
    photo = {"name": "label.jpg", "mimeType": "image/jpeg", "buffer": part_photo()}
    page.get_by_role("radio", name="备件标签").check()
    page.get_by_label("相册").set_input_files([photo])  # type: ignore[list-item]
    expect(page.locator(".album li")).to_have_count(1)
    page.goto(order + "/findings")
    page.get_by_label("故障原因").fill("电机绕组匝间短路")
    page.get_by_label("处理措施").fill("更换电机，空载运行 30 min 正常")
    page.get_by_label("已解决").check()
    press(page, "记录")


def test_a_visit_in_a_cellar_arrives_whole_and_once(
    phone: Page, tablet: Tablet, seeded_office: Office, tmp_path: Path
) -> None:
    phone.goto(tablet.address + "/scan")
    phone.get_by_label("或输入标签上的内容").fill(MACHINE)
    phone.get_by_role("button", name="查找").click()
    phone.wait_for_url("**/orders/*")
    order = phone.url
    for step in ("出发", "已到场", "开工"):
        press(phone, step)
    work_through(phone, order)
    phone.goto(order + "/sign")
    draw_signature(phone)
    phone.get_by_label("签字人", exact=True).fill("陈敏")
    phone.get_by_role("button", name="签字确认").click()
    phone.wait_for_url("**/sheet")
    phone.goto(order)
    press(phone, "完工")
    tablet.kill()
    tablet.start()
    phone.goto(tablet.address + "/sync")
    expect(phone.locator(".strip.here")).to_be_visible()

    office = copy_office(seeded_office, tmp_path / "office")
    with office.plugged_in():
        phone.get_by_role("button", name="同步", exact=True).click()
        expect(phone.locator(".strip.safe")).to_be_visible()
    trace = office.call("trace", MOTOR)

    assert MACHINE in trace
    assert ORDER in trace
    assert OLD_MOTOR in office.call("trace", OLD_MOTOR)
    shown = json.loads(office.call("orders", "show", ORDER, "--json"))
    assert shown["order"]["body"]["status"] == "finished"
    kinds = [found["kind"] for found in shown["followed_by"]]
    assert {kind: kinds.count(kind) for kind in ("check_result", "part_fitted", "photo", "signature")} == {
        "check_result": 1,
        "part_fitted": 1,
        "photo": 1,
        "signature": 1,
    }
    office.call("verify-log")
    office.call("replay")
