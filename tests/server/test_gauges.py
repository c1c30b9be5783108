"""The gauges say what is in the database, cost nothing that grows with history, and reach only who may see them."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, Engine, text

from schemas.problems import Refused
from server.clock import spell_instant, unix_ms
from server.exposition import open_exposition
from server.services import gauges as gauge_service
from server.services.contacts import Contacts
from server.services.gauges import CACHED_MS, FleetGauges
from server.services.reviews import settle
from server.settings import Settings, read_settings
from server.store import gauges
from server.store.tables import ReviewRow
from sync.device_report import DeviceReport, spell_report
from tests.server.builders import Firm, photo, update

HISTORY = 4000


def figures(engine: Engine, devices_max: int = 50, read_ms: Any = unix_ms) -> dict[str, float]:
    """Return every gauge as it is scraped: name and label -> value."""
    registry = CollectorRegistry()
    registry.register(FleetGauges(engine, devices_max, read_ms))
    return spell(generate_latest(registry).decode())


def spell(exposition: str) -> dict[str, float]:
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


def change(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Return by how much each gauge moved: other tests' companies are in the same database."""
    return {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}


def open_a_conflict(firm: Firm) -> None:
    """Let office and field set one field, each without having seen the other's."""
    firm.ensure(update("work_order", firm.order, diagnosis=(None, "转子")))
    assert firm.send(firm.wei, update("work_order", firm.order, diagnosis=(None, "轴承"))).verdict == "contested"


def test_what_waits_for_a_person_or_a_file_is_counted(firm: Firm) -> None:
    before = figures(firm.engine)

    open_a_conflict(firm)
    picture = photo(firm.order)
    firm.send(firm.wei, picture)
    firm.wei.seal("photo.take", photo(firm.order))
    firm.push(firm.wei.seal("photo.take", photo(firm.order)))

    after = figures(firm.engine)
    moved = change(before, after)
    assert moved["gongdan_conflicts_open"] == 1
    assert moved["gongdan_held_sets"] == 1
    assert moved["gongdan_missing_files"] == len([name for name in picture.set if name.endswith("_sha256")])
    assert moved["gongdan_missing_files_bytes"] == picture.set["size_bytes"]
    assert moved["gongdan_log_entries"] >= 3
    assert after["gongdan_database_bytes"] > 0


def test_ages_grow_with_the_clock(firm: Firm) -> None:
    firm.push(firm.wei.seal("photo.take", photo(firm.order), seq=9))
    later = unix_ms() + 3_600_000

    found = figures(firm.engine, read_ms=lambda: later)

    for name in ("gongdan_held_sets", "gongdan_missing_files"):
        if found[name]:
            assert found[f"{name}_oldest_seconds"] >= 3599


def test_the_worst_devices_have_figures_of_their_own_and_no_more_than_wanted(firm: Firm) -> None:
    contacts = Contacts(firm.engine)
    old = spell_instant(unix_ms() - 1_000 * 24 * 3_600_000)
    contacts.hear(firm.id, firm.wei.id, spell_report(DeviceReport(3, old, offset_ms=-9_000_000_000)), 1)
    contacts.hear(firm.id, firm.lin.id, spell_report(DeviceReport(0, offset_ms=10)), 2)
    assert contacts.write() == 2

    found = figures(firm.engine, devices_max=1)
    names = [name for name in found if name.startswith("gongdan_device_")]

    assert found[f"gongdan_device_oldest_unsent_seconds {firm.wei.id}"] > 999 * 24 * 3600
    assert found[f"gongdan_device_clock_offset_seconds {firm.wei.id}"] == -9_000_000
    assert found["gongdan_oldest_unsent_seconds"] > 999 * 24 * 3600
    assert len(names) == 4
    assert not [name for name in figures(firm.engine, devices_max=0) if name.startswith("gongdan_device_")]


def test_silent_and_never_heard_devices_are_counted(firm: Firm) -> None:
    before = figures(firm.engine)
    contacts = Contacts(firm.engine)
    contacts.hear(firm.id, firm.wei.id)
    contacts.write()

    in_a_week = unix_ms() + 8 * 24 * 3_600_000
    moved = change(before, figures(firm.engine))
    later = figures(firm.engine, read_ms=lambda: in_a_week)

    assert moved["gongdan_silent_devices ever"] == -1
    assert later["gongdan_silent_devices week"] >= 1 and later["gongdan_silent_devices month"] == 0


def test_two_scrapes_at_once_are_one_look_at_the_database(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    look = gauges.measure_database
    monkeypatch.setattr(gauges, "measure_database", lambda connection: looks.append(1) or look(connection))
    now = unix_ms()
    times = iter([now, now + CACHED_MS - 1, now + CACHED_MS])
    collector = FleetGauges(firm.engine, 0, lambda: next(times))

    for _ in range(3):
        collector.collect()

    assert len(looks) == 2


def test_a_database_that_is_away_is_told(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    def be_away(*_: object) -> None:
        raise Refused("database_busy")

    monkeypatch.setattr(gauge_service, "reading", be_away)

    assert figures(firm.engine) == {"gongdan_database_up": 0}


@contextmanager
def a_long_history(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees thousands of settled conflicts, received files and entries; then they are gone."""
    numbers = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)",
        "postgresql": "WITH n AS (SELECT i FROM generate_series(1, :many) AS i)",
    }[engine.dialect.name]
    statements = (
        "INSERT INTO organisations (organisation, name, epoch, position, frontier, office_device, office_person)"
        " VALUES ('long', 'x', 'x', 1, '0', 'x', 'x')",
        f"INSERT INTO reviews (organisation, id, kind, state, subject, field, opened) {numbers}"
        " SELECT 'long', CAST(i AS VARCHAR(36)), 'conflict', 'settled', 'x', 'x', i FROM n",
        f"INSERT INTO blobs (organisation, sha256, state, size_bytes, verified_at) {numbers}"
        " SELECT 'long', CAST(i AS VARCHAR(36)), 'verified', 1, 'x' FROM n",
        f"INSERT INTO log (organisation, position, device, seq, digest, sealed, receipt, received_at) {numbers}"
        " SELECT 'long', i, 'x', i, 'x', CAST('x' AS {bytes}), 'x', 'x' FROM n",
    )
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        for statement in statements:
            kind = "BLOB" if engine.dialect.name == "sqlite" else "bytea"
            connection.execute(
                text(statement.replace("{bytes}", kind)), {"many": HISTORY} if ":many" in statement else {}
            )
        connection.execute(text("ANALYZE"))
        yield connection
        connection.exec_driver_sql("ROLLBACK")


def plan_of(connection: Connection, statement: str, **values: Any) -> str:
    explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    return "\n".join(str(row[-1]) for row in connection.execute(text(explain + statement), values))


def test_no_gauge_reads_what_grows_with_history(engine: Engine) -> None:
    with a_long_history(engine) as connection:
        plans = {
            "reviews": plan_of(connection, gauges.REVIEWS),
            "files": plan_of(connection, gauges.MISSING_FILES),
            "time": plan_of(connection, gauges.RECEIVED_AT, organisation="long", position=7),
            "uploads": plan_of(connection, gauges.UPLOADS, now="x"),
        }

    assert any(index in plans["reviews"] for index in ("reviews_open", "reviews_by_state"))
    assert "blobs_expected" in plans["files"]
    for name, plan in plans.items():
        for table in ("reviews", "blobs", "log"):
            assert f"Seq Scan on {table}" not in plan, (name, plan)
        for line in plan.splitlines():
            assert not line.startswith(("SCAN r", "SCAN b", "SCAN log")), (name, plan)


def test_a_full_scan_would_be_noticed(engine: Engine) -> None:
    with a_long_history(engine) as connection:
        plan = plan_of(connection, "SELECT count(*) FROM reviews r WHERE r.field = 'x'")

    assert "Seq Scan on reviews" in plan or plan.startswith("SCAN r")


def settings_with(folder: Path, bind: str, token: str = "") -> Settings:
    return replace(read_settings({"GONGDAN_DATA": str(folder)}), metrics_bind=bind, metrics_token=token)


@pytest.mark.parametrize("bind", ["0.0.0.0:0", ":0", "[::]:0", "example.com:0", "127.0.0.1:x"])
def test_nothing_is_served_to_the_world_without_a_token(tmp_path: Path, engine: Engine, bind: str) -> None:
    with pytest.raises(ValueError, match="GONGDAN_METRICS"):
        open_exposition(settings_with(tmp_path, bind), engine)


def test_with_a_token_only_who_shows_it_is_answered(tmp_path: Path, engine: Engine) -> None:
    server = open_exposition(settings_with(tmp_path, "127.0.0.1:0", "of the scraper"), engine)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def scrape(**headers: str) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}/metrics", headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                assert spell(answer.read().decode())["gongdan_database_up"] == 1
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    try:
        assert scrape() == scrape(Authorization="Bearer of somebody") == 401
        assert scrape(Authorization="Bearer of the scraper") == 200
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_settled_conflict_is_not_counted(firm: Firm) -> None:
    before = figures(firm.engine)["gongdan_conflicts_open"]
    open_a_conflict(firm)
    assert figures(firm.engine)["gongdan_conflicts_open"] == before + 1

    (question,) = firm.rows(ReviewRow)
    settle(firm.office, firm.id, firm.company.dana, question.id, "office", None, "")

    assert figures(firm.engine)["gongdan_conflicts_open"] == before
