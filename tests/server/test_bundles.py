"""Change-sets and files carried by hand: the same result as over the network, in any order, any number of times."""

import hashlib
import json
import zipfile
from itertools import permutations
from pathlib import Path

import pytest

from schemas.problems import Refused
from server.clock import utc_now
from server.services.blobs import BlobDesk
from server.services.bundles import FORMAT, Imported, import_bundle, list_receipts, write_answer
from server.store.database import reading
from server.store.disk_files import DiskFiles
from sync import receipt
from sync.chain import digest_of
from tests.cast import Device
from tests.server.builders import Firm, fitted, photo, update

SHOT = b"\xff\xd8\xff" + bytes(range(256)) * 4000
SHOT_NAME = hashlib.sha256(SHOT).hexdigest()


@pytest.fixture
def desk(firm: Firm, tmp_path: Path) -> BlobDesk:
    """Where the firm's files are taken in."""
    return BlobDesk(firm.engine, DiskFiles(tmp_path / "blobs"), 10_000_000, 1)


def pack(
    path: Path, device: Device, lines: list[bytes], files: dict[str, bytes] | None = None, /, **other: str
) -> Path:
    """Write a bundle as a device does; `other` replaces entries of the manifest."""
    manifest = {"format": FORMAT, "organisation": device.organisation, "device": device.id, "made_at": utc_now()}
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("manifest", json.dumps(manifest | other))
        bundle.writestr("change-sets", b"".join(line + b"\n" for line in lines))
        for name, data in (files or {}).items():
            bundle.writestr(f"blobs/{name}", data)
    return path


def work_of(firm: Firm) -> list[bytes]:
    """Seal what Wei did on a visit."""
    return [
        firm.wei.seal("order.start", update("work_order", firm.order, status=("assigned", "in_progress"))),
        firm.wei.seal("part.fit", fitted(firm.order, firm.company.machine, "SN-1")),
        firm.wei.seal("photo.keep", photo(firm.order, original_sha256=SHOT_NAME, size_bytes=len(SHOT))),
        firm.wei.seal("order.finish", update("work_order", firm.order, status=("in_progress", "finished"))),
    ]


def verdicts(imported: Imported) -> list[str]:
    return [receipt.load(line).verdict for line in imported.receipts]


def test_a_bundle_brings_change_sets_and_files(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    path = pack(tmp_path / "out.bundle", firm.wei, work_of(firm), {SHOT_NAME: SHOT})

    imported = import_bundle(firm.engine, desk, path)

    assert verdicts(imported) == ["applied"] * 4
    assert (imported.files, imported.refused_files) == (1, {})
    assert firm.body(firm.order)["status"] == "finished"
    with desk.open(firm.id, SHOT_NAME).file as file:
        assert file.read() == SHOT


def test_a_bundle_brought_again_changes_nothing(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    path = pack(tmp_path / "out.bundle", firm.wei, work_of(firm), {SHOT_NAME: SHOT})
    first = import_bundle(firm.engine, desk, path)
    before = firm.records(), len(firm.log())

    second = import_bundle(firm.engine, desk, path)

    assert second.receipts == first.receipts
    assert (firm.records(), len(firm.log())) == before


def test_any_order_inside_a_bundle_gives_the_same(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    for order in permutations(range(4)):
        lines = work_of(firm)
        path = pack(tmp_path / "out.bundle", firm.wei, [lines[place] for place in order])

        imported = import_bundle(firm.engine, desk, path)

        assert "held" not in verdicts(imported)
        assert [receipt.load(line).digest for line in imported.receipts] == [digest_of(lines[place]) for place in order]
        assert firm.body(firm.order)["status"] == "finished"
        firm.ensure(update("work_order", firm.order, status=("finished", "sent_back")), actor=firm.company.dana)
        firm.send(firm.wei, update("work_order", firm.order, status=("sent_back", "in_progress")))
        firm.ensure(update("work_order", firm.order, status=("in_progress", "on_hold")), actor=firm.company.dana)
        firm.ensure(update("work_order", firm.order, status=("on_hold", "assigned")), actor=firm.company.dana)


def test_two_bundles_in_the_wrong_order_meet(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    lines = work_of(firm)
    early, late = pack(tmp_path / "1", firm.wei, lines[:2]), pack(tmp_path / "2", firm.wei, lines[2:])

    held = import_bundle(firm.engine, desk, late)
    import_bundle(firm.engine, desk, early)
    again = import_bundle(firm.engine, desk, late)

    assert verdicts(held) == ["held", "held"]
    assert verdicts(again) == ["applied", "applied"]
    assert firm.body(firm.order)["status"] == "finished"


def test_the_answer_is_what_the_network_would_have_said(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    lines = work_of(firm)
    imported = import_bundle(firm.engine, desk, pack(tmp_path / "out.bundle", firm.wei, lines))
    write_answer(tmp_path / "answer", firm.id, firm.wei.id, imported.receipts)

    pushed = firm.push_raw(*lines)

    with zipfile.ZipFile(tmp_path / "answer") as bundle:
        assert bundle.read("receipts").decode().splitlines() == pushed
    with reading(firm.engine) as connection:
        assert list_receipts(connection, firm.id, firm.wei.id) == pushed
        assert list_receipts(connection, firm.id, firm.wei.id, from_seq=3) == pushed[2:]


def test_an_altered_set_is_refused_and_those_behind_it_wait(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    lines = work_of(firm)
    lines[1] = lines[1].replace(b"SN-1", b"SN-2")

    imported = import_bundle(firm.engine, desk, pack(tmp_path / "out.bundle", firm.wei, lines))

    assert verdicts(imported) == ["applied", "refused", "held", "held"]
    assert firm.bodies("part_fitted") == []


def test_a_file_that_is_not_what_its_name_says_does_not_count(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    path = pack(tmp_path / "out.bundle", firm.wei, work_of(firm), {SHOT_NAME: SHOT[:-1] + b"!"})

    imported = import_bundle(firm.engine, desk, path)

    assert (imported.files, imported.refused_files) == (0, {SHOT_NAME: "blob_hash_differs"})
    assert desk.read_states(firm.id, [SHOT_NAME]) == {SHOT_NAME: "missing"}


def test_a_truncated_bundle_is_refused(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    whole = pack(tmp_path / "out.bundle", firm.wei, work_of(firm), {SHOT_NAME: SHOT}).read_bytes()
    for keep in (0, 10, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:keep])

        with pytest.raises(Refused, match="bundle_invalid"):
            import_bundle(firm.engine, desk, tmp_path / "cut")
    assert firm.body(firm.order)["status"] == "assigned"


def test_a_file_whose_bytes_were_damaged_on_the_way_does_not_count(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    path = pack(tmp_path / "out.bundle", firm.wei, work_of(firm), {SHOT_NAME: SHOT})
    data = bytearray(path.read_bytes())
    data[data.index(SHOT) + 500] ^= 1
    path.write_bytes(data)

    imported = import_bundle(firm.engine, desk, path)

    assert imported.refused_files == {SHOT_NAME: "bundle_invalid"}
    assert verdicts(imported) == ["applied"] * 4


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_entry_that_may_unpack_to_anything_is_not_opened(
    firm: Firm, desk: BlobDesk, tmp_path: Path, packing: int
) -> None:
    path = tmp_path / "in.zip"
    manifest = {"format": "gongdan-bundle/1", "organisation": firm.id, "device": firm.wei.id}
    with zipfile.ZipFile(path, "w", packing) as bundle:
        bundle.writestr("manifest", json.dumps(manifest))

    with pytest.raises(Refused) as refusal:
        import_bundle(firm.engine, desk, path)

    assert refusal.value.code == "bundle_invalid"


@pytest.mark.parametrize("other", [{"format": "gongdan-bundle/9"}, {"device": 7}, {"format": ""}])
def test_a_strange_manifest_is_refused(firm: Firm, desk: BlobDesk, tmp_path: Path, other: dict[str, str]) -> None:
    with pytest.raises(Refused, match="bundle_invalid"):
        import_bundle(firm.engine, desk, pack(tmp_path / "out.bundle", firm.wei, [], **other))


def test_a_zip_of_something_else_is_refused(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as bundle:
        bundle.writestr("beach.jpg", SHOT)

    with pytest.raises(Refused, match="bundle_invalid"):
        import_bundle(firm.engine, desk, tmp_path / "holiday.zip")


def test_mallory_brings_nothing_into_another_company(
    firm: Firm, other_firm: Firm, desk: BlobDesk, tmp_path: Path
) -> None:
    lines = work_of(other_firm)

    with pytest.raises(Refused, match="device_unknown"):
        import_bundle(firm.engine, desk, pack(tmp_path / "1", other_firm.wei, lines, organisation=firm.id))
    imported = import_bundle(firm.engine, desk, pack(tmp_path / "2", firm.wei, lines))

    assert verdicts(imported) == ["refused"] * 4
    assert firm.body(firm.order)["status"] == "assigned"


def test_a_revoked_device_brings_sets_that_are_kept_and_no_files(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    path = pack(tmp_path / "out.bundle", firm.wei, work_of(firm), {SHOT_NAME: SHOT})
    firm.ensure(update("device", firm.wei.id, state=("active", "revoked")))

    imported = import_bundle(firm.engine, desk, path)

    assert verdicts(imported) == ["refused"] * 4
    assert imported.files == 0 and desk.read_states(firm.id, [SHOT_NAME]) == {SHOT_NAME: "missing"}


def test_receipts_of_an_unknown_device_are_refused(firm: Firm) -> None:
    with reading(firm.engine) as connection, pytest.raises(Refused, match="device_unknown"):
        list_receipts(connection, firm.id, firm.id)
