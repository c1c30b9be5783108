"""verify-log and replay: showing that nothing was altered."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import click

from server.commands.desk import Desk, at_desk
from server.services import proofs
from server.services.file_check import check_files
from server.services.proofs import Proof


@click.command(name="verify-log")
@click.option("--files", is_flag=True, help="也核对每个证据文件。/ Read every evidence file too.")
@at_desk
def verify_log(desk: Desk, files: bool) -> None:
    """核验日志。 / Check every signature, every chain, and the Merkle root of the log."""
    proof = proofs.verify_log(desk.engine, desk.organisation)
    altered = tuple(check_files(desk.blobs, desk.organisation, proof.erased_files)) if files else ()
    _tell(desk, replace(proof, discrepancies=proof.discrepancies + altered))


@click.command()
@click.option(
    "--scratch", metavar="URL", help="空的临时数据库。/ An empty scratch database; a temporary file unless given."
)
@at_desk
def replay(desk: Desk, scratch: str | None) -> None:
    """从日志重建并比较。 / Rebuild everything from the log in a scratch database, and compare."""
    if scratch:
        _tell(desk, proofs.replay(desk.engine, desk.organisation, scratch))
        return
    with tempfile.TemporaryDirectory(prefix="gongdan-replay-") as folder:
        _tell(desk, proofs.replay(desk.engine, desk.organisation, f"sqlite:///{Path(folder) / 'replay.sqlite'}"))


def _tell(desk: Desk, proof: Proof) -> None:
    desk.voice.say(f"日志 {proof.entries} 条，根 {proof.root}", f"{proof.entries} log entries, root {proof.root}")
    for discrepancy in proof.discrepancies:
        click.echo(f"{discrepancy.place}: {discrepancy.what} [{discrepancy.code}]", err=True)
    for note in proof.notes:
        click.echo(f"{note.place}: {note.what} [{note.code}]")
    if not proof.holds:
        desk.voice.say("不一致！", "It does not agree!")
        raise SystemExit(1)
    desk.voice.say("一致，未发现改动。", "It agrees; nothing was altered.")
