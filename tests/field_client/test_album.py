"""What is said of a photo afterwards: marks, purpose, caption; the photo itself stays as it came."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from field_client import work
from field_client.work_album import (
    list_photos,
    remark_photo,
    show_photo,
    standing_photos,
    take_back_remark,
)
from field_client.work_photos import photograph
from schemas.problems import Refused
from tests.field_client.office import Office
from tests.field_client.scope import ORDER, Tablet, uuid

ARROW = {"shape": "arrow", "colour": "red", "x": 10, "y": 20, "to_x": 300, "to_y": 200}
WORDS = {"shape": "text", "colour": "yellow", "x": 40, "y": 50, "words": "裂纹"}


@pytest.fixture
def photo_id(tablet: Tablet) -> str:
    """A photo taken at Wei's order."""
    work.start(tablet.bench, "GD-1")
    out = io.BytesIO()
    Image.new("RGB", (800, 600), "teal").save(out, "JPEG")
    return photograph(tablet.bench, tablet.files, out.getvalue(), "fault", caption="轴承座").id


def test_marks_are_kept_beside_the_photo_and_travel(tablet: Tablet, office: Office, photo_id: str) -> None:
    before = tablet.store.values_of(photo_id)

    shown = remark_photo(tablet.bench, photo_id, marks=[ARROW, WORDS])
    tablet.push_to(office)

    assert shown.marks == (ARROW, WORDS)
    assert (shown.purpose, shown.caption, shown.remarks) == ("fault", "轴承座", 1)
    assert tablet.store.values_of(photo_id) == before
    (remark,) = office.rows_of("photo_remark")
    assert (remark["photo_id"], remark["marks"], remark["order_id"]) == (photo_id, [ARROW, WORDS], ORDER)


def test_a_remark_keeps_what_it_does_not_name_and_clears_what_is_empty(tablet: Tablet, photo_id: str) -> None:
    remark_photo(tablet.bench, photo_id, marks=[ARROW])

    remark_photo(tablet.bench, photo_id, purpose="after")
    cleared = remark_photo(tablet.bench, photo_id, caption="")

    assert (cleared.purpose, cleared.caption, cleared.marks) == ("after", None, (ARROW,))


def test_saying_the_same_again_records_nothing(tablet: Tablet, photo_id: str) -> None:
    remark_photo(tablet.bench, photo_id, marks=[ARROW])

    again = remark_photo(tablet.bench, photo_id, marks=[ARROW], purpose="fault")

    assert again.remarks == 1


def test_a_remark_is_undone_by_saying_what_stood_before(tablet: Tablet, photo_id: str) -> None:
    remark_photo(tablet.bench, photo_id, marks=[ARROW])
    remark_photo(tablet.bench, photo_id, marks=[ARROW, WORDS], caption="内圈")

    undone = take_back_remark(tablet.bench, photo_id)

    assert (undone.marks, undone.caption, undone.remarks) == ((ARROW,), "轴承座", 3)


def test_the_job_sheet_takes_what_stands(tablet: Tablet, photo_id: str) -> None:
    remark_photo(tablet.bench, photo_id, purpose="after", caption="新轴承")

    (photo,) = standing_photos(tablet.bench, work.find_order(tablet.bench))

    assert (photo["purpose"], photo["caption"]) == ("after", "新轴承")
    assert photo["original_sha256"] == tablet.store.values_of(photo_id)["original_sha256"]
    assert [shown.id for shown in list_photos(tablet.bench)] == [photo_id]


@pytest.mark.parametrize(
    "said",
    [{"marks": [ARROW | {"x": -1}]}, {"marks": [{"shape": "arrow"}]}, {"purpose": "selfie"}, {"caption": "长" * 501}],
)
def test_what_cannot_be_said_is_refused_and_nothing_changes(
    tablet: Tablet, photo_id: str, said: dict[str, Any]
) -> None:
    with pytest.raises(Refused, match="value_invalid"):
        remark_photo(tablet.bench, photo_id, **said)

    assert show_photo(tablet.bench, photo_id).remarks == 0


def test_what_is_no_photo_is_not_found(tablet: Tablet, photo_id: str) -> None:
    for name in (uuid(999), ORDER):
        with pytest.raises(Refused, match="not_found"):
            show_photo(tablet.bench, name)
    with pytest.raises(Refused, match="not_found"):
        take_back_remark(tablet.bench, photo_id)


def test_each_photo_shows_how_safe_it_is(tablet: Tablet, photo_id: str) -> None:
    states = []
    for sql in (
        "SELECT 1",
        "UPDATE blobs SET offset = size_bytes / 2",
        "UPDATE blobs SET offset = size_bytes",
        "UPDATE blobs SET state = 'verified'",
        "DELETE FROM blobs",
    ):
        with tablet.store.transaction():
            tablet.store.db.execute(sql)
        shown = show_photo(tablet.bench, photo_id)
        states.append((shown.state, round(shown.percent, -1)))

    assert states == [("on_device", 0), ("sending", 50), ("received", 100), ("verified", 100), ("elsewhere", 100)]
