"""Pages of the feed: patches, evictions, runs that are cut off, epochs, and a first load that is state."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy import update as update_rows

from schemas.problems import Refused
from server.clock import utc_now
from server.keys import new_id
from server.services.office import Office
from server.store.database import open_engine, reading, writing
from server.store.feed import PageQuery, scope_digests, write_page, write_records
from server.store.migrate import upgrade
from server.store.tables import Organisation
from sync import canonical
from sync.checksum import record_digest
from tests.postgres import PostgresServer
from tests.server.builders import Firm, Handset, create, fitted, handset, open_firm, photo, update


def synced(firm: Firm, person: str) -> Handset:
    """Return a handset that has pulled everything."""
    device = handset(firm, person)
    device.sync()
    return device


def ask(firm: Firm, person: str, query: PageQuery) -> list[bytes]:
    """Return the op lines of a page."""
    with reading(firm.engine) as connection:
        return write_page(connection, firm.id, person, query, utc_now())[1]


def test_an_edit_comes_as_the_fields_it_wrote(firm: Firm) -> None:
    device = synced(firm, firm.wei.person)
    firm.ensure(update("work_order", firm.order, symptom=("离心机异响", "漏水"), contact=(None, "陈")))
    since = device.pull.cursor

    (line,) = ask(firm, firm.wei.person, PageQuery(since.position, since.epoch))

    assert canonical.load(line) == ["patch", firm.order, "work_order", {"contact": "陈", "symptom": "漏水"}]


def test_a_patched_record_equals_the_whole_one(firm: Firm) -> None:
    old, order = synced(firm, firm.wei.person), firm.order
    for moves in ({"symptom": ("离心机异响", "a")}, {"contact": (None, "b")}, {"symptom": ("a", None)}):
        firm.ensure(update("work_order", order, **moves))

    old.sync()

    assert old.ops == ["patch"]
    assert old.held == synced(firm, firm.wei.person).held


def test_nothing_changed_is_an_empty_page(firm: Firm) -> None:
    device = synced(firm, firm.wei.person)

    device.sync()

    assert device.ops == []


def test_an_order_taken_away_is_evicted_with_what_it_carried(firm: Firm) -> None:
    device = synced(firm, firm.wei.person)
    firm.send(firm.wei, photo(firm.order))
    firm.ensure(update("work_order", firm.order, engineer_id=(firm.wei.person, firm.lin.person)))

    device.sync()

    kinds = {kind for kind, _ in device.held.values()}
    assert not kinds & {"work_order", "machine", "site", "customer", "photo"}
    assert device.ops.count("evict") == 5


def test_an_order_that_ends_leaves_and_one_that_comes_back_is_put(firm: Firm) -> None:
    device = synced(firm, firm.wei.person)
    firm.ensure(update("work_order", firm.order, engineer_id=(firm.wei.person, None)))
    device.sync()

    firm.ensure(update("work_order", firm.order, engineer_id=(None, firm.wei.person)))
    device.sync()

    assert set(device.ops) == {"put"}
    assert firm.order in device.held


def test_leaving_and_coming_back_between_two_syncs_is_a_put(firm: Firm) -> None:
    device = synced(firm, firm.wei.person)
    firm.ensure(update("work_order", firm.order, engineer_id=(firm.wei.person, None)))
    firm.ensure(update("work_order", firm.order, engineer_id=(None, firm.wei.person), symptom=("离心机异响", "漏水")))

    device.sync()

    assert set(device.ops) == {"put"}
    assert device.held[firm.order][1]["symptom"] == "漏水"


def test_a_cancelled_order_leaves_but_comes_as_history_of_its_machine(firm: Firm) -> None:
    other = firm.add_order(firm.wei.person, firm.company.machine)
    device = synced(firm, firm.wei.person)

    firm.ensure(update("work_order", other, status=("assigned", "cancelled")))
    device.sync()
    assert other in device.held

    firm.ensure(update("work_order", firm.order, status=("assigned", "cancelled")))
    device.sync()
    assert not {other, firm.order, firm.company.machine} & device.held.keys()


def test_the_author_of_an_order_nobody_has_is_told_to_let_it_go(firm: Firm) -> None:
    device, order = synced(firm, firm.wei.person), new_id()
    body = {"number": "W-1", "status": "in_progress", "service": "repair", "grade": "general"}

    firm.send(firm.wei, create("work_order", order, **body, customer_id=firm.company.chen))
    (line,) = ask(firm, firm.wei.person, PageQuery(device.pull.cursor.position, device.pull.cursor.epoch))

    assert canonical.load(line) == ["evict", order]


def test_a_first_load_is_state_and_not_history(firm: Firm) -> None:
    for step in range(5):
        firm.ensure(update("work_order", firm.order, symptom=(firm.body(firm.order)["symptom"], f"step {step}")))
    firm.ensure(update("work_order", firm.add_order(firm.wei.person), engineer_id=(firm.wei.person, None)))

    device = synced(firm, firm.wei.person)

    assert device.ops == ["put"] * len(device.held)


def test_a_record_lost_during_a_first_load_is_evicted(firm: Firm) -> None:
    orders = [firm.add_order(firm.wei.person) for _ in range(3)]
    device = handset(firm, firm.wei.person)
    while orders[0] not in device.held:
        device.turn_page(1)
    assert not device.pull.done

    late = firm.add_order(firm.wei.person)
    firm.ensure(update("work_order", orders[0], engineer_id=(firm.wei.person, None)))
    device.sync(1)

    assert orders[0] not in device.held
    assert late in device.held


def test_a_run_cut_off_goes_on_under_what_changed_meanwhile(firm: Firm) -> None:
    device = handset(firm, firm.wei.person)
    device.turn_page(2)
    firm.ensure(update("work_order", firm.order, engineer_id=(firm.wei.person, firm.lin.person)))
    device.turn_page(1)
    firm.ensure(update("work_order", firm.order, engineer_id=(firm.lin.person, firm.wei.person)))

    device.sync(1, 2, 3)

    assert device.held == synced(firm, firm.wei.person).held


def test_an_exception_follows_its_order_to_the_device(firm: Firm) -> None:
    second = firm.add_machine()
    order = firm.add_order(firm.wei.person, second)
    device = synced(firm, firm.wei.person)

    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "S1"))
    firm.send(firm.wei, fitted(order, second, "S1"))
    device.sync()

    (found,) = [body for kind, body in device.held.values() if kind == "exception"]
    assert (found["code"], found["order_id"]) == ("serial_in_two_places", order)


def test_a_conflict_and_its_settlement_reach_the_device(firm: Firm) -> None:
    device = synced(firm, firm.wei.person)
    firm.write(update("work_order", firm.order, grade=("important", "general")))
    firm.send(firm.wei, update("work_order", firm.order, grade=("important", "urgent")))
    device.sync()
    (conflict,) = [key for key, (kind, _) in device.held.items() if kind == "conflict"]

    firm.write(
        update("work_order", firm.order, grade=("general", "urgent")),
        update("conflict", conflict, state=("open", "settled"), settled_as=(None, "incoming")),
    )
    device.sync()

    assert device.ops == ["patch", "patch"]
    assert device.held[conflict][1]["state"] == "settled"
    assert device.held[firm.order][1]["grade"] == "urgent"


def test_another_epoch_is_refused(firm: Firm) -> None:
    device = synced(firm, firm.wei.person)
    fresh = new_id()
    with writing(firm.engine) as connection:
        connection.execute(update_rows(Organisation).where(Organisation.organisation == firm.id).values(epoch=fresh))

    with pytest.raises(Refused, match="feed_epoch_changed") as refused:
        device.sync()

    assert refused.value.fault.facts == {"epoch": fresh}
    device.held.clear()
    device.pull.restart(fresh)
    device.sync()
    assert firm.order in device.held


def test_a_device_ahead_of_the_log_starts_again(firm: Firm) -> None:
    epoch = synced(firm, firm.wei.person).pull.cursor.epoch

    with pytest.raises(Refused, match="feed_epoch_changed"):
        ask(firm, firm.wei.person, PageQuery(10**6, epoch))


@pytest.mark.parametrize(
    "token", ["", "x", "1.x", "1.2.x", "٣.٣.01a1fc36-59e7-7e05-8082-e1cc24677ff0", "1.2.\x00", "9" * 40]
)
def test_a_page_token_that_is_none_is_refused(firm: Firm, token: str) -> None:
    with pytest.raises(Refused, match="malformed"):
        ask(firm, firm.wei.person, PageQuery(0, "", token))


def test_digests_and_chosen_records_are_those_of_the_scope(firm: Firm) -> None:
    device = synced(firm, firm.wei.person)
    foreign = firm.add_order(firm.lin.person)

    with reading(firm.engine) as connection:
        digests = {key: digest for key, _, digest in scope_digests(connection, firm.id, firm.wei.person)}
        chosen = write_records(connection, firm.id, firm.wei.person, [firm.order, foreign])

    expected = {key: record_digest(kind, key, canonical.dump(body)) for key, (kind, body) in device.held.items()}
    assert digests == expected
    assert [canonical.load(line)[:2] for line in chosen] == [["put", firm.order]]


def test_a_large_record_ends_a_page_early(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.store.feed.PAGE_BYTES_MAX", 300)
    device = handset(firm, firm.wei.person)

    device.turn_page(2000)

    assert not device.pull.done and 1 <= len(device.held) < 4
    device.sync()
    assert firm.order in device.held


def test_a_database_that_sorts_text_by_a_language_gives_the_same_pages(
    postgres_server: PostgresServer, office_key: object
) -> None:
    name = "sorted_by_language"
    postgres_server.execute(
        "CREATE DATABASE {} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' ENCODING 'UTF8'", name
    )
    engine = open_engine(postgres_server.url_of(name))
    upgrade(engine)
    firm = open_firm(engine, Office(engine, office_key))  # type: ignore[arg-type]
    with reading(engine) as connection:
        assert connection.execute(text("SELECT '~' < 'a'")).scalar_one() is True
    firm.ensure(update("work_order", firm.order, symptom=("离心机异响", "漏水")))

    device = synced(firm, firm.wei.person)
    again = ask(firm, firm.wei.person, PageQuery(device.pull.cursor.position, device.pull.cursor.epoch))
    by_pages = handset(firm, firm.wei.person)
    by_pages.sync(1)

    assert again == []
    assert by_pages.held == device.held
    engine.dispose()
