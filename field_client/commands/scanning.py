"""`scan`: a label, as a photo or as text, opens the machine's order or tells what part it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from field_client.codes import read_photo
from field_client.commands.desk import opened_desk, tell
from field_client.commands.orders import write_line
from field_client.commands.showing import echo
from field_client.desk import Desk
from field_client.work import Opened
from field_client.work_part_checks import identify
from field_client.work_scan import open_scanned, read_part_label
from scanning.scan import Scan, parse, parse_typed
from schemas.problems import Refused


@click.command()
@click.argument("label")
@click.pass_obj
def scan(pin_file: Path | None, label: str) -> None:
    """扫描 LABEL（照片文件或文本）：打开设备的工单，或说明是什么备件。 / Read LABEL, a photo or text."""
    with opened_desk(pin_file) as desk:
        scans = read_label(label)
        try:
            _tell_machine(desk, open_scanned(desk.bench, scans))
        except Refused as refusal:
            if refusal.code != "machine_unknown" or not _tell_part(desk, scans):
                raise


def read_label(label: str) -> list[Scan]:
    """Read the codes of a photo, or a text as typed.

    Raises Refused with `code_not_found`, `code_invalid`, or what is wrong with the photo.
    """
    this_year = datetime.now(UTC).year
    path = Path(label)
    if not path.is_file():
        return [parse_typed(label, this_year)]
    codes = read_photo(path.read_bytes())
    if not codes:
        raise Refused("code_not_found")
    return [parse(code.raw, code.symbology, this_year) for code in codes]


def _tell_machine(desk: Desk, opened: Opened) -> None:
    say, machine = desk.say, opened.machine.values
    model = desk.store.values_of(machine.get("model_id"))
    echo(f"{say('设备', 'Machine')}: {model.get('name', '')} {machine['serial']} {machine.get('place') or ''}".rstrip())
    for line in opened.orders:
        write_line(desk, line)
    if not opened.orders:
        echo(say("没有待办工单；可用 create 新建。", "No order is open for it; create makes one."))
    elif opened.current is None:
        echo(say("有多张工单，请用 start 工单号 选择。", "Several orders are open; choose with start NUMBER."))


def _tell_part(desk: Desk, scans: list[Scan]) -> bool:
    """Tell what part a label is on; false when it is on none known here."""
    label = read_part_label(desk.bench, scans)
    part, batch, doubts = identify(desk.bench, label)
    if part is None:
        return False
    say = desk.say
    echo(f"{say('备件', 'Part')}: {part.values['name']} {part.values['part_number']}")
    if label.serial:
        echo(f"  {say.field('part_fitted', 'serial')}: {label.serial}")
    if batch is not None:
        supplier = desk.store.values_of(batch.values["supplier_id"]).get("name")
        certificate = batch.values.get("certificate") or "—"
        echo(f"  {say('批号', 'Batch')}: {label.batch}")
        echo(f"  {say('供应商', 'Supplier')}: {supplier}, {say('合格证', 'certificate')} {certificate}")
    tell(say, doubts)
    return True
