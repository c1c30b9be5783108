"""backup, restore and rotate-epoch: what is done against the day when the disk is gone, and on that day."""

from __future__ import annotations

from pathlib import Path

import click

from server.commands.desk import Desk, NotReady, at_desk
from server.services import restoring
from server.services.restoring import LogEnd
from server.store.backup import BackupDamaged

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@FILE
@at_desk
def backup(desk: Desk, file: Path) -> None:
    """把内置数据库备份到文件 FILE，服务器可以照常运行。 / Copy the embedded database to FILE while the server runs."""
    _embedded(desk)
    _tell(desk, restoring.back_up(desk.engine, file.absolute()))
    desk.voice.say(f"已备份：{file}", f"Backed up: {file}")


@click.command()
@FILE
@at_desk
def restore(desk: Desk, file: Path) -> None:
    """先停服务器，再从备份 FILE 恢复。 / With the server stopped, put FILE in its database's place."""
    target = _embedded(desk)
    try:
        ends = restoring.restore(file.absolute(), target)
    except BackupDamaged as error:
        raise NotReady(str(error)) from None
    _tell(desk, ends)
    desk.voice.say(
        "已恢复。下一步：gongdan-server migrate、sweep、verify-log，然后启动服务器。",
        "Restored. Next: gongdan-server migrate, sweep and verify-log; then start the server.",
    )


@click.command(name="rotate-epoch")
@at_desk
def rotate_epoch(desk: Desk) -> None:
    """数据库恢复后，让终端重新核对。 / Let devices check what they hold, after a restore by other means."""
    _tell(desk, restoring.rotate_epochs(desk.engine))
    desk.voice.say(
        "终端下次同步时会重新核对。再运行 gongdan-server sweep，再次删除已删除的个人信息。",
        "Devices check what they hold when they next sync. Run gongdan-server sweep: it erases again what was erased.",
    )


def _embedded(desk: Desk) -> Path:
    """Return where the embedded database is. Raises NotReady when the server has another one."""
    if not desk.settings.is_sqlite:
        sentence = desk.voice.choose(
            "PostgreSQL 用它自己的工具备份和恢复，恢复后运行 gongdan-server rotate-epoch。",
            "PostgreSQL is backed up and restored by its own programs; then run gongdan-server rotate-epoch.",
        )
        raise NotReady(sentence)
    return Path(str(desk.bare_engine.url.database))


def _tell(desk: Desk, ends: list[LogEnd]) -> None:
    for end in ends:
        desk.voice.say(f"{end.name}：日志 {end.position} 条", f"{end.name}: {end.position} log entries")
