"""A device destroys its keys when its office orders it, and not when anybody else says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from field_client import keys, wiping, work
from field_client.runner import SyncReport, SyncRun
from field_client.settings import Settings, read_settings
from schemas.problems import Refused
from sync import chain
from sync.ledger import Head
from sync.wipe_order import WipeQuestion, spell_order
from tests.field_client.office import SERVER_TIME, Office, serving
from tests.field_client.scope import DEVICE, ORGANISATION, Tablet

OFFICE_KEY = SigningKey(bytes(range(3, 35)))
MALLORY_KEY = SigningKey(bytes(range(4, 36)))


@pytest.fixture
def url(office: Office) -> Iterator[str]:
    """The office's address."""
    with serving(office) as address:
        yield address


@pytest.fixture
def revoked(tablet: Tablet, office: Office) -> Tablet:
    """Wei's tablet, which knows its office's key and has been revoked."""
    tablet.store.remember(server_key=bytes(OFFICE_KEY.verify_key).hex())
    office.head = Head(0, chain.FIRST_PREV, "revoked")
    return tablet


def sign_order(asked: dict[str, Any], key: SigningKey = OFFICE_KEY, **other: Any) -> dict[str, Any]:
    """Return the order of whoever has the key, to a question of which `other` replaces members."""
    asked = {**asked, **other}
    whose = (asked.get("organisation", ORGANISATION), asked.get("device", DEVICE))
    question = WipeQuestion(*whose, asked["nonce"], asked["seq"], asked["digest"])
    signature = key.sign(spell_order(question, SERVER_TIME)).signature.hex()
    return {"ordered_at": SERVER_TIME, "signature": signature}


def device_of(folder: Path) -> Settings:
    """Return the settings of a device with a key, a database and a photo under `folder`."""
    settings = read_settings({"GONGDAN_FIELD_DATA": str(folder)})
    keys.save_keyring(settings.keyring, keys.create_keyring("482913")[1])
    settings.evidence.mkdir()
    paths = ["device.sqlite", "device.sqlite-wal", "device.sqlite-shm", "evidence/ab", ".keyring.json.77"]
    for name in paths:
        (folder / name).write_bytes(b"secret")
    return settings


def run(tablet: Tablet, url: str) -> SyncReport:
    """Sync once."""
    return SyncRun(tablet.store, tablet.outbox, tablet.transport(url), tablet.files).run()


def test_the_offices_order_is_believed_once_nothing_waits(revoked: Tablet, office: Office, url: str) -> None:
    office.orders_wipe = sign_order

    report = run(revoked, url)

    assert report.fault is not None and report.fault.code == "device_revoked"
    assert report.wipe_ordered_at == SERVER_TIME


def test_nobody_is_asked_while_work_is_unsent(revoked: Tablet, office: Office, url: str) -> None:
    office.orders_wipe = sign_order
    work.start(revoked.bench, "GD-1")

    report = run(revoked, url)

    assert report.wipe_ordered_at is None
    assert ("POST", "/wipe") not in office.requests
    assert revoked.outbox.counts() == {"sealed": 1}


@pytest.mark.parametrize(
    "forge",
    [
        lambda asked: sign_order(asked, MALLORY_KEY),
        lambda asked: sign_order(asked, nonce="00" * 32),
        lambda asked: sign_order(asked, device=ORGANISATION),
        lambda asked: sign_order(asked, organisation=DEVICE),
        lambda asked: sign_order(asked, seq=asked["seq"] + 1),
        lambda asked: {"ordered_at": SERVER_TIME, "signature": ""},
        lambda _asked: {},
        lambda _asked: [],
        lambda _asked: "wipe",
    ],
)
def test_a_forged_order_changes_nothing(revoked: Tablet, office: Office, url: str, forge: Any) -> None:
    office.orders_wipe = forge

    report = run(revoked, url)

    assert ("POST", "/wipe") in office.requests
    assert report.wipe_ordered_at is None
    assert report.fault is not None and report.fault.code == "device_revoked"


def test_each_question_is_another(revoked: Tablet, office: Office, url: str) -> None:
    asked: list[str] = []
    answers: list[dict[str, Any]] = []

    def replay_the_first(question: dict[str, Any]) -> dict[str, Any]:
        asked.append(question["nonce"])
        answers.append(sign_order(question))
        return answers[0]

    office.orders_wipe = replay_the_first

    assert run(revoked, url).wipe_ordered_at == SERVER_TIME
    assert run(revoked, url).wipe_ordered_at is None
    assert len(set(asked)) == 2


def test_a_device_that_was_never_told_its_offices_key_believes_nobody(
    revoked: Tablet, office: Office, url: str
) -> None:
    office.orders_wipe = sign_order
    revoked.store.remember(server_key="")

    assert run(revoked, url).wipe_ordered_at is None


def test_nothing_that_opens_anything_is_left(tmp_path: Path) -> None:
    settings = device_of(tmp_path)

    wiping.wipe(settings, SERVER_TIME)

    assert [path.name for path in tmp_path.iterdir()] == [wiping.MARK]
    with pytest.raises(Refused, match="device_wiped"):
        wiping.refuse_wiped(settings)


@pytest.mark.parametrize("step", ["erase_keyring", "shutil.rmtree"])
def test_a_wipe_cut_off_is_finished_by_whatever_comes_next(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = device_of(tmp_path)

    def cut_off(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(f"field_client.wiping.{step}", cut_off)
        with pytest.raises(KeyboardInterrupt):
            wiping.wipe(settings, SERVER_TIME)
    left = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(Refused, match="device_wiped"):
        wiping.refuse_wiped(settings)

    assert len(left) > 1
    assert [path.name for path in tmp_path.iterdir()] == [wiping.MARK]


def test_a_destroyed_device_may_begin_anew(tmp_path: Path) -> None:
    settings = device_of(tmp_path)
    wiping.wipe(settings, SERVER_TIME)

    wiping.begin_anew(settings)

    assert list(tmp_path.iterdir()) == []
    wiping.refuse_wiped(settings)


def test_a_device_in_service_has_no_mark(tmp_path: Path) -> None:
    settings = device_of(tmp_path)

    wiping.refuse_wiped(settings)
    wiping.begin_anew(settings)

    assert settings.keyring.exists() and settings.database.exists()
