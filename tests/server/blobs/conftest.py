"""One server process for the tests that do it no harm, and one each for those that do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.blobs.tus import Caller, Server, running_server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that many tests share; each uploads files of its own."""
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that only this test uses, and may kill."""
    with running_server(tmp_path / "data") as server:
        yield server


@pytest.fixture
def wei(server: Server) -> Caller:
    """Wei's device."""
    return server.caller("wei")


@pytest.fixture
def lin(server: Server) -> Caller:
    """Lin's device, of the same company."""
    return server.caller("lin")


@pytest.fixture
def mallory(server: Server) -> Caller:
    """A device of another company."""
    return server.caller("mallory")
