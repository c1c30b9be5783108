"""The real application over a real database, with two companies founded once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.app import create_app
from server.settings import Settings, read_settings
from server.store.migrate import upgrade
from server.web.docs_page import DOCUMENT_CONFIG
from server.web.wiring import EXTENSION, Wiring
from tests.cast import PASSWORD, Company, Device, enrol_device, found_company, open_accounts

PREFIX = "/api/v1"


class DocumentedClient(FlaskClient):
    """A client that fails when the status of an answer to a program is not one the interface's description names."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **{"buffered": True, **kwargs})
        method, path = response.request.method, response.request.path
        documented = self.application.config[DOCUMENT_CONFIG]["paths"]
        adapter = self.application.url_map.bind("")
        if path.startswith(PREFIX) and adapter.test(path, method):
            rule, _ = adapter.match(path, method, return_rule=True)
            operation = documented[rule.rule.replace("<", "{").replace(">", "}")][method.lower()]
            told = {str(response.status_code), f"{response.status_code // 100}XX"}
            assert told & operation["responses"].keys(), (method, path, response.status, response.text)
        return response


@dataclass
class House:
    """A server with its two companies."""

    app: Flask
    ours: Company
    theirs: Company

    @property
    def parts(self) -> Wiring:
        """What the views share."""
        parts: Wiring = self.app.extensions[EXTENSION]
        return parts

    def client(self) -> FlaskClient:
        """Return a caller nobody knows."""
        return self.app.test_client()

    def sign_in(self, login: str) -> FlaskClient:
        """Return a browser in which somebody has signed in."""
        client = self.client()
        answer = client.post(f"{PREFIX}/session", json={"login": login, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return client

    def device_of(self, company: Company, person: str) -> Device:
        """Return a device that was enrolled for a person."""
        return enrol_device(self.parts.office, self.parts.engine, company.organisation, person)

    def ask(self, device: Device, method: str, path: str, body: bytes = b"", **more: Any) -> TestResponse:
        """Send a request signed by a device; `path` may have a query."""
        plain, _, query = (PREFIX + path).partition("?")
        headers = {**device.headers(method, plain, query, body), **more.pop("headers", {})}
        return self.client().open(plain, method=method, query_string=query, data=body, headers=headers, **more)


def make_settings(folder: Path, database_url: str = "") -> Settings:
    return read_settings({"GONGDAN_DATA": str(folder), "GONGDAN_DATABASE": database_url})


def make_house(settings: Settings) -> House:
    """Start a server on an empty database and found two companies."""
    app = create_app(settings)
    app.test_client_class = DocumentedClient
    parts: Wiring = app.extensions[EXTENSION]
    upgrade(parts.engine)
    ours, theirs = (found_company(parts.office, parts.engine, name) for name in ("晟远服务", "另一家"))
    open_accounts(parts.engine, ours)
    open_accounts(parts.engine, theirs, "-mallory")
    return House(app, ours, theirs)


def close(house: House) -> None:
    """Let go of the database."""
    house.parts.engine.dispose()


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Company, Company]:
    """A data folder in which both companies are founded, and the companies."""
    folder = tmp_path_factory.mktemp("founded")
    house = make_house(make_settings(folder))
    close(house)
    return folder, house.ours, house.theirs


@pytest.fixture
def house(founded: tuple[Path, Company, Company], tmp_path: Path) -> Iterator[House]:
    """A server of this test's own."""
    folder, ours, theirs = founded
    shutil.copytree(folder, tmp_path / "data")
    app = create_app(make_settings(tmp_path / "data"))
    app.test_client_class = DocumentedClient
    house = House(app, ours, theirs)
    yield house
    close(house)


@pytest.fixture
def wei(house: House) -> Device:
    """Wei's device."""
    return house.device_of(house.ours, house.ours.wei)


def problem_of(answer: TestResponse) -> str:
    """Return the code of a problem document, and check that it is one in two languages."""
    assert answer.mimetype == "application/problem+json", answer.text
    assert answer.json["status"] == answer.status_code
    assert answer.json["title"] and answer.json["title_zh"]
    return str(answer.json["code"])
