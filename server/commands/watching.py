"""fleet, entry and metrics: how devices, a change-set and the server fare."""

from __future__ import annotations

import click
from prometheus_client import generate_latest

from schemas.fleet import STATE_LABELS
from server.clock import unix_ms
from server.commands.desk import JSON, Desk, NotReady, at_desk
from server.commands.voice import Voice, pad, print_json
from server.exposition import collect_everything, open_exposition
from server.services.fleet import PAGE_DEVICES_MAX, FleetDevice, list_fleet
from server.services.log_entry import Story, read_entry, read_set
from server.store.database import reading


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


@click.command()
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="最多列出几台。/ Devices at most."
)
@JSON
@at_desk
def fleet(desk: Desk, limit: int, as_json: bool) -> None:
    """终端状况，沉默最久的在前。 / How devices fare, those first that were silent longest, and why."""
    found = _read_fleet(desk, limit)
    language = desk.voice.language
    if as_json:
        told = [{**device.row, "reasons": [reason.code for reason in device.reasons]} for device in found]
        print_json(told)
        return
    titles = (
        ("终端", "Device"),
        ("使用人", "Person"),
        ("状态", "State"),
        ("最近联系", "Last call"),
        ("最近同步", "Last sync"),
        ("未提交", "Unsent"),
        ("落后", "Behind"),
    )
    desk.voice.table(titles, [_cells(desk, device) for device in found])
    for device in found:
        for reason in device.reasons:
            click.echo(f"{device.row['name'] or device.row['device']}: {reason.sentence(language)} [{reason.code}]")


def _read_fleet(desk: Desk, limit: int) -> list[FleetDevice]:
    found: list[FleetDevice] = []
    after: str | None = None
    with reading(desk.engine) as connection:
        while len(found) < limit:
            room = min(limit - len(found), PAGE_DEVICES_MAX)
            page = list_fleet(connection, desk.organisation, after, room, unix_ms())
            found += page.devices
            after = page.after
            if after is None:
                break
    return found


def _cells(desk: Desk, device: FleetDevice) -> list[str]:
    row = device.row
    person = {"name": row["person_name"], "name_en": row["person_name_en"]}
    counts = ["" if row[name] is None else str(row[name]) for name in ("waiting_sets", "behind")]
    return [
        row["name"] or row["device"],
        desk.voice.name_of(person),
        desk.voice.choose(*STATE_LABELS[row["state"]]),
        desk.voice.local_time(row["contacted_at"]),
        desk.voice.local_time(row["synced_at"]),
        *counts,
    ]


@click.command()
@click.argument("position", type=click.IntRange(1), required=False)
@click.option("--device", help="写它的终端。/ The device that wrote it.")
@click.option("--seq", type=click.IntRange(1), help="在该终端的序号。/ Its number there.")
@JSON
@at_desk
def entry(desk: Desk, position: int | None, device: str | None, seq: int | None, as_json: bool) -> None:
    """变更集的来龙去脉。 / What happened to a change-set, by log position, or device and number."""
    if (position is None) == (device is None) or (device is None) != (seq is None):
        raise click.UsageError("POSITION | --device DEVICE --seq SEQ")
    with reading(desk.engine) as connection:
        if position is not None:
            story = read_entry(connection, desk.organisation, position)
        else:
            story = read_set(connection, desk.organisation, str(device), int(seq or 0))
    if as_json:
        print_json(story)
        return
    _print_story(desk.voice, story)


def _print_story(voice: Voice, story: Story) -> None:
    def line(chinese: str, english: str, value: object) -> None:
        if value is not None:
            click.echo(f"{pad(voice.choose(chinese, english), 12)} {value}")

    line("日志位置", "position", story["position"])
    line("变更集", "set", story["set_id"])
    line("终端", "device", f"{story['device_name'] or ''} {story['device']} #{story['seq']}".strip())
    line("作者", "author", story["actor_name"])
    line("意图", "intent", story["intent"])
    line("记录时间", "captured", voice.local_time(story["captured_at"]))
    line("接收时间", "received", voice.local_time(story["received_at"]))
    line("追踪号", "trace", story["trace"])
    line("结果", "verdict", story["verdict"])
    for change in story["changes"]:
        fault = change["fault"]
        why = f"  {fault['zh' if voice.language == 'zh' else 'en']} [{fault['code']}]" if fault else ""
        fields = f" ({', '.join(change['contested'])})" if change["contested"] else ""
        click.echo(f"  {change['op']} {change['kind']} {change['id']}: {change['verdict']}{fields}{why}")
