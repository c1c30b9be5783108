"""The migrations lead to the tables the code declares, and back to nothing, on both databases."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, PrimaryKeyConstraint, UniqueConstraint, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from schemas.problems import Refused
from server.services.readiness import check_database
from server.store.database import open_engine, writing
from server.store.migrate import downgrade, is_current, upgrade
from server.store.tables import Base
from sync.transparency import leaf_hash, log_entry, root

ORGANISATION = "0190a000-0000-7000-8000-000000000001"


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    else:
        engine = open_engine(request.getfixturevalue("postgres_database"))
    yield engine
    engine.dispose()


def differences(engine: Engine) -> list[object]:
    """Return what alembic would change to make the database like the declared tables."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, Base.metadata)


def tables(engine: Engine) -> set[str]:
    """Return the tables there are, without alembic's own."""
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_migrations_make_the_tables_that_are_declared(engine: Engine) -> None:
    upgrade(engine)

    assert differences(engine) == []
    assert tables(engine) == set(Base.metadata.tables)
    assert is_current(engine)


def test_a_missing_column_is_noticed(engine: Engine) -> None:
    upgrade(engine)
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE blobs DROP COLUMN verified_at"))

    assert differences(engine)


def test_taking_migrations_back_removes_everything_and_they_apply_again(engine: Engine) -> None:
    upgrade(engine)

    downgrade(engine)

    assert tables(engine) == set()
    assert not is_current(engine)

    upgrade(engine)

    assert differences(engine) == []


def test_postgresql_packs_by_lz4_what_is_written_all_day(postgres_database: str) -> None:
    engine = open_engine(postgres_database)
    upgrade(engine)
    with engine.connect() as connection:
        packed = connection.execute(
            text("SELECT attcompression FROM pg_attribute WHERE attrelid = 'log'::regclass AND attname = 'sealed'")
        ).scalar_one()
    engine.dispose()

    assert packed in ("l", b"l")


def test_a_migration_may_think_longer_than_a_request(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(postgres_database)
    limits: list[str] = []

    def note(config: Config, _revision: str) -> None:
        asked = config.attributes["connection"].execute(text("SHOW idle_in_transaction_session_timeout"))
        limits.append(asked.scalar_one())

    monkeypatch.setattr("server.store.migrate.command.upgrade", note)
    upgrade(engine)
    with engine.connect() as connection:
        limits.append(connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one())
    engine.dispose()

    assert limits == ["0", "10s"]


def test_migrating_a_current_database_changes_nothing(engine: Engine) -> None:
    upgrade(engine)
    with writing(engine) as connection:
        connection.execute(
            text("INSERT INTO holders (organisation, holder, checksum, count) VALUES (:o, :o, '00', 1)"),
            {"o": ORGANISATION},
        )

    upgrade(engine)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM holders")).scalar_one() == 1


def test_the_limits_that_orders_had_are_in_the_board_after_the_migration(engine: Engine) -> None:
    upgrade(engine, "0008")
    on_site, solved = "2026-11-20T04:00:00Z", "2026-11-21T00:00:00.500Z"
    orders = {
        "on the way": {"status": "travelling", "on_site_due_at": on_site, "solved_due_at": solved},
        "at work": {"status": "in_progress", "arrived_at": on_site, "on_site_due_at": on_site, "solved_due_at": solved},
        "closed": {"status": "closed", "solved_due_at": solved},
        "without": {"status": "received"},
    }
    kept = {"number": "GD-1", "grade": "urgent", "service": "repair"}
    with writing(engine) as connection:
        for key, body in orders.items():
            about = {"o": ORGANISATION, "id": key, "status": body["status"], "body": json.dumps(body | kept)}
            board = "(organisation, id, number, status, grade) VALUES (:o, :id, :id, :status, 'urgent')"
            connection.execute(text(f"INSERT INTO order_board {board}"), about)
            record = "(organisation, id, kind, body, stamps, position, deleted) VALUES"
            connection.execute(
                text(f"INSERT INTO records {record} (:o, :id, 'work_order', :body, '{{}}', 1, false)"), about
            )

    upgrade(engine)

    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, next_clock, next_due_at FROM order_board"))
        assert {row.id: (row.next_clock, row.next_due_at) for row in rows} == {
            "on the way": ("on_site", "2026-11-20T04:00:00.000Z"),
            "at work": ("solved", solved),
            "closed": (None, None),
            "without": (None, None),
        }


def test_a_migration_that_fails_halfway_leaves_nothing_behind(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE uploads (id INTEGER)"))

    with pytest.raises((Refused, SQLAlchemyError)):
        upgrade(engine)

    assert tables(engine) == {"uploads"}
    assert not is_current(engine)


def test_an_empty_database_is_not_current(engine: Engine) -> None:
    assert not is_current(engine)


def test_a_database_that_a_later_release_has_migrated_is_worked_on(engine: Engine) -> None:
    upgrade(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_a_later_release'"))

    assert is_current(engine)
    assert check_database(engine) == {"database": "ok", "migrations": "ok"}


def test_a_database_whose_last_migration_is_missing_is_not_worked_on(engine: Engine) -> None:
    upgrade(engine, "0001")

    assert not is_current(engine)
    assert check_database(engine)["migrations"] == "pending"


def test_the_key_of_every_table_begins_with_the_organisation() -> None:
    unlike = set()
    for table in Base.metadata.sorted_tables:
        unique = [found for found in table.constraints if isinstance(found, UniqueConstraint | PrimaryKeyConstraint)]
        keys = [list(found.columns) for found in unique] + [
            list(index.columns) for index in table.indexes if index.unique
        ]
        unlike |= {f"{table.name}.{key[0].name}" for key in keys if key[0].name != "organisation"}
        assert not table.foreign_keys, "a foreign key would hold the rows of two tables in one database"

    # A login is all a person gives: it is his alone in the database that his company's address leads to. Attempts
    # are counted before anybody is known, and may be counted in each database for itself.
    # The link by which a customer follows his request is all he gives, too.
    assert unlike == {"accounts.login", "attempts.digest", "follow_links.digest"}


def test_the_subtrees_of_a_log_are_worked_out_by_the_migration(engine: Engine) -> None:
    upgrade(engine, "0015")
    receipts = [f"receipt {number}" for number in range(300)]
    with writing(engine) as connection:
        columns = "(organisation, name, epoch, position, frontier, office_device, office_person)"
        connection.execute(
            text(f"INSERT INTO organisations {columns} VALUES (:o, 'x', :o, 300, '', :o, :o)"), {"o": ORGANISATION}
        )
        entry = "(organisation, position, device, seq, digest, sealed, receipt, received_at) VALUES"
        rows = [{"o": ORGANISATION, "n": n + 1, "d": f"{n:064x}", "r": receipt} for n, receipt in enumerate(receipts)]
        connection.execute(text(f"INSERT INTO log {entry} (:o, :n, :o, :n, :d, '', :r, '')"), rows)

    upgrade(engine)

    expected = root([leaf_hash(log_entry(f"{n:064x}", receipt)) for n, receipt in enumerate(receipts[:256])])
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT level, number, hash FROM log_tiles")).all()
        assert [tuple(row) for row in rows] == [(8, 0, expected.hex())]
