"""A server restored from a backup: devices notice, end up equal to it, and hand in again what it has lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from field_client import store_feed
from field_client.__main__ import main as field_client
from field_client.commands.desk import opened_desk
from field_client.outbox import Edit
from schemas.problems import Refused
from server.keys import new_id, open_office_key
from server.reception import Reception
from server.services.bridging import bridge
from server.services.office import Office
from server.services.proofs import replay, verify_log
from server.store.database import open_engine
from sync.openings import is_stand_in
from tests.cast import Device, found_company
from tests.operating.serving import ROOT, Site, running_site
from tests.operating.tablet import Tablet
from tests.postgres import PostgresServer
from tests.server.builders import Firm, update


@dataclass
class Shop:
    """A server with its company, and how its database is copied and put back."""

    site: Site
    firm: Firm
    back_up: Callable[[], None]
    restore: Callable[[], None]

    def lose_all_since_the_backup(self) -> None:
        """Kill the server, go on from the backup, start it again."""
        self.site.running[-1].stop()
        self.firm.engine.dispose()
        self.restore()
        self.site.start()

    def tablet(self, folder: Path) -> Tablet:
        """Return a device of Wei's that has synced."""
        tablet = Tablet(self.firm.company, self.firm.wei.person, folder)
        tablet.enrol(self.firm.office)
        sync(self, tablet)
        return tablet


def run(site: Site, *words: str) -> str:
    """Run a command of the server and return what it says."""
    command = [sys.executable, "-m", "server", "--language", "en", *words]
    done = subprocess.run(command, cwd=ROOT, env=site.environment | {"PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sync(shop: Shop, tablet: Tablet) -> None:
    """Sync; fail unless the device then holds exactly what the server says, and has nothing left to send."""
    report = tablet.sync(shop.site.url)
    assert (report.fault, report.is_consistent, tablet.is_empty_handed()) == (None, True, True)


def open_shop(site: Site, back_up: Callable[[], None], restore: Callable[[], None]) -> Shop:
    # One engine for both: a connection left open to a database that is moved away would delete the next one's log.
    engine = open_engine(site.settings.database_url)
    office = Office(engine, open_office_key(site.settings))
    company = found_company(office, engine)
    people = (company.wei, company.lin, company.dana)
    devices = (Device(company.organisation, person, new_id()) for person in people)
    return Shop(site, Firm(engine, office, Reception(engine), company, *devices), back_up, restore)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Shop]:
    """A company on the embedded database."""
    with running_site(tmp_path, "", processes=1) as site:
        database = Path(site.settings.database_url.removeprefix("sqlite:///"))

        def restore() -> None:
            for left in database.parent.glob(f"{database.name}*"):
                left.rename(tmp_path / left.name)
            run(site, "restore", str(tmp_path / "backup"))

        shop = open_shop(site, lambda: run(site, "backup", str(tmp_path / "backup")) and None, restore)
        yield shop
        shop.firm.engine.dispose()


@pytest.fixture
def on_postgresql(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Shop]:
    """A company on PostgreSQL."""
    name = postgres_server.create_database()
    dump = postgres_server.folder / f"{name}.dump"

    def dump_with(program: str, *options: str) -> None:
        postgres_server.run(program, f"--host={postgres_server.folder}", "--username=postgres", *options)

    def restore() -> None:
        postgres_server.drop_database(name)
        postgres_server.execute("CREATE DATABASE {}", name)
        dump_with("pg_restore", "--exit-on-error", f"--dbname={name}", str(dump))
        run(site, "rotate-epoch")

    with running_site(tmp_path, postgres_server.url_of(name), processes=1) as site:
        shop = open_shop(site, lambda: dump_with("pg_dump", "--format=custom", f"--file={dump}", name), restore)
        yield shop
        shop.firm.engine.dispose()
    postgres_server.drop_database(name)


@pytest.fixture(params=["on_sqlite", "on_postgresql"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """A company on each database."""
    found: Shop = request.getfixturevalue(request.param)
    return found


def assert_sound(shop: Shop, tmp_path: Path) -> None:
    """Fail unless the log and all that follows from it hold."""
    assert verify_log(shop.firm.engine, shop.firm.id).discrepancies == ()
    assert replay(shop.firm.engine, shop.firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").discrepancies == ()


def test_a_device_ahead_of_the_backup_ends_equal_and_hands_in_again_what_was_lost(shop: Shop, tmp_path: Path) -> None:
    ahead, behind = shop.tablet(tmp_path / "ahead"), shop.tablet(tmp_path / "behind")
    ahead.photograph()
    sync(shop, ahead)
    shop.back_up()
    lost_order = shop.firm.add_order(engineer=shop.firm.wei.person)
    for _ in range(3):
        ahead.photograph()
    sync(shop, ahead)
    assert ahead.store.find(lost_order) is not None
    unsent = ahead.photograph()

    shop.lose_all_since_the_backup()
    # The log grows past what the device has seen, so that positions alone would tell it nothing.
    for _ in range(12):
        shop.firm.add_order()
    sync(shop, ahead)
    sync(shop, behind)

    assert {photo for photo in ahead.photos if shop.firm.has(photo)} == set(ahead.photos)
    assert ahead.store.find(lost_order) is None
    assert all(behind.store.find(photo) is not None for photo in (*ahead.photos, unsent))
    assert ahead.outcomes == {"done": 4}
    assert_sound(shop, tmp_path)


def test_sets_that_neither_side_has_any_more_are_given_up_by_a_person(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_feed, "SETTLED_KEPT", 2)
    tablet = shop.tablet(tmp_path / "tablet")
    shop.back_up()
    photos, lines = [], []
    for _ in range(6):
        photos.append(tablet.photograph())
        lines.append(tablet.store.row("SELECT line FROM outbox ORDER BY seq DESC LIMIT 1")[0])
        sync(shop, tablet)
    shop.lose_all_since_the_backup()
    photos.append(tablet.photograph())

    report = tablet.sync(shop.site.url)
    listed = run(shop.site, "devices")
    waiting = tablet.outbox.counts()
    told = run(shop.site, "devices", "bridge", tablet.id, "--by", shop.firm.dana.person)
    sync(shop, tablet)
    late = shop.firm.push(lines[2], sender=tablet.id)

    assert report.fault is None and waiting == {"held": 3}
    assert "1-4" in listed and "1 to 4" in told
    assert [shop.firm.has(photo) for photo in photos] == [False] * 4 + [True] * 3
    assert late[0].fault is not None and late[0].fault.code == "set_given_up"
    photos.append(tablet.photograph())
    sync(shop, tablet)
    assert shop.firm.has(photos[-1])
    assert_sound(shop, tmp_path)


@pytest.fixture
def handset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Handset:
    """A device that nobody has enrolled."""
    settings = {"FIELD_DATA": str(tmp_path / "handset"), "PIN": "280417", "PATIENCE_S": "0"}
    for name, value in settings.items():
        monkeypatch.setenv(f"GONGDAN_{name}", value)
    return Handset()


class Handset:
    """The real client, called by its commands."""

    def call(self, *words: str) -> str:
        """Call a command and return what it says, or the code of what it refuses for."""
        found = CliRunner().invoke(field_client, words)
        return found.output if found.exit_code == 0 else found.stderr.rpartition("[")[2].strip("]\n")

    def note(self, firm: Firm, text: str) -> None:
        """Write a diagnosis on the order."""
        with opened_desk(None) as desk:
            desk.outbox.write("order.note", [Edit("work_order", firm.company.order, {"diagnosis": text})])

    def counts(self) -> dict[str, int]:
        """Return how many sets are in each state."""
        with opened_desk(None) as desk:
            return desk.outbox.counts()


def invite(shop: Shop, person: str) -> str:
    """Return a code's text for a person."""
    code = run(shop.site, "enrol", "--person", person, "--no-code").splitlines()[0].partition("#")[2]
    return f"gongdan-enrol:{shop.site.url}#{code}"


def test_a_device_enrolled_after_the_backup_comes_back_with_its_key_and_hands_in_all_its_work(
    shop: Shop, handset: Handset, tmp_path: Path
) -> None:
    shop.back_up()
    handset.call("enrol", invite(shop, shop.firm.wei.person))
    handset.call("sync")
    for text in ("bearing dry", "bearing greased"):
        handset.note(shop.firm, text)
        handset.call("sync")
    assert handset.counts() == {"settled": 2}
    handset.note(shop.firm, "runs")

    shop.lose_all_since_the_backup()
    forgotten = handset.call("sync")
    anothers = handset.call("enrol", invite(shop, shop.firm.lin.person))
    told = handset.call("enrol", invite(shop, shop.firm.wei.person))
    again = handset.call("enrol", invite(shop, shop.firm.wei.person))
    handset.call("sync")

    assert (forgotten, anothers, again) == ("device_unknown", "certificate_differs", "already_enrolled")
    assert "sync" in told and handset.counts() == {"settled": 3}
    assert shop.firm.body(shop.firm.company.order)["diagnosis"] == "runs"
    assert_sound(shop, tmp_path)


def test_nothing_is_given_up_where_nothing_is_missing(shop: Shop, tmp_path: Path) -> None:
    tablet = shop.tablet(tmp_path / "tablet")

    with pytest.raises(Refused, match="nothing_missing"):
        bridge(shop.firm.engine, shop.firm.office, shop.firm.id, shop.firm.dana.person, tablet.id)
    with pytest.raises(Refused, match="device_unknown"):
        bridge(shop.firm.engine, shop.firm.office, shop.firm.id, shop.firm.dana.person, new_id())


def test_what_was_erased_after_the_backup_is_erased_again(shop: Shop, tmp_path: Path) -> None:
    name = "Wang Jianguo"
    firm, order = shop.firm, shop.firm.order
    firm.ensure(update("work_order", order, contact=(None, name)), actor=firm.company.dana)
    tablet = shop.tablet(tmp_path / "tablet")
    photo = tablet.photograph()
    sync(shop, tablet)
    shop.back_up()
    kept = tmp_path / "kept"
    shutil.copytree(shop.site.settings.blob_folder, kept)
    told = run(shop.site, "erase", "--by", "dana", "--word", name, "--record", order, "--photos", "--yes")
    sync(shop, tablet)

    shop.site.running[-1].stop()
    firm.engine.dispose()
    shop.restore()
    shutil.copytree(kept, shop.site.settings.blob_folder, dirs_exist_ok=True)
    came_back = firm.body(order)["contact"]
    firm.engine.dispose()
    again, nothing = run(shop.site, "sweep"), run(shop.site, "sweep")
    shop.site.start()
    sync(shop, tablet)

    assert "1 files" in told and came_back == name
    assert "done again: 1" in again and "again" not in nothing
    assert is_stand_in(firm.body(order)["contact"])
    assert not [path for path in shop.site.settings.data.rglob("*") if path.is_file() and has(path, name)]
    assert tablet.photos[photo] not in {path.name for path in shop.site.settings.data.rglob("*")}
    assert not tablet.files.holds(tablet.photos[photo])
    assert {body["grounds"] for body in firm.bodies("erasure")} >= {"asked"}
    assert_sound(shop, tmp_path)


def has(path: Path, word: str) -> bool:
    """Tell whether a file holds a word."""
    return word.encode() in path.read_bytes()
