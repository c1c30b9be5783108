"""Photos of an order: taken, marked by touch, kept through a reload and a flat battery, withdrawn and brought back."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import FilePayload, Page, expect

from tests.browser.tablet import Tablet
from tests.pictures import machine_photo, part_photo

Check = Callable[[Page], None]
Picture = Callable[[Page, str], None]
Place = tuple[float, float]


def drag(page: Page, begin: Place, end: Place) -> None:
    """Draw with a finger over the photo; places are shares of its width and height."""
    box = page.locator("svg.marks").bounding_box()
    assert box is not None
    touch = page.context.new_cdp_session(page)
    for share in range(6):
        x, y = (begin[axis] + (end[axis] - begin[axis]) * share / 5 for axis in (0, 1))
        point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove" if share else "touchStart", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    touch.detach()


def tap(page: Page, place: Place) -> None:
    """Touch the photo at one place."""
    box = page.locator("svg.marks").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"])


def choose(page: Page, name: str) -> None:
    """Choose a tool or a colour, and see that it is chosen."""
    button = page.get_by_role("button", name=name, exact=True)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")


def file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content}


def open_album(page: Page) -> str:
    """Open the photos of the first order and return the album's address."""
    page.locator(".order a").first.click()
    page.wait_for_url("**/orders/*")
    page.get_by_role("link", name="照片").click()
    page.wait_for_url("**/photos")
    return page.url


def test_photos_are_taken_marked_by_touch_and_kept(
    phone: Page, tablet: Tablet, accessible: Check, picture: Picture
) -> None:
    album = open_album(phone)
    accessible(phone)
    phone.get_by_role("radio", name="处理前").check()
    phone.get_by_label("相册").set_input_files(
        [file("a.jpg", machine_photo()), file("b.jpg", b"no photo"), file("c.jpg", part_photo())]
    )
    expect(phone.locator(".album li")).to_have_count(2)
    expect(phone.locator(".word.refused")).to_contain_text("b.jpg")
    expect(phone.locator(".album")).to_contain_text("仅在本机")
    expect(phone.get_by_role("radio", name="处理前")).to_be_checked()

    phone.locator(".album a").first.click()
    phone.wait_for_load_state("networkidle")  # what arrives late would move the photo away under the finger
    choose(phone, "箭头")
    drag(phone, (0.1, 0.1), (0.4, 0.4))
    choose(phone, "圆圈")
    choose(phone, "黄")
    tap(phone, (0.5, 0.5))
    expect(phone.locator("[data-told]")).to_have_text("请点一下终点。")
    tap(phone, (0.8, 0.7))
    choose(phone, "文字")
    tap(phone, (0.2, 0.8))
    with phone.expect_response("**/drafts"):
        phone.keyboard.type("裂纹")
    drawn = json.loads(phone.locator("[name=marks]").input_value())
    assert [(mark["shape"], mark["colour"]) for mark in drawn] == [
        ("arrow", "red"),
        ("circle", "yellow"),
        ("text", "yellow"),
    ]
    tablet.kill()
    tablet.start()

    phone.reload()
    assert json.loads(phone.locator("[name=marks]").input_value()) == drawn
    expect(phone.locator("svg.marks line, svg.marks ellipse, svg.marks text")).to_have_count(3)
    accessible(phone)
    picture(phone, "photo")
    phone.get_by_role("button", name="记录", exact=True).click()
    phone.wait_for_url(album)
    expect(phone.locator(".album li").first.locator("line, ellipse, text")).to_have_count(3)
    picture(phone, "photos")
    phone.reload()
    accessible(phone)


def test_what_was_recorded_of_a_photo_is_undone(phone: Page, accessible: Check) -> None:
    album = open_album(phone)
    phone.get_by_label("拍照").locator("input[type=file]").first.set_input_files([file("a.jpg", machine_photo())])
    phone.locator(".album a").first.click()
    phone.get_by_label("说明").fill("主轴轴承座")
    phone.get_by_role("radio", name="处理后").check()
    phone.get_by_role("button", name="记录", exact=True).click()
    phone.wait_for_url(album)
    expect(phone.locator(".album")).to_contain_text("主轴轴承座")
    expect(phone.get_by_role("heading", name="处理后")).to_be_visible()

    phone.get_by_role("button", name="撤销").click()
    expect(phone.get_by_role("heading", name="故障部位")).to_be_visible()
    phone.locator(".album a").first.click()
    phone.get_by_role("button", name="拍错了").click()
    phone.wait_for_url(album)
    expect(phone.locator(".words")).to_contain_text("照片已撤回。")
    accessible(phone)
    phone.locator("details.withdrawn summary").click()
    phone.get_by_role("button", name="恢复").click()

    expect(phone.locator(".album > li")).to_have_count(1)
    expect(phone.locator("details.withdrawn")).to_have_count(0)


def test_nothing_but_pictures_comes_out_of_the_folder(phone: Page, tablet: Tablet) -> None:
    open_album(phone)
    phone.get_by_label("相册").set_input_files([file("a.jpg", machine_photo())])
    phone.locator(".album a").first.click()
    phone.wait_for_url("**/photos/*")
    photo = phone.url

    original = phone.request.get(photo + "/original")
    thumbnail = phone.request.get(photo + "/thumbnail")
    nothing = phone.request.get(photo + "/strokes")

    assert original.body() == machine_photo()
    assert (thumbnail.headers["content-type"], thumbnail.headers["cache-control"]) == ("image/jpeg", "no-store")
    assert nothing.status == 404
