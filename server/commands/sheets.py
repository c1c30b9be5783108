"""sheet and check-sheet: a job sheet printed again, and a printed one checked by its code."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from schemas.job_sheet import OUTCOME_LABELS
from server.commands.desk import Desk, at_desk
from server.services import sheets
from server.services.sheets import CheckedCode

SEEN: Final[dict[str, tuple[str, str]]] = {
    "none": ("报告没有日志检查点。", "The sheet names no checkpoint of the log."),
    "holds": (
        "检查点由本组织签名，与日志相符（{size} 条）。",
        "The log agrees with the checkpoint ({size} entries).",
    ),
    "not_signed": ("检查点不是本组织签名的！", "The checkpoint is not signed by this office!"),
    "not_in_log": ("日志与检查点不符（{size} 条）！", "The log does not agree with the checkpoint ({size} entries)!"),
}


@click.command()
@click.argument("order")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="PDF 文件。/ The PDF file.")
@at_desk
def sheet(desk: Desk, order: str, out: Path) -> None:
    """打印工单的服务报告，与终端上的逐字节相同。 / Print an order's job sheet, byte for byte as on the device."""
    printed = sheets.print_sheet(desk.blobs, desk.organisation, order)
    out.write_bytes(printed.pdf)
    desk.voice.say(f"服务报告 {printed.number}：{out}", f"Job sheet {printed.number}: {out}")


@click.command(name="check-sheet")
@click.argument("text", type=click.File(encoding="utf-8"))
@at_desk
def check_sheet(desk: Desk, text: click.utils.LazyFile) -> None:
    """核对纸质报告：TEXT 是存有二维码内容的文件，- 为标准输入。

    Check a job sheet on paper: TEXT is a file with what its code says, - for the standard input.
    """
    found = sheets.check_code(desk.engine, desk.key, desk.organisation, text.read())
    _tell(desk, found)
    if not found.holds:
        raise SystemExit(1)


def _tell(desk: Desk, found: CheckedCode) -> None:
    voice = desk.voice
    if found.is_known:
        zh, en = f"工单 {found.number}，日志第 {found.position} 条", f"Order {found.number}, log entry {found.position}"
        voice.say(f"内容与日志一致：{zh}。", f"The content is as in the log: {en}.")
        voice.say(*_spell_signature(found))
    else:
        voice.say("日志里没有这份报告，或内容已被改动！", "The log holds no such sheet, or its content was altered!")
    zh, en = (text.format(size=found.size) for text in SEEN[found.seen])
    voice.say(zh, en)
    if found.is_known and found.position <= found.size:
        zh = "报告在日志里的位置早于它所见的检查点！"
        voice.say(zh, "The sheet stands in the log before the checkpoint it claims to have seen!")


def _spell_signature(found: CheckedCode) -> tuple[str, str]:
    said = found.signature
    if said is None:
        return "没有签字。", "It is not signed."
    zh, en = OUTCOME_LABELS[said["outcome"]]
    who = " ".join(said[name] for name in ("signer_name", "signer_role") if said.get(name))
    return f"{zh}：{who} {said['signed_at']}", f"{en}: {who} {said['signed_at']}"
