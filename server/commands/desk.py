"""What every command works at: the settings, the database, the office's key, the organisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any

import click
from sqlalchemy import Engine

from schemas.problems import Refused
from server.commands.voice import Voice
from server.durable import make_folder
from server.keys import OfficeKey, open_office_key
from server.services.blobs import BlobDesk
from server.services.names import find_organisation, find_person
from server.services.office import Office
from server.settings import Settings, read_settings
from server.store.database import open_engine, reading
from server.store.file_storage import open_files
from server.store.migrate import is_current


class NotReady(click.ClickException):
    """The server is not set up for the command; the message says what to do."""


@dataclass
class Desk:
    """Opens each thing when it is first asked for."""

    settings: Settings
    voice: Voice
    organisation_called: str | None

    @cached_property
    def bare_engine(self) -> Engine:
        """The database, whether or not its tables are those of this release."""
        make_folder(self.settings.data, mode=0o777)
        return open_engine(self.settings.database_url)

    @cached_property
    def engine(self) -> Engine:
        """The database with the tables of this release. Raises NotReady when they are not there."""
        if not is_current(self.bare_engine):
            sentence = self.voice.choose(
                "数据库还没有准备好，请先运行 gongdan-server migrate。",
                "The database is not ready: run gongdan-server migrate first.",
            )
            raise NotReady(sentence)
        return self.bare_engine

    @cached_property
    def key(self) -> OfficeKey:
        """The office's key."""
        return open_office_key(self.settings)

    @cached_property
    def office(self) -> Office:
        """Who writes in the name of the office."""
        return Office(self.engine, self.key)

    @cached_property
    def organisation(self) -> str:
        """The organisation worked for: the one named, or the only one. Raises Refused with `not_found`."""
        with reading(self.engine) as connection:
            return find_organisation(connection, self.organisation_called)

    @property
    def blobs(self) -> BlobDesk:
        """Where files are taken in."""
        settings = self.settings
        return BlobDesk(
            self.engine,
            open_files(settings),
            settings.blob_bytes_max,
            settings.upload_hours,
            quotas=settings.upload_quotas,
        )

    def person(self, called: str) -> str:
        """Return the id of a person. Raises Refused with `not_found`."""
        with reading(self.engine) as connection:
            return find_person(connection, self.organisation, called)


def open_desk(language: str, organisation: str | None) -> Desk:
    """Return the desk the environment describes. Raises NotReady when a setting cannot be read."""
    try:
        settings = read_settings()
    except ValueError as error:
        raise NotReady(str(error)) from None
    return Desk(settings, Voice(language, settings.zone), organisation)


def at_desk(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the desk as its first argument; a refusal ends it with its sentence and status 1."""

    @click.pass_context
    @wraps(command)
    def run(context: click.Context, /, *arguments: Any, **options: Any) -> None:
        desk = context.find_object(Desk)
        assert desk is not None
        try:
            context.invoke(command, desk, *arguments, **options)
        except Refused as refused:
            desk.voice.explain(refused.fault)
            context.exit(1)
        except OSError as error:
            desk.voice.say(f"无法读写文件：{error}", f"A file cannot be read or written: {error}")
            context.exit(1)

    return run


BY = click.option(
    "--by", required=True, metavar="PERSON", help="谁在做：登录名、姓名或编号。/ Who does it: login, name or id."
)
JSON = click.option("--json", "as_json", is_flag=True, help="输出 JSON。/ Print JSON.")
