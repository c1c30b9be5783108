"""orders: list, show, create, set."""

from __future__ import annotations

from typing import Any

import click

from schemas.order import GRADES, SERVICES
from server.commands.desk import BY, JSON, Desk, at_desk
from server.commands.voice import Voice, print_json
from server.services import orders as order_service
from server.services.names import find_one
from server.services.orders_read import PAGE_ORDERS_MAX, list_orders, read_order
from server.services.trace import find_machine
from server.store import records
from server.store.database import reading
from sync.receipt import Receipt

Body = dict[str, Any]


@click.group(invoke_without_command=True)
@click.option("--status", help="只列出这个状态。/ Only orders in this state.")
@JSON
@click.pass_context
def orders(context: click.Context, status: str | None, as_json: bool) -> None:
    """列出、查看、新建、修改工单。 / List, show, create and change work orders."""
    if context.invoked_subcommand is None:
        context.invoke(list_all, status=status, as_json=as_json)


@click.command(name="list")
@click.option("--status", help="只列出这个状态。/ Only orders in this state.")
@JSON
@at_desk
def list_all(desk: Desk, status: str | None, as_json: bool) -> None:
    """列出工单。 / List work orders by number."""
    rows: list[dict[str, Any]] = []
    after: str | None = ""
    with reading(desk.engine) as connection:
        while after is not None:
            page = list_orders(connection, desk.organisation, status, after, PAGE_ORDERS_MAX)
            rows, after = rows + page.orders, page.after
        wanted = {row[name] for row in rows for name in ("engineer", "customer", "machine") if row[name]}
        bodies = records.bodies_of(connection, desk.organisation, wanted)
    if as_json:
        print_json(rows)
        return
    voice = desk.voice

    def name(record_id: str | None) -> str:
        body = bodies[record_id][1] if record_id in bodies else {}
        return body.get("serial") or voice.name_of(body) or "—"

    titles = (("工单号", "Number"), ("状态", "Status"), ("等级", "Grade"), ("工程师", "Engineer"))
    titles += (("客户", "Customer"), ("设备", "Machine"), ("时限", "Due"))
    cells = [
        [
            row["number"],
            voice.value("status", row["status"]),
            voice.value("grade", row["grade"]),
            *(name(row[column]) for column in ("engineer", "customer", "machine")),
            voice.local_time(row["due_at"]),
        ]
        for row in rows
    ]
    voice.table(titles, cells)


@click.command()
@click.argument("number")
@JSON
@at_desk
def show(desk: Desk, number: str, as_json: bool) -> None:
    """查看工单。 / Show an order with all that belongs to it."""
    with reading(desk.engine) as connection:
        detail = read_order(connection, desk.organisation, number)
    if as_json:
        print_json(detail)
        return
    referred = {entry["id"]: entry["body"] for entry in detail["refers_to"]}
    for field, value in detail["order"]["body"].items():
        shown = referred.get(value) if isinstance(value, str) else None
        text = (shown.get("serial") or desk.voice.name_of(shown)) if shown else desk.voice.value(field, value)
        click.echo(f"{desk.voice.field_name('work_order', field)}: {text}")
    for entry in detail["followed_by"]:
        struck = entry.get("withdrawn")
        note = desk.voice.choose("（已撤回：{}）", " (withdrawn: {})").format(struck["reason"]) if struck else ""
        click.echo(f"- {entry['kind']} {_describe(desk.voice, entry['kind'], entry['body'])}{note}")


@click.command()
@BY
@click.option("--machine", required=True, metavar="SERIAL", help="设备出厂编号。/ Serial number of the machine.")
@click.option(
    "--service", type=click.Choice(SERVICES), default="repair", show_default=True, help="服务类型。/ Kind of service."
)
@click.option("--grade", type=click.Choice(GRADES), required=True, help="故障等级。/ Fault grade.")
@click.option("--engineer", metavar="PERSON", help="派给谁。/ Whom it is assigned to.")
@click.option("--symptom", default="", help="故障现象。/ Symptom.")
@click.option("--appointment", metavar="INSTANT", help="预约时间（UTC）。/ Appointment, such as 2026-12-01T06:00:00Z.")
@click.option("--term", metavar="NAME", help="服务条款名称。/ Service terms; the machine's unless given.")
@click.option("--number", help="工单号，默认自动编号。/ Number; the next one unless given.")
@click.argument("others", nargs=-1, metavar="[FIELD=VALUE]...")
@at_desk
def create(desk: Desk, by: str, machine: str, engineer: str | None, term: str | None, **given: Any) -> None:
    """新建工单。 / Create an order for a machine."""
    values = {name: given[name] for name in ("service", "grade", "symptom", "number") if given[name]}
    values |= dict(_read_pair(pair) for pair in given["others"])
    if given["appointment"]:
        values["appointment_at"] = given["appointment"]
    if engineer:
        values["engineer_id"] = desk.person(engineer)
    with reading(desk.engine) as connection:
        values["machine_id"] = find_machine(connection, desk.organisation, machine)
        if term:
            values["service_terms_id"] = find_one(
                connection,
                desk.organisation,
                "service_terms",
                term,
                lambda body: term in (body["name"], body.get("name_en")),
            )
    number, _ = order_service.create(desk.engine, desk.office, desk.organisation, desk.person(by), values)
    desk.voice.say(f"工单 {number} 已建立。", f"Order {number} has been created.")


@click.command(name="set")
@click.argument("number")
@click.argument("pairs", nargs=-1, required=True, metavar="FIELD=VALUE...")
@BY
@click.option(
    "--was", "seen", multiple=True, metavar="FIELD=VALUE", help="修改时看到的旧值。/ The value seen when deciding."
)
@at_desk
def set_fields(desk: Desk, number: str, pairs: tuple[str, ...], by: str, seen: tuple[str, ...]) -> None:
    """修改工单字段。 / Set fields of an order; a field another has moved since is contested."""
    new = dict(_read_pair(pair) for pair in pairs)
    if new.get("engineer_id"):
        new["engineer_id"] = desk.person(new["engineer_id"])
    was = dict(_read_pair(pair) for pair in seen)
    if not was.keys() <= new.keys():
        raise click.UsageError("--was: " + ", ".join(sorted(was.keys() - new.keys())))
    answer = order_service.update(desk.engine, desk.office, desk.organisation, desk.person(by), number, new, was)
    say_receipt(desk.voice, answer)


def say_receipt(voice: Voice, answer: Receipt) -> None:
    """Tell what became of a change-set."""
    contested = ", ".join(name for verdict in answer.changes for name in verdict.contested)
    if contested:
        voice.say(
            f"有争议，等待裁定：{contested}（conflicts）", f"Contested, waits to be settled: {contested} (conflicts)"
        )
    else:
        voice.say(f"已写入，日志位置 {answer.position}。", f"Written at log position {answer.position}.")


def _read_pair(pair: str) -> tuple[str, Any]:
    field, equals, text = pair.partition("=")
    if not equals:
        raise click.UsageError(f"FIELD=VALUE: {pair}")
    if field == "engineer_id":
        return field, text or None
    return field, order_service.read_value(field, text)


def _describe(voice: Voice, kind: str, body: Body) -> str:
    if kind == "check_result":
        return f"{body['item']} = {body.get('value')} {body.get('unit') or ''} {body['verdict']}"
    if kind in ("part_fitted", "part_removed"):
        return f"{body.get('part_name')} {body.get('serial') or ''} {body.get('batch') or ''}"
    if kind == "photo":
        return f"{body['purpose']} {voice.local_time(body.get('taken_at'))} {body['original_sha256'][:12]}"
    if kind == "signature":
        return f"{body['outcome']} {body.get('signer_name') or ''} {voice.local_time(body['signed_at'])}"
    if kind == "conflict":
        return f"{body['field']} {body['state']}"
    if kind == "exception":
        return f"{body['code']} {body['state']}"
    if kind == "withdrawal":
        return f"{body['subject_kind']} {body['subject_id']} {body['reason']}"
    return voice.name_of(body)


for _command in (list_all, show, create, set_fields):
    orders.add_command(_command)
