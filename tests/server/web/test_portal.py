"""The pages for customers: no login, nothing of others, photos by their bytes, limits by address."""

from __future__ import annotations

import html
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from printing.labels import machine_text
from schemas.request import CODE_SEAL_LABELS
from server.app import create_app
from server.portal import guard
from server.services import request_files, requests
from server.services.label_sheets import seal_of
from server.store import records
from server.store.database import reading
from server.web.attempts import Limit
from sync.changeset import Change
from tests.cast import Company, accept
from tests.server.web.conftest import PREFIX, DocumentedClient, House, close, make_settings

GTIN = "09506000134352"
LARGE = 10_000
PHOTO = b"\xff\xd8\xff\xe0" + b"jpeg" * 100
TOLD = {
    "symptom": "异响，冒烟",
    "contact": "陈敏",
    "phone": "138 0013 8000",
    "condition": "stopped",
    "alarms": "E07，E08",
}


@pytest.fixture
def portal(founded: tuple[Path, Company, Company], tmp_path: Path) -> Iterator[House]:
    """A server whose customers are those of our company; its machine's model has a GTIN."""
    folder, ours, theirs = founded
    shutil.copytree(folder, tmp_path / "data")
    settings = make_settings(tmp_path / "data")
    app = create_app(replace(settings, mail=replace(settings.mail, organisation=ours.organisation)))
    app.test_client_class = DocumentedClient
    house = House(app, ours, theirs)
    with reading(house.parts.engine) as connection:
        ((model, _),) = records.bodies_of_kind(connection, ours.organisation, "model")
    change = Change("model", model, "update", {"gtin": GTIN}, {"gtin": None})
    accept(house.parts.office, ours.organisation, ours.dana, "model.gtin", change)
    yield house
    close(house)


def report(client: FlaskClient, path: str = "/report", /, *photos: tuple[bytes, str], **told: str) -> TestResponse:
    """Send a report, as a form of our page does."""
    files: list[Any] = [(io.BytesIO(data), name) for data, name in photos]
    return client.post(path, data={**TOLD, **told, "photos": files}, headers={"Sec-Fetch-Site": "same-origin"})


def only_request(house: House) -> dict[str, Any]:
    """Return the only request of our company."""
    with reading(house.parts.engine) as connection:
        ((request, body),) = records.bodies_of_kind(connection, house.ours.organisation, "request")
    return {"id": request, **body}


def notes_of(house: House) -> list[dict[str, Any]]:
    """Return what was added to requests of our company."""
    with reading(house.parts.engine) as connection:
        found = records.bodies_of_kind(connection, house.ours.organisation, "request_note")
        return [body for _, body in found]


def test_the_code_on_a_machine_leads_to_a_form_that_knows_it(portal: House) -> None:
    client = portal.client()
    seal = seal_of(
        portal.parts.key, portal.ours.organisation, machine_text(portal.parts.settings.base_url, GTIN, "MC12-0007")
    )
    page = client.get(f"/01/{GTIN}/21/MC12-0007?11=241125&s={seal}")
    address = re.search(r'action="(/01/[^"]+)"', page.text)
    assert address is not None

    sent = report(client, html.unescape(address[1]), (PHOTO, "故障.jpg"))
    follow = client.get(sent.headers["Location"])

    request = only_request(portal)
    (note,) = notes_of(portal)
    assert "MC-12" in page.text and "陈氏" not in page.text, "who owns the machine is nobody's business"
    assert (request["machine_id"], request["channel"], request["grade"]) == (portal.ours.machine, "qr", "urgent")
    assert request["customer_id"] == portal.ours.chen and request["alarms"] == ["E07", "E08"]
    assert sent.status_code == 303 and request["number"] in follow.text
    photo = client.get(f"{sent.headers['Location']}/files/{note['file_sha256']}")
    assert (photo.data, photo.mimetype, note["file_name"]) == (PHOTO, "image/jpeg", "故障.jpg")
    assert "script" not in follow.headers["Content-Security-Policy"] and "<script" not in follow.text
    assert follow.headers["Referrer-Policy"] == "same-origin", "the address is a secret"


@pytest.mark.parametrize(("seal", "said"), [("", "unsealed"), ("?s=AAAAAAAAAAAAAAAA", "forged")])
def test_a_code_without_our_seal_is_told_and_leads_to_no_machine(portal: House, seal: str, said: str) -> None:
    client = portal.client()
    page = client.get(f"/01/{GTIN}/21/MC12-0007{seal}")

    sent = report(client, f"/01/{GTIN}/21/MC12-0007{seal}")
    request = only_request(portal)
    desk = portal.sign_in("dana").get(f"/desk/requests/{request['id']}").text

    assert 'role="note"' in page.text and sent.status_code == 303
    assert (request["code_seal"], request["machine_serial"]) == (said, "MC12-0007")
    assert "machine_id" not in request and "customer_id" not in request
    assert any(words in desk for words in CODE_SEAL_LABELS[said])


def test_customers_are_spoken_to_in_words_of_their_own(portal: House) -> None:
    page, desk = portal.client().get("/report").text, portal.sign_in("dana").get("/desk/trace").text

    assert "出厂编号" in page and "序列号" not in page
    assert "序列号" in desk


def test_a_serial_number_nobody_knows_looks_the_same(portal: House) -> None:
    client = portal.client()

    known, unknown = (client.get(f"/01/{GTIN}/21/{serial}") for serial in ("MC12-0007", "MC12-9999"))

    plain = [re.sub(r'value="[\w-]{20,}"', "", page.text) for page in (known, unknown)]
    assert plain[0].replace("MC12-0007", "X") == plain[1].replace("MC12-9999", "X")
    assert report(client, f"/01/{GTIN}/21/MC12-9999").status_code == 303
    assert only_request(portal)["machine_serial"] == "MC12-9999"


def test_pressing_twice_makes_one_request(portal: House) -> None:
    client = portal.client()
    key = re.search(r'name="key" value="([\w-]+)"', client.get("/report").text)
    assert key is not None

    first, again = (report(client, key=key[1]) for _ in range(2))

    assert first.headers["Location"] == again.headers["Location"]
    assert only_request(portal)["symptom"] == TOLD["symptom"]


@pytest.mark.parametrize(
    ("told", "photos", "code"),
    [
        ({"phone": "", "email": ""}, (), "field_missing"),
        ({"symptom": " "}, (), "request_empty"),
        ({"commissioned_on": "2026-02-31"}, (), "value_invalid"),
        ({"symptom": "x" * 5000}, (), "value_invalid"),
        ({}, ((b"<svg onload=alert(1)>", "a.jpg"),), "file_not_accepted"),
        ({}, ((b"\x00\x00\x00\x24ftypheic\x00\x00\x00\x00mif1heic", "a.jpg"),), "photo_heic"),
        ({}, ((b"\xff\xd8\xff" + b"x" * LARGE, "large.jpg"),), "file_not_accepted"),
        ({}, ((PHOTO, "a.jpg"),) * 6, "value_invalid"),
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_typed_is_lost(
    portal: House,
    told: dict[str, str],
    photos: tuple[tuple[bytes, str], ...],
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "PHOTO_BYTES_MAX", LARGE)
    monkeypatch.setattr(request_files, "PHOTO_BYTES_MAX", LARGE)
    answer = report(portal.client(), "/report", *photos, **{"since": "今天早上<b>", **told})

    assert answer.status_code in (413, 422) and answer.headers["X-Gongdan-Refusal"] == code
    assert 'value="今天早上&lt;b&gt;"' in answer.text and "陈敏" in answer.text
    with reading(portal.parts.engine) as connection:
        assert not list(records.bodies_of_kind(connection, portal.ours.organisation, "request"))


def test_a_link_lets_add_and_rate_once_and_leads_nowhere_else(portal: House) -> None:
    client = portal.client()
    follow = report(client).headers["Location"]
    other = report(client, symptom="another").headers["Location"]
    own = {"Sec-Fetch-Site": "same-origin"}
    client.post(f"{follow}/notes", data={"words": "还在冒烟", "photos": (io.BytesIO(PHOTO), "b.jpg")}, headers=own)
    sha256 = next(note["file_sha256"] for note in notes_of(portal) if note.get("file_sha256"))
    early = client.post(f"{follow}/rating", data={"speed": "5"}, headers=own)
    with reading(portal.parts.engine) as connection:
        found = dict(records.bodies_of_kind(connection, portal.ours.organisation, "request"))
    mine = next(key for key, body in found.items() if body["symptom"] == TOLD["symptom"])
    desk = (portal.parts.engine, portal.parts.office, portal.ours.organisation, portal.ours.dana)
    requests.solve_remotely(*desk, mine, {"advice": "关机，通风"})

    rated, again = (
        client.post(f"{follow}/rating", data={"speed": "5", "words": "谢谢"}, headers=own) for _ in range(2)
    )

    page = client.get(follow).text
    assert "还在冒烟" in page and "关机，通风" in page
    assert early.headers["X-Gongdan-Refusal"] == again.headers["X-Gongdan-Refusal"] == "not_rateable"
    assert rated.status_code == 303
    assert client.get(f"{other}/files/{sha256}").status_code == 404
    assert client.get(f"{follow[:-1]}x").status_code == 404
    assert "还在冒烟" not in client.get(other).text
    with reading(portal.parts.engine) as connection:
        assert (
            dict(records.bodies_of_kind(connection, portal.ours.organisation, "request"))[mine]["rating"]["speed"] == 5
        )


def test_another_site_cannot_send_our_form_and_nobody_floods_us(portal: House, monkeypatch: pytest.MonkeyPatch) -> None:
    client = portal.client()
    foreign = client.post("/report", data=TOLD, headers={"Sec-Fetch-Site": "cross-site"})
    monkeypatch.setattr(guard, "REPORTS", Limit("test", 2))
    codes = [report(client).status_code for _ in range(3)]

    assert foreign.headers["X-Gongdan-Refusal"] == "malformed"
    assert codes == [303, 303, 429]


def test_another_system_hands_a_request_in_and_the_office_reads_it(portal: House) -> None:
    client, dana = portal.client(), portal.sign_in("dana")

    taken = client.post(f"{PREFIX}/requests", json={"symptom": "it rattles", "grade": "urgent", "phone": "1"})
    refused = client.post(f"{PREFIX}/requests", json={"symptom": "x", "state": "solved"})
    listed = dana.get(f"{PREFIX}/requests?state=received").json["requests"]
    detail = dana.get(f"{PREFIX}/requests/{taken.json['number']}").json

    assert taken.status_code == 201 and refused.status_code == 422
    assert [row["number"] for row in listed] == [taken.json["number"]]
    assert detail["values"]["channel"] == "api"
    assert client.get(taken.json["follow"].partition("8080")[2]).status_code == 200
    assert client.get(f"{PREFIX}/requests").status_code == 401
