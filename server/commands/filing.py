"""add-manual: a manual for the engineers, which their devices fetch before they leave."""

from __future__ import annotations

from pathlib import Path

import click

from server.commands.desk import BY, Desk, at_desk
from server.services.manuals import file_manual


@click.command(name="add-manual")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="名称。/ Name.")
@click.option("--name-en", help="英文名称。/ Name in English.")
@click.option("--family", "families", multiple=True, required=True, help="适用机型族，可多次。/ Family of machines.")
@click.option("--manual-language", type=click.Choice(("zh", "en")), help="手册的语言。/ Language of the manual.")
@click.option("--edition", help="版本。/ Edition.")
@BY
@at_desk
def add_manual(
    desk: Desk,
    file: Path,
    name: str,
    name_en: str | None,
    families: tuple[str, ...],
    manual_language: str | None,
    edition: str | None,
    by: str,
) -> None:
    """登记手册，终端在出发前下载。 / File a manual; devices that need it fetch it with their next sync."""
    values = {
        "name": name,
        "name_en": name_en,
        "families": list(families),
        "language": manual_language,
        "edition": edition,
    }
    file_manual(desk.engine, desk.office, desk.blobs, desk.organisation, desk.person(by), file, values)
    desk.voice.say(f"已登记手册：{name}", f"Filed: {name_en or name}")
