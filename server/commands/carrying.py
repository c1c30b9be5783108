"""import and receipts: change-sets brought by hand, and the answer taken back."""

from __future__ import annotations

from pathlib import Path

import click

from schemas.problems import Refused
from server.commands.desk import Desk, at_desk
from server.services.bundles import import_bundle, list_receipts, write_answer
from server.store.database import reading

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--receipts", "answer", type=FILE, help="回执写到哪里。/ Where to write the receipts; FILE.receipts unless given."
)
@at_desk
def import_file(desk: Desk, file: Path, answer: Path | None) -> None:
    """导入变更包。 / Take in a bundle that a device exported, and write its receipts."""
    answer = answer or file.with_name(f"{file.name}.receipts")
    imported = import_bundle(desk.engine, desk.blobs, file, desk.key.token_secret)
    write_answer(answer, imported.organisation, imported.device, imported.receipts)
    told = ", ".join(f"{verdict} {count}" for verdict, count in sorted(imported.verdicts.items())) or "0"
    desk.voice.say(f"变更集：{told}；文件 {imported.files} 个。", f"Change-sets: {told}; files: {imported.files}.")
    for name, code in imported.refused_files.items():
        click.echo(f"{name} [{code}]", err=True)
    desk.voice.say(f"回执：{answer}", f"Receipts: {answer}")


@click.command()
@click.argument("file", type=FILE)
@click.option("--device", required=True, metavar="ID", help="终端编号。/ The device's id.")
@click.option("--from", "from_seq", default=1, show_default=True, help="从第几个变更集起。/ From this change-set on.")
@at_desk
def receipts(desk: Desk, file: Path, device: str, from_seq: int) -> None:
    """导出回执。 / Write a device's stored receipts into a file it can import."""
    with reading(desk.engine) as connection:
        found = list_receipts(connection, desk.organisation, device, from_seq)
    if not found:
        raise Refused("not_found", what=f"receipts {device} ≥ {from_seq}")
    write_answer(file, desk.organisation, device, found)
    desk.voice.say(f"{len(found)} 份回执：{file}", f"{len(found)} receipts: {file}")
