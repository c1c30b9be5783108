"""trace and export-epcis: where a part is and was, with what proves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from server.commands.desk import JSON, Desk, at_desk
from server.commands.voice import Voice, pad, print_json
from server.services import audit, audit_export
from server.services.trace import find_machine, trace_machine, trace_number
from server.services.trace_lookup import position_at
from server.store.database import reading

Group = dict[str, Any]


@click.command()
@click.argument("number")
@click.option(
    "--on", "on_day", metavar="YYYY-MM-DD", help="设备在这一天装有哪些备件。/ What was in this machine that day."
)
@click.option(
    "--as-known-at", type=int, metavar="POSITION", help="只用到该日志位置为止的记录。/ Only facts up to a log position."
)
@click.option(
    "--as-known-on",
    metavar="DAY",
    help="只用到这一天（或某一时刻）为止收到的记录。/ Only what had come in by the end of a day, or an instant.",
)
@JSON
@at_desk
def trace(
    desk: Desk, number: str, on_day: str | None, as_known_at: int | None, as_known_on: str | None, as_json: bool
) -> None:
    """追溯序列号、批号或设备。 / Trace a serial number, a batch, or a machine."""
    with reading(desk.engine) as connection:
        if as_known_on:
            as_known_at = position_at(connection, desk.organisation, as_known_on, desk.settings.zone)
        if on_day:
            found = trace_machine(connection, desk.organisation, number, on_day, desk.settings.zone, as_known_at)
        else:
            found = trace_number(connection, desk.organisation, number, as_known_at)
    if as_json:
        print_json(found)
        return
    ways = {"serial": ("序列号", "serial number"), "batch": ("批号", "batch"), "machine": ("设备", "machine")}
    named = ", ".join(desk.voice.choose(*ways[way]) for way in found["found_as"])
    count = len(found["spans"])
    desk.voice.say(f"{number}（{named}）：{count} 条记录", f"{number} ({named}): {count} found")
    for span in found["spans"]:
        _print_span(desk.voice, span)
    for balance in found.get("stock", ()):
        _print_balance(desk.voice, balance)
    if found.get("after"):
        desk.voice.say("还有更多；用接口的 after 继续。", "There are more; the API goes on with `after`.")


def _print_balance(voice: Voice, balance: Group) -> None:
    line = _line(voice)
    click.echo("")
    part = balance["part"]
    line("备件", "part", f"{part.get('part_number') or ''} {voice.name_of(part)}")
    line("序列号", "serial", balance["serial"])
    line("批号", "batch", balance["batch"])
    line("库存", "in stock", f"{voice.name_of(balance['place'])}  {balance['quantity']}")


@click.command(name="export-epcis")
@click.argument("number")
@click.option(
    "--as",
    "kind",
    type=click.Choice(("serial", "batch", "machine")),
    default="serial",
    help="编号是什么。/ What the number is.",
)
@click.option("--maker", default="", help="制造商或 GTIN。/ Of one maker or GTIN.")
@click.option("--on", "on_day", default="", metavar="YYYY-MM-DD", help="某日。/ What was true on this day.")
@click.option("--known", "known_on", default="", metavar="YYYY-MM-DD", help="截至某日所知。/ As known on this day.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="文件。/ The file.")
@at_desk
def export_epcis(
    desk: Desk, number: str, kind: audit_export.About, maker: str, on_day: str, known_on: str, out: Path
) -> None:
    """把备件、批次或设备的事件写成 EPCIS 2.0 JSON-LD。 / Write the events of a part, lot or machine as EPCIS 2.0."""
    zone = desk.settings.zone
    with reading(desk.engine) as connection:
        asked = audit.ask(connection, desk.organisation, on_day, known_on, zone)
        wanted = find_machine(connection, desk.organisation, number) if kind == "machine" else number
        question = audit_export.Question(kind, wanted, maker if kind == "serial" else "", asked)
        steps = audit_export.read_steps(connection, desk.organisation, question)
    out.write_bytes(audit_export.write_epcis(steps, desk.organisation, question, zone))
    desk.voice.say(f"{out}：{len(steps)} 步", f"{out}: {len(steps)} steps")


def _print_span(voice: Voice, span: Group) -> None:
    part, batch, machine = span["part"], span["batch"], span["machine"]
    line = _line(voice)
    click.echo("")
    identity = " ".join(filter(None, (part.get("part_number"), voice.name_of(part))))
    line("备件", "part", f"{identity}  {part.get('manufacturer') or part['maker']}")
    line("序列号", "serial", span["serial"])
    line("批号", "batch", batch.get("number"))
    line("供应商", "supplier", voice.name_of(span["supplier"]))
    line("合格证", "certificate", batch.get("certificate"))
    line("检验报告", "inspection", batch.get("inspection_report"))
    line("有效期至", "expires", batch.get("expires_on"))
    recalled = f"{batch['recalled_on']} {batch.get('recall_reason', '')}" if batch.get("recalled_on") else None
    line("召回", "RECALLED", recalled)
    line("设备", "machine", f"{machine['serial']}  {voice.name_of(machine['model'])}")
    line("客户", "customer", f"{voice.name_of(machine['customer'])}  {voice.name_of(machine['site'])}")
    if span["withdrawn"]:
        struck = span["withdrawn"]
        when = voice.local_time(struck["at"])
        text = f"{struck['reason']}  {voice.name_of(struck['by'])}  {when}  #{struck['position']}"
        line("已撤回", "WITHDRAWN", text)
    if span["elsewhere"]:
        line("注意", "attention", voice.choose("同一序列号也记录在另一台设备上", "also recorded in another machine"))
    _print_act(voice, ("装入", "fitted"), span["fitted"])
    if span["removed"]:
        _print_act(voice, ("拆下", "removed"), span["removed"])
    elif span["fitted"] and not span["withdrawn"]:
        line("拆下", "removed", voice.choose("尚在设备中", "still in the machine"))


def _print_act(voice: Voice, title: tuple[str, str], act: Group | None) -> None:
    line = _line(voice)
    if act is None:
        line(*title, voice.choose("早于记录", "before records began"))
        return
    line(*title, f"{voice.local_time(act['at'])}  {act.get('place') or ''}")
    line("工单", "order", act["order"].get("number"))
    line("工程师", "engineer", voice.name_of(act["engineer"]))
    times = (voice.local_time(act[name]) for name in ("captured_at", "corrected_at", "received_at"))
    titles = voice.choose("记录 {}，校正 {}，接收 {}", "captured {}, corrected {}, received {}").format(*times)
    line("时间", "times", f"{titles}  #{act['position']}")
    for photo in act["photos"]:
        arrived = "" if photo["arrived"] else voice.choose("（文件未到）", " (file has not arrived)")
        struck = voice.choose("（已撤回）", " (withdrawn)") if photo.get("withdrawn") else ""
        line("照片", "photo", f"{photo['purpose']}  {photo['original_sha256']}{arrived}{struck}")
    signature = act["signature"]
    if signature:
        who = f"{signature.get('signer_name') or ''} {signature.get('signer_role') or ''}"
        line("签字", "signature", f"{signature['outcome']}  {who}  {voice.local_time(signature['signed_at'])}")


def _line(voice: Voice) -> Any:
    def print_line(chinese: str, english: str, text: str | None) -> None:
        if text:
            click.echo(f"  {pad(voice.choose(chinese, english), 12)} {text.strip()}")

    return print_line
