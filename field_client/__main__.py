"""`gongdan-field`: what the engineer does, by command line. Each command is loaded when it is called for.

Exit codes: 0 done, 1 refused (the sentence and its [code] go to the error output), 2 wrongly called.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, Final

import click

COMMANDS: Final = {
    "enrol": ("enrol:enrol", "登记这台终端", "Enrol this device"),
    "sync": ("carrying:sync", "与服务器同步", "Sync with the server"),
    "today": ("orders:today", "列出待办工单", "List the orders to do"),
    "scan": ("scanning:scan", "扫描设备或备件标签", "Read a label of a machine or part"),
    "show": ("pages:show", "查看工单", "Show an order"),
    "start": ("orders:start", "开工", "Start work on an order"),
    "create": ("orders:create", "现场新建工单", "Take down an order on site"),
    "check": ("checks:check", "记录检查项", "Record a check item"),
    "fit-part": ("parts:fit_part", "记录换件", "Record a part fitted"),
    "photograph": ("evidence:photograph", "保存照片", "Keep a photo"),
    "sign": ("evidence:sign", "客户签字", "Take the customer's signature"),
    "sheet": ("evidence:sheet", "打印服务报告", "Print the job sheet"),
    "finish": ("orders:finish", "完工", "Finish an order"),
    "ui": ("ui:ui", "打开本机页面", "Open the pages on this device"),
    "status": ("pages:status", "本机状态：哪些内容只在本机", "What is only on this device"),
    "export": ("carrying:export", "导出未同步内容为一个文件", "Export what is unsent as one file"),
    "import": ("carrying:import_", "导入服务器回执", "Import the server's receipts"),
}


class LazyGroup(click.Group):
    """Commands by name, imported when one is called: help must not wait for the database or the cameras."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"field_client.commands.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        column = 2 if os.environ.get("GONGDAN_LANGUAGE") == "en" else 1
        with formatter.section("Commands"):
            formatter.write_dl([(name, facts[column]) for name, facts in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; tell a refusal in the person's language and end with 1."""
        from field_client.device_log import tell, tell_failure
        from schemas.problems import Refused
        from schemas.shown_text import show_text

        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Refused as refusal:
            tell("refused", command=ctx.invoked_subcommand, problem=refusal.code)
            language = os.environ.get("GONGDAN_LANGUAGE") or "zh"
            click.echo(show_text(f"{refusal.fault.sentence(language)} [{refusal.code}]"), err=True)
            ctx.exit(1)
        except Exception as error:
            # Whatever it is, the device's log has it before the program ends by it.
            tell_failure(error)
            raise


@click.group(cls=LazyGroup)
@click.option(
    "--pin-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="存放 PIN 的文件 / File that holds the PIN",
)
@click.pass_context
def main(ctx: click.Context, pin_file: Path | None) -> None:
    """工单现场终端：没有网络也能工作。 / The field device: works without a network."""
    ctx.obj = pin_file


if __name__ == "__main__":
    main()
