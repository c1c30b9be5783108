"""Files: which go first, and when the device may let go of its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync.blobs import LocalBlob, blobs_named, may_free, plan_uploads
from tests.sync.made_up import DIGESTS

STATES = st.sampled_from(["missing", "received", "verified"])
BLOBS = st.lists(
    st.builds(LocalBlob, DIGESTS, st.integers(0, 10**8), st.integers(0, 2)),
    unique_by=lambda blob: blob.sha256,
    max_size=12,
)


@given(BLOBS, st.data())
def test_everything_the_server_has_not_verified_is_sent_once(local: list[LocalBlob], data: st.DataObject) -> None:
    server = {blob.sha256: data.draw(STATES) for blob in local if data.draw(st.booleans())}

    plan = plan_uploads(local, server)

    assert set(plan) == {blob for blob in local if not may_free(blob.sha256, server)}
    assert len(plan) == len(set(plan))


@given(BLOBS)
def test_the_order_of_the_plan_depends_on_the_files_alone(local: list[LocalBlob]) -> None:
    plan = plan_uploads(local, {})

    assert plan == plan_uploads(reversed(local), {})
    assert [(blob.rank, blob.size_bytes) for blob in plan] == sorted((blob.rank, blob.size_bytes) for blob in local)


def test_all_thumbnails_go_before_the_first_original() -> None:
    original, preview, thumbnail = (LocalBlob(name, size, rank) for name, size, rank in
                                    [("a", 10, 2), ("b", 5_000, 1), ("c", 90_000, 0)])  # fmt: skip

    assert plan_uploads([original, preview, thumbnail], {}) == [thumbnail, preview, original]


def test_the_device_lets_go_only_of_what_is_verified() -> None:
    server = {"a": "verified", "b": "received", "c": "missing"}

    assert [may_free(name, server) for name in "abcd"] == [True, False, False, False]  # type: ignore[arg-type]


def test_the_files_a_record_names_are_found_with_their_ranks() -> None:
    photo = {"original_sha256": "o", "thumbnail_sha256": "t", "preview_sha256": None, "caption": "sha256"}

    assert sorted(blobs_named(photo)) == [("o", 2), ("t", 0)]
    assert blobs_named({"strokes_sha256": "s"}) == [("s", 0)]
    assert blobs_named({"content_sha256": "a hash of text, not a file"}) == []
