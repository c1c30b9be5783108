"""The stock pages at a large company: 100,000 balances of 2,000 parts and 4,000 batches in 50 vans and centres.

It has 100,000 machines of ten models; twenty of the parts are consumables of all of them, 300,000 of which were fitted.

On both databases. `python -m benchmarks.stock_pages` prints the table. Pages are asked of the application in this
process, signed in. Balances and batches are put into their tables as moves would: what is measured is reading them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flask.testing import FlaskClient
from sqlalchemy import text

from benchmarks.desk_pages import PAGE, PAGE_CPU, PASSWORD, time_page, write_records
from benchmarks.measure import Figure, Options, measure_on_both, print_table
from server.app import create_app
from server.keys import new_id
from server.services import accounts
from server.settings import read_settings
from server.store import json_text
from server.store.bulk import upsert
from server.store.database import writing
from server.store.migrate import upgrade
from server.store.review_tables import MachineSerial
from server.store.stock_tables import BatchRow, FittingRow, LevelRow
from server.store.tables import RecordRow, StockBalance
from server.web.wiring import EXTENSION, Wiring
from sync.changeset import Change

PARTS: Final = 2000
PLACES: Final = 50
BALANCES: Final = 100_000
BATCHES_OF_PART: Final = 2
LEVELS_OF_PLACE: Final = 40
MACHINES: Final = 100_000
MODELS: Final = 10
CONSUMABLES: Final = 20
FITTINGS_OF_MACHINE: Final = 3
ROWS_AT_ONCE: Final = 5000

PAGES: Final = (
    "/desk/stock",
    "/desk/stock?page=900",
    "/desk/stock?q=seal+17",
    "/desk/stock?q=B00017",
    "/desk/stock?place={place}",
    "/desk/stock?state=expiring",
    "/desk/stock?state=recalled",
    "/desk/stock/parts/{part}",
    "/desk/stock/vans",
    "/desk/stock/vans/{van}",
    "/desk/stock/levels",
    "/desk/stock/counts",
    "/desk/stock/consumables",
)


def run(options: Options) -> list[Figure]:
    """Measure the pages on SQLite and PostgreSQL."""
    return measure_on_both(options, _measure)


def _measure(folder: Path, url: str, subject: str) -> Iterator[Figure]:
    with _company(folder, url) as (client, named):
        for path in PAGES:
            wall_ms, cpu_ms = time_page(client, path.format(**named))
            yield Figure(PAGE.format(path=path), subject, wall_ms)
            yield Figure(PAGE_CPU.format(path=path), subject, cpu_ms)


@contextmanager
def _company(folder: Path, url: str) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    settings = read_settings({"GONGDAN_DATA": str(folder), "GONGDAN_DATABASE": url})
    folder.mkdir(parents=True, exist_ok=True)
    app = create_app(settings)
    parts: Wiring = app.extensions[EXTENSION]
    upgrade(parts.engine)
    organisation, keeper = parts.office.found("benchmarks"), new_id()
    goods, places = [new_id() for _ in range(PARTS)], [new_id() for _ in range(PLACES)]
    centre, *vans = places
    records = [_create("person", keeper, name="Xu", roles=["stock_keeper"])]
    records.append(_create("service_centre", centre, name="centre", tier="national"))
    records += [_create("van", van, name=f"van {number}", centre_id=centre) for number, van in enumerate(vans)]
    models = [new_id() for _ in range(MODELS)]
    records += [
        _create("model", model, manufacturer="maker", name=f"M{number}", family="mini_centrifuge")
        for number, model in enumerate(models)
    ]
    records += [_create("part", part, **_describe_part(number)) for number, part in enumerate(goods)]
    write_records(parts, organisation, records)
    _put_machines(parts, organisation, models, goods[:CONSUMABLES])
    _put_stock(parts, organisation, goods, places)
    with writing(parts.engine) as connection:
        accounts.open_account(connection, organisation, keeper, "xu", PASSWORD)
    client = app.test_client()
    answer = client.post("/api/v1/session", json={"login": "xu", "password": PASSWORD})
    if answer.status_code != 200:
        raise RuntimeError(answer.text)
    yield client, {"place": vans[7], "van": vans[7], "part": goods[17]}
    parts.engine.dispose()


def _describe_part(number: int) -> dict[str, object]:
    named = {"part_number": f"P{number:05d}", "name": f"seal {number}", "price_cents": 100 + number}
    consumed = {"families": ["mini_centrifuge"], "interval_days": 300 + number} if number < CONSUMABLES else {}
    return named | consumed


def _put_machines(parts: Wiring, organisation: str, models: list[str], goods: list[str]) -> None:
    """Put machines into their tables, with what was fitted of some parts; every hundredth of these is overdue."""
    for start in range(0, MACHINES, ROWS_AT_ONCE):
        records, machines, fittings = [], [], []
        for number in range(start, start + ROWS_AT_ONCE):
            key, serial, model = new_id(), f"M{number:06d}", models[number % MODELS]
            body = json_text.dump({"serial": serial, "model_id": model, "accepted_on": "2026-10-01"})
            records.append((organisation, key, "machine", body, "{}", 1, False))
            machines.append((organisation, key, serial.lower(), model, None, None, serial, "2026-10-01", False))
            at = "2024-01-01T08:00:00.000Z" if number % 100 == 0 else "2026-10-02T08:00:00.000Z"
            fitted = (goods[(number + one) % len(goods)] for one in range(FITTINGS_OF_MACHINE))
            fittings += [(organisation, new_id(), part, key, at) for part in fitted]
        with writing(parts.engine) as connection:
            upsert(connection, RecordRow.__table__, records)  # type: ignore[arg-type]
            upsert(connection, MachineSerial.__table__, machines)  # type: ignore[arg-type]
            upsert(connection, FittingRow.__table__, fittings)  # type: ignore[arg-type]


def _put_stock(parts: Wiring, organisation: str, goods: list[str], places: list[str]) -> None:
    """Put balances, batches and levels into their tables: every part in every place, one of its batches."""
    batches = [
        (organisation, new_id(), part, f"B{number:05d}-{one}", *_life_of(number * BATCHES_OF_PART + one), True)
        for number, part in enumerate(goods)
        for one in range(BATCHES_OF_PART)
    ]
    balances = [
        (organisation, place, part, f"B{number:05d}-{at % BATCHES_OF_PART}", "", 1 + (number + at) % 9)
        for number, part in enumerate(goods)
        for at, place in enumerate(places)
    ][:BALANCES]
    levels = [
        (organisation, new_id(), place, part, 2, 5)
        for at, place in enumerate(places)
        for part in goods[at : at + LEVELS_OF_PLACE]
    ]
    with writing(parts.engine) as connection:
        upsert(connection, BatchRow.__table__, batches)  # type: ignore[arg-type]
        upsert(connection, StockBalance.__table__, balances)  # type: ignore[arg-type]
        upsert(connection, LevelRow.__table__, levels)  # type: ignore[arg-type]
        if connection.dialect.name == "postgresql":
            # As autovacuum does; SQLite keeps no statistics.
            connection.execute(text("ANALYZE"))


def _life_of(number: int) -> tuple[str | None, str | None]:
    """Return the last day of a batch and the day it was recalled: of a hundred, two expire soon and one is recalled."""
    ends = f"2026-12-{1 + number % 20:02d}" if number % 50 == 0 else f"20{27 + number % 5}-06-30"
    return ends, "2026-11-01" if number % 100 == 1 else None


def _create(kind: str, record_id: str, **values: object) -> Change:
    return Change(kind, record_id, "create", values, {})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(print_table(run(Options(Path(place), 1, 0, 0))))
