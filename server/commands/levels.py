"""levels: what presses, where an order stands, pausing, going on, escalating."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from schemas.clocks import CLOCK_LABELS, LINE_LABELS, LINES, PAUSE_LABELS, PAUSE_REASONS
from schemas.order import GRADE_LABELS
from server.clock import utc_now
from server.commands.desk import BY, JSON, Desk, at_desk
from server.commands.orders import say_receipt
from server.commands.voice import Voice, print_json
from server.services import clock_acts
from server.services.service_levels import ClockView, Level, OrderLevels, describe, list_pressing
from server.store import records
from server.store.database import reading

STATES = {
    "none": ("未承诺", "not promised"),
    "running": ("计时中", "running"),
    "pressing": ("不足一小时", "under an hour"),
    "breached": ("已超时", "breached"),
    "paused": ("已暂停", "paused"),
    "kept": ("按时", "kept"),
    "missed": ("超时完成", "missed"),
    "ended": ("已结束", "ended"),
}

ROLES = {
    "dispatcher": ("派工员", "dispatcher"),
    "engineer": ("工程师", "engineer"),
    "stock_keeper": ("库管", "stock keeper"),
    "expert": ("总部专家", "headquarters expert"),
}


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def levels(context: click.Context, as_json: bool) -> None:
    """服务时限：将超时的工单、暂停、升级。 / Service levels: what presses, pauses, escalation."""
    if context.invoked_subcommand is None:
        context.invoke(list_all, as_json=as_json)


@click.command(name="list")
@JSON
@at_desk
def list_all(desk: Desk, as_json: bool) -> None:
    """列出已超时和一小时内将超时的工单。 / List orders beyond a limit or within an hour of one."""
    found: list[Level] = []
    after: tuple[str, str] | None = ("", "")
    now = utc_now()
    with reading(desk.engine) as connection:
        while after is not None:
            page = list_pressing(connection, desk.organisation, now, after)
            found, after = found + page.levels, page.after
    if as_json:
        print_json([asdict(level) for level in found])
        return
    voice = desk.voice
    titles = (("工单号", "Number"), ("等级", "Grade"), ("时限", "Limit for"), ("到期", "Due"), ("剩余", "Left"))
    rows = [
        [
            level.number,
            voice.choose(*GRADE_LABELS[level.grade]),
            voice.choose(*CLOCK_LABELS[level.clock or "solved"]),
            voice.local_time(level.due_at),
            _span(voice, timedelta(seconds=level.left_s or 0)),
        ]
        for level in found
    ]
    voice.table(titles, rows)


@click.command()
@click.argument("number")
@at_desk
def show(desk: Desk, number: str) -> None:
    """查看工单各项时限、理由和责任人。 / Show an order's limits with their reasons, and who is responsible."""
    with reading(desk.engine) as connection:
        found = describe(connection, desk.organisation, number, utc_now())
        people = [found.duty.person] if found.duty and found.duty.person else []
        bodies = records.bodies_of(connection, desk.organisation, people)
    voice = desk.voice
    if found.terms is not None:
        named = found.terms.name_en if voice.language == "en" and found.terms.name_en else found.terms.name
        voice.say(f"服务条款：{named}", f"Service terms: {named}")
    for view in found.clocks:
        _show_clock(voice, view, found)
    voice.say(f"支持级别：{LINE_LABELS[found.line][0]}", f"Line of support: {LINE_LABELS[found.line][1]}")
    if found.duty is not None:
        name = voice.name_of(bodies[found.duty.person][1]) if found.duty.person in bodies else ""
        who = f"{voice.choose(*ROLES[found.duty.role])} {name}".strip()
        until = voice.local_time(found.duty.until.isoformat()) if found.duty.until else "—"
        standard = voice.choose(*found.duty.standard)
        voice.say(f"责任人：{who}，至 {until}：{standard}", f"Responsible: {who}, until {until}: {standard}")


@click.command()
@click.argument("number")
@click.option("--for", "reason", type=click.Choice(PAUSE_REASONS), required=True, help="等待什么。/ What it waits for.")
@click.option("--note", default="", help="说明。/ Note.")
@click.option("--since", metavar="INSTANT", help="何时开始（UTC）。/ Since when.")
@click.option("--until", "expected_until", metavar="INSTANT", help="预计恢复（UTC）。/ When it is expected to go on.")
@BY
@at_desk
def pause(desk: Desk, number: str, by: str, since: str | None, **given: Any) -> None:
    """暂停工单计时。 / Let an order wait; the reason says which clocks stand still."""
    acting = (desk.engine, desk.office, desk.organisation, desk.person(by), number)
    pause_id, answer = clock_acts.pause(*acting, began_at=since, **given)
    desk.voice.say(f"暂停编号 {pause_id}。", f"The pause is {pause_id}.")
    say_receipt(desk.voice, answer)


@click.command()
@click.argument("number")
@click.option("--at", "ended_at", metavar="INSTANT", help="何时恢复（UTC）。/ When it went on.")
@BY
@at_desk
def resume(desk: Desk, number: str, by: str, ended_at: str | None) -> None:
    """恢复工单计时。 / Let an order go on."""
    acting = (desk.engine, desk.office, desk.organisation, desk.person(by), number)
    say_receipt(desk.voice, clock_acts.resume(*acting, ended_at=ended_at))


@click.command()
@click.argument("pause_id", metavar="PAUSE")
@click.option("--because", required=True, help="原因。/ Why.")
@BY
@at_desk
def disallow(desk: Desk, pause_id: str, because: str, by: str) -> None:
    """不认可一次暂停。 / Let a pause not count."""
    acting = (desk.engine, desk.office, desk.organisation, desk.person(by), pause_id)
    say_receipt(desk.voice, clock_acts.disallow(*acting, because))


@click.command()
@click.argument("number")
@click.argument("clock", type=click.Choice(tuple(clock_acts.STAMPS)))
@click.option("--at", metavar="INSTANT", help="何时（UTC），不给则为此刻。/ When; at this moment unless given.")
@BY
@at_desk
def done(desk: Desk, number: str, clock: str, at: str | None, by: str) -> None:
    """记录已响应客户或已提出方案。 / Note that the customer was answered, or a solution proposed."""
    acting = (desk.engine, desk.office, desk.organisation, desk.person(by), number)
    say_receipt(desk.voice, clock_acts.note_done(*acting, clock, at))


@click.command()
@click.argument("number")
@click.argument("line", type=click.Choice(LINES))
@click.option("--reason", required=True, help="原因。/ Why.")
@click.option("--to", "person", metavar="PERSON", help="接手人。/ Who takes over.")
@click.option("--remote", is_flag=True, help="远程支持。/ Remote support.")
@BY
@at_desk
def escalate(desk: Desk, number: str, line: str, reason: str, person: str | None, remote: bool, by: str) -> None:
    """把工单转到另一级支持。 / Bring an order to another line of support."""
    acting = (desk.engine, desk.office, desk.organisation, desk.person(by), number)
    over = {"person_id": desk.person(person) if person else None, "remote": remote or None}
    say_receipt(desk.voice, clock_acts.escalate(*acting, line, reason, over))


def _show_clock(voice: Voice, view: ClockView, found: OrderLevels) -> None:
    if view.clock.limit is None:
        return
    name, state = voice.choose(*CLOCK_LABELS[view.clock.name]), voice.choose(*STATES[view.state])
    paused = voice.choose(*PAUSE_LABELS[view.clock.paused_by]) if view.clock.paused_by else ""
    left = _span(voice, view.left) if view.left is not None else ""
    click.echo("  ".join(part for part in (name, state, paused, left) if part))
    for reason in view.clock.reasons:
        click.echo(f"  - {reason.sentence(voice.language, found.calendar.zone)}")


def _span(voice: Voice, left: timedelta) -> str:
    minutes = abs(left) // timedelta(minutes=1)
    text = f"{minutes // 60}:{minutes % 60:02}"
    return text if left >= timedelta() else voice.choose(f"超 {text}", f"{text} over")


for _command in (list_all, show, pause, resume, disallow, done, escalate):
    levels.add_command(_command)
