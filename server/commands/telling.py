"""webhook-secret: what whoever runs an endpoint checks our signatures with."""

from __future__ import annotations

import click

from server.commands.desk import Desk, at_desk
from server.services.webhooks import secret_of


@click.command(name="webhook-secret")
@click.argument("url")
@at_desk
def webhook_secret(desk: Desk, url: str) -> None:
    """显示一个地址的签名密钥。 / Show the secret of a URL of GONGDAN_WEBHOOKS, to be told to whoever runs it."""
    click.echo(secret_of(desk.office.key, url))
