"""One server process for the tests that do it no harm, and one each for those that do; files on disk or in a bucket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.settings import BucketAddress
from tests.radosgw import Radosgw
from tests.server.blobs.tus import Caller, Server, running_server

KINDS = ("disk", "bucket")


def choose_bucket(request: pytest.FixtureRequest) -> BucketAddress | None:
    """Return a bucket when the parameter of a fixture asks for one."""
    if request.param == "disk":
        return None
    gateway: Radosgw = request.getfixturevalue("radosgw")
    return gateway.create_bucket()


@pytest.fixture(scope="package", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that many tests share; each uploads files of its own."""
    with running_server(tmp_path_factory.mktemp("server"), choose_bucket(request)) as server:
        yield server


@pytest.fixture(params=KINDS)
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server that only this test uses, and may kill."""
    with running_server(tmp_path / "data", choose_bucket(request)) as server:
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
