"""label: the code that is stuck on a machine."""

from __future__ import annotations

from pathlib import Path

import click

from printing.labels import draw_label, machine_text, seal_text, spell_code
from server.commands.desk import Desk, at_desk
from server.services.label_sheets import seal_of
from server.services.trace import find_machine
from server.store import records
from server.store.database import reading


@click.command()
@click.argument("serial")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="把标签存为 PNG。/ Save the label as PNG.")
@at_desk
def label(desk: Desk, serial: str, png: Path | None) -> None:
    """打印设备标签。 / Print a machine's label."""
    with reading(desk.engine) as connection:
        machine_id = find_machine(connection, desk.organisation, serial)
        machine = records.bodies_of(connection, desk.organisation, [machine_id])[machine_id][1]
        model = records.bodies_of(connection, desk.organisation, [machine["model_id"]])[machine["model_id"]][1]
    bare = machine_text(desk.settings.base_url, model.get("gtin"), machine["serial"])
    text = seal_text(bare, seal_of(desk.office.key, desk.organisation, bare))
    if png is not None:
        lines = (f"S/N {machine['serial']}", f"GTIN {model['gtin']}" if model.get("gtin") else "")
        png.write_bytes(draw_label(text, model.get("name_en") or model["name"], lines))
        desk.voice.say(f"标签：{png}", f"Label: {png}")
    else:
        click.echo(spell_code(text))
    click.echo(text)
