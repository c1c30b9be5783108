"""No secret, and nothing of what people wrote, stands in any log: a day at the noisiest level is searched for both."""

from __future__ import annotations

import base64
import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from field_client.keys import open_keyring
from scripts.demo_stage import Stage
from server.demo.seeding import PASSWORD
from tests.cast import Device
from tests.journeys.conftest import serving
from tests.journeys.steps import invite, make_order
from tests.sync.made_up import FIRST

PIN = "pin-geheim-471"
WRONG_PIN = "pin-falsch-472"
PHONE = "13900007788"
SYMPTOM = "Geheimnis des Kunden"
WRONG_PASSWORD = "password-falsch-473"
LOGIN_BY_MISTAKE = "password-als-login-474"


@dataclass
class NoisyStage(Stage):
    """The stage with every log at its noisiest."""

    def environment(self, device: str = "wei") -> dict[str, str]:
        """Return the settings, with logs that tell all they can."""
        levels = {"GONGDAN_LOG_LEVEL": "debug", "GONGDAN_FIELD_LOG_LEVEL": "debug"}
        return super().environment(device) | levels | {"GONGDAN_PIN": self.pin}

    pin: str = PIN
    told: list[str] = field(default_factory=list)
    """What the device's commands said."""

    def device(self, *arguments: str, who: str = "wei", status: int = 0) -> str:
        """Run gongdan-field and keep what it said."""
        self.told.append(super().device(*arguments, who=who, status=status))
        return self.told[-1]

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Make a request; return status, headers and body, whatever they are."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.url}/api/v1{path}", body or None, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, lower(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, lower(error.headers), error.read()

    def logs(self) -> dict[str, str]:
        """Return everything that was written on the way, by file."""
        files = [self.folder / "server.log", *(self.folder / "wei").glob("device.log*")]
        return {file.name: file.read_text(errors="replace") for file in files} | {"told": "\n".join(self.told)}


def lower(headers: Message) -> dict[str, str]:
    """Return headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


@pytest.fixture
def stage(tmp_path: Path, office_data: Path) -> Iterator[NoisyStage]:
    """An office with its server."""
    with serving(NoisyStage, tmp_path, office_data) as stage:
        yield stage


def work_a_day(stage: NoisyStage) -> list[str]:
    """Enrol a device, work, sync, and be refused in every way; return the secrets that were used."""
    number = make_order(stage, "--engineer", "wei", f"phone={PHONE}", symptom=SYMPTOM)
    invitation = invite(stage)
    stage.device("enrol", invitation)
    stage.device("sync")
    stage.device("start", number)
    stage.device("sync")
    stage.device("finish", number, "--diagnosis", SYMPTOM)
    stage.device("enrol", invitation, status=1)
    stage.pin = WRONG_PIN
    stage.device("today", status=1)
    stage.pin = PIN
    return [invitation.rpartition("#")[2], *call_the_office(stage), *keys_of(stage)]


def call_the_office(stage: NoisyStage) -> list[str]:
    """Sign in rightly and wrongly, call with a token and in vain, and break the server; return the secrets used."""

    def sign_in(login: str, password: str) -> tuple[int, dict[str, str], bytes]:
        body = json.dumps({"login": login, "password": password}).encode()
        return stage.ask("POST", "/session", body, Content_Type="application/json")

    status, headers, _ = sign_in("dana", PASSWORD)
    cookie = headers["set-cookie"].split(";")[0]
    assert status == 200
    assert [sign_in("dana", WRONG_PASSWORD)[0], sign_in(LOGIN_BY_MISTAKE, WRONG_PASSWORD)[0]] == [401, 401]
    assert stage.ask("GET", f"/orders?after={PHONE}", Cookie=cookie)[0] == 422
    assert stage.ask("GET", f"/orders/{PHONE}", Cookie=cookie)[0] == 404
    malformed = json.dumps({"password": WRONG_PASSWORD, "phone": PHONE}).encode()[:-1]
    assert stage.ask("POST", "/changes", malformed, Cookie=cookie, Content_Type="application/json")[0] == 400
    forged = Device(FIRST.organisation, FIRST.actor, FIRST.device)
    signed = forged.headers("GET", "/api/v1/pull", "since=0&epoch=")
    assert stage.ask("GET", "/pull?since=0&epoch=", **{k.replace("-", "_"): v for k, v in signed.items()})[0] == 401
    assert stage.ask("GET", "/pull?since=0&epoch=", Authorization="Bearer token-geheim-475")[0] == 401
    break_database(stage)
    assert sign_in("dana", PASSWORD)[0] == 500
    assert stage.ask("GET", "/session", Cookie=cookie)[0] == 500
    # What the server remembers of its last commit would save it from reading.
    stage.stop_server()
    stage.start_server()
    stage.device("sync", status=1)
    signature = signed["Signature"].split(":")[1]
    return [cookie.partition("=")[2], "token-geheim-475", signature]


def break_database(stage: NoisyStage) -> None:
    """Spoil every record, so that whoever reads one fails as nobody foresaw, with a customer's phone in his hands."""
    with sqlite3.connect(stage.folder / "server" / "gongdan.sqlite") as database:
        database.execute("UPDATE records SET body = ?", (f'{{"phone":"{PHONE}",',))


def keys_of(stage: NoisyStage) -> list[str]:
    """Return the keys of both sides as they might be spelled, and the signatures of every set."""
    keyring = open_keyring((stage.folder / "wei" / "keyring.json").read_bytes(), PIN)
    secrets = [keyring._data_key, bytes(keyring._signing_key), keyring._file_key]
    secrets += [path.read_bytes() for path in (stage.folder / "server" / "keys").iterdir()]
    with sqlite3.connect(stage.folder / "server" / "gongdan.sqlite") as database:
        signatures = [sealed[:128].decode() for (sealed,) in database.execute("SELECT sealed FROM log")]
        hashes = [stored for (stored,) in database.execute("SELECT password_hash FROM accounts")]
    spelled = [spell(secret) for secret in secrets for spell in (bytes.hex, in_base64)]
    assert signatures and hashes
    return [keyring.database_key, *spelled, *signatures, *hashes]


def in_base64(secret: bytes) -> str:
    """Spell bytes as headers do."""
    return base64.b64encode(secret).decode()


def test_no_secret_and_nothing_people_wrote_stands_in_any_log(stage: NoisyStage) -> None:
    secrets = work_a_day(stage)
    stage.stop_server()
    logs = stage.logs()

    written = [PIN, WRONG_PIN, PASSWORD, WRONG_PASSWORD, LOGIN_BY_MISTAKE, PHONE, SYMPTOM]
    found = [(name, secret) for name, text in logs.items() for secret in (*secrets, *written) if secret in text]
    told = [("told", secret) for secret in (PHONE, SYMPTOM)]
    assert [hit for hit in found if hit not in told] == [], "the device shows its person what the order says"
    assert_logs_are_worth_searching(logs)


def assert_logs_are_worth_searching(logs: dict[str, Any]) -> None:
    """Fail unless the logs hold what happened: requests, refusals, and the failure with its stack."""
    server = logs["server.log"]
    for telling in ('"request"', "Traceback", "sign_in_failed", "/api/v1/push", '"status":500'):
        assert telling in server, server[-3000:]
    assert '"problem":"pin_wrong"' in logs["device.log"]
