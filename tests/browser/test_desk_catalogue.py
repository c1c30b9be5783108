"""Master data in a real browser: a spreadsheet with errors, a checklist, labels, two people at one record."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import zxingcpp
from playwright.sync_api import Page, expect

from tests.browser.tablet import Office

ROWS = "备件号,名称,等级,适用机型族,单价 (元)\r\n{}\r\nNEW-2,密封圈,授权,lathe,12.50\r\n"


def go(page: Page, office: Office, path: str) -> None:
    """Open a page of the desk."""
    page.goto(f"{office.address}{path}")


def test_a_spreadsheet_is_mended_and_imported(
    sign_in: Callable[..., Page], desk_office: Office, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    page = sign_in("gao")
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.get_by_role("link", name="备件", exact=True).click()
    accessible(page)
    page.keyboard.press("i")
    table = tmp_path / "备件.csv"
    table.write_bytes(ROWS.format("NEW-1,轴承,很好,lathe,六百").encode("gb18030"))
    page.get_by_label("表格文件").set_input_files(table)
    page.get_by_role("button", name="核对").click()

    expect(page.get_by_role("row", name="2 NEW-1")).to_contain_text("单价 (元) · 字段“单价”的值不合要求")
    expect(page.get_by_role("button", name="导入")).to_have_count(0)
    accessible(page)
    page.keyboard.press("n")
    table.write_bytes(ROWS.format("NEW-1,轴承,原厂,lathe,600").encode("gb18030"))
    page.get_by_label("表格文件").set_input_files(table)
    page.get_by_role("button", name="核对").click()
    expect(page.get_by_role("link", name="新建 2")).to_be_visible()
    page.keyboard.press("y")

    expect(page.get_by_text("已导入 2 行。")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("new 密封")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="NEW-2 密封圈")).to_contain_text("¥12.50")


def test_a_checklist_is_built_by_keys_and_published(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None]
) -> None:
    page = sign_in("gao", language="en-GB")
    go(page, desk_office, "/desk/catalogue/checklist")
    page.get_by_role("link", name="通用上门检查").click()
    expect(page.get_by_role("heading", name="通用上门检查")).to_be_visible()
    page.keyboard.press("e")
    expect(page.get_by_role("heading", name="Version 2 · draft")).to_be_visible()
    items = page.locator(".items > .list > ol > .item")
    expect(items).to_have_count(6)
    order = items.locator("[name$='.label']").evaluate_all("fields => fields.map(field => field.value)")
    items.nth(2).drag_to(items.nth(0), source_position={"x": 3, "y": 3}, target_position={"x": 40, "y": 3})
    dragged = [order[2], order[0], order[1], *order[3:]]
    assert items.locator("[name$='.label']").evaluate_all("fields => fields.map(field => field.value)") == dragged
    page.get_by_role("button", name="＋ Item").click()
    kept = items.locator("[name$='.label']").evaluate_all("fields => fields.map(field => field.value)")
    assert kept == [*dragged, ""], "the order that was dragged is the one that is sent"
    expect(page.locator("[name='items.6.label']")).to_be_focused()
    page.keyboard.type("水压")
    last = items.nth(6)
    last.get_by_label("Type").select_option("number")
    last.get_by_label("Unit").fill("bar")
    last.get_by_label("Lower limit").fill("5")
    last.get_by_label("Upper limit").fill("2")
    last.get_by_label("Upper limit").press("Alt+ArrowUp")
    accessible(page)
    page.get_by_role("button", name="Publish").click()

    expect(page.get_by_role("alert")).to_contain_text("1 things are to be mended")
    fifth = items.nth(5)
    expect(fifth.get_by_label("Upper limit")).to_have_value("2")
    fifth.get_by_label("Upper limit").fill("6")
    fifth.get_by_label("Upper limit").press("Control+Enter")
    expect(page.locator(".handset section").nth(5)).to_contain_text("6 · 水压")
    expect(page.locator(".handset section").nth(5)).to_contain_text("5 … 6 bar")
    page.get_by_role("button", name="Publish").click()

    expect(page.get_by_text("Published.")).to_be_visible()
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()
    accessible(page)


def test_labels_of_chosen_machines_are_printed(sign_in: Callable[..., Page], desk_office: Office) -> None:
    page = sign_in("gao")
    go(page, desk_office, "/desk/catalogue/machine?q=mc12")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("l")
    expect(page.get_by_role("heading", name="标签 2")).to_be_visible()
    page.get_by_label("从第几张开始").fill("3")
    chosen = page.locator("input[name=id]").evaluate_all("boxes => boxes.map(box => box.value)")
    # The browser shows the document in a tab of its own, which tells nothing of its bytes.
    answer = page.request.post(
        page.url.partition("?")[0],
        form={"id": chosen[0], "paper": "l7160", "start": "3", "copies": "1"},
        headers={"Origin": desk_office.address, "Sec-Fetch-Site": "same-origin"},
    )

    assert answer.headers["content-type"] == "application/pdf"
    sheet = pypdfium2.PdfDocument(io.BytesIO(answer.body()))[0].render(scale=4, grayscale=True).to_pil()
    (code,) = zxingcpp.read_barcodes(sheet)
    assert code.text.startswith("https://") and "/21/MC12" in code.text and "?s=" in code.text


def test_who_edits_what_another_has_changed_sees_both_values(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None]
) -> None:
    dana, gao = sign_in("dana"), sign_in("gao")
    for page in (dana, gao):
        go(page, desk_office, "/desk/catalogue/site?q=土壤")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="历史")).to_be_visible()
        page.keyboard.press("e")
    dana.get_by_label("联系人").fill("赵主任")
    dana.get_by_label("联系人").press("Control+Enter")
    expect(dana.get_by_text("已保存。")).to_be_visible()
    expect(dana.get_by_role("listitem").filter(has_text="赵主任")).to_contain_text("戴娜")
    gao.get_by_label("联系人").fill("钱主任")
    gao.get_by_label("电话").fill("0531-1")
    gao.get_by_role("combobox", name="客户").fill("鲁禾")
    gao.get_by_role("option", name="鲁禾农业科学研究所").click()
    gao.get_by_label("电话").press("Control+Enter")

    expect(gao.get_by_role("alert")).to_contain_text("他人改了：联系人")
    expect(gao.get_by_role("row", name="联系人")).to_contain_text("赵主任")
    expect(gao.get_by_label("电话")).to_have_value("0531-1")
    accessible(gao)
    gao.get_by_label("采用对方的值: 联系人").check()
    gao.get_by_label("电话").press("Control+Enter")
    expect(gao.locator(".facts").filter(has_text="赵主任").first).to_contain_text("0531-1")
