"""dossier, export-log and office-key: what an outsider checks with `gongdan-verify`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from server.commands.desk import Desk, at_desk
from server.services.dossier import CHOICES, build_dossier
from server.services.dossier_entries import KINDS, Subject
from server.services.log_export import export_log
from server.store.database import reading

OUT = click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="文件。/ The file.")


@click.command()
@click.argument("number")
@click.option("--about", type=click.Choice(KINDS), default="serial", help="谁的序列号。/ Whose serial number.")
@click.option("--files", type=click.Choice(CHOICES), default="all", help="证据文件。/ Which evidence files.")
@click.option("--personal/--no-personal", default=True, help="个人信息。/ With or without what tells of persons.")
@OUT
@at_desk
def dossier(desk: Desk, number: str, about: str, files: str, personal: bool, out: Path) -> None:
    """导出可离线核验的档案。 / Write the dossier of a serial number, to be checked without us."""
    built = build_dossier(desk.blobs, desk.key, desk.organisation, Subject(about, number), files, personal=personal)
    out.write_bytes(built.data)
    zh = f"{out}：{built.entries} 条记录，{built.files} 份文件，{len(built.data)} 字节"
    desk.voice.say(zh, f"{out}: {built.entries} entries, {built.files} files, {len(built.data)} bytes")


@click.command(name="export-log")
@OUT
@at_desk
def export(desk: Desk, out: Path) -> None:
    """导出整个日志。 / Write the whole log into a file, to be checked without us."""
    count = 0
    with reading(desk.engine) as connection, out.open("wb") as file:
        for line in export_log(connection, desk.key, desk.organisation):
            file.write(line)
            count += 1
    desk.voice.say(f"{out}：{count - 2} 条记录", f"{out}: {count - 2} entries")


@click.command(name="office-key")
@at_desk
def office_key(desk: Desk) -> None:
    """显示办公室公钥及其指纹。 / Show the office's public key and its fingerprint."""
    fingerprint = hashlib.sha256(bytes.fromhex(desk.key.public_key)).hexdigest()
    desk.voice.say(f"公钥 {desk.key.public_key}", f"public key {desk.key.public_key}")
    desk.voice.say(f"指纹 {fingerprint}", f"fingerprint {fingerprint}")
