"""How the whole server and its fleet fare at this moment, as Prometheus reads it; read from the database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from server.clock import spell_instant, unix_ms
from server.domain.times import milliseconds
from server.store import gauges
from server.store.database import reading
from server.store.gauges import Open

CACHED_MS: Final = 15_000
"""Prometheus asks every 15 to 60 seconds; two that ask at once cost the database one look."""

HOUR_MS: Final = 3_600_000
SILENCES: Final = {"hour": HOUR_MS, "day": 24 * HOUR_MS, "week": 7 * 24 * HOUR_MS, "month": 30 * 24 * HOUR_MS}
"""After how long a device counts as silent."""


class FleetGauges(Collector):
    """Reads the gauges when asked, at most once in CACHED_MS."""

    def __init__(self, engine: Engine, devices_max: int, read_ms: Callable[[], int] = unix_ms) -> None:
        """Read from the database of `engine`; at most `devices_max` devices have a figure of their own."""
        self._engine = engine
        self._devices_max = devices_max
        self._read_ms = read_ms
        self._guard = threading.Lock()
        self._read_at_ms = -CACHED_MS
        self._found: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        """Return the gauges; when the database cannot be read, only that."""
        with self._guard:
            now = self._read_ms()
            if now - self._read_at_ms >= CACHED_MS:
                self._found, self._read_at_ms = self._read(now), now
            return self._found

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand: registering must not need the database."""
        return []

    def _read(self, now: int) -> list[Metric]:
        up = _gauge("gongdan_database_up", "Whether the database could be read.", 1)
        try:
            with reading(self._engine) as connection:
                return [up, *_read_server(connection, now), *_read_fleet(connection, now, self._devices_max)]
        except Refused:
            return [_gauge(up.name, up.documentation, 0)]


def _read_server(connection: Connection, now: int) -> Iterator[Metric]:
    yield _gauge("gongdan_database_bytes", "Size of the database.", gauges.measure_database(connection))
    yield _gauge("gongdan_log_entries", "Change-sets in the log.", gauges.count_log_entries(connection))
    conflicts, exceptions = (gauges.count_reviews(connection, kind) for kind in ("conflict", "exception"))
    yield from _count("gongdan_conflicts_open", "Conflicts that wait for a person", conflicts, now)
    yield from _count("gongdan_exceptions_open", "Exceptions that wait for a person", exceptions, now)
    yield from _count(
        "gongdan_held_sets", "Change-sets that wait for an earlier one", gauges.count_held(connection), now
    )
    help_text = f"Change-sets kept aside, up to {gauges.KEPT_ASIDE_MAX}."
    yield _gauge("gongdan_kept_aside_sets", help_text, gauges.count_kept_aside(connection))
    missing = gauges.count_missing_files(connection)
    yield from _count("gongdan_missing_files", "Files that records name and the server does not have", missing, now)
    yield _gauge("gongdan_missing_files_bytes", "Their bytes, as far as records say them.", missing.bytes)
    uploads = gauges.count_uploads(connection, spell_instant(now))
    yield _gauge("gongdan_open_uploads", "Uploads that have begun and not ended.", uploads.count)
    yield _gauge("gongdan_open_uploads_bytes", "The sizes of their files.", uploads.bytes)


def _read_fleet(connection: Connection, now: int, devices_max: int) -> Iterator[Metric]:
    since = {name: spell_instant(now - silence) for name, silence in SILENCES.items()}
    rows = gauges.count_devices(connection, **since)
    devices = GaugeMetricFamily("gongdan_devices", "Devices by state.", labels=("state",))
    for state in ("active", "frozen", "revoked"):
        devices.add_metric([state], sum(row["devices"] for row in rows if _state_of(row) == state))
    yield devices
    active = [row for row in rows if row["state"] == "active"]
    silent = GaugeMetricFamily("gongdan_silent_devices", "Active devices not heard of for so long.", labels=("for",))
    for name in SILENCES:
        silent.add_metric([name], sum(row[name] or 0 for row in active))
    silent.add_metric(["ever"], sum(row["never"] for row in active))
    yield silent
    waiting = [sum(row[name] for row in active) for name in ("waiting_sets", "waiting_files")]
    yield _gauge("gongdan_unsent_sets", "Change-sets that devices told they have not sent.", waiting[0])
    yield _gauge("gongdan_unsent_files", "Files that devices told they have not sent.", waiting[1])
    oldest = min((row["oldest_at"] for row in active if row["oldest_at"]), default=None)
    yield _gauge("gongdan_oldest_unsent_seconds", "Age of the oldest change-set not sent.", _age_s(oldest, now))
    yield from _read_worst(connection, now, devices_max)


def _read_worst(connection: Connection, now: int, most: int) -> Iterator[Metric]:
    def worst(name: str, help_text: str, measure: str, value_of: Callable[[object], float]) -> Metric:
        family = GaugeMetricFamily(name, help_text, labels=("device",))
        for device, value in gauges.find_worst(connection, measure, most) if most else ():
            family.add_metric([device], value_of(value))
        return family

    def age_s(instant: object) -> float:
        return _age_s(str(instant), now)

    text = "Age of the oldest change-set a device told it has not sent; the worst devices."
    yield worst("gongdan_device_oldest_unsent_seconds", text, "oldest_at", age_s)
    text = "Log positions since a device was last brought up to date; the worst devices."
    yield worst("gongdan_device_feed_lag_positions", text, "behind", lambda value: float(str(value)))
    text = "Time since a device was last brought up to date; the worst devices."
    yield worst("gongdan_device_feed_lag_seconds", text, "synced_at", age_s)
    text = "How far a device's clock is behind the server's; the worst devices."
    yield worst("gongdan_device_clock_offset_seconds", text, "offset_ms", lambda value: int(str(value)) / 1000)


def _state_of(row: dict[str, object]) -> object:
    return "frozen" if row["state"] == "active" and row["frozen"] else row["state"]


def _count(name: str, what: str, found: Open, now: int) -> Iterator[Metric]:
    yield _gauge(name, f"{what}.", found.count)
    yield _gauge(f"{name}_oldest_seconds", f"{what}: age of the oldest.", _age_s(found.oldest_at, now))


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)


def _age_s(instant: str | None, now: int) -> float:
    """Return how long ago an instant was, 0 when there is none or it is to come."""
    return max(0, now - milliseconds(instant)) / 1000 if instant else 0
