"""conflicts and exceptions: what waits for a person, with everything needed to decide."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from schemas import kind_of
from schemas.problems import Refused
from server.commands.desk import BY, JSON, Desk, at_desk
from server.commands.orders import say_receipt
from server.commands.voice import Voice, pad, print_json
from server.services.reviews import Question, list_questions, settle
from server.store.database import reading
from sync.receipt import Receipt

STATES = click.Choice(("open", "settled"))


@click.group(invoke_without_command=True)
@click.option("--state", type=STATES, default="open", show_default=True, help="状态。/ State.")
@click.option("--order", "number", help="只看这张工单。/ Only those of this order.")
@JSON
@click.pass_context
def conflicts(context: click.Context, state: str, number: str | None, as_json: bool) -> None:
    """列出和裁定冲突。 / List and settle conflicts between office and field."""
    if context.invoked_subcommand is None:
        context.invoke(_list_conflicts, state=state, number=number, as_json=as_json)


@click.group(invoke_without_command=True)
@click.option("--state", type=STATES, default="open", show_default=True, help="状态。/ State.")
@click.option("--order", "number", help="只看这张工单。/ Only those of this order.")
@JSON
@click.pass_context
def exceptions(context: click.Context, state: str, number: str | None, as_json: bool) -> None:
    """列出和处理异常。 / List and settle facts that cannot all be right."""
    if context.invoked_subcommand is None:
        context.invoke(_list_exceptions, state=state, number=number, as_json=as_json)


@click.command()
@at_desk
def _list_conflicts(desk: Desk, state: str, number: str | None, as_json: bool) -> None:
    for question in _list(desk, "conflict", state, number, as_json):
        _print_conflict(desk.voice, question)


@click.command()
@at_desk
def _list_exceptions(desk: Desk, state: str, number: str | None, as_json: bool) -> None:
    for question in _list(desk, "exception", state, number, as_json):
        body = question.body
        click.echo(f"{question.id}  {body['code']}  {question.order or ''}  {question.subject}")
        click.echo(f"    {body.get('detail') or ''}  {desk.voice.local_time(body.get('raised_at'))}")
        if body["state"] == "settled":
            click.echo(f"    → {body.get('decision') or ''} {_person(desk.voice, question, body.get('settled_by'))}")


@click.command(name="settle")
@click.argument("conflict")
@click.option("--choose", required=True, metavar="office|incoming|base|VALUE", help="保留哪个值。/ Which value stands.")
@click.option("--note", default="", help="裁定说明。/ Why.")
@BY
@at_desk
def settle_conflict(desk: Desk, conflict: str, choose: str, note: str, by: str) -> None:
    """裁定冲突。 / Settle a conflict: the value chosen stands, the others are kept in its record."""
    question = _find(desk, "conflict", conflict)
    actor = desk.person(by)
    if choose in ("office", "incoming", "base"):
        answer = _settle(desk, actor, question.id, choose, None, note)
    else:
        value = _read_value(question.body["subject_kind"], question.body["field"], choose)
        answer = _settle(desk, actor, question.id, "other", value, note)
    say_receipt(desk.voice, answer)


@click.command(name="settle")
@click.argument("exception")
@click.option("--decision", required=True, help="处理决定。/ What was decided.")
@BY
@at_desk
def settle_exception(desk: Desk, exception: str, decision: str, by: str) -> None:
    """处理异常。 / Settle an exception; the facts stay as they are."""
    question = _find(desk, "exception", exception)
    say_receipt(desk.voice, _settle(desk, desk.person(by), question.id, "office", None, decision))


conflicts.add_command(settle_conflict)
exceptions.add_command(settle_exception)


def _settle(desk: Desk, actor: str, review: str, choice: Any, value: Any, note: str) -> Receipt:
    return settle(desk.office, desk.organisation, actor, review, choice, value, note)


def _list(desk: Desk, kind: str, state: str, number: str | None, as_json: bool) -> list[Question]:
    with reading(desk.engine) as connection:
        questions = list(list_questions(connection, desk.organisation, state, kind))
    questions = [question for question in questions if number in (None, question.order)]
    if as_json:
        print_json([asdict(question) for question in questions])
        return []
    if not questions:
        desk.voice.say("没有。", "None.")
    return questions


def _find(desk: Desk, kind: str, called: str) -> Question:
    """Return the question whose id begins with `called`, open or settled."""
    with reading(desk.engine) as connection:
        known = [
            question
            for state in ("open", "settled")
            for question in list_questions(connection, desk.organisation, state, kind)
            if question.id.startswith(called)
        ]
    if len(known) != 1:
        raise Refused("not_found", what=f"{kind} {called}")
    return known[0]


def _read_value(kind: str, field: str, text: str) -> Any:
    """Return what a typed text means for a field: text where the field is text, JSON for anything else."""
    known = kind_of(kind)
    check = known.checks.get(field) if known else None
    if check is None or check(text):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _print_conflict(voice: Voice, question: Question) -> None:
    body = question.body
    field = body["field"]
    click.echo(f"{question.id}  {question.order or ''}  {question.subject}")
    click.echo(f"    {voice.field_name(body['subject_kind'], field)}")
    click.echo(f"    {pad(voice.choose('原值', 'base'), 10)} {voice.value(field, body['base'])}")
    for side, title in (("office", ("现值", "office")), ("incoming", ("提交值", "incoming"))):
        click.echo(f"    {pad(voice.choose(*title), 10)} {voice.value(field, body[side])}")
        click.echo(f"               {_origin(voice, question, body.get(f'{side}_provenance') or {})}")
    if body["state"] == "settled":
        who = _person(voice, question, body.get("settled_by"))
        chosen = f"{body.get('settled_as')} = {voice.value(field, body.get('settled_value'))}"
        click.echo(f"    {pad(voice.choose('裁定', 'settled'), 10)} {chosen} {who} {body.get('note') or ''}")


def _origin(voice: Voice, question: Question, origin: dict[str, Any]) -> str:
    who = _person(voice, question, origin.get("actor_id"))
    device = question.devices.get(origin.get("device_id", ""), "?")
    times = (
        ("记录", "captured", "captured_at"),
        ("校正", "corrected", "corrected_at"),
        ("接收", "received", "received_at"),
    )
    told = ", ".join(f"{voice.choose(zh, en)} {voice.local_time(origin.get(name))}" for zh, en, name in times)
    return f"{who} ({device}) {told}"


def _person(voice: Voice, question: Question, person: str | None) -> str:
    return voice.name_of(question.people.get(person or "", {})) or "?"
