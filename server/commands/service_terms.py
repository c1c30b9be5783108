"""terms and calendars: what is promised to whom, and when working time counts."""

from __future__ import annotations

from typing import Any

import click

from schemas.clocks import CLOCK_LABELS, CLOCKS, PAUSE_LABELS
from schemas.order import GRADE_LABELS, GRADES, SERVICE_LABELS, SERVICES
from schemas.service_terms import AREA_LABELS, AREAS, UNIT_LABELS, UNITS
from schemas.working_time import DAY_TYPE_LABELS
from server.commands.desk import BY, JSON, Desk, at_desk
from server.commands.orders import say_receipt
from server.commands.voice import print_json
from server.services import rules_of_service as rules
from server.services.names import find_one
from server.services.orders_read import find_order
from server.services.trace import find_machine
from server.store import records
from server.store.database import reading

Body = dict[str, Any]


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def terms(context: click.Context, as_json: bool) -> None:
    """列出、查看、修改服务条款。 / List, show and change service terms."""
    if context.invoked_subcommand is None:
        context.invoke(list_terms, as_json=as_json)


@click.command(name="list")
@JSON
@at_desk
def list_terms(desk: Desk, as_json: bool) -> None:
    """列出服务条款。 / List the service terms."""
    found = _bodies(desk, "service_terms")
    if as_json:
        print_json([{"id": key, **body} for key, body in found.items()])
        return
    say = desk.voice.choose
    rows = [
        [desk.voice.name_of(body), say("默认", "standard") if body.get("standard") else "", str(len(body["limits"]))]
        for body in found.values()
    ]
    desk.voice.table((("名称", "Name"), ("默认", "Standard"), ("时限数", "Limits")), rows)


@click.command(name="show")
@click.argument("name")
@at_desk
def show_terms(desk: Desk, name: str) -> None:
    """查看服务条款 NAME 的全部时限。 / Show every limit of the terms NAME."""
    _, body = rules.find_by_name(desk.engine, desk.organisation, "service_terms", name)
    voice = desk.voice
    click.echo(voice.name_of(body))
    everything = ("全部", "all")
    rows = [
        [
            voice.choose(*CLOCK_LABELS[row["step"]]),
            voice.choose(*GRADE_LABELS.get(row.get("grade"), everything)),
            voice.choose(*AREA_LABELS.get(row.get("area"), everything)),
            voice.choose(*SERVICE_LABELS.get(row.get("service"), everything)),
            voice.choose("关键设备", "key equipment") if row.get("key_equipment") else "",
            f"{row['amount']} {voice.choose(*UNIT_LABELS[row['unit']])}",
        ]
        for row in sorted(body["limits"], key=lambda row: CLOCKS.index(row["step"]))
    ]
    titles = (("时限", "Limit for"), ("等级", "Grade"), ("区域", "Area"), ("服务", "Service"), ("设备", "Machine"))
    voice.table((*titles, ("数值", "Within")), rows)
    reasons = body.get("pause_reasons")
    if reasons is not None:
        named = "、".join(voice.choose(*PAUSE_LABELS[reason]) for reason in reasons)
        voice.say(f"只因以下原因暂停计时：{named}", f"Only these reasons pause: {named}")


@click.command(name="limit")
@click.argument("name")
@click.argument("step", type=click.Choice(CLOCKS))
@click.argument("amount", type=click.IntRange(1), required=False)
@click.argument("unit", type=click.Choice(UNITS), required=False)
@click.option("--grade", type=click.Choice(GRADES), help="故障等级。/ Fault grade.")
@click.option("--area", type=click.Choice(AREAS), help="区域。/ Area.")
@click.option("--service", type=click.Choice(SERVICES), help="服务类型。/ Kind of service.")
@click.option("--key", "key_equipment", is_flag=True, help="仅关键设备。/ Key equipment only.")
@BY
@at_desk
def set_limit(desk: Desk, by: str, name: str, amount: int | None, unit: str | None, **row: Any) -> None:
    """设置条款 NAME 的时限；不给 AMOUNT UNIT 则删除。 / Set a limit of NAME; without AMOUNT UNIT it is removed."""
    if (amount is None) != (unit is None):
        raise click.UsageError("AMOUNT UNIT")
    row["key_equipment"] = row["key_equipment"] or None
    values = row | {"amount": amount, "unit": unit}
    say_receipt(desk.voice, rules.put_limit(*_acting(desk, by), name, values))


@click.command(name="standard")
@click.argument("name")
@BY
@at_desk
def set_standard(desk: Desk, name: str, by: str) -> None:
    """让条款 NAME 成为默认条款。 / Let the terms NAME hold where nothing else is named."""
    say_receipt(desk.voice, rules.make_standard(*_acting(desk, by), name))


@click.command(name="give")
@click.argument("name", required=False)
@click.option("--customer", metavar="NAME", help="客户。/ Customer.")
@click.option("--site", metavar="NAME", help="现场。/ Site.")
@click.option("--machine", metavar="SERIAL", help="设备出厂编号。/ Serial number of the machine.")
@click.option("--order", metavar="NUMBER", help="工单号。/ Order.")
@click.option("--remote/--city", default=None, help="偏远地区或市区。/ Remote area or city.")
@click.option("--key/--no-key", "key_equipment", default=None, help="是否关键设备。/ Whether it is key equipment.")
@BY
@at_desk
def give(desk: Desk, by: str, name: str | None, **given: Any) -> None:
    """指定谁适用条款 NAME。 / Name the terms and the area of a customer, site, machine or order."""
    called = {kind: given[kind] for kind in ("customer", "site", "machine", "order") if given[kind]}
    if len(called) != 1:
        raise click.UsageError("--customer | --site | --machine | --order")
    kind, which = next(iter(called.items()))
    values: Body = {name: given[name] for name in ("remote", "key_equipment") if given[name] is not None}
    if ("remote" in values and kind == "order") or ("key_equipment" in values and kind != "machine"):
        raise click.UsageError("--remote --city: --customer | --site | --machine; --key: --machine")
    if name:
        values["service_terms_id"], _ = rules.find_by_name(desk.engine, desk.organisation, "service_terms", name)
    if not values:
        raise click.UsageError("NAME | --remote | --city | --key")
    kind, record_id = _find_subject(desk, kind, which)
    say_receipt(desk.voice, rules.give_terms(*_acting(desk, by), kind, record_id, values))


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def calendars(context: click.Context, as_json: bool) -> None:
    """列出、查看、修改工作日历。 / List, show and change working calendars."""
    if context.invoked_subcommand is None:
        context.invoke(list_calendars, as_json=as_json)


@click.command(name="list")
@JSON
@at_desk
def list_calendars(desk: Desk, as_json: bool) -> None:
    """列出工作日历。 / List the working calendars."""
    found = _bodies(desk, "working_calendar")
    if as_json:
        print_json([{"id": key, **body} for key, body in found.items()])
        return
    rows = [[desk.voice.name_of(body), body.get("zone") or "", _years(body)] for body in found.values()]
    desk.voice.table((("名称", "Name"), ("时区", "Zone"), ("已公布年份", "Announced")), rows)


@click.command(name="show")
@click.argument("name")
@click.option("--year", type=int, help="只看这一年。/ Only this year.")
@at_desk
def show_calendar(desk: Desk, name: str, year: int | None) -> None:
    """查看日历 NAME 的节假日与调休。 / Show the holidays and make-up days of the calendar NAME."""
    _, body = rules.find_by_name(desk.engine, desk.organisation, "working_calendar", name)
    voice = desk.voice
    rows = [
        [row["first_on"], row.get("last_on") or "", voice.choose(*DAY_TYPE_LABELS[row["type"]]), voice.name_of(row)]
        for row in body["special_days"]
        if year is None or row["first_on"].startswith(f"{year}-")
    ]
    voice.table((("第一天", "First day"), ("最后一天", "Last day"), ("类型", "Kind"), ("名称", "Name")), rows)
    known = [entry["year"] for entry in body.get("announced_years") or ()]
    if year is not None and year not in known:
        voice.say(f"{year} 年放假安排尚未公布。", f"The holidays of {year} are not announced yet.")


@click.command(name="put")
@click.argument("name")
@click.argument("first_on", metavar="FIRST")
@click.argument("last_on", metavar="[LAST]", required=False)
@click.option("--work", is_flag=True, help="调休上班，不给则为放假。/ Make-up working days; holidays unless given.")
@click.option("--called", help="名称。/ What the days are called.")
@BY
@at_desk
def put_days(
    desk: Desk, by: str, name: str, first_on: str, last_on: str | None, work: bool, called: str | None
) -> None:
    """登记放假或调休的日子。 / Put holidays or make-up working days into the calendar NAME."""
    row = {"type": "working_day" if work else "holiday", "first_on": first_on, "last_on": last_on, "name": called}
    say_receipt(desk.voice, rules.put_days(*_acting(desk, by), name, row))


@click.command(name="remove")
@click.argument("name")
@click.argument("first_on", metavar="FIRST")
@BY
@at_desk
def remove_days(desk: Desk, by: str, name: str, first_on: str) -> None:
    """删除从 FIRST 开始的一行。 / Remove the row that begins on FIRST."""
    say_receipt(desk.voice, rules.remove_days(*_acting(desk, by), name, first_on))


@click.command(name="announce")
@click.argument("name")
@click.argument("year", type=click.IntRange(2000, 2199))
@click.option("--source", help="依据的文件。/ The notice it follows.")
@BY
@at_desk
def announce(desk: Desk, by: str, name: str, year: int, source: str | None) -> None:
    """标明某年放假安排已经公布并登记。 / Say that a year is announced and in the table."""
    say_receipt(desk.voice, rules.announce_year(*_acting(desk, by), name, year, source))


def _acting(desk: Desk, by: str) -> tuple[Any, Any, str, str]:
    return desk.engine, desk.office, desk.organisation, desk.person(by)


def _bodies(desk: Desk, kind: str) -> dict[str, Body]:
    with reading(desk.engine) as connection:
        return dict(records.bodies_of_kind(connection, desk.organisation, kind))


def _years(body: Body) -> str:
    return ", ".join(str(entry["year"]) for entry in body.get("announced_years") or ())


def _find_subject(desk: Desk, kind: str, called: str) -> tuple[str, str]:
    with reading(desk.engine) as connection:
        if kind == "machine":
            return kind, find_machine(connection, desk.organisation, called)
        if kind == "order":
            return "work_order", find_order(connection, desk.organisation, called)[0]
        fits = find_one(
            connection, desk.organisation, kind, called, lambda body: called in (body["name"], body.get("name_en"))
        )
        return kind, fits


for _command in (list_terms, show_terms, set_limit, set_standard, give):
    terms.add_command(_command)
for _command in (list_calendars, show_calendar, put_days, remove_days, announce):
    calendars.add_command(_command)
