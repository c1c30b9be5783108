"""A device in a folder, enrolled and locked, and its pages without a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from field_client.keys import create_keyring, save_keyring
from field_client.settings import Settings, read_settings
from field_client.store import Store
from field_client.ui.app import create_ui
from field_client.ui.keeper import DeskKeeper
from field_client.ui.syncing import Syncer

PIN = "246810"
TOKEN = "token-of-this-test"
PORT = 8377
ORIGIN = f"http://127.0.0.1:{PORT}"


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The folder of an enrolled device whose server cannot be reached."""
    settings = replace(read_settings({"GONGDAN_FIELD_DATA": str(tmp_path / "wei")}), patience_s=0.0)
    keyring, sealed = create_keyring(PIN)
    save_keyring(settings.keyring, sealed)
    store = Store(settings.database, keyring.database_key)
    names = ("organisation", "device", "person")
    known = {name: f"00000000-0000-7000-8000-00000000000{number}" for number, name in enumerate(names)}
    store.remember(base_url="http://127.0.0.1:9", person_name="卫东明", server_key="00" * 32, **known)
    store.close()
    return settings


@pytest.fixture
def keeper(settings: Settings, clock: Clock) -> DeskKeeper:
    """Its keeper, locked."""
    return DeskKeeper(settings, clock)


@pytest.fixture
def syncer(keeper: DeskKeeper, clock: Clock) -> Syncer:
    """Its syncs."""
    return Syncer(keeper, clock)


@pytest.fixture
def browser(keeper: DeskKeeper, syncer: Syncer) -> FlaskClient:
    """A browser that was let in."""
    client = create_ui(keeper, syncer, TOKEN, PORT).test_client()
    client.environ_base["HTTP_HOST"] = f"127.0.0.1:{PORT}"
    assert client.get(f"/enter?token={TOKEN}", base_url=ORIGIN).status_code == 302
    return client
