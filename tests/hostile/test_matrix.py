"""Every route, called by everybody there can be: the answer is the one the table of access gives, and nothing leaks.

The routes come from the application itself, the callers from the roles there are; a new route has to say in
`honest_requests.py` what a request to it looks like, and in `server/web/access.py` who may make it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from schemas.people import OFFICE_ROLES, ROLES
from schemas.recall import Extent
from server.app import create_app
from server.clock import utc_now
from server.desk.visit import REFUSAL_HEADER
from server.keys import new_id
from server.services import accounts, devices, recalls, requests, stock_counts
from server.store.database import writing
from server.web.access import ACCESS, PREFIX, access_of
from sync import chain, zstd
from sync.changeset import Change
from tests.cast import PASSWORD, Company, Device, accept
from tests.hostile.honest_requests import BYTES, FILE, REQUESTS, is_page
from tests.hostile.request_forms import Form, Request
from tests.server.web.conftest import DocumentedClient, House, make_settings, problem_of

NAMES: Final = {
    **{f"{role} of ours": role for role in ROLES},
    **{f"{role} of theirs": role for role in ROLES},
}
DEVICES: Final = ("our device", "our revoked device", "our frozen device", "their device", "unknown device")
CALLERS: Final = ("anybody", *NAMES, *DEVICES)

SENTINEL: Final = "SENTINEL-7f3a"
"""Stands in every text of our company that a stranger must not see."""

STREAMS: Final = frozenset({"GET /desk/live"})
SIGNS_OUT: Final = frozenset({"DELETE /session", "POST /desk/sign-out"})

NOT_THERE: Final = frozenset({"record_missing", "writer_not_allowed"})
"""What somebody of another company is told of ours beside 404: the same as of what never was."""

KEPT_OUT: Final = frozenset(
    {
        *("not_signed_in", "role_not_allowed", "request_not_signed", "token_invalid"),
        *("device_unknown", "device_revoked"),
    }
)


@dataclass
class Ground:
    """Two companies with everybody there can be, and what is to be found of ours."""

    house: House
    ids: dict[str, str]
    cookies: dict[str, str] = field(default_factory=dict)
    devices: dict[str, tuple[Device, str]] = field(default_factory=dict)
    """device and token of each"""

    def spell(self, request: Request, ids: dict[str, str]) -> tuple[str, bytes]:
        """Return path and body with ids in their places."""
        body = request.body if isinstance(request.body, bytes) else b""
        if isinstance(request.body, Form):
            body = urlencode(request.body, safe="<>").encode()
        elif not isinstance(request.body, bytes) and request.body is not None:
            body = json.dumps(request.body).encode()
        path = request.path
        for name, value in ids.items():
            path, body = path.replace(f"<{name}>", value), body.replace(f"<{name}>".encode(), value.encode())
        return path, body

    def call(self, caller: str, route: str, ids: dict[str, str] | None = None) -> TestResponse:
        """Make an honest request as somebody."""
        request = REQUESTS[route]
        path, body = self.spell(request, ids or self.ids)
        method = route.split()[0]
        headers = dict(request.headers)
        if isinstance(request.body, Form):
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        elif body:
            headers.setdefault("Content-Type", "application/json")
        if caller in DEVICES:
            headers |= self._headers_of(caller, method, path, body, route)
        client = self.house.client()
        if caller in self.cookies and route not in SIGNS_OUT:
            client.set_cookie("gongdan_session", self.cookies[caller])
        # A stream would go on for minutes: its head says whether he is let in.
        answer = client.open(
            self.address(path), method=method, data=body, headers=headers, buffered=route not in STREAMS
        )
        if answer.mimetype == "text/event-stream":
            answer.close()
            answer.response = []
        return answer

    def address(self, path: str) -> str:
        """Return the address of a path, which is a page's where there is one, else a program's."""
        return path if is_page(path) else PREFIX + path

    def _headers_of(self, caller: str, method: str, path: str, body: bytes, route: str) -> dict[str, str]:
        device, token = self.devices[caller]
        access = ACCESS[route]
        if access.body_bytes_max is None:
            return {"Authorization": f"Bearer {token}"}
        plain, _, query = self.address(path).partition("?")
        return device.headers(method, plain, query, body)


@pytest.fixture(scope="module")
def ground(founded: tuple[Path, Company, Company], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The ground on which everybody calls."""
    folder, ours, theirs = founded
    data = tmp_path_factory.mktemp("matrix") / "data"
    shutil.copytree(folder, data)
    app = create_app(make_settings(data))
    app.test_client_class = DocumentedClient
    house = House(app, ours, theirs)
    ground = Ground(house, furnish(house))
    for company, whose in ((ours, "ours"), (theirs, "theirs")):
        for role in ROLES:
            name = f"{role} of {whose}"
            if role in OFFICE_ROLES:
                ground.cookies[name] = hire(house, company, role, name.replace(" ", "-"))
    ground.devices = equip(house)
    yield ground
    house.parts.engine.dispose()


def furnish(house: House) -> dict[str, str]:
    """Put a conflict, a file, an upload and a telling word into our company; return the ids of all there is."""
    ours = house.ours
    dana, wei = house.sign_in("dana"), house.device_of(ours, ours.wei)
    wish, seen = {"symptom": SENTINEL, "grade": "urgent"}, {"symptom": "离心机异响", "grade": "important"}
    order = Change("work_order", ours.order, "update", wish, seen)
    accept(house.parts.office, ours.organisation, ours.dana, "order.note", order)
    claim = Change("work_order", ours.order, "update", {"grade": "general"}, {"grade": "important"})
    fitted = {"order_id": ours.order, "machine_id": ours.machine, "part_name": "转子", "fitted_at": utc_now()}
    part = Change("part_fitted", new_id(), "create", {**fitted, "serial": f"{SENTINEL}-serial"}, {})
    house.ask(wei, "POST", "/push", wei.seal("order.grade", claim, part) + b"\n")
    (review,) = dana.get(f"{PREFIX}/reviews?kind=conflict").json["reviews"]
    upload = start_upload(house, wei, FILE)
    file = upload.headers["Repr-Digest"]
    unfinished = start_upload(house, wei, b"", length=99).headers["Location"].rpartition("/")[2]
    assert file
    sha256 = hashlib.sha256(FILE).hexdigest()
    company = {name: getattr(ours, name) for name in ("organisation", "wei", "lin", "dana", "chen", "machine", "order")}
    symptom = {"channel": "web", "symptom": "it rattles", "customer_name": SENTINEL}
    office = (house.parts.engine, house.parts.office, ours.organisation, ours.system)
    taken = requests.take_in(*office, symptom)
    company |= {"request": taken.id, "link": str(taken.link)}
    company["recall"] = open_recall(house)
    company |= keep_stock(house)
    return company | {"review": review["id"], "upload": unfinished, "file": sha256, "device": wei.id}


def open_recall(house: House) -> str:
    """Recall a part of ours, with the supplier's notice; return the recall."""
    parts, ours, part = house.parts, house.ours, new_id()
    made = Change("part", part, "create", {"part_number": SENTINEL, "name": SENTINEL}, {})
    accept(parts.office, ours.organisation, ours.system, "part.create", made)
    said = {"name": SENTINEL, "reason": "x", "action": "inspect", "urgency": "general"}
    said["file_sha256"] = hashlib.sha256(FILE).hexdigest()
    author = recalls.Author(ours.organisation, ours.system)
    return recalls.open_recall(parts.engine, parts.office, author, said, [Extent(part)])[0]


def keep_stock(house: House) -> dict[str, str]:
    """Give our company a van with a part in it and a count under way; return their ids."""
    ours, office = house.ours, house.parts.office
    centre, van, part, move = (new_id() for _ in range(4))
    moved = {"from_place": "supplier", "to_place": "van", "to_van_id": van, "part_id": part, "quantity": 5}
    accept(
        office,
        *(ours.organisation, ours.system, "stock.found"),
        Change("service_centre", centre, "create", {"name": SENTINEL, "tier": "outlet"}, {}),
        Change("van", van, "create", {"name": SENTINEL, "centre_id": centre}, {}),
        Change("part", part, "create", {"name": SENTINEL, "part_number": SENTINEL}, {}),
        Change("stock_move", move, "create", moved | {"moved_at": utc_now()}, {}),
    )
    with writing(house.parts.engine) as connection:
        sheet = stock_counts.begin(connection, ours.organisation, ours.dana, {"van_id": van}, None, "", False)
    return {"centre": centre, "van": van, "part": part, "move": move, "sheet": sheet}


def start_upload(house: House, device: Device, data: bytes, length: int | None = None) -> TestResponse:
    """Begin an upload, with its bytes."""
    token = house.ask(device, "POST", "/token").json["token"]
    name = base64.b64encode(hashlib.sha256(data or b"more").hexdigest().encode()).decode()
    headers = {**BYTES, "Authorization": f"Bearer {token}", "Upload-Length": str(length or len(data))}
    headers["Upload-Metadata"] = f"sha256 {name}"
    answer = house.client().post(f"{PREFIX}/blobs/uploads", data=data, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer


def hire(house: House, company: Company, role: str, login: str) -> str:
    """Let somebody with one role sign in; return his cookie."""
    person = new_id()
    body = {"name": role, "roles": [role]}
    accept(
        house.parts.office, company.organisation, company.system, "hire", Change("person", person, "create", body, {})
    )
    with writing(house.parts.engine) as connection:
        accounts.open_account(connection, company.organisation, person, login, PASSWORD)
    cookie = house.sign_in(login).get_cookie("gongdan_session")
    assert cookie is not None
    return str(cookie.value)


def equip(house: House) -> dict[str, tuple[Device, str]]:
    """Return a device of every state, with a token it was given while it was in service."""
    ours, theirs = house.ours, house.theirs
    known = {
        "our device": house.device_of(ours, ours.wei),
        "our revoked device": house.device_of(ours, ours.wei),
        "our frozen device": house.device_of(ours, ours.wei),
        "their device": house.device_of(theirs, theirs.wei),
    }
    found = {name: (device, str(house.ask(device, "POST", "/token").json["token"])) for name, device in known.items()}
    devices.revoke(house.parts.office, ours.organisation, ours.dana, known["our revoked device"].id)
    frozen = known["our frozen device"]
    for _ in range(2):
        frozen.seq, frozen.prev = 0, chain.FIRST_PREV
        visit = Change("visit", new_id(), "create", {"order_id": ours.order}, {})
        house.ask(frozen, "POST", "/push", frozen.seal("visit.begin", visit) + b"\n")
    return {**found, "unknown device": (Device(ours.organisation, ours.wei, new_id()), "forged")}


def kept_out_as(caller: str, route: str) -> str | None:
    """Return the code with which the table of access keeps a caller out of a route; None when it lets him in."""
    access = ACCESS[route]
    role = NAMES.get(caller)
    if access.caller == "anybody":
        return None
    if access.caller == "device" or (access.caller == "device_or_person" and caller in DEVICES):
        streaming = access.body_bytes_max is None
        if caller not in DEVICES:
            return "token_invalid" if streaming else "request_not_signed"
        if caller == "unknown device":
            return "token_invalid" if streaming else "device_unknown"
        return "device_revoked" if caller == "our revoked device" and not access.revoked_too else None
    if role is None or role not in OFFICE_ROLES:
        return "not_signed_in"
    return None if role in access.roles else "role_not_allowed"


def is_ours(caller: str) -> bool:
    """Tell whether a caller may see what is our company's, if he is let in at all."""
    return caller.endswith("of ours") or caller in ("our device", "our frozen device")


def leaks_in(ground: Ground, caller: str, route: str, answer: TestResponse) -> set[str]:
    """Return what of our company an answer tells, beyond what the caller said himself."""
    path, body = ground.spell(REQUESTS[route], ground.ids)
    said = path.encode() + body
    told = answer.data + repr(sorted(answer.headers)).encode()
    secrets = {*ground.ids.values(), SENTINEL}
    if caller == "our revoked device":
        # What it is told of itself, it has known since its enrolment.
        secrets -= {ground.ids["organisation"], ground.ids["wei"]}
    return {secret for secret in secrets if secret.encode() in told and secret.encode() not in said}


def test_every_route_says_what_a_request_to_it_looks_like(ground: Ground) -> None:
    served = {
        f"{method} {rule.rule.removeprefix(PREFIX)}"
        for rule in ground.house.app.url_map.iter_rules()
        for method in rule.methods or ()
        if method != "OPTIONS" and not (method == "HEAD" and "GET" in (rule.methods or ()))
    }
    optional = {route for route in ACCESS if route.startswith("OPTIONS")}

    assert served | optional == set(REQUESTS) == set(ACCESS)
    assert all(access_of(*route.split()) for route in ACCESS)


def code_of(answer: TestResponse) -> str | None:
    """Return the code of a refusal, which a page tells in a header."""
    if answer.mimetype == "application/problem+json" and answer.data:
        return problem_of(answer)
    return answer.headers.get(REFUSAL_HEADER)


@pytest.mark.parametrize("route", sorted(REQUESTS))
def test_everybody_is_let_in_or_kept_out_as_the_table_says(ground: Ground, route: str) -> None:
    for caller in CALLERS:
        answer = ground.call(caller, route)

        expected = kept_out_as(caller, route)
        code = code_of(answer)
        if route.startswith("HEAD"):
            assert (answer.status_code in (401, 403)) == (expected is not None), (caller, answer.status)
        elif expected is None:
            assert code not in KEPT_OUT, (caller, code)
        else:
            assert code == expected, (caller, answer.status, answer.text)
        if not is_ours(caller) or expected is not None:
            assert leaks_in(ground, caller, route, answer) == set(), caller


@pytest.mark.parametrize("route", sorted(route for route, request in REQUESTS.items() if request.names_ours))
def test_to_another_company_ours_is_as_if_it_never_was(ground: Ground, route: str) -> None:
    never = {name: new_id() for name in ground.ids} | {"file": "ab" * 32}
    strangers = [name for name in CALLERS if name.endswith("of theirs") or name == "their device"]
    let_in = [caller for caller in strangers if kept_out_as(caller, route) is None]
    assert let_in, "nobody of another company gets as far as asking"

    for caller in let_in:
        about_ours, about_nothing = ground.call(caller, route), ground.call(caller, route, never)

        told, nothing = about_ours.data.decode(), about_nothing.data.decode()
        for name, value in ground.ids.items():
            told, nothing = told.replace(value, name), nothing.replace(never[name], name)
        assert about_ours.status_code == about_nothing.status_code
        assert about_ours.status_code == 404 or code_of(about_ours) in NOT_THERE
        if route != "GET /trace":
            assert told == nothing


def test_our_own_people_do_see_it(ground: Ground) -> None:
    shown = ground.call("auditor of ours", "GET /orders/<order_id>")
    pulled = ground.call("our device", "GET /pull")
    file = ground.call("our device", "GET /blobs/<sha256>")

    assert SENTINEL in shown.text
    assert SENTINEL in (zstd.decompress(pulled.data) if pulled.content_encoding else pulled.data).decode()
    assert file.data == FILE
