"""erase, erasures and sweep: taking out what is known of a person, telling what was taken out, and leaving no trace."""

from __future__ import annotations

import click

from schemas import KINDS
from schemas.erasure import GROUND_LABELS, GROUNDS
from server.commands.desk import Desk, at_desk
from server.services import erasing
from server.services.erasing import Preview, Wanted
from server.services.names import find_person
from server.store.database import reading
from server.store.erasing import sweep as sweep_database


@click.command()
@click.option("--word", "words", multiple=True, help="姓名、电话或邮箱。/ A name, telephone number or e-mail address.")
@click.option(
    "--record", "ids", multiple=True, help="客户、工单等的 ID。/ Id of a customer, an order or another record."
)
@click.option("--grounds", type=click.Choice(GROUNDS[:-1]), default="asked", show_default=True, help="依据。/ Grounds.")
@click.option("--reference", default="", help="案号，不要写姓名。/ File number of the request; no name.")
@click.option("--by", "called", required=True, help="管理员。/ The admin who erases.")
@click.option("--yes", is_flag=True, help="真的删除；不给则只显示。/ Erase; without it, only show.")
@at_desk
def erase(
    desk: Desk, words: tuple[str, ...], ids: tuple[str, ...], grounds: str, reference: str, called: str, yes: bool
) -> None:
    """删除个人信息。 / Erase what is known of a person; show first what would go."""
    wanted = Wanted(words, ids)
    if not yes:
        _tell(desk, erasing.preview(desk.engine, desk.organisation, wanted))
        desk.voice.say("以上为预览；加 --yes 删除。", "This is what would go; erase it with --yes.")
        return
    with reading(desk.engine) as connection:
        person = find_person(connection, desk.organisation, called)
    told = erasing.erase(desk.engine, desk.office, desk.organisation, person, wanted, grounds, reference)
    _tell(desk, told)
    sweep_database(desk.engine)
    desk.voice.say(
        "已删除，数据库文件已重写。请按 docs/privacy.md 处理备份。",
        "Erased, and the database's files written anew. See docs/privacy.md for the backups.",
    )


@click.command()
@at_desk
def sweep(desk: Desk) -> None:
    """重写数据库文件，清除残留。 / Write the database's files anew, so that nothing deleted is left in them."""
    sweep_database(desk.engine)
    desk.voice.say("已重写。", "Written anew.")


@click.command()
@at_desk
def erasures(desk: Desk) -> None:
    """列出做过的删除。 / List what was erased, when, by whom and on what grounds."""
    with reading(desk.engine) as connection:
        for act in erasing.list_acts(connection, desk.organisation):
            grounds = desk.voice.choose(*GROUND_LABELS[act.grounds])
            click.echo(f"{act.at}  {act.by}  {grounds}  {act.reference or '-'}  {act.openings}")


def _tell(desk: Desk, told: Preview) -> None:
    for found in told.found:
        kind = KINDS.get(found.kind)
        label = desk.voice.choose(*kind.schema.label) if kind else found.kind
        click.echo(f"{label} {found.title or found.id} · {found.field}: {' | '.join(v[:60] for v in found.values)}")
    desk.voice.say(
        f"日志中 {told.openings} 处，信件 {told.letters} 封，无法删除的旧明文 {told.plain} 处。",
        f"{told.openings} values in the log, {told.letters} letters; {told.plain} signed in plain, which stay.",
    )
