"""Carrying sets and files by hand: one file out, receipts back, in any order and any number of times."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from field_client import work
from field_client.bundle import export_bundle, import_receipts
from schemas.problems import Refused
from sync import canonical
from sync.blobs import LocalBlob
from tests.field_client.office import Office
from tests.field_client.scope import DEVICE, ORDER, Tablet


@pytest.fixture
def worked(tablet: Tablet) -> Tablet:
    """Wei's tablet with two acts and a file that nobody else has."""
    work.start(tablet.bench, "GD-1")
    name = tablet.files.keep(b"a photo", "image/jpeg")
    note = [work.Edit("work_order", ORDER, {"remedy": "更换"})]
    tablet.outbox.write("order.note", note, [LocalBlob(name, 7, 0)])
    return tablet


def test_a_bundle_holds_what_is_unsent(worked: Tablet, tmp_path: Path) -> None:
    done = export_bundle(tmp_path / "out.zip", worked.store, worked.outbox, worked.files)

    with zipfile.ZipFile(tmp_path / "out.zip") as bundle:
        manifest = canonical.load(bundle.read("manifest"))
        lines = bundle.read("change-sets").splitlines()
        files = [name for name in bundle.namelist() if name.startswith("blobs/")]
        assert bundle.read(files[0]) == b"a photo"
    assert (done.sets, done.files) == (2, 1)
    assert (manifest["format"], manifest["device"]) == ("gongdan-bundle/1", DEVICE)
    assert lines == [outgoing.line for outgoing in worked.outbox.waiting()]
    assert [path.name for path in tmp_path.glob("out*")] == ["out.zip"]


@pytest.mark.parametrize("is_zip", [True, False])
def test_receipts_come_back_by_hand_any_number_of_times(
    worked: Tablet, office: Office, tmp_path: Path, is_zip: bool
) -> None:
    export_bundle(tmp_path / "out.zip", worked.store, worked.outbox, worked.files)
    with zipfile.ZipFile(tmp_path / "out.zip") as bundle:
        lines = bundle.read("change-sets").splitlines()
    office.take_in(lines[1])
    first = [office.take_in(line) for line in lines]
    again = [office.take_in(line) for line in reversed(lines)]
    receipts, path = "\n".join([*reversed(again), *first]).encode() + b"\n", tmp_path / "back"
    if is_zip:
        with zipfile.ZipFile(path, "w") as bundle:
            bundle.writestr("receipts", receipts)
    else:
        path.write_bytes(receipts)

    settled = [import_receipts(path, worked.outbox) for _ in range(2)]
    worked.pull_from(office)

    assert settled == [2, 0]
    assert worked.outbox.counts() == {"settled": 2}
    assert worked.store.values_of(ORDER) == office.rows[ORDER].values


@pytest.mark.parametrize("content", [b"hello", b'{"a":1}', b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_refused(worked: Tablet, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad").write_bytes(content)

    with pytest.raises(Refused, match="bundle_invalid"):
        import_receipts(tmp_path / "bad", worked.outbox)

    assert worked.outbox.counts() == {"sealed": 2}


def test_a_bundle_that_cannot_be_written_leaves_nothing_behind(worked: Tablet, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="disk_full"):
        export_bundle(tmp_path / "away" / "out.zip", worked.store, worked.outbox, worked.files)

    assert worked.outbox.counts() == {"sealed": 2}
