"""enrol and devices: handing out devices, taking them back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from printing.labels import draw_code, spell_code
from server.commands.desk import BY, JSON, Desk, at_desk
from server.commands.voice import print_json
from server.services import devices as device_service
from server.services.bridging import bridge as bridge_gap
from server.services.enrolment import issue_code
from server.services.thawing import thaw as thaw_device
from server.services.verdicts import expect_taken_in
from server.store import records
from server.store.database import reading, writing
from server.store.devices import list_gaps


@click.command()
@click.option("--person", required=True, help="终端的使用人。/ Whose device it will be: login, name or id.")
@click.option(
    "--png", type=click.Path(dir_okay=False, path_type=Path), help="把二维码存为 PNG。/ Save the code as PNG."
)
@click.option("--no-code", is_flag=True, help="只输出文字，不画二维码。/ Print the text only.")
@at_desk
def enrol(desk: Desk, person: str, png: Path | None, no_code: bool) -> None:
    """生成终端登记码。 / Make a one-time code that enrols a device."""
    person_id = desk.person(person)
    with writing(desk.engine) as connection:
        invitation = issue_code(connection, desk.organisation, person_id, desk.settings.base_url)
    if not no_code:
        click.echo(spell_code(invitation.text))
    if png is not None:
        png.write_bytes(draw_code(invitation.text))
    click.echo(invitation.text)
    until = desk.voice.local_time(invitation.expires_at)
    desk.voice.say(
        f"在终端上运行：gongdan-field enrol '{invitation.text}'（一次有效，{until} 前）",
        f"On the device: gongdan-field enrol '{invitation.text}' (once, until {until})",
    )


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def devices(context: click.Context, as_json: bool) -> None:
    """列出、停用、解冻、续接终端。 / List, revoke, thaw and bridge devices."""
    if context.invoked_subcommand is None:
        context.invoke(list_devices, as_json=as_json)


@click.command(name="list")
@JSON
@at_desk
def list_devices(desk: Desk, as_json: bool) -> None:
    """列出终端。 / List devices with their people and states."""
    with reading(desk.engine) as connection:
        known = device_service.list_devices(connection, desk.organisation)
        gaps = list_gaps(connection, desk.organisation)
        wanted = {device.device for device in known} | {device.person for device in known}
        bodies = records.bodies_of(connection, desk.organisation, wanted)

    def body_of(record_id: str) -> dict[str, Any]:
        return bodies[record_id][1] if record_id in bodies else {}

    rows = [
        {
            "device": device.device,
            "name": body_of(device.device).get("name"),
            "person": desk.voice.name_of(body_of(device.person)),
            "state": "frozen" if device.frozen and device.state == "active" else device.state,
            "change_sets": device.seq,
            "missing": f"{gap.first}-{gap.last}" if (gap := gaps.get(device.device)) else None,
        }
        for device in known
    ]
    if as_json:
        print_json(rows)
        return
    titles = (("编号", "Id"), ("名称", "Name"), ("使用人", "Person"), ("状态", "State"), ("变更集", "Change-sets"))
    titles += (("缺失", "Missing"),)
    desk.voice.table(titles, [[str(value or "") for value in row.values()] for row in rows])


@click.command()
@click.argument("device")
@BY
@at_desk
def revoke(desk: Desk, device: str, by: str) -> None:
    """停用丢失的终端。 / Revoke a lost device: it gets nothing more, what it still sends is kept aside."""
    expect_taken_in(device_service.revoke(desk.office, desk.organisation, desk.person(by), device))
    desk.voice.say("终端已停用。", "The device is revoked.")


@click.command()
@click.argument("device")
@BY
@at_desk
def thaw(desk: Desk, device: str, by: str) -> None:
    """解冻终端。 / Let a frozen device go on from the last change-set that was taken in."""
    thaw_device(desk.engine, desk.office, desk.organisation, desk.person(by), device)
    desk.voice.say("终端已解冻。", "The device may go on.")


@click.command()
@click.argument("device")
@BY
@at_desk
def bridge(desk: Desk, device: str, by: str) -> None:
    """放弃恢复时丢失、终端也不再有的变更集。 / Give up sets that a restore lost and the device has no more."""
    gap = bridge_gap(desk.engine, desk.office, desk.organisation, desk.person(by), device)
    desk.voice.say(
        f"变更集 {gap.first} 至 {gap.last} 已放弃，其后的已接收。",
        f"Change-sets {gap.first} to {gap.last} are given up; those after them are taken in.",
    )


for _command in (list_devices, revoke, thaw, bridge):
    devices.add_command(_command)
