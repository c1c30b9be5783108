"""`sync`, `export` and `import`: bringing what is here to the server, over the network or by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click

from field_client.bundle import export_bundle, import_receipts
from field_client.commands.desk import load_settings, opened_desk
from field_client.desk import Desk
from field_client.runner import Progress, SyncReport
from field_client.syncing import destroy_desk, sync_desk
from field_client.wiping import confirm_wipe
from pages.speech import Speech
from schemas.problems import Refused
from sync.trace_context import shorten

STEPS = {
    "push": ("提交变更", "change-sets sent"),
    "pull": ("接收记录", "records received"),
    "repair": ("修复记录", "records repaired"),
    "files": ("上传文件字节", "bytes of files sent"),
    "fetch": ("接收手册字节", "bytes of manuals received"),
}


@click.command()
@click.option("--progress/--no-progress", default=None, help="显示进度 / Show how far it is")
@click.pass_obj
def sync(pin_file: Path | None, progress: bool | None) -> None:
    """与服务器同步：先提交，再接收，最后上传照片。 / Send what waits, fetch what changed, then send photos."""
    confirm_wipe(load_settings()[0])
    with opened_desk(pin_file) as desk:
        is_shown = sys.stderr.isatty() if progress is None else progress
        meter = _Meter(desk.say)
        synced = sync_desk(desk, meter.show if is_shown else lambda _: None)
        meter.end()
        report = synced.report
        _tell(desk, report)
        if report.wipe_ordered_at is not None:
            _destroy(desk, report.wipe_ordered_at)
        if report.fault is not None:
            number = shorten(synced.trace_id)
            click.echo(desk.say(f"热线查询编号：{number}", f"Tell the hotline: {number}"), err=True)
            raise Refused(report.fault.code, **report.fault.facts)


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.pass_obj
def export(pin_file: Path | None, path: Path) -> None:
    """把未同步的变更和文件导出为一个文件，可用 U 盘带走。 / Write what is unsent into one file to carry by hand."""
    with opened_desk(pin_file) as desk:
        done = export_bundle(path, desk.store, desk.outbox, desk.files)
        zh = f"已导出 {done.sets} 个变更集、{done.files} 个文件（{done.size_bytes:,} 字节）到 {path}。"
        en = f"Exported {done.sets} change-sets and {done.files} files ({done.size_bytes:,} bytes) to {path}."
        click.echo(desk.say(zh, en))
        click.echo(
            desk.say(
                "收到回执并导入之前，内容仍保留在本机。",
                "Everything stays here as well until receipts are imported.",
            )
        )


@click.command(name="import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_(pin_file: Path | None, path: Path) -> None:
    """导入服务器对导出文件的回执。 / Take in the receipts that the server gave for an exported file."""
    with opened_desk(pin_file) as desk:
        settled = import_receipts(path, desk.outbox)
        click.echo(desk.say(f"{settled} 个变更集已有结果。", f"{settled} change-sets are settled."))


def _destroy(desk: Desk, ordered_at: str) -> NoReturn:
    """Destroy this device as the office ordered; say what could not be saved."""
    unsent = destroy_desk(desk, ordered_at)
    if unsent:
        text = desk.say(f"{unsent} 个未上传的文件无法恢复。", f"{unsent} files were never sent and are lost.")
        click.echo(text, err=True)
    raise Refused("device_wiped")


class _Meter:
    """Says how far a run is: on a terminal in one line that is written over, elsewhere in lines for each tenth."""

    def __init__(self, say: Speech) -> None:
        self._say = say
        self._is_terminal = sys.stderr.isatty()
        self._shown: Progress | None = None

    def show(self, progress: Progress) -> None:
        last, self._shown = self._shown, progress
        if last is not None and last.step != progress.step:
            click.echo("", err=True, nl=self._is_terminal)
            last = None
        of = "" if progress.of is None else f" / {progress.of:,}"
        text = f"{self._say(*STEPS[progress.step])}: {progress.done:,}{of}"
        if self._is_terminal:
            click.echo(f"\r{text}   ", nl=False, err=True)
        elif last is None or _tenth(progress) != _tenth(last):
            click.echo(text, err=True)

    def end(self) -> None:
        if self._shown is not None and self._is_terminal:
            click.echo("", err=True)


def _tenth(progress: Progress) -> int:
    return 10 * progress.done // progress.of if progress.of else progress.done


def _tell(desk: Desk, report: SyncReport) -> None:
    say, counts, traffic = desk.say, desk.outbox.counts(), report.traffic
    zh = f"提交并有结果 {report.settled} 个变更集，接收 {report.records} 条变化，上传 {report.files} 个文件"
    en = f"{report.settled} change-sets settled, {report.records} changes received, {report.files} files sent"
    click.echo(
        say(
            f"{zh}（发 {traffic.sent:,}、收 {traffic.received:,} 字节）。",
            f"{en} ({traffic.sent:,} bytes out, {traffic.received:,} in).",
        )
    )
    if report.fetched:
        click.echo(say(f"下载手册 {report.fetched} 份。", f"{report.fetched} manuals fetched."))
    if report.repaired:
        click.echo(
            say(
                f"核对发现差异，已修复 {report.repaired} 条。", f"{report.repaired} records differed and were repaired."
            )
        )
    if report.is_consistent is False:
        click.echo(
            say("与服务器仍有差异，下次同步再核对。", "Still differs from the server; the next sync compares again.")
        )
    for state, zh, en in (
        ("contested", "有冲突，等派工台裁定", "in conflict, waiting for the dispatcher"),
        ("refused", "被拒绝", "refused"),
        ("held", "在服务器等候前序", "held by the server"),
    ):
        if counts.get(state):
            click.secho(
                say(
                    f"{counts[state]} 个变更集{zh}，见 gongdan-field status。",
                    f"{counts[state]} change-sets {en}; see gongdan-field status.",
                ),
                fg="yellow",
            )
