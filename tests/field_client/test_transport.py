"""The device's only socket, against a real HTTP server that behaves and misbehaves."""

from __future__ import annotations

import gc
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from weakref import ref

import pytest

from field_client.outbox import Edit
from field_client.patience import Patience
from field_client.transport import Caller, Transport
from field_client.uploads import PIECE_FIRST_BYTES, Uploads
from schemas.problems import Refused
from sync.blobs import LocalBlob
from tests.field_client.office import SERVER_TIME_MS, Office, hang_up, serving
from tests.field_client.scope import DEVICE, ORDER, ORGANISATION, Tablet, quick_patience, uuid

FILE = os.urandom(700_000)
NAME = hashlib.sha256(FILE).hexdigest()


@pytest.fixture
def url(office: Office) -> Iterator[str]:
    """The office's address."""
    with serving(office) as address:
        yield address


def answer_with(status: int, kind: str, body: bytes, **headers: str):  # type: ignore[no-untyped-def]
    """Return an interference that answers every request with this."""

    def interfere(desk: BaseHTTPRequestHandler) -> bool:
        desk.send_response(status)
        desk.send_header("Content-Type", kind)
        for name, value in headers.items():
            desk.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            desk.send_header("Content-Length", str(len(body)))
        desk.end_headers()
        desk.wfile.write(body)
        desk.close_connection = True
        return True

    return interfere


def test_nobody_there_is_server_unreachable(tablet: Tablet) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(Refused, match="server_unreachable"):
        tablet.transport(f"http://127.0.0.1:{port}").ask("/token", {}, {"token": str})


@pytest.mark.parametrize(
    ("status", "kind", "body", "code"),
    [
        (200, "text/html", b"<html>Welcome, please sign in</html>", "network_sign_in"),
        (200, "application/json", b"<html>", "answer_not_understood"),
        (200, "application/json", b"[1]", "answer_not_understood"),
        (200, "application/json", b'{"token":5}', "answer_not_understood"),
        (302, "text/html", b"", "network_sign_in"),
        (404, "text/html", b"gone", "answer_not_understood"),
        (502, "text/html", b"bad gateway", "server_unreachable"),
        (403, "application/problem+json", b'{"code":"device_revoked","status":403}', "device_revoked"),
        (400, "application/problem+json", b'{"code":"of_tomorrow"}', "answer_not_understood"),
        (400, "application/problem+json", b"{", "answer_not_understood"),
    ],
)
def test_what_is_no_answer_of_the_server_is_told(
    tablet: Tablet, office: Office, url: str, status: int, kind: str, body: bytes, code: str
) -> None:
    office.interfere = answer_with(status, kind, body, Location="http://127.0.0.1:9/")

    with pytest.raises(Refused, match=code):
        tablet.transport(url).ask("/token", {}, {"token": str})


@pytest.mark.parametrize("request_of", ["ask", "pull", "push"])
def test_an_answer_cut_short_is_no_answer(tablet: Tablet, office: Office, url: str, request_of: str) -> None:
    kind = "application/json" if request_of == "ask" else "application/x-ndjson"
    office.interfere = answer_with(200, kind, b'{"token":', Content_Length="4000")
    transport = tablet.transport(url)
    requests = {
        "ask": lambda: transport.ask("/token", {}, {"token": str}),
        "pull": lambda: list(transport.pull({})),
        "push": lambda: transport.push(b"x\n"),
    }

    with pytest.raises(Refused, match="server_unreachable"):
        requests[request_of]()


def test_a_server_that_never_answers_is_not_waited_for_long(tablet: Tablet, office: Office, url: str) -> None:
    released = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> bool:
        released.wait(30)
        return True

    office.interfere = wait
    impatient = Transport(
        url, Caller(ORGANISATION, DEVICE, tablet.keyring.sign), tablet.clock, 0, 0.2, quick_patience()
    )

    with pytest.raises(Refused, match="server_unreachable"):
        impatient.ask("/token", {}, {})

    released.set()
    assert len(office.requests) > 1, "a line that was there is tried again before it is given up"


def test_a_connection_dropped_before_the_answer_is_tried_once_more(tablet: Tablet, office: Office, url: str) -> None:
    drops = iter([True])

    def drop(desk: BaseHTTPRequestHandler) -> bool:
        return next(drops, False) and hang_up(desk)

    office.interfere = drop

    assert tablet.transport(url).ask("/token", {}, {"token": str})["token"] == "pass"


def test_damaged_packing_is_told(tablet: Tablet, office: Office, url: str) -> None:
    for encoding in ("zstd", "gzip", "br"):
        office.interfere = answer_with(200, "application/x-ndjson", b"not packed", Content_Encoding=encoding)

        with pytest.raises(Refused, match="answer_not_understood"):
            list(tablet.transport(url).pull({}))


def test_a_clock_three_days_wrong_is_put_right_once(tablet: Tablet, url: str, office: Office) -> None:
    tablet.clock.at_ms -= 3 * 86_400_000
    transport = tablet.transport(url)

    answer = transport.ask("/token", {}, {"token": str})

    assert answer["token"] == "pass"
    assert abs(transport.offset_ms - 3 * 86_400_000) < 1000
    assert office.requests == [("POST", "/token")] * 2


def test_a_server_that_always_finds_it_too_old_is_not_asked_for_ever(tablet: Tablet, url: str, office: Office) -> None:
    problem = b'{"code":"request_expired","server_time":"2026-11-21T02:15:59Z"}'
    office.interfere = answer_with(401, "application/problem+json", problem)

    with pytest.raises(Refused, match="request_expired"):
        tablet.transport(url).ask("/token", {}, {"token": str})

    assert len(office.requests) == 2


def test_an_unsigned_request_needs_no_key_and_a_signed_one_does(office: Office, url: str) -> None:
    stranger = Transport(url, None, lambda: SERVER_TIME_MS)

    with pytest.raises(Refused, match="not_found"):
        stranger.ask("/enrol", {}, {}, is_signed=False)
    with pytest.raises(Refused, match="not_enrolled"):
        stranger.ask("/token", {}, {"token": str})


def test_another_key_is_refused(tablet: Tablet, office: Office, url: str) -> None:
    office.public_key = bytes(32)

    with pytest.raises(Refused, match="request_not_signed"):
        tablet.transport(url).ask("/token", {}, {"token": str})


@pytest.fixture
def blob(tablet: Tablet) -> LocalBlob:
    """A file of 700,000 bytes that a record names."""
    tablet.files.keep(FILE, "image/jpeg")
    blob = LocalBlob(NAME, len(FILE), 2)
    note = {"order_id": ORDER, "item": "level", "verdict": "noted", "checked_at": "2026-11-21T08:00:00Z"}
    tablet.outbox.write("check.record", [Edit("check_result", uuid(50), note, is_new=True)], [blob])
    return blob


def uploads_of(tablet: Tablet, url: str, sizes: list[int]) -> Uploads:
    return Uploads(tablet.store, tablet.transport(url), tablet.files, sizes.append)


def test_a_file_is_sent_whole_and_then_known_to_be_verified(
    tablet: Tablet, office: Office, url: str, blob: LocalBlob
) -> None:
    sizes: list[int] = []
    uploads = uploads_of(tablet, url, sizes)

    for planned in uploads.plan():
        uploads.send(planned)

    assert office.blobs == {NAME: FILE}
    assert sum(sizes) == len(FILE)
    assert uploads.plan() == []
    assert tablet.store.row("SELECT state, offset FROM blobs") == ("verified", len(FILE))


def test_an_upload_cut_off_goes_on_at_its_byte(tablet: Tablet, office: Office, url: str, blob: LocalBlob) -> None:
    cuts = iter([100_000, 300_000])

    def cut(desk: BaseHTTPRequestHandler) -> bool:
        if desk.command != "PATCH" or (wanted := next(cuts, None)) is None:
            return False
        _, _, data = office.uploads["u0"]
        data += desk.rfile.read(min(wanted, int(desk.headers["Content-Length"])))
        desk.connection.shutdown(socket.SHUT_RDWR)
        desk.close_connection = True
        return True

    office.interfere = cut
    sizes: list[int] = []

    uploads_of(tablet, url, sizes).send(blob)

    assert office.blobs == {NAME: FILE}
    assert len(office.uploads) == 1
    # After each cut the server is asked before anything more is sent.
    assert [method for method, path in office.requests if path.startswith("/blobs/uploads/")].count("HEAD") == 2


def test_a_busy_server_is_given_time_and_asked_nothing_meanwhile(
    tablet: Tablet, office: Office, url: str, blob: LocalBlob
) -> None:
    busy = 12
    pauses: list[float] = []

    def refuse(desk: BaseHTTPRequestHandler) -> bool:
        nonlocal busy
        if desk.command != "PATCH" or busy == 0:
            return False
        busy -= 1
        desk.rfile.read(int(desk.headers["Content-Length"]))
        answer = answer_with(503, "application/problem+json", b'{"code":"server_busy","seconds":5}', Connection="close")
        return answer(desk)

    office.interfere = refuse
    uploads = uploads_of(tablet, url, [])
    uploads._transport.patience = Patience(300, clock=lambda: float(sum(pauses)), pause=pauses.append)
    uploads._pace.size = len(FILE) // 4

    uploads.send(blob)

    assert uploads.plan() == [] and busy == 0
    assert len(pauses) == 12 and min(pauses) >= 5
    assert [method for method, _ in office.requests].count("HEAD") == 0


def test_an_upload_goes_on_in_a_later_run(tablet: Tablet, office: Office, url: str, blob: LocalBlob) -> None:
    def cut(desk: BaseHTTPRequestHandler) -> bool:
        if desk.command != "PATCH":
            return False
        _, _, data = office.uploads["u0"]
        if len(data) == PIECE_FIRST_BYTES:
            data += desk.rfile.read(50_000)
        desk.connection.shutdown(socket.SHUT_RDWR)
        desk.close_connection = True
        return True

    office.interfere = cut
    with pytest.raises(Refused, match="server_unreachable"):
        uploads_of(tablet, url, []).send(blob)
    office.interfere = lambda _: False
    sizes: list[int] = []

    uploads_of(tablet, url, sizes).send(blob)

    assert office.blobs == {NAME: FILE}
    assert sum(sizes) == len(FILE) - PIECE_FIRST_BYTES - 50_000


def test_a_file_cut_off_at_its_very_beginning_is_asked_for_before_it_is_sent_on(
    tablet: Tablet, office: Office, url: str, blob: LocalBlob
) -> None:
    def cut(desk: BaseHTTPRequestHandler) -> bool:
        if desk.command != "POST" or not desk.path.endswith("/uploads") or office.uploads:
            return False
        office.uploads["u0"] = (NAME, len(FILE), bytearray(desk.rfile.read(100_000)))
        desk.connection.shutdown(socket.SHUT_RDWR)
        desk.close_connection = True
        return True

    office.interfere = cut

    uploads_of(tablet, url, []).send(blob)

    assert office.blobs == {NAME: FILE}
    assert office.file_bytes == len(FILE) - 100_000


def test_an_upload_is_sent_to_the_server_alone(tablet: Tablet, office: Office, url: str, blob: LocalBlob) -> None:
    with pytest.raises(Refused, match="answer_not_understood"):
        tablet.transport(url).upload("PATCH", "http://127.0.0.1:9/api/v1/blobs/uploads/u0", {}, b"")
    assert office.requests == []


def test_another_offset_at_the_server_is_asked_for(tablet: Tablet, office: Office, url: str, blob: LocalBlob) -> None:
    def slip(desk: BaseHTTPRequestHandler) -> bool:
        _, _, data = office.uploads.get("u0", ("", 0, bytearray(1)))
        if desk.command == "PATCH" and not data:
            data += FILE[:1000]
        return False

    office.interfere = slip

    uploads_of(tablet, url, []).send(blob)

    assert office.blobs == {NAME: FILE}


def test_an_upload_the_server_forgot_begins_again(tablet: Tablet, office: Office, url: str, blob: LocalBlob) -> None:
    with tablet.store.transaction():
        tablet.store.db.execute("UPDATE blobs SET upload_url = '/api/v1/blobs/uploads/u77', offset = 5")

    uploads_of(tablet, url, []).send(blob)

    assert office.blobs == {NAME: FILE}


def test_a_token_worn_out_is_renewed(tablet: Tablet, office: Office, url: str, blob: LocalBlob) -> None:
    uploads = uploads_of(tablet, url, [])
    uploads._token = "worn"

    uploads.send(blob)

    assert office.blobs == {NAME: FILE}


def test_a_connection_is_closed_as_soon_as_nobody_uses_the_transport(tablet: Tablet, office: Office, url: str) -> None:
    gc.disable()
    try:
        transport = tablet.transport(url)
        beside = transport.beside()
        with suppress(Refused):
            transport.ask("/token", {}, {})
        pools = [ref(transport._pool), ref(beside._pool)]
        del transport, beside

        assert [pool() for pool in pools] == [None, None]
    finally:
        gc.enable()
