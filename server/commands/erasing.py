"""erase, erasures and sweep: taking out what is known of a person, telling what was taken out, and leaving no trace."""

from __future__ import annotations

import click

from schemas import KINDS
from schemas.erasure import ASKED_GROUNDS, GROUND_LABELS
from server.commands.desk import Desk, NotReady, at_desk
from server.domain.erasure import Wanted
from server.services import erasing
from server.services.erasing import Means, Preview
from server.services.erasing_again import erase_again
from server.services.erasing_ledger import FOLDER
from server.store.database import reading
from server.store.erasing import sweep as sweep_database


@click.command()
@click.option("--word", "words", multiple=True, help="姓名、电话或邮箱。/ A name, telephone number or e-mail address.")
@click.option(
    "--record",
    "ids",
    multiple=True,
    help="工单号、请求号，或客户等记录的 ID。/ Number of an order or request, or id of a customer or other record.",
)
@click.option("--photos", is_flag=True, help="连同这些工单的照片。/ With the photos of these orders.")
@click.option(
    "--grounds", type=click.Choice(ASKED_GROUNDS), default="asked", show_default=True, help="依据。/ Grounds."
)
@click.option("--reference", default="", help="案号，不要写姓名。/ File number of the request; no name.")
@click.option("--by", "called", required=True, help="管理员。/ The admin who erases.")
@click.option("--yes", is_flag=True, help="真的删除；不给则只显示。/ Erase; without it, only show.")
@at_desk
def erase(
    desk: Desk,
    words: tuple[str, ...],
    ids: tuple[str, ...],
    photos: bool,
    grounds: str,
    reference: str,
    called: str,
    yes: bool,
) -> None:
    """删除个人信息。 / Erase what is known of a person; show first what would go."""
    wanted = Wanted(words, ids, photos)
    if not yes:
        _tell(desk, erasing.preview(desk.engine, desk.organisation, wanted))
        desk.voice.say("以上为预览；加 --yes 删除。", "This is what would go; erase it with --yes.")
        return
    person = desk.person(called)
    told = erasing.erase(_means(desk), desk.organisation, person, wanted, grounds, reference)
    _tell(desk, told)
    sweep_database(desk.engine)
    desk.voice.say(
        "已删除，数据库文件已重写。请按 docs/privacy.md 处理备份。",
        "Erased, and the database's files written anew. See docs/privacy.md for the backups.",
    )


@click.command()
@at_desk
def sweep(desk: Desk) -> None:
    """再次删除备份带回的内容，重写数据库文件。 / Erase again what a backup brought back, and leave no trace."""
    try:
        done = erase_again(_means(desk))
    except ValueError as error:
        raise NotReady(str(error)) from None
    if done:
        desk.voice.say(f"再次执行了 {done} 次删除。", f"Acts of erasing done again: {done}.")
    sweep_database(desk.engine)
    desk.voice.say("已重写。", "Written anew.")


@click.command()
@at_desk
def erasures(desk: Desk) -> None:
    """列出做过的删除。 / List what was erased, when, by whom and on what grounds."""
    with reading(desk.engine) as connection:
        for act in erasing.list_acts(connection, desk.organisation):
            grounds = desk.voice.choose(*GROUND_LABELS[act.grounds])
            click.echo(f"{act.at}  {act.by}  {grounds}  {act.reference or '-'}  {act.openings} + {act.files}")


def _means(desk: Desk) -> Means:
    return Means(desk.engine, desk.office, desk.blobs.files, desk.settings.data / FOLDER)


def _tell(desk: Desk, told: Preview) -> None:
    for found in told.found:
        kind = KINDS.get(found.kind)
        label = desk.voice.choose(*kind.schema.label) if kind else found.kind
        click.echo(f"{label} {found.title or found.id} · {found.field}: {' | '.join(v[:60] for v in found.values)}")
    for file in told.files:
        kind = KINDS[file.kind]
        rule = kind.rules[file.field]
        line = f"{desk.voice.choose(*kind.schema.label)} {file.id} · {desk.voice.choose(rule.label_zh, rule.label_en)}"
        if file.keeper:
            keeper = desk.voice.choose(*KINDS[file.keeper].schema.label)
            line += desk.voice.choose(f" · 保留：也是“{keeper}”的文件", f" · stays: it is a file of '{keeper}' too")
        elif file.others:
            line += desk.voice.choose(f" · 另有 {file.others} 条记录", f" · {file.others} other records name it")
        click.echo(f"{line} · {file.sha256[:16]}")
    if told.photos_left:
        desk.voice.say(
            f"这些工单的照片 {told.photos_left} 张保留；加 --photos 一并删除。",
            f"{told.photos_left} photos of these orders stay; erase them too with --photos.",
        )
    if told.waits_for_files:
        desk.voice.say(
            "文件存储暂时不可用，恢复后自动删除。", "The files' storage is away: they go as soon as it answers."
        )
    desk.voice.say(
        f"日志中 {told.openings} 处，信件 {told.letters} 封，文件 {told.going} 个，无法删除的旧明文 {told.plain} 处。",
        f"{told.openings} values in the log, {told.letters} letters, {told.going} files;"
        f" {told.plain} signed in plain, which stay.",
    )
