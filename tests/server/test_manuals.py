"""A manual is filed with its file, and a device gets it piece by piece."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from schemas.problems import Refused
from server.demo import manuals
from server.services.blobs import BlobDesk
from server.services.manuals import file_manual
from server.store.disk_files import DiskFiles
from tests.server.builders import Firm, handset

VALUES = {"name": "维修手册", "families": ["centrifuge"], "edition": None}


@pytest.fixture
def desk(firm: Firm, tmp_path: Path) -> BlobDesk:
    """Where files are taken in."""
    return BlobDesk(firm.engine, DiskFiles(tmp_path / "blobs"), 1_000_000, 24)


def write_file(folder: Path, data: bytes, name: str = "manual.pdf") -> Path:
    """Return a file with some bytes."""
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_manual_is_there_before_any_device_hears_of_it(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    data = b"%PDF-" + bytes(range(256)) * 3000
    admin = firm.company.system

    filed = file_manual(firm.engine, firm.office, desk, firm.id, admin, write_file(tmp_path, data), VALUES)

    wei = handset(firm, firm.wei.person)
    wei.sync()
    kind, body = wei.held[filed]
    name = hashlib.sha256(data).hexdigest()
    assert (kind, body["file_sha256"], body["size_bytes"], body["media_type"]) == (
        "manual",
        name,
        len(data),
        "application/pdf",
    )
    assert "edition" not in body
    with desk.open(firm.id, name).file as file:
        assert file.read() == data


def test_the_same_file_may_serve_two_manuals(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    path = write_file(tmp_path, b"plain", "note.txt")
    first, second = (
        file_manual(firm.engine, firm.office, desk, firm.id, firm.company.system, path, VALUES | {"name": name})
        for name in ("甲", "乙")
    )

    assert firm.body(first)["file_sha256"] == firm.body(second)["file_sha256"]
    assert firm.body(first)["media_type"] == "application/octet-stream"


def test_what_is_too_large_is_refused_and_leaves_no_record(firm: Firm, desk: BlobDesk, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="blob_too_large"):
        file_manual(
            firm.engine, firm.office, desk, firm.id, firm.company.system, write_file(tmp_path, bytes(1_000_001)), VALUES
        )

    assert firm.bodies("manual") == []


@pytest.mark.parametrize("name", manuals.NAMES)
def test_the_demos_manuals_are_the_same_bytes_every_time(name: str) -> None:
    assert manuals.print_manual(name) == manuals.print_manual(name)
    assert manuals.print_manual(name).startswith(b"%PDF-")
