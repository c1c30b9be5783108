"""The use cases of files on both databases and both stores: every step a crash may fall between, expiry, any cuts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from schemas.problems import Refused
from server.clock import spell_instant
from server.keys import new_id
from server.services.blobs import BlobDesk, Owner, UploadState, remove_expired
from server.store import blobs
from server.store.blob_files import BlobFiles
from server.store.database import open_engine, writing
from server.store.migrate import upgrade
from tests.server.blobs.kept import InBucket, InFolder, Keeping
from tests.server.blobs.tus import hash_of

NOON_MS = 1_795_262_400_000
HOUR_MS = 3_600_000
DATA = bytes(range(256)) * 40


class PowerCutError(BaseException):
    """What a test raises where the machine stops."""


@dataclass
class Desk:
    """A desk whose clock a test turns."""

    engine: Engine
    keeping: Keeping
    now_ms: int = NOON_MS
    wei: Owner = field(default_factory=lambda: Owner(new_id(), new_id()))

    @property
    def files(self) -> BlobFiles:
        return self.keeping.open()

    @property
    def desk(self) -> BlobDesk:
        return BlobDesk(self.engine, self.files, 1_000_000, 168, lambda: self.now_ms)

    def begin(self, data: bytes = DATA, sha256: str | None = None) -> str:
        return self.desk.create(self.wei, len(data), sha256 or hash_of(data)).upload

    def send(self, upload: str, offset: int, *blocks: bytes) -> UploadState:
        return self.desk.receive(self.wei, upload, offset, blocks, None)

    def state(self, sha256: str) -> str:
        return self.desk.read_states(self.wei.organisation, [sha256])[sha256]


@pytest.fixture(params=["sqlite", "postgresql", "bucket"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A desk on each kind of database, and one that keeps files in a bucket."""
    url = f"sqlite:///{tmp_path / 'office.sqlite'}"
    engine = open_engine(request.getfixturevalue("postgres_database") if request.param == "postgresql" else url)
    upgrade(engine)
    is_bucket = request.param == "bucket"
    yield Desk(engine, InBucket(request.getfixturevalue("bucket")) if is_bucket else InFolder(tmp_path / "blobs"))
    engine.dispose()


def test_a_file_arrives_and_is_handed_out(office: Desk) -> None:
    upload = office.begin()

    first = office.send(upload, 0, DATA[:100], DATA[100:5000])
    last = office.send(upload, 5000, DATA[5000:])

    assert (first.offset, first.is_finished) == (5000, False)
    assert (last.offset, last.is_finished, last.sha256) == (len(DATA), True, hash_of(DATA))
    found = office.desk.open(office.wei.organisation, hash_of(DATA))
    with found.file:
        assert found.file.read() == DATA
    assert found.size_bytes == len(DATA)


def test_a_file_a_record_expects_becomes_verified(office: Desk) -> None:
    row = {"organisation": office.wei.organisation, "sha256": hash_of(DATA)}
    with writing(office.engine) as connection:
        connection.execute(
            text("INSERT INTO blobs (organisation, sha256, state) VALUES (:organisation, :sha256, 'expected')"), row
        )
    before = office.state(hash_of(DATA))

    office.send(office.begin(), 0, DATA)

    assert (before, office.state(hash_of(DATA))) == ("missing", "verified")


ON_DISK = [
    "server.store.disk_files.DiskFiles.begin",
    "server.store.disk_files.sync_folder",
    "server.store.disk_files.os.fsync",
    "server.store.disk_files.DiskFiles.finish",
    "server.store.disk_files.DiskFiles._rename",
    "server.store.blobs.mark_verified",
]
IN_BUCKET = [
    "server.store.s3_files.S3Files.begin",
    "server.store.s3_bucket.Bucket.put",
    "server.store.s3_files.S3Files.finish",
    "server.store.blobs.mark_verified",
]
STEPS = [(kind, step) for kind in ("sqlite", "postgresql") for step in ON_DISK]
STEPS += [("bucket", step) for step in IN_BUCKET]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("office", "step"), STEPS, indirect=["office"])
def test_an_upload_goes_on_after_a_power_cut_at_any_step(
    office: Desk, monkeypatch: pytest.MonkeyPatch, step: str, named: bool
) -> None:
    sha256 = hash_of(DATA) if named else None

    def stop(*_: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as broken, pytest.raises(PowerCutError):
        broken.setattr(step, stop)
        upload = office.desk.create(office.wei, len(DATA), sha256).upload
        office.send(upload, 0, DATA)
    state = office.desk.create(office.wei, len(DATA), sha256)
    if not state.is_finished:
        state = office.send(state.upload, state.offset, DATA[state.offset :])

    assert state.is_finished
    assert state.sha256 == hash_of(DATA)
    assert office.state(hash_of(DATA)) == "verified"


@pytest.mark.parametrize(
    ("office", "put"),
    [
        ("sqlite", "server.store.disk_files.DiskFiles._rename"),
        ("postgresql", "server.store.disk_files.DiskFiles._rename"),
        ("bucket", "server.store.s3_files.S3Files._put_together"),
    ],
    indirect=["office"],
)
def test_an_upload_cut_off_before_it_was_recorded_is_finished_by_who_asks(
    office: Desk, monkeypatch: pytest.MonkeyPatch, put: str
) -> None:
    upload = office.begin()
    office.send(upload, 0, DATA[:100])
    for step in (put, "server.store.blobs.mark_verified"):
        with monkeypatch.context() as broken, pytest.raises(PowerCutError):
            broken.setattr(step, lambda *_: (_ for _ in ()).throw(PowerCutError))
            office.send(upload, 100, DATA[100:]) if step == put else office.desk.find(office.wei, upload)

    assert office.state(hash_of(DATA)) == "missing"
    assert office.desk.find(office.wei, upload).is_finished
    assert office.state(hash_of(DATA)) == "verified"


def test_bytes_spoilt_where_they_are_kept_are_found_before_they_count(office: Desk) -> None:
    upload = office.begin()
    office.send(upload, 0, DATA[:5000])
    office.keeping.spoil(upload)

    with pytest.raises(Refused, match="blob_hash_differs"):
        office.send(upload, 5000, DATA[5000:])

    assert office.state(hash_of(DATA)) == "missing"
    assert office.keeping.names() == []


def test_a_verified_file_that_is_lost_counts_as_missing_and_may_come_again(office: Desk) -> None:
    office.send(office.begin(), 0, DATA)
    office.keeping.lose(hash_of(DATA))

    state = office.state(hash_of(DATA))
    with pytest.raises(Refused, match="blob_unknown"):
        office.desk.open(office.wei.organisation, hash_of(DATA))
    office.send(office.begin(), 0, DATA)

    assert (state, office.state(hash_of(DATA))) == ("missing", "verified")


def test_a_size_that_does_not_fit_the_file_is_refused_at_once(office: Desk) -> None:
    office.send(office.begin(), 0, DATA)

    with pytest.raises(Refused, match="blob_hash_differs"):
        office.desk.create(office.wei, len(DATA) - 1, hash_of(DATA))


def test_an_upload_expires_and_leaves_nothing(office: Desk) -> None:
    upload = office.begin()
    office.send(upload, 0, DATA[:10])
    office.now_ms += 168 * HOUR_MS - 1
    alive = office.desk.find(office.wei, upload)
    removed_early = remove_expired(office.engine, office.files, spell_instant(office.now_ms))
    office.now_ms += 1

    with pytest.raises(Refused, match="upload_unknown"):
        office.desk.find(office.wei, upload)
    removed = remove_expired(office.engine, office.files, spell_instant(office.now_ms))

    assert alive.offset == 10
    assert (removed_early, removed) == (0, 1)
    assert office.keeping.names() == []


def test_a_finished_upload_is_forgotten_after_a_day_and_its_file_stays(office: Desk) -> None:
    office.send(office.begin(), 0, DATA)
    office.now_ms += 24 * HOUR_MS

    removed = remove_expired(office.engine, office.files, spell_instant(office.now_ms))

    assert removed == 1
    assert office.state(hash_of(DATA)) == "verified"
    assert office.keeping.names() == [hash_of(DATA)]


def test_finished_uploads_do_not_count_as_unfinished(office: Desk) -> None:
    office.send(office.begin(), 0, DATA)
    office.begin(b"another")

    with writing(office.engine) as connection:
        now = spell_instant(office.now_ms)
        assert blobs.count_unfinished(connection, office.wei.organisation, office.wei.device, now).device_uploads == 1


def test_the_same_ids_in_another_organisation_are_another_upload(office: Desk) -> None:
    upload = office.begin()
    mallory = replace(office.wei, organisation=new_id())

    for attempt in (
        lambda: office.desk.find(mallory, upload),
        lambda: office.desk.receive(mallory, upload, 0, [DATA], None),
        lambda: office.desk.terminate(mallory, upload),
    ):
        with pytest.raises(Refused, match="upload_unknown"):
            attempt()

    assert office.desk.find(office.wei, upload).offset == 0


@pytest.mark.parametrize("name", ["../x", "", "a" * 63, "A" * 64, "a" * 64 + "\n", "a" * 62 + "/."])
def test_no_name_leads_out_of_the_folder(office: Desk, name: str) -> None:
    files = office.files

    for attempt in (lambda: files.open(new_id(), name), lambda: files.size(name, "a" * 64)):
        with pytest.raises(ValueError, match="not a name"):
            attempt()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=6), tail=st.binary(max_size=3))
def test_however_a_file_is_cut_up_the_same_file_arrives(
    sqlite_office: Desk, data: bytes, cuts: list[int], tail: bytes
) -> None:
    sqlite_office.wei = Owner(new_id(), new_id())
    upload = sqlite_office.begin(data)
    bounds = [*sorted(min(cut, len(data)) for cut in cuts), len(data)]

    offset = sqlite_office.desk.find(sqlite_office.wei, upload).offset
    for bound in bounds:
        offset = sqlite_office.send(upload, offset, data[offset:bound]).offset
    if tail:
        with pytest.raises(Refused, match=r"blob_too_large|upload_offset_differs"):
            sqlite_office.desk.receive(sqlite_office.wei, upload, offset, [tail], len(tail))

    assert offset == len(data)
    found = sqlite_office.desk.open(sqlite_office.wei.organisation, hash_of(data))
    with found.file:
        assert found.file.read() == data


@pytest.fixture
def sqlite_office(tmp_path: Path) -> Iterator[Desk]:
    """A desk on SQLite, which many examples share."""
    engine = open_engine(f"sqlite:///{tmp_path / 'office.sqlite'}")
    upgrade(engine)
    yield Desk(engine, InFolder(tmp_path / "blobs"))
    engine.dispose()
