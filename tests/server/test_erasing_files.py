"""Files that tell of a person go with what is said of him, for good; what was signed still names them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from schemas.problems import Refused
from server.domain.erasure import Wanted
from server.keys import new_id
from server.services import erasing
from server.services.blobs import BlobDesk, Owner, remove_erased
from server.services.dossier import build_dossier
from server.services.dossier_entries import Subject
from server.services.erasing_late import name_late
from server.services.file_check import check_files
from server.services.office import Office
from server.services.proofs import replay, verify_log
from server.services.sheets import print_sheet
from server.store.blob_files import Part, Place
from server.store.disk_files import DiskFiles
from server.store.tables import Blob
from sync.openings import is_stand_in
from tests.printing.sheets import compose
from tests.server.builders import create, fitted, handset, open_firm, photo
from tests.server.dossier_story import Verify, codes, verify
from tests.server.test_dossier_alterations import resign
from verifier.archive import read_archive

__all__ = ["verify"]

NAME = "王建国"
STROKES = b'{"format":"gongdan-strokes/1","strokes":[[[1,2,0],[3,4,5]]]}'


class Scene:
    """A company with a customer who asked, sent two files, was photographed and signed."""

    def __init__(self, engine: Engine, office: Office, folder: Path) -> None:
        """Let it happen."""
        self.firm, self.key, self.folder = open_firm(engine, office), office.key, folder
        firm, company = self.firm, self.firm.company
        self.means = erasing.Means(engine, office, self.desk.files, folder / "erasures")
        self.strokes, self.sent = self.keep(STROKES), self.keep(b"her kitchen")
        self.taken, self.paper = self.keep(b"she stands beside the machine"), self.keep(b"a certificate of a batch")
        self.request = new_id()
        asked = {"number": f"R{self.request[-8:]}", "state": "received", "channel": "email", "contact": NAME}
        asked |= {"symptom": "有异响", "reported_at": "2026-11-20T08:00:00Z"}
        firm.ensure(create("request", self.request, **asked))
        for sha256 in (self.sent, self.paper):
            note = {"request_id": self.request, "author": "customer", "added_at": "2026-11-20T08:00:00Z"}
            firm.ensure(create("request_note", new_id(), file_sha256=sha256, **note))
        firm.ensure(create("batch", new_id(), number="B-7", certificate_sha256=self.paper, **self._part()))
        firm.send(firm.wei, fitted(firm.order, company.machine, "SV-1"))
        firm.send(firm.wei, photo(firm.order, original_sha256=self.taken))
        self.sign(self.strokes)

    def sign(self, strokes: str, **frame: int) -> None:
        """Let her sign a sheet that does not name her."""
        sheet, content = new_id(), compose(organisation=self.firm.id, photos=[])
        digest = hashlib.sha256(content.encode()).hexdigest()
        signed = {"order_id": self.firm.order, "job_sheet_id": sheet, "job_sheet_sha256": digest, "outcome": "signed"}
        signed |= {"signer_name": NAME, "strokes_sha256": strokes, "signed_at": "2026-11-20T12:00:00Z"}
        written = create("job_sheet", sheet, order_id=self.firm.order, content=content, content_sha256=digest)
        answer = self.firm.send(self.firm.wei, written, create("signature", new_id(), **signed), **frame)
        assert answer.verdict == "applied", answer

    @property
    def desk(self) -> BlobDesk:
        """Where files are taken in."""
        return BlobDesk(self.firm.engine, DiskFiles(self.folder / "blobs"), 1_000_000, 24)

    @property
    def owner(self) -> Owner:
        """Wei's tablet."""
        return Owner(self.firm.id, self.firm.wei.id)

    def keep(self, data: bytes) -> str:
        """Upload a file and return its hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        begun = self.desk.create(self.owner, len(data), sha256)
        self.desk.receive(self.owner, begun.upload, 0, [data], len(data))
        return sha256

    def erase(self, *words: str, **wanted: object) -> erasing.Preview:
        """Erase in Dana's name."""
        asked = Wanted(words, **wanted)  # type: ignore[arg-type]
        return erasing.erase(self.means, self.firm.id, self.firm.company.dana, asked, "asked", "DSR-7")

    def state(self, sha256: str) -> str:
        """Return what the server has of a file."""
        return self.desk.read_states(self.firm.id, [sha256])[sha256]

    def on_disk(self) -> set[str]:
        """Return the names of all files of the folder."""
        return {path.name for path in self.folder.rglob("*") if path.is_file()}

    def expect_proven(self) -> None:
        """Fail unless log, files and rebuild hold."""
        checked = verify_log(self.firm.engine, self.firm.id)
        assert checked.discrepancies == ()
        assert list(check_files(self.desk, self.firm.id, checked.erased_files)) == []
        assert replay(self.firm.engine, self.firm.id, f"sqlite:///{self.folder / new_id()}").discrepancies == ()

    def _part(self) -> dict[str, str]:
        part, supplier = new_id(), new_id()
        self.firm.ensure(create("part", part, part_number=f"P-{part[-6:]}", name="轴承"))
        self.firm.ensure(create("supplier", supplier, name="轴承厂"))
        return {"part_id": part, "supplier_id": supplier}


@pytest.fixture
def scene(engine: Engine, office: Office, tmp_path: Path) -> Scene:
    """The company, on each database."""
    return Scene(engine, office, tmp_path)


def refusal_of(act: object, *given: object) -> str:
    """Return the code with which something is refused."""
    with pytest.raises(Refused) as refused:
        act(*given)  # type: ignore[operator]
    return refused.value.code


def test_what_was_signed_and_sent_goes_and_what_is_evidence_of_parts_stays(scene: Scene) -> None:
    firm = scene.firm
    device = handset(firm, firm.wei.person)
    shown = erasing.preview(firm.engine, firm.id, Wanted((NAME,)))

    done = scene.erase(NAME)
    device.sync()

    assert done == shown and (done.going, done.photos_left) == (2, 1)
    assert [(file.kind, file.keeper) for file in done.files if file.keeper] == [("request_note", "batch")]
    states = {name: scene.state(name) for name in (scene.strokes, scene.sent, scene.taken, scene.paper)}
    assert list(states.values()) == ["erased", "erased", "verified", "verified"]
    assert scene.on_disk() & states.keys() == {scene.taken, scene.paper}
    assert refusal_of(scene.desk.open, firm.id, scene.strokes) == "file_erased"
    (act,) = firm.bodies("erasure")
    assert act["files"] == sorted((scene.strokes, scene.sent)) and device.held[act["id"]][1]["files"] == act["files"]
    (signature,) = firm.bodies("signature")
    assert is_stand_in(signature["signer_name"]) and signature["strokes_sha256"] == scene.strokes
    assert print_sheet(scene.desk, firm.id, firm.order).pdf.startswith(b"%PDF")
    assert refusal_of(scene.erase, NAME) == "erasure_empty"
    scene.expect_proven()


def test_photos_go_with_their_order_where_somebody_asks_for_it_or_names_one(scene: Scene) -> None:
    named = scene.keep(b"her child")
    scene.firm.send(scene.firm.wei, photo(scene.firm.order, original_sha256=named))
    (of_child,) = [body["id"] for body in scene.firm.bodies("photo") if body["original_sha256"] == named]

    assert scene.erase(ids=(of_child,)).going == 1
    assert (scene.state(named), scene.state(scene.taken)) == ("erased", "verified")
    assert scene.erase(ids=(scene.firm.company.number,), photos=True).going == 2
    assert (scene.state(scene.strokes), scene.state(scene.taken)) == ("erased", "erased")
    scene.expect_proven()


def test_an_erased_file_does_not_come_back(scene: Scene) -> None:
    data = b"half of it is here"
    sha256, unnamed = hashlib.sha256(data).hexdigest(), b"sent without a name"
    note = {"request_id": scene.request, "author": "customer", "added_at": "2026-11-20T08:00:00Z"}
    for name in (sha256, hashlib.sha256(unnamed).hexdigest()):
        scene.firm.ensure(create("request_note", new_id(), file_sha256=name, **note))
    begun, nameless = scene.desk.create(scene.owner, len(data), sha256), scene.desk.create(scene.owner, 19, None)
    scene.desk.receive(scene.owner, begun.upload, 0, [data[:5]], 5)
    scene.desk.receive(scene.owner, nameless.upload, 0, [unnamed[:5]], 5)

    scene.erase(NAME)

    rest = (scene.owner, nameless.upload, 5, [unnamed[5:]], 14)
    assert refusal_of(scene.desk.receive, scene.owner, begun.upload, 5, [data[5:]], 13) == "upload_unknown"
    assert refusal_of(scene.desk.receive, *rest) == "file_erased"
    assert refusal_of(scene.desk.create, scene.owner, len(STROKES), scene.strokes) == "file_erased"
    # A copy of the folder that was put back, and a record that names the file again.
    scene.means.files.begin(place := Place(scene.firm.id, new_id()), "")
    scene.means.files.append(Part(place, 0, len(STROKES)), [STROKES], None)
    assert scene.means.files.finish(place, len(STROKES), None, None) == scene.strokes
    scene.firm.ensure(create("request_note", new_id(), file_sha256=scene.strokes, **note))
    assert refusal_of(scene.desk.open, scene.firm.id, scene.strokes) == "file_erased"
    gone = verify_log(scene.firm.engine, scene.firm.id).erased_files
    assert [it.code for it in check_files(scene.desk, scene.firm.id, gone)] == ["file_not_erased"]
    assert remove_erased(scene.firm.engine, scene.means.files) == 1
    assert not {scene.strokes, sha256, begun.upload, nameless.upload} & scene.on_disk()
    scene.expect_proven()


def test_a_signature_that_comes_late_is_erased_when_it_comes(scene: Scene) -> None:
    late, seen = scene.keep(b"strokes of a silent tablet"), scene.firm.wei.basis
    scene.erase(NAME)

    scene.sign(late, basis=seen)
    named = name_late(scene.firm.engine, scene.firm.office, scene.firm.id)
    remove_erased(scene.firm.engine, scene.means.files)

    assert named == 1 and name_late(scene.firm.engine, scene.firm.office, scene.firm.id) == 0
    assert scene.state(late) == "erased" and late not in scene.on_disk()
    scene.expect_proven()


def test_a_dossier_names_what_was_erased_and_nobody_excuses_a_missing_file_with_it(
    scene: Scene, verify: Verify
) -> None:
    subject = Subject("serial", "SV-1")
    before = build_dossier(scene.desk, scene.key, scene.firm.id, subject).data
    scene.erase(NAME)

    data = build_dossier(scene.desk, scene.key, scene.firm.id, subject).data
    status, told = verify(data)

    assert verify(before)[0] == 0
    states = {item["sha256"]: item["state"] for item in json.loads(read_archive(data)["manifest.json"])["evidence"]}
    assert states == {scene.strokes: "erased", scene.taken: "here"}
    assert status == 0 and {"sha256": scene.strokes, "state": "erased"} in told["facts"]["evidence"]
    # The office itself calls a photo erased that no act names; and it puts a name back that was erased.
    manifest = json.loads(read_archive(data)["manifest.json"])
    manifest["evidence"] = [item | {"state": "erased"} for item in manifest["evidence"]]
    parts = {name: content for name, content in read_archive(data).items() if not name.startswith("files/")}
    status, told = verify(resign(data, scene.key, {}, manifest=manifest, contents=parts))
    assert (status, codes(told)) == (1, {"erasure_unproven"})
    entries = read_archive(data)["entries.jsonl"]
    put_back = re.sub(rb'\{\\"erased\\":\\"erased-[0-9a-f]{16}\\"\}', rb'[\\"' + b"0" * 32 + rb'\\",\\"X\\"]', entries)
    status, told = verify(resign(data, scene.key, {"entries.jsonl": put_back}))
    assert put_back != entries and (status, codes(told)) == (1, {"opening_wrong"})


def test_a_file_that_somebody_calls_erased_by_hand_is_named(scene: Scene) -> None:
    with scene.firm.engine.begin() as connection:
        where = (Blob.__table__.c.organisation == scene.firm.id, Blob.__table__.c.sha256 == scene.taken)
        connection.execute(update(Blob.__table__).where(*where).values(state="erased", position=1))

    checked = verify_log(scene.firm.engine, scene.firm.id)

    assert [it.code for it in check_files(scene.desk, scene.firm.id, checked.erased_files)] == ["file_missing"]
    rebuilt = replay(scene.firm.engine, scene.firm.id, f"sqlite:///{scene.folder / 'scratch.sqlite'}")
    assert [(it.place, it.code) for it in rebuilt.discrepancies] == [("blobs", "table_differs")]
