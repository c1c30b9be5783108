"""What stores of files promise beyond the use cases: small pieces, what killed writers leave, trouble, quotas."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.problems import Refused
from server.clock import unix_ms
from server.keys import new_id
from server.services.blobs import BlobDesk, Cleared, Owner, clear_uploads
from server.settings import BucketAddress, UploadQuotas, read_settings
from server.store.blob_files import Part, Place
from server.store.database import open_engine
from server.store.migrate import upgrade
from server.store.s3_bucket import Bucket
from server.store.s3_files import S3Files
from server.store.s3_gathering import SEGMENT_BYTES
from server.store.s3_incomplete import IncompleteParts
from server.store.s3_segments import SEGMENTS_MAX, Segment, choose_mergeable, find_end, find_run
from tests.radosgw import Radosgw
from tests.server.blobs.kept import InBucket, InFolder, Keeping
from tests.server.blobs.tus import PROJECT, environment_of, hash_of

DAY_MS = 24 * 3_600_000
DATA = bytes(range(256)) * 40
QUOTAS = UploadQuotas(device_uploads=3, device_bytes=1000, organisation_uploads=5, organisation_bytes=1500)

# Finishes an upload of 20 MB, and is stuck when part of it is in the bucket.
FINISH = """
import asyncio, sys
from server.settings import read_settings
from server.store.blob_files import Place
from server.store.file_storage import open_files
from server.store.s3_bucket import Bucket

read_whole, asked = Bucket.read_whole, []

async def read_some(bucket, key):
    asked.append(key)
    if len(asked) == 3:
        print("stuck", flush=True)
        await asyncio.sleep(600)
    return await read_whole(bucket, key)

Bucket.read_whole = read_some
organisation, upload, size, sha256 = sys.argv[1:]
open_files(read_settings()).finish(Place(organisation, upload), int(size), sha256, None)
"""


@pytest.fixture(params=["disk", "bucket"])
def keeping(request: pytest.FixtureRequest, tmp_path: Path) -> Keeping:
    """An empty store of each kind."""
    return InFolder(tmp_path / "blobs") if request.param == "disk" else InBucket(request.getfixturevalue("bucket"))


@pytest.fixture
def desk(keeping: Keeping, tmp_path: Path) -> Iterator[BlobDesk]:
    """A desk with small quotas."""
    engine = open_engine(f"sqlite:///{tmp_path / 'office.sqlite'}")
    upgrade(engine)
    yield BlobDesk(engine, keeping.open(), 1000, 168, quotas=QUOTAS)
    engine.dispose()


def test_many_small_pieces_become_few_objects_and_the_same_file(bucket: BucketAddress) -> None:
    keeping = InBucket(bucket)
    place, size_bytes = Place(new_id(), new_id()), len(DATA)

    for offset in range(0, size_bytes, 40):
        # Each piece comes to another process.
        kept = keeping.open().append(Part(place, offset, size_bytes), [DATA[offset : offset + 40]], None)
        assert kept.offset == offset + 40
    objects = keeping.names()
    sha256 = keeping.open().finish(place, size_bytes, None, None)

    assert len(objects) <= SEGMENTS_MAX + size_bytes // 40 // SEGMENTS_MAX
    assert sha256 == hash_of(DATA)
    assert keeping.names() == [sha256]


@given(cuts=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
def test_segments_reach_as_far_as_their_bytes_do(cuts: list[tuple[int, int]]) -> None:
    segments = [Segment(start, start + size) for start, size in cuts]
    covered = {at for segment in segments for at in range(segment.start, segment.end)}
    reach = next(at for at in range(100) if at not in covered)

    run = find_run(segments)

    assert find_end(run) == reach
    assert all(one.start < other.start <= one.end < other.end for one, other in pairwise(run))


@given(sizes=st.lists(st.integers(1, 100), max_size=300))
def test_putting_pieces_together_writes_each_byte_a_few_times(sizes: list[int]) -> None:
    run: list[Segment] = []
    written = 0
    for size in sizes:
        if len(run) >= SEGMENTS_MAX and (chosen := choose_mergeable(run, SEGMENT_BYTES)):
            merged = Segment(chosen[0].start, chosen[-1].end)
            run = [*run[: len(run) - len(chosen)], merged]
            written += merged.size_bytes
        run.append(Segment(find_end(run), find_end(run) + size))
    assert len(run) <= 2 * SEGMENTS_MAX
    assert written <= 3 * sum(sizes)


def test_segments_beside_each_other_and_over_each_other_make_one_file(bucket: BucketAddress) -> None:
    files = InBucket(bucket).open()
    place = Place(new_id(), new_id())
    for start, end in ((0, 4000), (1000, 3000), (3500, 8000), (4000, 4001), (7000, len(DATA))):
        # Two servers that each believed the end to be elsewhere.
        files._bucket.put(f"{place.organisation}/uploads/{place.upload}/{Segment(start, end).name}", [DATA[start:end]])

    assert files.kept(place) == len(DATA)
    assert files.finish(place, len(DATA), hash_of(DATA), None) == hash_of(DATA)
    found = files.open(place.organisation, hash_of(DATA))
    assert found is not None
    with found:
        assert found.read() == DATA


def test_what_a_killed_server_left_of_a_large_file_is_aborted_and_another_finishes_it(
    bucket: BucketAddress, tmp_path: Path
) -> None:
    settings = replace(read_settings({"GONGDAN_DATA": str(tmp_path)}), bucket=bucket)
    files, incomplete = InBucket(bucket).open(), IncompleteParts(bucket)
    place, size_bytes = Place(new_id(), new_id()), 3 * SEGMENT_BYTES
    block = bytes(1024 * 1024)
    data = block * (size_bytes // len(block))
    files.append(Part(place, 0, size_bytes), [block] * (size_bytes // len(block)), None)
    arguments = (place.organisation, place.upload, str(size_bytes), hash_of(data))

    with subprocess.Popen(
        [sys.executable, "-c", FINISH, *arguments],
        cwd=PROJECT,
        env={**environment_of(settings), "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stuck\n"
        process.send_signal(signal.SIGKILL)
    left = list(incomplete._list())
    early = files.clear_incomplete(0)
    aborted = files.clear_incomplete(unix_ms() / 1000 + 60)

    assert [key for key, _, _ in left] == [f"{bucket.prefix}/{place.organisation}/{hash_of(data)[:2]}/{hash_of(data)}"]
    assert (early, aborted, list(incomplete._list())) == (0, 1, [])
    assert files.size(place.organisation, hash_of(data)) is None
    assert files.finish(place, size_bytes, hash_of(data), None) == hash_of(data)
    assert InBucket(bucket).names() == [hash_of(data)]


def test_uploads_nobody_knows_of_are_cleared_after_a_day(desk: BlobDesk, keeping: Keeping) -> None:
    wei, stray = Owner(new_id(), new_id()), Place(new_id(), new_id())
    known = desk.create(wei, 500, None, note="filename eA==").upload
    desk.receive(wei, known, 0, [b"x" * 100], 100)
    desk.files.append(Part(stray, 0, 500), [b"y" * 100], None)

    early = clear_uploads(desk.engine, desk.files, unix_ms())
    late = clear_uploads(desk.engine, desk.files, unix_ms() + DAY_MS + 60_000)

    assert early == Cleared(expired=0, unknown=0, incomplete=0)
    assert late == Cleared(expired=0, unknown=1, incomplete=0)
    assert desk.files.kept(stray) == 0
    assert desk.find(wei, known).offset == 100
    assert desk.find_note(wei, known) == "filename eA=="


def test_a_device_that_reached_its_quota_is_told_and_another_is_not(desk: BlobDesk) -> None:
    wei, lin = Owner(new_id(), new_id()), Owner(new_id(), new_id())
    lin = replace(lin, organisation=wei.organisation)
    first = desk.create(wei, 100, hash_of(b"1"))
    for name in (b"2", b"3"):
        desk.create(wei, 100, hash_of(name))

    with pytest.raises(Refused, match=r"upload_quota_reached.*3"):
        desk.create(wei, 100, None)
    again = desk.create(wei, 100, hash_of(b"1"))
    desk.create(lin, 700, None)
    with pytest.raises(Refused, match=r"upload_quota_reached.*1000 B"):
        desk.create(lin, 301, None)

    assert again.upload == first.upload


def test_an_organisation_that_reached_its_quota_is_told_and_goes_on_when_uploads_finish(desk: BlobDesk) -> None:
    wei = Owner(new_id(), new_id())
    lin, stranger = replace(wei, device=new_id()), Owner(new_id(), new_id())
    begun = desk.create(wei, 900, None)
    desk.create(lin, 500, None)

    with pytest.raises(Refused, match=r"organisation_quota_reached.*1500 B"):
        desk.create(lin, 101, None)
    desk.create(stranger, 900, None)
    desk.receive(wei, begun.upload, 0, [b"x" * 900], 900)
    for number in range(4):
        desk.create(replace(wei, device=new_id()), 100, hash_of(bytes([number])))

    with pytest.raises(Refused, match=r"organisation_quota_reached.*5"):
        desk.create(lin, 1, None)


def test_a_file_that_another_device_brought_uses_no_quota(desk: BlobDesk) -> None:
    wei = Owner(new_id(), new_id())
    lin = replace(wei, device=new_id())
    for number in range(3):
        desk.create(wei, 10, hash_of(bytes([number]) * 10))

    for number in range(3):
        brought = desk.create(lin, 10, hash_of(bytes([number]) * 10))
        desk.receive(lin, brought.upload, 0, [bytes([number]) * 10], 10)

    assert desk.create(wei, 900, None).offset == 0


def test_a_file_that_is_removed_is_gone_and_no_other(keeping: Keeping) -> None:
    files, organisation, other = keeping.open(), new_id(), new_id()
    for place, data in ((organisation, DATA), (organisation, DATA[:40]), (other, DATA)):
        upload = Place(place, new_id())
        files.begin(upload, "note")
        brought = files.append(Part(upload, 0, len(data)), [data], None)
        assert files.finish(upload, len(data), hash_of(data), brought.sha256) == hash_of(data)
        files.delete(upload)

    for _ in range(2):
        files.remove(organisation, hash_of(DATA))

        assert files.open(organisation, hash_of(DATA)) is None and files.size(organisation, hash_of(DATA)) is None
    assert files.sizes(organisation, [hash_of(DATA), hash_of(DATA[:40])]) == {hash_of(DATA[:40]): 40}
    assert files.size(other, hash_of(DATA)) == len(DATA)


def test_a_bucket_that_is_not_there_is_told(bucket: BucketAddress) -> None:
    files = S3Files(Bucket(replace(bucket, bucket="no-such-bucket")), IncompleteParts(bucket))
    place = Place(new_id(), new_id())

    for attempt in (
        files.check,
        lambda: files.kept(place),
        lambda: files.begin(place, "note"),
        lambda: IncompleteParts(replace(bucket, bucket="no-such-bucket")).abort(0),
    ):
        with pytest.raises(Refused, match="file_storage_refused"):
            attempt()


def test_a_bucket_whose_quota_is_used_up_is_told_as_a_full_disk(radosgw: Radosgw, bucket: BucketAddress) -> None:
    files = InBucket(bucket).open()
    quota = (f"--bucket={bucket.bucket}", "--quota-scope=bucket")
    radosgw.run("radosgw-admin", "quota", "set", *quota, "--max-objects=1")
    radosgw.run("radosgw-admin", "quota", "enable", *quota)

    with pytest.raises(Refused, match="disk_full"):
        for _ in range(3):
            files.begin(Place(new_id(), new_id()), "note")


@pytest.mark.parametrize(
    "wrong",
    [
        {"GONGDAN_BLOBS": "https://bucket"},
        {"GONGDAN_BLOBS": "s3://"},
        {"GONGDAN_BLOBS": "s3://bucket", "GONGDAN_BLOBS_SECRET": ""},
        {"GONGDAN_BLOB_BYTES_MAX": "3000000000"},
        {"GONGDAN_DEVICE_UPLOADS_MAX": "many"},
    ],
)
def test_settings_that_do_not_fit_are_refused(wrong: dict[str, str]) -> None:
    right = {"GONGDAN_BLOBS": "s3://bucket/a/b/", "GONGDAN_BLOBS_KEY_ID": "k", "GONGDAN_BLOBS_SECRET": "s"}
    address = read_settings(right).bucket

    with pytest.raises(ValueError, match=r"GONGDAN|many"):
        read_settings({**right, **wrong})

    assert address is not None
    assert (address.prefix, address.url) == ("a/b", "https://s3.us-east-1.amazonaws.com/bucket")
    hosted = replace(address, endpoint="https://bucket.oss-cn-hangzhou.aliyuncs.com")
    assert hosted.is_virtual_hosted
    assert hosted.url == hosted.endpoint
