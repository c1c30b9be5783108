"""The van: counted from its moves whatever happens to them, and counted down by what is fitted."""

from __future__ import annotations

from random import Random

import pytest

from field_client import work
from field_client.store_stock import read_balances
from field_client.work_parts import PartLabel, fit_part
from field_client.work_stock import StockLine, count_usable, find_van, list_lacking, list_stock, move_stock
from field_client.work_withdraw import bring_back, withdraw
from schemas.problems import Refused
from schemas.stock import balance_changes
from tests.field_client.office import Office
from tests.field_client.scope import MACHINE, ORDER, PART, SUPPLIER, Tablet, uuid
from tests.field_client.test_work import codes_of, last_set
from tests.field_client.van import CENTRE, FUSE, GTIN, OTHER_PART, SPARE, VAN, move, stock_van

Line = tuple[str, str, str, int]


@pytest.fixture
def stocked(tablet: Tablet, office: Office) -> Tablet:
    """Wei's tablet with his van on it, and work begun."""
    stock_van(office)
    tablet.pull_from(office)
    work.start(tablet.bench, "GD-1")
    return tablet


def lines(tablet: Tablet) -> list[Line]:
    """Return what the van holds."""
    return [(line.part["part_number"], line.batch, line.serial, line.quantity) for line in list_stock(tablet.bench)]


def line_of(tablet: Tablet, serial: str) -> StockLine:
    """Return the line of a serial number."""
    machine = tablet.store.find(MACHINE)
    return next(line for line in list_stock(tablet.bench, machine) if line.serial == serial)


def counted_anew(tablet: Tablet) -> dict[tuple[str, str, str, str], int]:
    """Add up all moves that are seen."""
    totals: dict[tuple[str, str, str, str], int] = {}
    for record in tablet.store.of_kind("stock_move"):
        for key, by in balance_changes(record.values):
            place = (key.place, key.part, key.batch, key.serial)
            totals[place] = totals.get(place, 0) + by
    return {place: total for place, total in totals.items() if total}


def kept(tablet: Tablet) -> dict[tuple[str, str, str, str], int]:
    """Return the balances as the device keeps them."""
    return {
        (key.place, key.part, key.batch, key.serial): quantity
        for place in (VAN, CENTRE)
        for key, quantity in read_balances(tablet.store.db, place)
    }


def test_the_van_shows_what_is_in_it_and_what_may_not_be_used(stocked: Tablet) -> None:
    assert sorted(lines(stocked)) == [
        ("F-5", "", "", 10),
        ("P-77", "B2601", "M-2", 1),
        ("P-77", "B2602", "M-3", 1),
        ("P-77", "B2604", "", 2),
        ("P-77", "B2604", "M-1", 1),
        ("P-78", "", "A-1", 1),
    ]
    good, expired, recalled = (line_of(stocked, serial) for serial in ("M-1", "M-2", "M-3"))
    assert [line.is_usable for line in (good, expired, recalled)] == [True, False, False]
    assert (expired.is_expired, recalled.is_recalled) == (True, True)
    assert (good.supplier["name"], good.batch_record["certificate"]) == ("精工轴承", "CC-12")
    assert count_usable(stocked.bench, PART) == 3


def test_what_does_not_fit_the_machine_comes_last(stocked: Tablet, office: Office) -> None:
    office.write(*move(96, 1, part_id=OTHER_PART))
    stocked.pull_from(office)

    found = list_stock(stocked.bench, stocked.store.find(MACHINE))

    assert [line.part["part_number"] for line in found if not line.fits] == ["X-1"]
    assert found[-1].part["part_number"] == "X-1"


def test_a_part_fitted_from_the_van_leaves_it_in_the_same_set(stocked: Tablet) -> None:
    done = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-1", batch="B2604"))

    changes = last_set(stocked).changes
    assert [change.kind for change in changes] == ["part_fitted", "stock_move"]
    assert changes[1].set | {"moved_at": ""} == {
        "part_id": PART,
        "batch": "B2604",
        "batch_id": uuid(65),
        "serial": "M-1",
        "quantity": 1,
        "from_place": "van",
        "from_van_id": VAN,
        "to_place": "machine",
        "order_id": ORDER,
        "machine_id": MACHINE,
        "fitted_id": changes[0].id,
        "moved_at": "",
    }
    assert done.id == changes[0].id
    assert ("P-77", "B2604", "M-1", 1) not in lines(stocked)
    assert (done.fitted["warranty_months"], done.fitted["supplier_id"]) == (36, SUPPLIER)


@pytest.mark.parametrize(
    ("label", "left"),
    [
        (PartLabel(gtin=GTIN, batch="B2604"), ("P-77", "B2604", "", 1)),
        (PartLabel(part_number="F-5"), ("F-5", "", "", 9)),
        (PartLabel(gtin="06901234000023", batch="unknown"), ("P-78", "", "A-1", 1)),
    ],
)
def test_the_line_it_is_taken_from_is_that_of_the_batch_or_the_only_one(
    stocked: Tablet, label: PartLabel, left: Line
) -> None:
    fit_part(stocked.bench, label)

    assert left in lines(stocked)


def test_what_is_not_in_the_van_is_fitted_all_the_same_and_said(stocked: Tablet) -> None:
    elsewhere = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-99", batch="B2604"))
    insisted = fit_part(stocked.bench, PartLabel(part_number="X-1"), from_van=True)
    not_from_it = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-1", batch="B2604"), from_van=False)

    assert "not_on_van" in codes_of(elsewhere)
    assert "van_below_zero" in codes_of(insisted)
    assert not {"not_on_van", "van_below_zero"} & codes_of(not_from_it)
    assert ("X-1", "", "", -1) in lines(stocked)
    assert ("P-77", "B2604", "M-1", 1) in lines(stocked)


def test_what_was_never_fitted_is_back_in_the_van_and_goes_again(stocked: Tablet) -> None:
    before = lines(stocked)
    done = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-1", batch="B2604"))
    fitted = lines(stocked)

    withdraw(stocked.bench, "扫错了", done.id)
    withdrawn = lines(stocked)
    again = bring_back(stocked.bench, done.id).facts[0]
    back = lines(stocked)
    withdraw(stocked.bench, "又错了", again.id)

    assert (withdrawn, back, lines(stocked)) == (before, fitted, before)
    assert kept(stocked) == counted_anew(stocked)


def test_a_corrected_part_gives_back_what_it_took(stocked: Tablet) -> None:
    wrong = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-1", batch="B2604"))

    fit_part(stocked.bench, PartLabel(gtin="06901234000023", serial="A-1"), replaces=wrong.id)

    assert ("P-77", "B2604", "M-1", 1) in lines(stocked)
    assert [line for line in lines(stocked) if line[0] == "P-78"] == []


@pytest.mark.parametrize(
    ("act", "quantity", "left", "ends"),
    [
        ("draw", 3, 13, ("centre", "van")),
        ("return", 2, 8, ("van", "centre")),
        ("scrap", 1, 9, ("van", "scrapped")),
        ("found", 1, 11, ("difference", "van")),
        ("lost", 4, 6, ("van", "difference")),
    ],
)
def test_stock_comes_and_goes_by_moves(
    stocked: Tablet, act: str, quantity: int, left: int, ends: tuple[str, str]
) -> None:
    moved = move_stock(stocked.bench, act, PartLabel(part_number="F-5"), quantity)  # type: ignore[arg-type]

    assert (moved.left, moved.move["from_place"], moved.move["to_place"]) == (left, *ends)
    assert moved.move.get("from_centre_id", moved.move.get("to_centre_id", CENTRE)) == CENTRE
    assert ("F-5", "", "", left) in lines(stocked)


def test_one_moves_only_what_the_catalogue_knows_and_only_with_a_van(stocked: Tablet, office: Office) -> None:
    with pytest.raises(Refused, match="part_not_known"):
        move_stock(stocked.bench, "draw", PartLabel(part_number="?"))
    with pytest.raises(Refused, match="value_invalid"):
        move_stock(stocked.bench, "draw", PartLabel(part_number="F-5"), 0)
    office.withdraw(VAN)
    stocked.pull_from(office)
    with pytest.raises(Refused, match="van_missing"):
        move_stock(stocked.bench, "draw", PartLabel(part_number="F-5"))
    assert (find_van(stocked.bench), list_stock(stocked.bench)) == (None, [])


@pytest.mark.parametrize("seed", range(6))
def test_the_balances_are_the_sum_of_the_moves_whatever_happens(stocked: Tablet, office: Office, seed: int) -> None:
    chance = Random(seed)
    fitted: list[str] = []
    for turn in range(25):
        choice = chance.randrange(6)
        if choice == 0:
            label = PartLabel(part_number=chance.choice(["F-5", "P-77"]), batch=chance.choice([None, "B2604"]))
            fitted.append(fit_part(stocked.bench, label, from_van=chance.choice([None, True])).id)
        elif choice == 1 and fitted:
            withdraw(stocked.bench, "错", fitted.pop())
        elif choice == 2:
            move_stock(stocked.bench, "draw", PartLabel(part_number="F-5"), chance.randrange(1, 4))
        elif choice == 3:
            office.write(*move(1000 + turn, chance.randrange(1, 5), part_id=chance.choice([FUSE, SPARE])))
        elif choice == 4:
            office.withdraw(uuid(90 + chance.randrange(4)))
        else:
            stocked.push_to(office)
            stocked.pull_from(office)
        assert kept(stocked) == counted_anew(stocked)
    stocked.push_to(office)
    stocked.pull_from(office)
    assert kept(stocked) == counted_anew(stocked)


def test_what_the_van_lacks_of_its_standard_list_is_known_without_a_network(stocked: Tablet, office: Office) -> None:
    # Of the part four are in the van by the books, of which those of recalled and expired batches do not count.
    usable = count_usable(stocked.bench, PART)
    office.write("stock_level", uuid(101), {"van_id": VAN, "part_id": PART, "minimum": 1, "standard": usable + 2})
    office.write("stock_level", uuid(102), {"van_id": VAN, "part_id": FUSE, "minimum": 1, "standard": 10})
    office.write("stock_level", uuid(103), {"centre_id": CENTRE, "part_id": FUSE, "minimum": 1, "standard": 99})
    stocked.pull_from(office)

    ((part, lacks),) = list_lacking(stocked.bench)
    assert (part["part_number"], lacks) == ("P-77", 2)
