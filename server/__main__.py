"""gongdan-server: the commands of the office side. A command's code is loaded only when it is called."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Final

import click

COMMANDS: Final = {
    # command: module of server.commands, name there, what it does
    "serve": ("running", "serve", "启动服务器 / serve over HTTP"),
    "migrate": ("running", "migrate", "准备数据库 / prepare the database"),
    "demo": ("running", "demo", "写入示例公司 / fill an empty database with a made-up company"),
    "found": ("founding", "found", "新建组织和管理员 / create an organisation and its administrator"),
    "enrol": ("enrolling", "enrol", "生成终端登记码 / make a code that enrols a device"),
    "fleet": ("watching", "fleet", "终端状况：谁多久没同步、为什么 / which devices have not synced, and why"),
    "entry": ("watching", "entry", "变更集的来龙去脉 / what happened to a change-set"),
    "metrics": ("watching", "metrics", "提供监控指标 / serve figures for Prometheus"),
    "devices": ("enrolling", "devices", "列出、停用、解冻终端 / list, revoke, thaw devices"),
    "orders": ("orders", "orders", "列出、查看、新建、修改工单 / list, show, create, set orders"),
    "levels": ("levels", "levels", "服务时限：将超时、暂停、升级 / service levels: what presses, pauses, escalation"),
    "terms": ("service_terms", "terms", "服务条款 / what is promised to whom"),
    "calendars": ("service_terms", "calendars", "工作日历 / working calendars and public holidays"),
    "conflicts": ("reviews", "conflicts", "列出和裁定冲突 / list and settle conflicts"),
    "exceptions": ("reviews", "exceptions", "列出和处理异常 / list and settle exceptions"),
    "trace": ("tracing", "trace", "追溯序列号、批号或设备 / trace a serial number, batch or machine"),
    "export-epcis": ("tracing", "export_epcis", "导出 EPCIS 2.0 事件 / write EPCIS 2.0 events into a file"),
    "verify-log": ("proving", "verify_log", "核验日志 / prove that the log was not altered"),
    "dossier": ("dossiers", "dossier", "导出可离线核验的档案 / write a dossier that an outsider can check"),
    "export-log": ("dossiers", "export", "导出整个日志 / write the whole log into a file"),
    "office-key": ("dossiers", "office_key", "显示办公室公钥 / show the office's public key"),
    "replay": ("proving", "replay", "从日志重建并比较 / rebuild everything from the log and compare"),
    "backup": ("keeping", "backup", "备份内置数据库 / copy the embedded database to a file"),
    "restore": ("keeping", "restore", "从备份恢复 / go on from such a copy"),
    "rotate-epoch": ("keeping", "rotate_epoch", "恢复后让终端重新核对 / let devices check after a restore"),
    "tidy": ("running", "tidy_up", "清理过期内容 / clear what has expired"),
    "erase": ("erasing", "erase", "删除个人信息 / erase what is known of a person"),
    "erasures": ("erasing", "erasures", "列出做过的删除 / list what was erased, and why"),
    "sweep": ("erasing", "sweep", "重写数据库文件 / write the database anew, without traces of what was deleted"),
    "import": ("carrying", "import_file", "导入变更包 / take in a bundle brought by hand"),
    "receipts": ("carrying", "receipts", "导出回执 / write a device's receipts into a file"),
    "sheet": ("sheets", "sheet", "打印服务报告 / print an order's job sheet"),
    "check-sheet": ("sheets", "check_sheet", "核对纸质服务报告 / check a job sheet on paper by its code"),
    "add-manual": ("filing", "add_manual", "登记手册 / file a manual for the engineers"),
    "webhook-secret": ("telling", "webhook_secret", "显示通知的签名密钥 / show the secret of a webhook"),
    "label": ("labelling", "label", "打印设备标签 / print a machine's label"),
}


class LateGroup(click.Group):
    """A group whose commands are loaded when called, so that help is there at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of a first day with the server."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command, or return None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"server.commands.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, _, told) in COMMANDS.items()])


@click.command(cls=LateGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--language",
    type=click.Choice(("zh", "en")),
    default=lambda: "en" if os.environ.get("GONGDAN_LANGUAGE") == "en" else "zh",
    help="语言 / language; GONGDAN_LANGUAGE",
)
@click.option("--organisation", metavar="NAME", help="组织 / the organisation, where there are several")
@click.pass_context
def main(context: click.Context, language: str, organisation: str | None) -> None:
    """工单服务器。数据库和选项由环境变量 GONGDAN_* 给出。

    The office side of Gongdan. Database and options come from the environment variables GONGDAN_*.
    """
    from server.commands.desk import open_desk

    context.obj = open_desk(language, organisation)


if __name__ == "__main__":
    main()
