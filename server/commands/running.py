"""serve, migrate, demo: starting up."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server
from sqlalchemy.engine import make_url

from server.commands.desk import Desk, NotReady, at_desk
from server.commands.keeping_scribe import running_scribe
from server.demo.people import LOGINS
from server.demo.seeding import PASSWORD, seed
from server.desk.live import STREAMS_MAX
from server.event_log import WEB_SERVER_LOG, open_event_log
from server.jobs import tidy
from server.metrics import forget_ended
from server.orphans import STOP_S
from server.services.office import organisations
from server.store import migrate as migrations
from server.store.database import reading

LINES_EACH = 16
"""Connections for each thread: most are silent between two requests, and cost a file descriptor of the usual 1,024.

Beyond that the listener lets the network hold callers back.
"""


@click.command()
@at_desk
def serve(desk: Desk) -> None:
    """启动服务器。 / Serve over HTTP until interrupted."""
    settings = desk.settings
    address, _, port = settings.bind.rpartition(":")
    if not port.isdigit():
        raise NotReady(f"GONGDAN_BIND: {settings.bind}")
    open_event_log(settings.log_level, settings.log_format)
    forget_ended(settings.data)
    with reading(desk.engine) as connection:
        is_empty = not organisations(connection)
    desk.bare_engine.dispose()
    say, url = desk.voice.say, settings.base_url
    say(
        f"服务器地址 {url}，接口说明 {url}/api/v1/docs，按 Ctrl-C 停止。",
        f"Serving {url}, interface at {url}/api/v1/docs; Ctrl-C stops.",
    )
    if is_empty:
        say("数据库是空的，可先运行 gongdan-server demo。", "The database is empty; gongdan-server demo fills it.")
    say(
        "下一步（另开一个终端）：gongdan-server enrol --person wei，再按提示在终端上运行 gongdan-field enrol。",
        "Next, in another terminal: gongdan-server enrol --person wei, then gongdan-field enrol on the device.",
    )
    server = Server(
        "server.app:wsgi",
        address=address or "127.0.0.1",
        port=int(port),
        interface=Interfaces.WSGI,
        factory=True,
        workers=settings.workers,
        blocking_threads=settings.threads + STREAMS_MAX,
        backpressure=settings.threads * LINES_EACH + STREAMS_MAX,
        workers_kill_timeout=STOP_S,
        # On a line that loses a third the head of a request may take longer than the default, thirty seconds.
        http1_settings=HTTP1Settings(header_read_timeout=round(settings.silence_s * 1000)),
        websockets=False,
        # A worker that dies takes its own requests with it and no others.
        respawn_failed_workers=True,
        log_level=LogLevels.error,
        log_dictconfig=WEB_SERVER_LOG,
    )
    with running_scribe():
        server.serve()


@click.command(name="tidy")
@at_desk
def tidy_up(desk: Desk) -> None:
    """清理过期的上传和登记码。 / Clear uploads and enrolment codes whose time is over; the server does so hourly."""
    tidied = tidy(desk.engine, desk.blobs.files, desk.settings.journal_days, desk.key)
    if tidied is None:
        desk.voice.say("服务器正在清理。", "The server is at it.")
        return
    desk.voice.say(
        f"已清理：上传 {tidied.uploads}，登记码 {tidied.codes}",
        f"Cleared: {tidied.uploads} uploads, {tidied.codes} codes",
    )


@click.command()
@click.option("--to", "revision", default=None, metavar="REVISION", help="目标版本。/ The revision to go to.")
@click.option("--down", is_flag=True, help="退回旧版本，会丢失数据。/ Go back; what only newer tables hold is lost.")
@at_desk
def migrate(desk: Desk, revision: str | None, down: bool) -> None:
    """准备数据库。 / Bring the database's tables to this release."""
    if down and revision is None:
        raise click.UsageError("--down: --to REVISION")
    engine = desk.bare_engine
    if down:
        migrations.downgrade(engine, str(revision))
    else:
        migrations.upgrade(engine, revision or migrations.NEWEST)
    where = make_url(desk.settings.database_url).render_as_string(hide_password=True)
    desk.voice.say(f"数据库已就绪：{where}", f"The database is ready: {where}")


@click.command()
@at_desk
def demo(desk: Desk) -> None:
    """写入示例公司。 / Fill an empty database with a made-up company."""
    seeded = seed(desk.engine, desk.office, desk.settings, datetime.now(UTC))
    say = desk.voice.say
    if seeded is None:
        say("数据库里已有数据，没有改动。", "The database has data already; nothing was changed.")
    else:
        say("示例公司已写入。", "The made-up company has been written.")
        logins = " ".join(LOGINS)
        say(f"办公室登录名：{logins}；密码：{PASSWORD}", f"Office logins: {logins}; password: {PASSWORD}")
    say(
        "查看：gongdan-server orders、conflicts、trace SV2510",
        "Look at: gongdan-server orders, conflicts, trace SV2510",
    )
