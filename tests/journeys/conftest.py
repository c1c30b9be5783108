"""An office with demo data, as a folder of its own for each journey."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from scripts.demo_stage import Stage

Staged = TypeVar("Staged", bound=Stage)


@pytest.fixture(scope="session")
def office_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an office that has only just been founded, made by the server's own commands."""
    stage = Stage(tmp_path_factory.mktemp("office"), "en", port=0)
    stage.office("migrate")
    stage.office("demo")
    return stage.folder / "server"


@contextmanager
def serving(kind: type[Staged], folder: Path, office_data: Path) -> Iterator[Staged]:
    """Stage an office on a copy of its data, with its server answering."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shutil.copytree(office_data, folder / "server")
    stage = kind(folder, "en", port)
    try:
        stage.start_server()
        yield stage
    finally:
        stage.stop_server()


@pytest.fixture
def stage(tmp_path: Path, office_data: Path) -> Iterator[Stage]:
    """An office with its server."""
    with serving(Stage, tmp_path, office_data) as stage:
        yield stage
