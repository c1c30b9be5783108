"""The PostgreSQL fixture itself: fresh databases, durability, and nothing left behind."""

import psycopg
import pytest
import sqlalchemy

from tests import postgres
from tests.postgres import PostgresServer, running_postgres


def ask(url: str, statement: str) -> object:
    """Run a statement; return the first value it gives, or None."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        result = connection.exec_driver_sql(statement)
        return result.scalar() if result.returns_rows else None


def test_each_database_is_empty_and_alone(postgres_database: str, postgres_server: PostgresServer) -> None:
    other = postgres_server.url_of(postgres_server.create_database())

    ask(postgres_database, "CREATE TABLE mark (id int)")

    assert ask(postgres_database, "SELECT count(*) FROM pg_tables WHERE tablename = 'mark'") == 1
    assert ask(other, "SELECT count(*) FROM pg_tables WHERE tablename = 'mark'") == 0


def test_a_database_can_be_made_from_another(postgres_database: str, postgres_server: PostgresServer) -> None:
    template = postgres_server.create_database()
    ask(postgres_server.url_of(template), "CREATE TABLE mark (id int)")

    copy = postgres_server.create_database(template)

    assert ask(postgres_server.url_of(copy), "SELECT count(*) FROM mark") == 0


def test_the_sessions_server_forces_commits_to_disk(postgres_url: str, pytestconfig: pytest.Config) -> None:
    assert ask(postgres_url, "SHOW fsync") == pytestconfig.getoption("--postgres-fsync")


def test_a_commit_survives_the_power_cut_and_nothing_is_left_behind() -> None:
    with running_postgres() as server:
        url = server.url_of(server.create_database())
        ask(url, "CREATE TABLE mark (id int)")

        server.stop("immediate")
        with pytest.raises(psycopg.OperationalError):
            server.execute("SELECT 1")
        server.start()

        assert ask(url, "SELECT count(*) FROM mark") == 0
    assert not server.folder.exists()


def test_a_machine_without_postgresql_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "PROGRAMS", "/nowhere")

    with pytest.raises(postgres.PostgresMissingError, match="system-packages tests"), running_postgres():
        pass
