"""The large run, which `make kills` calls.

COUNT deaths of devices, a fiftieth as many of servers on each database, and as many power cuts of each side as COUNT.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from tests.kills import device_scene, file_watch, server_scene
from tests.kills.campaign import Report, running_campaign
from tests.kills.conftest import record
from tests.kills.nursery import RANDOM
from tests.kills.power_cut import STYLES, crashes, find_losses
from tests.kills.server_kills import kill_server
from tests.postgres import running_postgres

DEVICE_KILLS_A_SERVER_KILL = 50

PARTS = ("devices", "servers", "power")


@click.command()
@click.argument("count", type=int)
@click.argument("seed", type=int)
@click.argument("parts", type=click.Choice(PARTS), nargs=-1)
def main(count: int, seed: int, parts: Sequence[str]) -> None:
    """Do all PARTS, or those named, tell what came of it, and end with 1 when anything was lost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = file_watch.build(folder)
        kinds: dict[str, list[Callable[[], list[str]]]] = {
            "devices": [lambda: kill_devices(folder / "kills", library, count, seed)],
            "servers": [lambda: kill_servers(folder / "servers", max(1, count // DEVICE_KILLS_A_SERVER_KILL), seed)],
            "power": [
                lambda: cut_device_power(folder, library, count),
                lambda: cut_server_power(folder, library, count),
            ],
        }
        faults = [fault for kind in parts or PARTS for part in kinds[kind] for fault in timed(part)]
    for fault in faults:
        click.echo(fault)
    sys.exit(bool(faults))


def timed(part: Callable[[], list[str]]) -> list[str]:
    """Do a part and say how long it took."""
    began = time.monotonic()
    faults = part()
    click.echo(f"{len(faults)} faults, {time.monotonic() - began:.0f} s\n")
    return faults


def kill_devices(folder: Path, library: Path, count: int, seed: int) -> list[str]:
    """Kill devices."""
    folder.mkdir()
    with running_campaign(folder, library, seed) as campaign:
        report = campaign.kill(count)
    tell_kills(report)
    return report.faults


def tell_kills(report: Report) -> None:
    """Say at which steps lives ended: a line for each act, the steps of one act beside each other."""
    acts: dict[str, Counter[str]] = {}
    for step, kills in report.kills.items():
        act, _, place = step.partition(": ")
        acts.setdefault(act, Counter())[place] += kills
    click.echo("act                    kills  at any moment  steps  least at a step")
    for act, places in sorted(acts.items()):
        moments = places.pop(RANDOM, 0)
        least = min(places.values(), default=0)
        click.echo(f"{act:20} {places.total() + moments:7} {moments:14} {len(places):6} {least:16}")
    click.echo(
        f"{report.kills.total()} kills, {report.steps} steps known; found sound {report.checked} times; "
        f"{report.sets} sets and {report.files} files at the server, once each; {report.imported} bundles taken in"
    )
    click.echo(f"never reached: {', '.join(sorted(report.spared.keys() - report.kills.keys())) or '-'}")


def kill_servers(folder: Path, count: int, seed: int) -> list[str]:
    """Kill servers on either database."""
    faults = []
    with running_postgres() as postgres:
        for name, url in (("SQLite", ""), ("PostgreSQL", postgres.url_of(postgres.create_database()))):
            outcome = kill_server(folder / name, count, seed, url)
            click.echo(
                f"server on {name}: {outcome.kills} kills, {outcome.sets} sets, {outcome.files} files, "
                f"{outcome.cut_off} syncs cut off, {outcome.resumed} uploads gone on with after "
                f"{outcome.spared_bytes / 1e6:.1f} MB that were not sent again"
            )
            faults += outcome.faults
    return faults


def cut_device_power(folder: Path, library: Path, count: int) -> list[str]:
    """Cut the power of a device at many moments."""
    return cut_power(folder / "device", library, "tests.kills.device_scene", device_scene.find_faults, count)


def cut_server_power(folder: Path, library: Path, count: int) -> list[str]:
    """Cut the power of a server at many moments."""
    return cut_power(folder / "server", library, "tests.kills.server_scene", server_scene.find_faults, count)


def cut_power(
    folder: Path, library: Path, scene: str, check: Callable[[Path, Sequence[bytes]], list[str]], count: int
) -> list[str]:
    """Cut the power of one side at many moments."""
    recorded = record(library, folder, scene)
    styles: Counter[str] = Counter()
    shared = Path("/dev/shm")
    device_scene.stretch_pins_little()
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() and os.access(shared, os.W_OK) else None) as name:

        def counted() -> object:
            for crash in crashes(recorded.trace, recorded.before, count, seed=2):
                styles[crash.style] += 1
                yield crash

        losses = list(find_losses(counted(), Path(name) / "after", check))  # type: ignore[arg-type]
    told = ", ".join(f"{style} {styles[style]}" for style in STYLES)
    click.echo(f"{scene}: {len(recorded.trace)} operations, {styles.total()} different disks after a cut ({told})")
    return [f"{scene}, cut after {loss.after} ({loss.style}): {loss.faults}" for loss in losses]


if __name__ == "__main__":
    main()
