"""metrics: figures for Prometheus."""

from __future__ import annotations

import click
from prometheus_client import generate_latest

from server.commands.desk import Desk, NotReady, at_desk
from server.exposition import collect_everything, open_exposition


@click.command()
@click.option("--once", is_flag=True, help="只输出一次。/ Print them once and end.")
@at_desk
def metrics(desk: Desk, once: bool) -> None:
    """提供监控指标。 / Serve figures for Prometheus, until interrupted."""
    if once:
        click.echo(generate_latest(collect_everything(desk.settings, desk.engine)), nl=False)
        return
    try:
        server = open_exposition(desk.settings, desk.engine)
    except ValueError as error:
        raise NotReady(str(error)) from None
    host, port = server.server_address[:2]
    desk.voice.say(f"监控指标：http://{host}:{port}/metrics", f"Metrics at http://{host}:{port}/metrics")
    server.serve_forever()
