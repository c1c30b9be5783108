"""Whose certificate a device takes for its server's: that of a known authority, for the right host, in its time."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from field_client import work
from field_client.patience import Patience
from field_client.runner import SyncReport, SyncRun
from field_client.transport import Caller, Transport
from tests.field_client.door import open_door
from tests.field_client.office import Office, serving
from tests.field_client.scope import DEVICE, ORGANISATION, Tablet

HOST = "127.0.0.1"
BLOCK_BYTES = 65536
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
TOMORROW = datetime.now(UTC) + timedelta(days=1)

Issue = Callable[[trustme.CA], trustme.LeafCert]

STRANGERS: dict[str, tuple[Issue, str]] = {
    "an authority nobody knows, as a network that reads along has": (
        lambda _known: trustme.CA().issue_cert(HOST),
        "unable to get local issuer certificate",
    ),
    "another host's certificate, as where names are led astray": (
        lambda known: known.issue_cert("plant-guests.example"),
        "IP address mismatch",
    ),
    "expired": (
        lambda known: known.issue_cert(HOST, not_before=YESTERDAY - timedelta(days=9), not_after=YESTERDAY),
        "certificate has expired",
    ),
    "not yet valid, as on a device with a wrong date": (
        lambda known: known.issue_cert(HOST, not_before=TOMORROW, not_after=TOMORROW + timedelta(days=9)),
        "certificate is not yet valid",
    ),
}


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The one authority that this system knows."""
    authority = trustme.CA()
    file = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return authority


def carry(source: socket.socket, target: socket.socket, heard: list[bytes]) -> None:
    """Carry bytes from one connection to another until either ends."""
    with suppress(OSError):
        while block := source.recv(BLOCK_BYTES):
            heard.append(block)
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def protected(office_url: str, certificate: trustme.LeafCert, heard: list[bytes]) -> Iterator[str]:
    """Stand before an office with a certificate, as a proxy does; note what callers say to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    inner = (HOST, int(office_url.rsplit(":", 1)[1]))

    def take(caller: socket.socket) -> None:
        with (
            caller,
            suppress(OSError),
            context.wrap_socket(caller, server_side=True) as line,
            socket.create_connection(inner) as office,
        ):
            back = threading.Thread(target=carry, args=(office, line, []), daemon=True)
            back.start()
            carry(line, office, heard)
            back.join()

    with open_door(take) as port:
        yield f"https://{HOST}:{port}"


def sync(tablet: Tablet, url: str) -> SyncReport:
    """Sync over a line."""
    caller = Caller(ORGANISATION, DEVICE, tablet.keyring.sign)
    transport = Transport(url, caller, tablet.clock, patience=Patience(0))
    return SyncRun(tablet.store, tablet.outbox, transport, tablet.files).run()


def test_the_certificate_of_a_known_authority_for_the_host_is_trusted(
    tablet: Tablet, office: Office, known: trustme.CA
) -> None:
    work.start(tablet.bench, "GD-1")

    with serving(office) as inner, protected(inner, known.issue_cert(HOST), []) as url:
        report = sync(tablet, url)

    assert report.fault is None
    assert tablet.outbox.counts() == {"settled": 1}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_any_other_certificate_hears_nothing_and_settles_nothing(
    tablet: Tablet, office: Office, known: trustme.CA, stranger: str
) -> None:
    issue, reason = STRANGERS[stranger]
    heard: list[bytes] = []
    work.start(tablet.bench, "GD-1")

    with serving(office) as inner, protected(inner, issue(known), heard) as url:
        report = sync(tablet, url)

    assert report.fault is not None and report.fault.code == "server_not_trusted"
    assert reason in str(report.fault.facts["detail"])
    assert (heard, report.settled, tablet.outbox.counts()) == ([], 0, {"sealed": 1})
    with serving(office) as inner, protected(inner, known.issue_cert(HOST), []) as url:
        assert sync(tablet, url).fault is None
    assert tablet.outbox.counts() == {"settled": 1}
