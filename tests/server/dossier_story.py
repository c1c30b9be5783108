"""A company in which a bearing was fitted, photographed, signed for and taken out, for tests of what is shown of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from printing.sheet_code import SheetCode, spell_sheet_code
from server.keys import OfficeKey, new_id
from server.services import devices
from server.services.blobs import BlobDesk, Owner
from server.services.dossier import build_dossier
from server.services.dossier_entries import Subject
from server.services.office import Office
from server.settings import read_settings
from server.store.database import reading
from server.store.file_storage import open_files
from sync.checkpoint import write_checkpoint
from tests.printing.sheets import compose
from tests.server.builders import create, fitted, open_firm, photo, removed
from verifier.__main__ import main

PHOTO = b"a photo of the label"
SHA256 = hashlib.sha256(PHOTO).hexdigest()

Verify = Callable[..., tuple[int, dict]]


class Story:
    """A company in which a bearing was fitted, photographed, signed for and taken out again."""

    def __init__(self, engine: Engine, office: Office, folder: Path) -> None:
        """Let it happen."""
        self.firm = firm = open_firm(engine, office)
        self.key = office.key
        self.blobs = BlobDesk(engine, open_files(read_settings({"GONGDAN_DATA": str(folder)})), 1_000_000, 24)
        machine, other = firm.company.machine, firm.add_machine()
        firm.send(firm.wei, fitted(firm.order, machine, "B-1"), witness=self.witness())
        for serial in ("C-1", "C-2"):
            firm.send(firm.wei, fitted(firm.order, machine, serial))
        firm.send(firm.wei, photo(firm.order, thumbnail_sha256=SHA256))
        self.sheet, content = new_id(), compose(organisation=firm.id, checkpoint=self.checkpoint())
        self.sheet_sha256 = hashlib.sha256(content.encode()).hexdigest()
        self.code = spell_sheet_code(SheetCode(firm.id, self.sheet, self.sheet_sha256, self.checkpoint()))
        sheet = {"order_id": firm.order, "content": content, "content_sha256": self.sheet_sha256}
        firm.send(firm.wei, create("job_sheet", self.sheet, **sheet))
        firm.send(firm.lin, fitted(firm.add_order(firm.lin.person, other), other, "D-1"))
        firm.send(firm.wei, removed(firm.order, machine, "B-1"), witness=self.witness())
        owner = Owner(firm.id, firm.wei.id)
        self.blobs.receive(owner, self.blobs.create(owner, len(PHOTO), SHA256).upload, 0, [PHOTO], len(PHOTO))

    def witness(self) -> str:
        """Return size and root of the log as it stands."""
        with reading(self.firm.engine) as connection:
            return devices.read_checkpoint(connection, self.firm.id).witness

    def checkpoint(self) -> str:
        """Return the log as it stands, signed."""
        with reading(self.firm.engine) as connection:
            end = devices.read_checkpoint(connection, self.firm.id)
        return write_checkpoint(end, bytes.fromhex(self.key.public_key), self.key.sign)

    def build(self, number: str = "B-1", kind: str = "serial", files: str = "all") -> bytes:
        """Return a dossier."""
        return build_dossier(self.blobs, self.key, self.firm.id, Subject(kind, number), files).data


@pytest.fixture(scope="module")
def story(engine: Engine, office: Office, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The story."""
    return Story(engine, office, tmp_path_factory.mktemp("story"))


@pytest.fixture
def verify(office_key: OfficeKey, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Run the verifier on some bytes, with the office's key unless told otherwise."""

    def run(data: bytes, *options: str, key: bool = True) -> tuple[int, dict]:
        file = tmp_path / "given"
        file.write_bytes(data)
        status = main([str(file), "--json", *(("--key", office_key.public_key) if key else ()), *options])
        return status, json.loads(capsys.readouterr().out)

    return run


def codes(told: dict) -> set[str]:
    """Return the codes of what was found wrong."""
    return {found["code"] for found in told["findings"]}
