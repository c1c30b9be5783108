"""`show` and `status`: an order as it is known here, and what is only on this device."""

from __future__ import annotations

from pathlib import Path

import click

from field_client.commands.desk import opened_desk
from field_client.commands.orders import write_line
from field_client.commands.showing import echo, secho
from field_client.outbox import SentSet
from field_client.work_page import CheckLine, ConflictLine, DeviceStatus, OrderPage, PhotoLine, read_page, read_status
from pages.speech import Speech
from schemas import KINDS
from schemas.job_sheet import OUTCOME_LABELS, VERDICT_LABELS
from schemas.problems import Fault
from sync import canonical

FACTS = (
    "symptom",
    "alarms",
    "instructions",
    "contact",
    "phone",
    "arrived_at",
    "started_at",
    "finished_at",
    "diagnosis",
    "remedy",
    "result",
)
CLOCK_WRONG_FROM_MS = 60_000
"""Below a minute nobody reads a difference in a list of times."""

ADVICE = {
    "never": ("不会再发送，请告诉派工台。", "It is not sent again; tell the dispatcher."),
    "later": ("会自动再发送。", "It is sent again by itself."),
    "after_pull": ("请同步后再做一次。", "Sync, then do it again."),
    "ask_person": ("请联系派工台。", "Ask the dispatcher."),
}


@click.command()
@click.argument("order", required=False)
@click.pass_obj
def show(pin_file: Path | None, order: str | None) -> None:
    """查看工单：设备、检查项、换件、照片、冲突。 / Show an order: machine, checks, parts, photos, conflicts."""
    with opened_desk(pin_file) as desk:
        page = read_page(desk.bench, order)
        write_line(desk, page.line)
        _show_facts(desk.say, page)
        _show_checks(desk.say, page.checks)
        _show_parts(desk.say, page)
        _show_photos(desk.say, page.photos)
        _show_withdrawn(desk.say, page)
        _show_signature(desk.say, page)
        _show_disputes(desk.say, page)


@click.command()
@click.pass_obj
def status(pin_file: Path | None) -> None:
    """本机状态：哪些内容只在本机，哪些要人处理。 / What is only on this device, and what needs a person."""
    with opened_desk(pin_file) as desk:
        say, found = desk.say, read_status(desk.bench)
        _show_waiting(say, found)
        _show_last_sync(say, found)
        echo(f"{say('本机记录', 'Records here')}: {found.records:,}")
        for sent in (*found.held, *found.refused):
            _show_set(say, sent)
        for sent, lines in found.contested:
            _show_set(say, sent)
            for line in lines:
                _show_conflict(say, line)


def _show_waiting(say: Speech, found: DeviceStatus) -> None:
    if not found.waiting_sets and not found.waiting_files:
        echo(say("没有只在本机的内容。", "Nothing is only on this device."))
        return
    sets, files, size = found.waiting_sets, found.waiting_files, f"{found.waiting_bytes:,}"
    zh = f"只在本机：{sets} 个变更集，{files} 个文件（{size} 字节）"
    en = f"Only on this device: {sets} change-sets, {files} files ({size} bytes)"
    secho(say(zh, en), fg="yellow")


def _show_last_sync(say: Speech, found: DeviceStatus) -> None:
    last = say.time(found.synced_at) if found.synced_at else say("从未", "never")
    echo(f"{say('上次同步', 'Last synced')}: {last}")
    if found.fault and found.tried_at:
        fault = Fault(**canonical.load(found.fault))
        tried = f"{say('上次尝试', 'Last tried')}: {say.time(found.tried_at)}"
        secho(f"{tried} {fault.sentence(say.language)} [{fault.code}]", fg="yellow")
    if found.revoked_at:
        zh, en = "这台终端已被停用；未同步内容可导出。", "This device is revoked; what is unsent can be exported."
        secho(say(zh, en), fg="red")
    if abs(found.offset_ms) >= CLOCK_WRONG_FROM_MS:
        minutes = round(found.offset_ms / 60_000)
        zh = f"本机时钟比服务器慢 {minutes} 分钟，已校正。"
        en = f"This clock is {minutes} minutes behind the server's; times are put right."
        secho(say(zh, en), fg="yellow")


def _show_facts(say: Speech, page: OrderPage) -> None:
    for name in FACTS:
        if page.order.get(name) is not None:
            echo(f"  {say.field('work_order', name)}: {say.value(name, page.order[name])}")
    for name in ("conditions", "safety"):
        if page.site.get(name):
            echo(f"  {say.field('site', name)}: {page.site[name]}")


def _show_checks(say: Speech, checks: tuple[CheckLine, ...]) -> None:
    if checks:
        echo(say("检查项", "Checks"))
    for line in checks:
        item, result = line.item, line.result
        unit = item.get("unit") or ""
        label = say(item["label"], item.get("label_en") or item["label"])
        shown = (
            f"{say.value(item['type'], result.get('value'))} {unit} {say(*VERDICT_LABELS[result['verdict']])}"
            if result
            else say("未做", "open")
        )
        parts = [f"  {item['key']}  {label}: {shown}"]
        if limits := say.limits(item):
            parts.append(f"[{limits}]")
        if line.previous:
            parts.append(f"{say('上次', 'before')} {line.previous.get('value') or '—'}")
        echo(" ".join(parts))


def _show_parts(say: Speech, page: OrderPage) -> None:
    for title, facts in ((say("装入", "Fitted"), page.fitted), (say("拆下", "Removed"), page.removed)):
        for fact in facts:
            numbers = [
                f"{say.field('part_fitted', name)} {fact[name]}" for name in ("serial", "batch") if fact.get(name)
            ]
            echo(f"{title}: {fact.get('part_name') or '—'} {', '.join(numbers)}")


def _show_photos(say: Speech, photos: tuple[PhotoLine, ...]) -> None:
    for line in photos:
        state = {
            "on_device": say("只在本机", "only on this device"),
            "sending": say(f"已上传 {line.percent}%", f"{line.percent} % sent"),
            "received": say("已全部上传，等待核验", "all sent, to be verified"),
            "verified": say("服务器已核验", "verified by the server"),
            "elsewhere": say("在服务器", "at the server"),
        }[line.state]
        caption = line.photo.get("caption") or ""
        echo(f"{say('照片', 'Photo')}: {say.value('purpose', line.photo['purpose'])} {caption} ({state})")


def _show_withdrawn(say: Speech, page: OrderPage) -> None:
    for line in page.withdrawn:
        named = ("part_name", "serial", "item", "value", "caption")
        told = " ".join(str(line.fact[name]) for name in named if line.fact.get(name))
        echo(
            f"{say('已撤回', 'Withdrawn')}: {say(*KINDS[line.kind].schema.label)} {told} — {line.withdrawal['reason']}"
        )


def _show_signature(say: Speech, page: OrderPage) -> None:
    if page.signature is None:
        echo(say("签字: 还没有", "Signature: none yet"))
        return
    who = page.signature.get("signer_name") or page.signature.get("reason") or ""
    said, at = say(*OUTCOME_LABELS[page.signature["outcome"]]), say.time(page.signature["signed_at"])
    echo(f"{say('签字', 'Signature')}: {said} {who} {at}")


def _show_disputes(say: Speech, page: OrderPage) -> None:
    for conflict in page.conflicts:
        _show_conflict(say, conflict)
    for found in page.exceptions:
        state = say("待处理", "open") if found["state"] == "open" else say("已处理", "settled")
        secho(f"{say('异常', 'Exception')} [{found['code']}] {found.get('detail') or ''} ({state})", fg="yellow")


def _show_conflict(say: Speech, line: ConflictLine) -> None:
    values = {
        say("原值", "base"): line.base,
        say("现值（办公室）", "standing (office)"): line.standing,
        say("提交值（现场）", "incoming (field)"): line.incoming,
    }
    shown = ", ".join(f"{title} {say.value(line.field, value)}" for title, value in values.items())
    name = say.field("work_order", line.field)
    if line.state == "open":
        secho(
            f"{say('冲突', 'Conflict')} {name}: {shown} — {say('等派工台裁定', 'waits for the dispatcher')}",
            fg="yellow",
        )
    else:
        settled = f"{say('裁定为', 'settled as')} {say.value(line.field, line.settled_value)}"
        echo(f"{say('冲突', 'Conflict')} {name}: {shown} — {settled} {line.note or ''}".rstrip())


def _show_set(say: Speech, sent: SentSet) -> None:
    state = {
        "held": say("在服务器等候前序", "held by the server"),
        "refused": say("被拒绝", "refused"),
        "contested": say("有冲突", "in conflict"),
    }[sent.state]
    secho(f"#{sent.seq} {sent.intent} {say.time(sent.captured_at)}: {state}", fg="yellow")
    fault = sent.receipt.fault if sent.receipt else None
    if fault is not None:
        advice = say(*ADVICE[fault.problem.retry])
        echo(f"    {fault.sentence(say.language)} [{fault.code}] {advice}")
    if sent.state == "refused":
        for change in sent.changes:
            values = ", ".join(f"{say.field(change.kind, n)} {say.value(n, v)}" for n, v in change.set.items())
            echo(f"    {values[:300]}")
