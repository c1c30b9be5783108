"""`ui`: the pages on this device, for its own browser."""

from __future__ import annotations

import errno
import threading
import webbrowser
from pathlib import Path

import click
from waitress.server import create_server

from field_client.commands.desk import load_settings, read_pin
from field_client.device_log import open_device_log
from field_client.ui.app import create_ui
from field_client.ui.guard import keep_token
from field_client.ui.keeper import DeskKeeper, Stage
from field_client.ui.syncing import Syncer
from schemas.problems import Refused

THREADS = 8
"""One person: a page, what it loads, a camera's frames, and a question how the sync stands."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="端口 / Port on this machine")
@click.option("--browser/--no-browser", default=True, help="打开浏览器 / Open the browser")
@click.pass_obj
def ui(pin_file: Path | None, port: int | None, browser: bool) -> None:
    """打开本机页面。 / Serve the pages of this device and open them."""
    settings, say = load_settings()
    open_device_log(settings.log, settings.log_level)
    port = port or settings.ui_port
    keeper = DeskKeeper(settings)
    if keeper.stage is Stage.LOCKED and (pin_file is not None or settings.pin):
        keeper.open(read_pin(settings, pin_file))
    syncer = Syncer(keeper)
    token = keep_token(settings.ui_token)
    app = create_ui(keeper, syncer, token, port)
    try:
        server = create_server(app, host="127.0.0.1", port=port, threads=THREADS, ident=None)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Refused("port_in_use", port=port) from None
    address = f"http://127.0.0.1:{port}/enter?token={token}"
    click.echo(f"{say('页面地址（只在本机）', 'The pages, for this machine only')}: {address}")
    stop = threading.Event()
    timer = threading.Thread(target=syncer.keep_going, args=(stop,), name="sync timer", daemon=True)
    timer.start()
    if browser:
        webbrowser.open(address)
    try:
        server.run()
    finally:
        stop.set()
        timer.join()
        syncer.wait()
        keeper.close()
