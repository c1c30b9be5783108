"""A stock keeper's morning in a real browser, by keyboard and by a scanner that types."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from server.demo.parts import parts
from server.demo.records import refer
from tests.browser.tablet import PIN, Office, enrol_tablet
from tests.source_tree import ROOT

CENTRE = refer("service_centre", "pudong")
TABLET = {"width": 1024, "height": 768}

DRAW = """
from field_client.commands.desk import opened_desk
from field_client.work_part_checks import PartLabel
from field_client.work_stock import move_stock

with opened_desk(None) as desk:
    move_stock(desk.bench, "draw", PartLabel(part_number="BA40-LMP-C", batch="HL2606"), 2)
"""
"""Two of the three that the centre has, taken without a network."""


def scan(page: Page, code: str) -> None:
    """Let a scanner type a code into its field, which takes it; FNC1 comes as Ctrl and a bracket."""
    field = page.locator("[data-code]")
    field.wait_for()
    # The scripts that read the field are there once the page is loaded.
    page.wait_for_load_state()
    field.focus()
    for number, piece in enumerate(code.split("\x1d")):
        if number:
            page.keyboard.press("Control+]")
        page.keyboard.type(piece)
    page.keyboard.press("Enter")
    expect(field).to_have_value("")


def gtin_of(part: str) -> str:
    """Return the GTIN of a part of the demo company."""
    return str(next(record.values["gtin"] for record in parts() if record.name == part))


def test_a_delivery_comes_in_and_makes_up_a_van(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    page = sign_in("xu")
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page.get_by_role("heading", name="库存")).to_be_visible()
    accessible(page)
    page.keyboard.press("2")
    scan(page, f"01{gtin_of('MC12-MOT')}17271231" + "10B261101\x1d21B261101-0001")
    expect(page.locator("[name=part]")).to_have_value("MC12-MOT")
    expect(page.locator("[name=expires_on]")).to_have_value("2027-12-31")
    scan(page, f"01{gtin_of('MC12-MOT')}17271231" + "10B261101\x1d21B261101-0002")
    expect(page.locator("[name=serials]")).to_have_value("B261101-0001\nB261101-0002")
    page.locator("[name=supplier]").select_option(refer("supplier", "qinghe"))
    page.locator("[name=centre]").select_option(CENTRE)
    page.get_by_label("送货单号").fill("SH-2611")
    accessible(page)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("批次 B261101 还没有合格证。")).to_be_visible()
    expect(page.get_by_text("已收货 MC12-MOT × 2。")).to_be_visible()

    certificate = tmp_path / "合格证.pdf"
    certificate.write_bytes(b"%PDF-1.4\n% B261101\n")
    scan(page, "MC12-MOT")
    page.locator("[name=batch]").fill("B261101")
    page.locator("[name=serials]").fill("B261101-0001")
    page.locator("[name=certificate_file]").set_input_files(certificate)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("序列号 B261101-0001 已在库存中")
    page.locator("[name=serials]").fill("B261101-0003")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("已收货 MC12-MOT × 1。")).to_be_visible()

    page.keyboard.press("Escape")
    page.keyboard.press("4")
    page.get_by_role("link", name="卫东明的服务车").click()
    expect(page.get_by_role("row", name="MC12-MOT 直流无刷电机 3 2 0 1")).to_contain_text("B261101-0001")
    accessible(page)
    page.keyboard.press("b")
    expect(page.get_by_text(re.compile("已装车 [0-9]+ 件。"))).to_be_visible()
    page.goto(f"{desk_office.address}/desk/stock?q=b261101")
    loaded = page.get_by_role("row", name="MC12-MOT 直流无刷电机").filter(has_text="B261101-0001")
    expect(loaded).to_contain_text("卫东明的服务车")
    page.keyboard.press("j")
    page.get_by_role("link", name="MC12-MOT").first.click()
    page.get_by_role("link", name="全部库位").click()
    expect(page.get_by_role("link", name="合格证").first).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="B261101-0003")).to_contain_text("送货单号 SH-2611")
    accessible(page)


def test_a_shelf_is_counted_on_a_tablet_while_the_network_comes_and_goes(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None]
) -> None:
    page = sign_in("xu", language="en-GB", viewport=TABLET)
    page.goto(f"{desk_office.address}/desk/stock/counts")
    page.locator("[name=place]").select_option(CENTRE)
    page.get_by_label("Only parts with these words").fill("BA40")
    accessible(page)
    page.get_by_role("button", name="Begin").click()
    lamp = page.get_by_label("Counted BA40-LMP LM2605")
    scan(page, "LM2605")
    expect(lamp).to_be_focused()
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 differ")).to_be_visible()
    expect(page.get_by_role("row", name="BA40-LMP Halogen lamp 12 V 20 W LM2605")).to_contain_text("-1")
    page.context.set_offline(True)
    page.get_by_label("Counted BA40-CUV CV2606").fill("3")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Not kept yet")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("2 of 3 lines counted")).to_be_visible()
    expect(page.get_by_text("Not kept yet")).to_have_count(0)
    accessible(page)
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    expect(page.get_by_role("alert").first).to_contain_text("There are differences; say why.")
    page.get_by_label("Reason of the differences").fill("broken")
    page.get_by_role("button", name="Book the count").click()
    expect(page.get_by_text("The count is booked; 1 lines differed.")).to_be_visible()
    page.goto(f"{desk_office.address}/desk/stock?q=LM2605&place={CENTRE}")
    expect(page.get_by_role("row", name="BA40-LMP")).to_contain_text("5")


def test_two_engineers_who_draw_the_last_one_offline_are_shown_at_the_desk(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    tablets = [enrol_tablet(desk_office, tmp_path / person, person) for person in ("wei", "lin")]
    for tablet in tablets:
        chosen = {"GONGDAN_FIELD_DATA": str(tablet.folder), "GONGDAN_PIN": PIN}
        subprocess.run([sys.executable, "-c", DRAW], cwd=ROOT, env=os.environ | chosen, check=True)
    for tablet in tablets:
        tablet.call("sync")
    page = sign_in("gao")
    page.goto(f"{desk_office.address}/desk/stock?state=below")

    row = page.get_by_role("row", name="BA40-LMP-C")
    expect(row).to_contain_text("浦东服务站")
    expect(row).to_contain_text("-1")
    accessible(page)
    page.get_by_role("link", name="处理负库存").click()
    expect(page.get_by_text("BA40-LMP-C HL2606: -1").first).to_be_visible()


def test_what_is_rare_is_asked_for_by_one_and_approved_by_another(
    sign_in: Callable[..., Page], accessible: Callable[[Page], None]
) -> None:
    xu, gao = sign_in("xu"), sign_in("gao", language="en-GB", viewport=TABLET)
    for page in (xu, gao):
        page.keyboard.press("g")
        page.keyboard.press("w")
        page.wait_for_url("**/desk/stock")
    xu.keyboard.press("8")
    xu.get_by_role("combobox", name="备件").fill("VM85-SRV")
    xu.get_by_role("combobox", name="备件").press("Escape")
    xu.get_by_role("combobox", name="服务网点").select_option(index=1)
    xu.get_by_role("button", name="提出申请").click()
    expect(xu.get_by_role("alert").filter(has_text="用途")).to_be_visible()
    xu.get_by_label("用途").fill("备一台主轴驱动")
    xu.get_by_label("用途").press("Control+Enter")
    expect(xu.get_by_role("row", name="备一台主轴驱动")).to_contain_text("待审批")
    expect(xu.get_by_role("button", name="批准", exact=True)).to_have_count(0)
    accessible(xu)

    gao.keyboard.press("8")
    row = gao.get_by_role("row", name="备一台主轴驱动")
    row.get_by_role("button", name="Reject").click()
    expect(row.get_by_role("alert")).to_contain_text("Note")
    row.get_by_role("button", name="Approve").click()
    expect(gao.locator(".word.done")).to_contain_text("It is approved.")
    expect(row).to_contain_text("Approved")
    assert gao.evaluate("document.querySelector('header.top').offsetHeight") < 60, "the header is one row"
    accessible(gao)
