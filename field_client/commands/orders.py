"""`today`, `start`, `create` and `finish`: the orders of the day."""

from __future__ import annotations

from pathlib import Path

import click

from field_client.commands.desk import opened_desk, tell
from field_client.commands.showing import echo, secho
from field_client.desk import Desk
from field_client.work import Done, OrderLine, list_today
from field_client.work import finish as finish_order
from field_client.work import start as start_order
from field_client.work_create import create_order
from schemas.order import GRADES, RESULTS, SERVICES

grade_option = click.option(
    "--grade", type=click.Choice(GRADES), help="按现场情况更正故障等级 / Put the fault grade right"
)


@click.command()
@click.pass_obj
def today(pin_file: Path | None) -> None:
    """列出待办工单，最急的在前。 / List the orders to do, the most urgent first."""
    with opened_desk(pin_file) as desk:
        lines, count = list_today(desk.bench)
        for line in lines:
            write_line(desk, line)
        if count > len(lines):
            echo(desk.say(f"另有 {count - len(lines)} 张。", f"{count - len(lines)} more."))
        if not lines:
            echo(desk.say("没有待办工单。", "There is nothing to do."))


@click.command()
@click.argument("order", required=False)
@grade_option
@click.pass_obj
def start(pin_file: Path | None, order: str | None, grade: str | None) -> None:
    """开工：记录到场与开工时间。 / Begin work: notes arrival and start."""
    with opened_desk(pin_file) as desk:
        _tell(desk, start_order(desk.bench, order, grade), "已开工", "Started")


@click.command()
@click.argument("serial")
@click.option("--service", type=click.Choice(SERVICES), default="repair", help="服务类型 / Kind of service")
@click.option("--grade", type=click.Choice(GRADES), default="general", help="故障等级 / Fault grade")
@click.option("--symptom", required=True, help="故障现象 / Symptom")
@click.pass_obj
def create(pin_file: Path | None, serial: str, service: str, grade: str, symptom: str) -> None:
    """为编号 SERIAL 的设备现场新建工单并开工。 / Take down an order for the machine SERIAL and begin."""
    with opened_desk(pin_file) as desk:
        _tell(desk, create_order(desk.bench, serial, service, grade, symptom), "已新建", "Created")


@click.command()
@click.argument("order", required=False)
@click.option("--diagnosis", help="故障原因 / Diagnosis")
@click.option("--remedy", help="处理措施 / Remedy")
@click.option("--result", type=click.Choice(RESULTS), help="处理结果 / Result")
@grade_option
@click.pass_obj
def finish(pin_file: Path | None, /, order: str | None, **findings: str | None) -> None:
    """完工。 / Finish an order."""
    with opened_desk(pin_file) as desk:
        _tell(desk, finish_order(desk.bench, order, **findings), "已完工", "Finished")


def write_line(desk: Desk, line: OrderLine) -> None:
    """Write an order in two lines of a list."""
    say = desk.say
    mark = "*" if line.id == desk.store.recall("current_order") else " "
    only_here = say("  未同步", "  not synced") if line.is_local else ""
    echo(f"{mark} {line.number}  {say.value('grade', line.grade)}  {say.value('status', line.status)}{only_here}")
    echo(f"    {line.customer} {line.site}  {line.machine} {line.serial}")
    if line.appointment_at:
        echo(f"    {say('预约', 'Appointment')} {say.time(line.appointment_at)}")
    if line.due_at:
        late = say("  已超时", "  overdue") if line.is_overdue else ""
        secho(f"    {say('时限', 'Due')} {say.time(line.due_at)}{late}", fg="red" if line.is_overdue else None)


def _tell(desk: Desk, done: Done, zh: str, en: str) -> None:
    status = desk.say.value("status", done.order.values["status"])
    echo(f"{desk.say(zh, en)}: {done.order.values['number']} ({status})")
    tell(desk.say, done.notices)
