"""`fit-part`: what is put in, and what came out."""

from __future__ import annotations

from pathlib import Path

import click

from field_client.commands.desk import opened_desk, tell
from field_client.commands.scanning import read_label
from field_client.commands.showing import echo
from field_client.desk import Desk
from field_client.work_part_checks import PartLabel
from field_client.work_parts import Fitted, RemovedPart
from field_client.work_parts import fit_part as fit
from field_client.work_scan import read_part_label

DESTINATIONS = ("returned", "scrapped", "customer", "unknown")


@click.command(name="fit-part")
@click.argument("label", required=False)
@click.option("--part-number", help="备件号 / Part number")
@click.option("--gtin", help="GTIN")
@click.option("--serial", help="序列号 / Serial number")
@click.option("--batch", help="批号 / Batch number")
@click.option("--name", help="目录里没有时的名称 / Name, when the catalogue has none")
@click.option("--place", help="装入部位 / Position")
@click.option("--quantity", type=click.IntRange(1, 10_000), help="数量 / Quantity")
@click.option("--removed-serial", help="拆下件的序列号 / Serial number of the part that came out")
@click.option("--removed-batch", help="拆下件的批号 / Batch of the part that came out")
@click.option("--destination", type=click.Choice(DESTINATIONS), help="拆下件去向 / Where the old part goes")
@click.option("--order", help="工单号，默认当前工单 / Order, the current one when left out")
@click.pass_obj
def fit_part(
    pin_file: Path | None,
    label: str | None,
    part_number: str | None,
    gtin: str | None,
    serial: str | None,
    batch: str | None,
    removed_serial: str | None,
    removed_batch: str | None,
    destination: str | None,
    name: str | None,
    place: str | None,
    quantity: int | None,
    order: str | None,
) -> None:
    """记录换件：LABEL 是备件标签的照片或文本，也可逐项填写。 / Record a part: LABEL is a photo or text of its label."""
    with opened_desk(pin_file) as desk:
        read = read_part_label(desk.bench, read_label(label)) if label else PartLabel()
        typed = PartLabel(
            gtin=gtin or read.gtin,
            part_number=part_number or read.part_number,
            serial=serial or read.serial,
            batch=batch or read.batch,
            text=read.text,
        )
        out = RemovedPart(removed_serial, removed_batch, destination)
        is_removed = bool(removed_serial or removed_batch)
        done = fit(
            desk.bench,
            typed,
            removed=out if is_removed else None,
            name=name,
            quantity=quantity,
            place=place,
            order=order,
        )
        _tell_part(desk, done)


def _tell_part(desk: Desk, done: Fitted) -> None:
    say, values = desk.say, done.fitted
    echo(f"{say('装入', 'Fitted')}: {values['part_name']}")
    for name in ("serial", "batch", "place", "quantity"):
        if values[name] is not None:
            echo(f"  {say.field('part_fitted', name)}: {values[name]}")
    if done.supplier is not None:
        echo(f"  {say('供应商', 'Supplier')}: {done.supplier.values['name']}")
    if done.batch is not None:
        certificate = done.batch.values.get("certificate")
        echo(f"  {say('合格证', 'Certificate')}: {certificate or '—'}")
    if done.removed is not None:
        number = done.removed.get("serial") or done.removed.get("batch")
        echo(f"{say('拆下', 'Removed')}: {done.removed.get('part_name') or '—'} {number}")
    tell(say, done.notices)
