"""`check`: what is looked at and measured."""

from __future__ import annotations

from pathlib import Path

import click

from field_client.commands.desk import opened_desk, tell
from field_client.commands.showing import echo
from field_client.desk import Desk
from field_client.work_checks import Checked
from field_client.work_checks import check as check_item
from field_client.work_checks import skip as skip_item
from schemas.job_sheet import VERDICT_LABELS


@click.command()
@click.argument("item")
@click.argument("value", required=False)
@click.option("--reason", help="超限仍继续、或不做的原因 / Why one goes on beyond a limit, or skips")
@click.option("--skip", "is_skipped", is_flag=True, help="不做这一项 / Leave this item out")
@click.option("--order", help="工单号，默认当前工单 / Order, the current one when left out")
@click.pass_obj
def check(
    pin_file: Path | None, item: str, value: str | None, reason: str | None, is_skipped: bool, order: str | None
) -> None:
    """记录检查项 ITEM 的结果 VALUE。 / Record VALUE for the check ITEM."""
    with opened_desk(pin_file) as desk:
        if is_skipped == (value is not None):
            raise click.UsageError(desk.say("请给出结果，或 --skip", "give either a value or --skip"))
        if value is None:
            done = skip_item(desk.bench, item, reason or "", order=order)
        else:
            done = check_item(desk.bench, item, value, reason=reason, order=order)
        _tell_check(desk, done)


def _tell_check(desk: Desk, done: Checked) -> None:
    say, item = desk.say, done.item
    label = say(item["label"], item.get("label_en") or item["label"])
    unit = item.get("unit") or ""
    echo(f"{label}: {say.value(item['type'], done.value)} {unit}  {say(*VERDICT_LABELS[done.verdict])}")
    if limits := say.limits(item):
        echo(f"  {say('允许', 'limits')} {limits}")
    if done.previous is not None:
        values = done.previous.values
        before = f"{values.get('value') or '—'} {values.get('unit') or ''} ({say.time(values['checked_at'])})"
        echo(f"  {say('上次', 'before')} {before}")
    tell(say, done.notices)
