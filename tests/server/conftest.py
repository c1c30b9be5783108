"""The spine under test: one database of each kind for the session, a company of its own for each test.

Organisations share nothing, so tests need not empty a database for each other; that they do not is tested by
every test at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from server.keys import OfficeKey, open_office_key
from server.services.office import Office
from server.settings import read_settings
from server.store.database import open_engine
from server.store.migrate import upgrade
from tests.postgres import PostgresServer
from tests.server.builders import Firm, open_firm
from tests.server.counter import counter, listener

__all__ = ["counter", "listener"]


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database that is only copied."""
    name = postgres_server.create_database()
    engine = open_engine(postgres_server.url_of(name))
    upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database of each kind, for all tests."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        return server.url_of(server.create_database(request.getfixturevalue("postgres_template")))
    url = f"sqlite:///{tmp_path_factory.mktemp('spine') / 'spine.sqlite'}"
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """An open engine on a migrated database of each kind."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def office_key(tmp_path_factory: pytest.TempPathFactory) -> OfficeKey:
    """The office's key."""
    return open_office_key(replace(read_settings({}), data=tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="session")
def office(engine: Engine, office_key: OfficeKey) -> Office:
    """The office of every company."""
    return Office(engine, office_key)


@pytest.fixture
def firm(engine: Engine, office: Office) -> Firm:
    """A company of the test's own."""
    return open_firm(engine, office)


@pytest.fixture
def other_firm(engine: Engine, office: Office) -> Firm:
    """Another company on the same server."""
    return open_firm(engine, office, "别家公司")
