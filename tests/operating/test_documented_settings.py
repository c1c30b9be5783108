"""What docs/operating.md shows to be copied is what the programs take."""

from __future__ import annotations

import configparser
import re

import pytest
from sqlalchemy.engine import make_url

from server.__main__ import COMMANDS
from server.settings import OPTIONS, read_settings
from server.store.database import engine_options
from tests.documents import read_document

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    """The configuration files the page shows."""
    return [block for language, block in BLOCK.findall(read_document("docs/operating.md").text) if language == "ini"]


def test_the_environment_shown_is_read_as_it_stands(blocks: list[str]) -> None:
    environment = dict(line.split("=", 1) for line in blocks[0].splitlines())

    settings = read_settings(environment)
    url = make_url(settings.database_url)

    assert environment.keys() <= {option.variable for option in OPTIONS}
    assert (settings.workers, settings.is_sqlite) == (4, False)
    assert url.query["host"] == ("db1:5432", "db2:5432")
    assert engine_options(settings.database_url)["connect_args"]["target_session_attrs"] == "read-write"


def test_the_unit_shown_starts_a_command_there_is(blocks: list[str]) -> None:
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(blocks[1])
    program, command = unit["Service"]["ExecStart"].split()

    assert program.endswith("/gongdan-server")
    assert command in COMMANDS
    assert unit["Service"]["EnvironmentFile"] in read_document("docs/operating.md").text
