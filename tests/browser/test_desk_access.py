"""Devices come and go by the fleet's page; people sign in with two factors, by a provider, by a link."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from server.clock import unix_now
from server.demo.seeding import PASSWORD
from server.services.second_factor import STEP_S
from tests.browser.tablet import Office, Tablet
from tests.oidc import open_provider

PROVIDER = """
[[provider]]
name = "sso"
label = "公司账号"
label_en = "Company account"
issuer = "{issuer}"
client_id = "gongdan"
client_secret = "a secret of the client"
email_domains = ["example.com"]
create_roles = ["auditor"]
"""


def test_a_device_is_enrolled_by_the_code_on_the_page_and_wiped_when_it_is_lost(
    sign_in: Callable[..., Page], tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    page = sign_in("gao")
    page.keyboard.press("g")
    page.keyboard.press("f")
    page.wait_for_url("**/desk/fleet")
    accessible(page)
    page.keyboard.press("e")
    page.get_by_label("终端的使用人").select_option(label="林小雨")
    accessible(page)
    page.get_by_role("button", name="生成登记码").click()
    expect(page.locator("[data-until]")).to_contain_text("还剩 2")
    expect(page.get_by_role("img", name="登记码的二维码")).to_be_visible()
    accessible(page)

    invitation = re.findall(r"gongdan-enrol:[^']+", page.locator("#typed").inner_text())[0]
    tablet = Tablet(tmp_path / "lin")
    tablet.call("enrol", invitation, "--name", "小雨的新平板")
    expect(page.locator("#code")).to_contain_text("已登记")
    tablet.call("sync")
    page.get_by_role("link", name="小雨的新平板").click()
    accessible(page)
    page.get_by_role("button", name="停用并销毁").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("在用")
    page.get_by_label(re.compile("停用 林小雨 的 小雨的新平板")).check()
    page.get_by_role("button", name="停用并销毁").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("等待联系")

    with pytest.raises(subprocess.CalledProcessError) as told:
        tablet.call("sync")
    assert "device_wiped" in told.value.stderr
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("已销毁")
    expect(page.locator("#device")).to_contain_text("钥匙已销毁")
    accessible(page)


def test_somebody_signs_in_with_a_second_factor(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None]
) -> None:
    page = sign_in("ma")
    page.get_by_role("link", name="马文博").click()
    accessible(page)
    generator = pyotp.TOTP(page.locator(".secret").inner_text())
    page.get_by_label("六位数字").fill("000000")
    page.keyboard.press("Enter")
    expect(page.locator(".refusal").filter(has_text="second_factor_wrong")).to_be_visible()
    page.get_by_label("六位数字").fill(generator.at(unix_now()))
    page.keyboard.press("Enter")
    expect(page.locator(".codes li")).to_have_count(10)
    accessible(page)
    recovery = page.locator(".codes code").first.inner_text()

    for code in (generator.at(unix_now() + STEP_S), recovery):
        page.get_by_role("button", name="退出", exact=True).click()
        page.get_by_label("账号").fill("ma")
        page.get_by_label("密码").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk/sign-in/code*")
        accessible(page)
        page.get_by_label("验证码").fill(code)
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk/orders*")
    page.goto(f"{desk_office.address}/desk/account")
    expect(page.locator("main")).to_contain_text("密码和恢复码")
    expect(page.locator("main")).to_contain_text("还剩 9 个恢复码")
    page.get_by_role("button", name="取消两步验证").click()
    expect(page.get_by_label("六位数字")).to_be_visible()


@dataclass
class OfficeWithProvider(Office):
    """An office whose people may sign in by a provider."""

    providers: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """Its settings."""
        return super().environment | {"GONGDAN_OIDC_FILE": self.providers}


def test_somebody_signs_in_by_a_provider(
    browser: Browser, seeded_office: Office, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    office = OfficeWithProvider(tmp_path / "office", providers=str(tmp_path / "providers.toml"))
    shutil.copytree(seeded_office.folder, office.folder)
    context = browser.new_context(locale="zh-CN")
    with open_provider(f"{office.address}/desk/oidc/sso/back") as issuer:
        Path(office.providers).write_text(PROVIDER.format(issuer=issuer), encoding="utf-8")
        with office.plugged_in():
            page = context.new_page()
            page.goto(f"{office.address}/desk/journal")
            accessible(page)
            page.get_by_role("link", name="公司账号").click()
            page.locator("input[name=login]").fill("stranger")
            page.locator("input[name=password]").fill("any")
            page.locator("button[type=submit]").click()
            page.locator("button[type=submit]").click()
            page.wait_for_url(f"{office.address}/desk/journal")
            expect(page.locator(".visitor")).to_contain_text("Stranger")
            expect(page.locator("tbody")).to_contain_text("关联登录身份")
            page.get_by_role("button", name="退出", exact=True).click()
            page.get_by_role("link", name="同时退出公司账号").click()
            page.wait_for_url(f"{issuer}/session/end?*")
    context.close()


def test_an_admin_invites_and_an_auditor_sees_who_looked(
    sign_in: Callable[..., Page], desk_office: Office, browser: Browser, accessible: Callable[[Page], None]
) -> None:
    page = sign_in("gao")
    page.goto(f"{desk_office.address}/desk/accounts")
    accessible(page)
    page.get_by_role("link", name="许平").click()
    accessible(page)
    page.get_by_role("button", name="生成链接").click()
    link = page.locator("input.link").input_value()
    guest = browser.new_context(locale="zh-CN").new_page()
    guest.goto(link)
    accessible(guest)
    for label in ("密码", "再输入一次"):
        guest.get_by_label(label).fill(PASSWORD)
    guest.keyboard.press("Enter")
    expect(guest.locator(".word")).to_contain_text("密码已设置")
    guest.context.close()

    page.goto(f"{desk_office.address}/desk/fleet")
    page.locator("#fleet tbody a").first.click()
    page.wait_for_load_state()
    auditor = sign_in("aud")
    auditor.goto(f"{desk_office.address}/desk/journal")
    auditor.locator("select[name=person]").select_option(label="高雅")
    auditor.get_by_role("button", name="搜索").click()
    accessible(auditor)
    expect(auditor.locator("tbody")).to_contain_text("邀请设置密码")
    expect(auditor.locator("tbody tr").filter(has_text="查看").filter(has_text="终端").first).to_be_visible()
