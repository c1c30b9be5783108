"""The field client and a server that cannot take a file: it says so, keeps the file, and sends the others."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from field_client.outbox import wall_ms
from field_client.transport import Caller as Signer
from field_client.transport import Transport
from server.keys import open_office_key
from server.services.office import Office
from server.settings import BucketAddress
from server.store.database import open_engine
from tests.operating.tablet import Tablet
from tests.radosgw import Radosgw
from tests.server.blobs.tus import Caller, Server, make_server

BLOB_BYTES_MAX = 100_000


@pytest.fixture
def small_server(tmp_path: Path, bucket: BucketAddress) -> Iterator[Server]:
    """A server with a bucket, that takes small files and one unfinished upload of each device."""
    server = make_server(tmp_path / "data", replace(bucket, timeout_s=2), BLOB_BYTES_MAX)
    quotas = replace(server.settings.upload_quotas, device_uploads=1)
    server.settings = replace(server.settings, upload_quotas=quotas)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def tablet(small_server: Server, tmp_path: Path) -> Tablet:
    """Wei's second device, the one with his photos."""
    tablet = Tablet(small_server.ours, small_server.ours.wei, tmp_path / "tablet")
    engine = open_engine(small_server.settings.database_url)
    tablet.enrol(Office(engine, open_office_key(small_server.settings)))
    engine.dispose()
    return tablet


def sync(tablet: Tablet, server: Server) -> str:
    """Make one run and return the code of what stopped it."""
    report = tablet.sync(f"http://127.0.0.1:{server.port}")
    return report.fault.code if report.fault else "done"


def count_waiting(tablet: Tablet) -> int:
    """Return how many files the device has yet to send."""
    return int(tablet.store.row("SELECT count(*) FROM blobs WHERE state = 'kept'")[0])


def states_of(tablet: Tablet, caller: Caller) -> dict[str, str]:
    """Return what the server has of each photo, by its record."""
    states = caller.states(*tablet.photos.values())
    return {record: states[sha256] for record, sha256 in tablet.photos.items()}


def open_caller(tablet: Tablet, server: Server) -> Caller:
    """Return the device as a mere tus client."""
    transport = Transport(
        f"http://127.0.0.1:{server.port}", Signer(tablet.company.organisation, tablet.id, tablet.keyring.sign), wall_ms
    )
    return Caller(server.port, transport.ask("/token", {}, {"token": str})["token"])


def test_a_file_too_large_for_the_server_stays_and_holds_up_no_other(tablet: Tablet, small_server: Server) -> None:
    large = tablet.photograph(BLOB_BYTES_MAX + 1)
    others = [tablet.photograph() for _ in range(2)]

    outcomes = [sync(tablet, small_server) for _ in range(2)]

    states = states_of(tablet, open_caller(tablet, small_server))
    assert outcomes == ["blob_too_large"] * 2
    assert [states[record] for record in others] == ["verified"] * 2
    assert (states[large], count_waiting(tablet)) == ("missing", 1)
    assert tablet.files.holds(tablet.photos[large])


def test_a_device_over_its_quota_keeps_the_file_until_there_is_room(tablet: Tablet, small_server: Server) -> None:
    sync(tablet, small_server)
    caller = open_caller(tablet, small_server)
    begun = caller.begin(b"x" * 1000)
    photo = tablet.photograph()

    refused = sync(tablet, small_server)
    waiting = count_waiting(tablet)
    caller.ask("DELETE", begun)
    done = sync(tablet, small_server)

    assert (refused, waiting) == ("upload_quota_reached", 1)
    assert (done, count_waiting(tablet)) == ("done", 0)
    assert states_of(tablet, caller) == {photo: "verified"}


def test_while_the_bucket_is_away_records_go_and_files_wait(
    tablet: Tablet, small_server: Server, radosgw: Radosgw
) -> None:
    photo = tablet.photograph()
    radosgw.kill_gateway()
    try:
        refused = sync(tablet, small_server)
        unsent = tablet.outbox.counts().get("sealed", 0)
    finally:
        radosgw.start_gateway()
    done = sync(tablet, small_server)

    assert (refused, unsent) == ("file_storage_away", 0)
    assert (done, tablet.is_empty_handed()) == ("done", True)
    assert states_of(tablet, open_caller(tablet, small_server)) == {photo: "verified"}
