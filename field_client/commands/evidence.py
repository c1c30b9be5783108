"""`photograph`, `sign` and `sheet`: what can be shown later."""

from __future__ import annotations

import json
from pathlib import Path

import click

from field_client.commands.desk import opened_desk
from field_client.commands.showing import echo, secho
from field_client.desk import Desk
from field_client.work import find_order
from field_client.work_photos import photograph as take_photo
from field_client.work_sheet import compose_draft, find_signed, label_change, print_sheet, read_sheet_state
from field_client.work_signature import sign as take_signature
from field_client.work_signature import sign_without
from schemas.evidence import PHOTO_PURPOSES
from schemas.job_sheet import OUTCOME_LABELS
from schemas.order import RESULTS
from schemas.problems import Refused


@click.command()
@click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--purpose", type=click.Choice(PHOTO_PURPOSES), default="other", help="用途 / Purpose")
@click.option("--caption", help="说明 / Caption")
@click.option("--order", help="工单号，默认当前工单 / Order, the current one when left out")
@click.pass_obj
def photograph(pin_file: Path | None, photo: Path, purpose: str, caption: str | None, order: str | None) -> None:
    """保存照片 PHOTO：原图加密保存，附预览图和缩略图。 / Keep PHOTO, encrypted, with a preview and a thumbnail."""
    with opened_desk(pin_file) as desk:
        kept = take_photo(desk.bench, desk.files, photo.read_bytes(), purpose, caption=caption, order=order)
        say, values = desk.say, kept.values
        size = f"{values['width']} x {values['height']}, {values['size_bytes']:,} {say('字节', 'bytes')}"
        echo(f"{say('已保存照片', 'Photo kept')} ({say.value('purpose', purpose)}): {size}")
        place = say("已记录", "recorded") if values["latitude"] else say("未记录", "not recorded")
        echo(f"  {say('拍摄时间', 'Taken')} {say.time(values['taken_at'])}, {say('位置', 'place')} {place}")
        echo(f"  SHA-256 {values['original_sha256']}")


@click.command()
@click.option(
    "--strokes",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="笔迹文件 / Strokes as JSON: [[[x,y,t_ms],...],...]",
)
@click.option("--name", help="签字人 / Signer")
@click.option("--role", default="", help="签字人职务 / Signer's role")
@click.option("--declined", is_flag=True, help="客户拒签 / The customer declines")
@click.option("--absent", is_flag=True, help="客户不在场 / The customer is absent")
@click.option("--reason", default="", help="没有签字的原因 / Why there is no signature")
@click.option("--diagnosis", help="故障原因，写入报告 / Diagnosis, for the sheet")
@click.option("--remedy", help="处理措施，写入报告 / Remedy, for the sheet")
@click.option("--result", type=click.Choice(RESULTS), help="处理结果，写入报告 / Result, for the sheet")
@click.option("--order", help="工单号，默认当前工单 / Order, the current one when left out")
@click.pass_obj
def sign(
    pin_file: Path | None,
    /,
    strokes: Path | None,
    name: str | None,
    role: str,
    declined: bool,
    absent: bool,
    reason: str,
    order: str | None,
    **findings: str | None,
) -> None:
    """生成服务报告并由客户签字。 / Compose the job sheet and take the customer's signature."""
    with opened_desk(pin_file) as desk:
        if [strokes is not None, declined, absent].count(True) != 1:
            raise click.UsageError(
                desk.say("--strokes、--declined、--absent 选其一", "one of --strokes, --declined, --absent")
            )
        if strokes is not None:
            drawn = _read_strokes(strokes)
            done = take_signature(desk.bench, desk.files, drawn, name or "", role, order=order, **findings)
        else:
            outcome = "declined" if declined else "absent"
            done = sign_without(desk.bench, outcome, reason, name=name, role=role or None, order=order, **findings)
        said = OUTCOME_LABELS[done.signature["outcome"]]
        echo(f"{desk.say(*said)} {done.signature.get('signer_name') or ''}".rstrip())
        echo(f"  {desk.say('服务报告', 'Job sheet')} SHA-256 {done.content_sha256}")


@click.command()
@click.argument("order", required=False)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="PDF 文件 / The PDF file")
@click.option("--draft", is_flag=True, help="签字前的样稿 / As it would be signed, before it is")
@click.pass_obj
def sheet(pin_file: Path | None, order: str | None, out: Path, draft: bool) -> None:
    """打印服务报告。 / Print the job sheet of an order."""
    with opened_desk(pin_file) as desk:
        found = compose_draft(desk.bench, order) if draft else find_signed(desk.bench, order)
        out.write_bytes(print_sheet(desk.files, found))
        echo(f"{desk.say('服务报告', 'Job sheet')}: {out}")
        _show_state(desk, order)


def _show_state(desk: Desk, order: str | None) -> None:
    found = read_sheet_state(desk.bench, find_order(desk.bench, order))
    if found.standing == "changed":
        zh, en = ("、".join(words) for words in zip(*map(label_change, found.changed), strict=True))
        secho(desk.say(f"签字后有改动：{zh}", f"Changed after signature: {en}"), fg="yellow")


def _read_strokes(path: Path) -> list[list[list[int]]]:
    try:
        strokes = json.loads(path.read_bytes())
    except ValueError as error:
        raise Refused("value_invalid", field="strokes", detail=str(error)) from None
    if not isinstance(strokes, list) or not all(isinstance(stroke, list) for stroke in strokes):
        raise Refused("value_invalid", field="strokes", detail="[[[x, y, t], ...], ...]")
    return strokes
