"""The demo company: whole, right, and the same every time."""

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from schemas import KINDS
from schemas.lifecycle import ORDER_STATES
from server.demo import machines, models, parts, people, service
from server.demo.records import gtin, refer
from server.demo.seeding import PASSWORD, seed
from server.keys import open_office_key
from server.services.accounts import find_account, find_signed_in, password_fits
from server.services.office import Office, organisations
from server.settings import Settings, read_settings
from server.store import records
from server.store.database import open_engine, reading
from server.store.tables import Base

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class Server:
    """A database, a key and an office, without any process."""

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.engine: Engine = open_engine(settings.database_url)
        Base.metadata.create_all(self.engine)
        self.office = Office(self.engine, open_office_key(settings))

    def seed(self) -> str | None:
        return seed(self.engine, self.office, self.settings, NOW)

    def count(self, table: str) -> int:
        with reading(self.engine) as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())

    def bodies(self, organisation: str, kind: str) -> dict[str, dict[str, object]]:
        with reading(self.engine) as connection:
            return dict(records.bodies_of_kind(connection, organisation, kind))


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(read_settings({"GONGDAN_DATA": str(tmp_path / "data")}))


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, str]:
    """A seeded server that no test writes to."""
    server = Server(read_settings({"GONGDAN_DATA": str(tmp_path_factory.mktemp("demo"))}))
    organisation = server.seed()
    assert organisation is not None
    return server, organisation


def test_the_company_has_everything_a_user_looks_for(seeded: tuple[Server, str]) -> None:
    server, organisation = seeded

    counts = {kind: len(server.bodies(organisation, kind)) for kind in KINDS}
    wanted = {"service_centre": 10, "person": 19, "customer": 12, "site": 12, "model": 6, "machine": 40, "part": 30}
    wanted |= {"supplier": 6, "batch": 40, "checklist": 8, "work_order": 80}
    wanted |= {"absence": 3, "part_fitted": 6}
    wanted |= {"service_terms": 5, "working_calendar": 1, "clock_pause": 1}
    wanted |= {"request": 5, "request_note": 3, "known_fix": 4}
    assert {kind: counts[kind] for kind in wanted if counts[kind] < wanted[kind]} == {}


def test_orders_are_in_many_states_and_every_engineer_has_one(seeded: tuple[Server, str]) -> None:
    server, organisation = seeded

    orders = server.bodies(organisation, "work_order").values()

    states = Counter(order["status"] for order in orders)
    assert set(states) <= set(ORDER_STATES) and len(states) >= 7
    assert states["received"] == 10, "orders that wait for a dispatcher"
    assert sum(states.values()) >= 80
    engineers = {order.get("engineer_id") for order in orders}
    assert {refer("person", name) for name in ("wei", "lin", "zhao", "qian", "sun", "wu", "zheng", "feng")} <= engineers


DOUBTS = [("recalled_batch", "open"), ("serial_in_two_places", "open")]


def test_two_batches_are_out_of_use_and_one_disagreement_waits(seeded: tuple[Server, str]) -> None:
    server, organisation = seeded

    batches = server.bodies(organisation, "batch").values()
    conflicts = server.bodies(organisation, "conflict").values()
    exceptions = server.bodies(organisation, "exception").values()

    assert [batch["number"] for batch in batches if batch.get("recalled_on")] == ["SV2510"]
    assert [batch["number"] for batch in batches if str(batch.get("expires_on") or "9") < "2026-11"] == ["RF2023-044"]
    assert [(conflict["field"], conflict["state"]) for conflict in conflicts] == [("appointment_at", "open")]
    assert sorted((exception["code"], exception["state"]) for exception in exceptions) == DOUBTS


def test_seeding_again_changes_nothing(server: Server) -> None:
    first = server.seed()
    tables = ("log", "records", "feed", "reviews", "accounts", "devices")
    before = {table: server.count(table) for table in tables}

    second = server.seed()

    assert first is not None and second is None
    assert {table: server.count(table) for table in tables} == before


def test_an_interrupted_seeding_goes_on(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("server.demo.orders.orders", stop)
        server.seed()

    organisation = server.seed()

    assert organisation is not None
    assert len(server.bodies(organisation, "work_order")) >= 15
    with reading(server.engine) as connection:
        assert len(organisations(connection)) == 1


def test_a_database_in_use_is_left_alone(server: Server) -> None:
    server.office.found("恒信仪器")
    before = server.count("log")

    assert server.seed() is None

    assert server.count("log") == before


def test_ids_are_the_same_in_every_database(seeded: tuple[Server, str], server: Server) -> None:
    other, other_organisation = seeded

    organisation = server.seed()

    kinds = [kind for kind in KINDS if kind not in ("person", "device", "conflict", "exception")]
    for kind in kinds:
        assert server.bodies(organisation, kind) == other.bodies(other_organisation, kind)


def test_the_demo_is_the_same_on_postgresql(postgres_database: str, tmp_path: Path) -> None:
    environment = {"GONGDAN_DATA": str(tmp_path / "data"), "GONGDAN_DATABASE": postgres_database}
    on_postgres = Server(read_settings(environment))

    organisation = on_postgres.seed()

    assert organisation is not None
    assert len(on_postgres.bodies(organisation, "machine")) == 40
    on_postgres.engine.dispose()


def test_office_people_can_sign_in_and_engineers_cannot(seeded: tuple[Server, str]) -> None:
    server, organisation = seeded

    with reading(server.engine) as connection:
        dana = find_account(connection, "dana")
        who = find_signed_in(connection, organisation, refer("person", "dana"))

        assert password_fits(dana, PASSWORD)
        assert who is not None and who.roles == {"dispatcher"}
        assert find_account(connection, "wei") is None


@pytest.mark.parametrize(
    ("item", "expected"), [(13435, "09506000134352"), (13436, "09506000134369"), (0, "09506000000008")]
)
def test_gtins_have_the_check_digit_of_gs1(item: int, expected: str) -> None:
    digits = gtin(item)

    weighted = sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(digits))
    assert digits == expected and weighted % 10 == 0


def test_every_text_has_chinese_and_what_people_choose_from_has_english() -> None:
    chinese = re.compile("[\u4e00-\u9fff]")
    named = [*people.centres(), *people.people(), *models.models(), *models.checklists(), *service.terms()]
    named += [*parts.suppliers(), *parts.parts()]
    items = [item for checklist in models.checklists() for item in checklist.values["items"]]

    assert [r.name for r in named if not chinese.search(r.values["name"]) or not r.values.get("name_en")] == []
    assert [item["key"] for item in items if not chinese.search(item["label"]) or not item["label_en"]] == []
    assert len({machine.name for machine in machines.machines(NOW)}) == 40


def test_checklists_have_the_limits_of_the_handbook() -> None:
    items = {item["key"]: item for checklist in models.checklists() for item in checklist.values["items"]}

    limits = {key: (items[key].get("unit"), items[key].get("low"), items[key].get("high")) for key in items}

    assert limits["levelness"] == ("°", "-1", "1")
    assert limits["insulation_resistance"] == ("MΩ", "2", None)
    assert limits["earth_resistance"] == ("Ω", None, "4")
    assert {"no_load_current", "no_load_voltage", "no_load_speed"} <= items.keys()
