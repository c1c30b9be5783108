"""Targets on the server: change-sets of an enrolled device that lies, and bundles that anybody may bring."""

from __future__ import annotations

import io
import tempfile
import warnings
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from schemas import SCHEMA_VERSION
from server.keys import new_id, open_office_key
from server.services import bundles
from server.services.blobs import BlobDesk
from server.services.office import Office
from server.settings import read_settings
from server.store.database import open_engine
from server.store.disk_files import DiskFiles
from server.store.migrate import upgrade
from sync import canonical, chain, openings, receipt
from sync.chain import LINE_BYTES_MAX
from tests.hostile.mutation import mutate_json
from tests.hostile.target import Target, expect
from tests.server.builders import NOON, Firm, Handset, handset, open_firm, photo

SPLIT: Final = b"\n--\n"
HONEST_EVERY: Final = 64
FED_MAX: Final = 4096
"""Inputs one company takes; with all it was ever sent, its device's scope would outgrow the memory of a long search."""
BLOB_BYTES_MAX: Final = 100_000


@dataclass
class Ground:
    """A server with one company, for all inputs of a process."""

    firm: Firm
    desk: BlobDesk
    folder: Path
    wei: Handset
    fed: int = 0

    def put_ids_in(self, data: bytes) -> bytes:
        """Replace the names that stand for ids: those of the company differ from process to process."""
        company = self.firm.company
        ids = {"order": company.order, "machine": company.machine, "wei": company.wei, "dana": company.dana}
        ids |= {"device": self.firm.wei.id, "model": self.firm.bodies("model")[0]["id"], "org": company.organisation}
        for name, spelled in ids.items():
            data = data.replace(f"@{name}".encode(), spelled.encode())
        for number in b"123":
            data = data.replace(b"@new" + bytes([number]), new_id().encode())
        return data


def ground() -> Ground:
    """Return this process's server, with a company that has not been sent too much yet."""
    place = _open_ground()
    if place.fed >= FED_MAX:
        engine = place.firm.engine
        place.firm = open_firm(engine, place.firm.office)
        place.wei, place.fed = handset(place.firm, place.firm.company.wei), 0
    return place


@cache
def _open_ground() -> Ground:
    folder = Path(tempfile.mkdtemp(prefix="gongdan-hostile-"))
    settings = read_settings({"GONGDAN_DATA": str(folder)})
    engine = open_engine(settings.database_url)
    upgrade(engine)
    firm = open_firm(engine, Office(engine, open_office_key(settings)))
    desk = BlobDesk(engine, DiskFiles(settings.blob_folder), BLOB_BYTES_MAX, settings.upload_hours)
    return Ground(firm, desk, folder, handset(firm, firm.company.wei))


def feed_intake(data: bytes) -> None:
    """Let Wei's device seal whatever the input says, in its chain, and hand it in."""
    place = ground()
    try:
        document = canonical.load(place.put_ids_in(data))
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    wei = place.firm.wei
    frame = {"organisation": wei.organisation, "device": wei.id, "actor": wei.person, "id": new_id()}
    frame |= {"seq": wei.seq + 1, "prev": wei.prev}
    if document.get("schema") != SCHEMA_VERSION:
        # A set of a newer schema is held, and whatever came next under its number would be a fork.
        frame["schema"] = 0
    behind = document.pop("openings", None)
    try:
        payload = canonical.dump({**document, **frame}).encode()
        spelled = None if behind is None else canonical.dump(behind).encode()
    except UnicodeEncodeError:
        return
    line = chain.seal(payload, wei.sign, spelled)
    (answer,) = place.firm.push(line.line)
    assert answer.digest == line.digest
    assert receipt.load(receipt.dump(answer)) == answer
    faults = [answer.fault, *(verdict.fault for verdict in answer.changes)]
    for fault in filter(None, faults):
        assert fault.code != "internal"
        assert fault.sentence("zh") and fault.sentence("en")
    if answer.position is not None:
        wei.seq, wei.prev = answer.seq, answer.digest
    place.fed += 1
    if place.fed % HONEST_EVERY == 0:
        _work_honestly(place)


def _work_honestly(place: Ground) -> None:
    """Whatever was sent before, an honest set is taken in and what a device holds has the right checksum."""
    taken = photo(place.firm.order)
    (answer,) = place.firm.push(place.firm.wei.seal("photo.take", taken))
    assert answer.verdict in ("applied", "merged"), answer
    place.wei.sync(500)


def _frame(*changes: dict[str, Any], **other: Any) -> bytes:
    frame = {"intent": "work.start", "schema": 1, "captured_at": "2026-11-21T02:15:59.123Z", "offset_ms": 0}
    frame |= {"clock": "1795227359123-0000", "basis": 5, "witness": "", "changes": list(changes)}
    return canonical.dump({**frame, **other}).encode()


def seed_intake() -> Iterable[bytes]:
    """Yield what devices do every day."""
    order = {"kind": "work_order", "id": "@order", "op": "update"}
    yield _frame(order | {"set": {"status": "in_progress"}, "was": {"status": "assigned"}})
    yield _frame(order | {"set": {"alarms": ["E1"], "diagnosis": "x"}, "was": {"alarms": None, "diagnosis": None}})
    fitted = {"order_id": "@order", "machine_id": "@machine", "gtin": "09506000134352", "serial": "S1"}
    fitted |= {"fitted_at": NOON, "part_name": "轴承", "batch": "B1"}
    yield _frame({"kind": "part_fitted", "id": "@new1", "op": "create", "set": fitted, "was": {}})
    removed = {"order_id": "@order", "machine_id": "@machine", "serial": "S1", "removed_at": NOON}
    yield _frame({"kind": "part_removed", "id": "@new1", "op": "create", "set": removed, "was": {}})
    picture = {"order_id": "@order", "purpose": "fault", "original_sha256": "ab" * 32}
    picture |= {"media_type": "image/jpeg", "size_bytes": 1}
    sheet = {"kind": "photo", "id": "@new2", "op": "create", "set": picture, "was": {}}
    yield _frame(sheet, order | {"set": {"diagnosis": "轴承"}, "was": {"diagnosis": None}})
    yield _frame({"kind": "machine", "id": "@machine", "op": "update", "set": {"place": "3"}, "was": {"place": None}})
    for opening in (["0" * 32, "王建国"], {"erased": "erased-0123456789abcdef"}):
        hidden = {"~": openings.commit("王建国", "0" * 32)}
        told = order | {"set": {"contact": hidden}, "was": {"contact": None}}
        yield _frame(told, openings={hidden["~"]: opening})
    yield _frame(order | {"op": "delete", "set": {}, "was": {"status": "assigned"}}, basis=0, schema=2)


def feed_bundle(data: bytes) -> None:
    """Import a bundle: a ZIP file as it came, or one made of the input's parts."""
    place = ground()
    path = place.folder / "hostile.zip"
    path.write_bytes(data if data.startswith(b"PK") else _pack(place.put_ids_in(data)))
    read = expect("bundle_invalid device_unknown", bundles.import_bundle, place.firm.engine, place.desk, path)
    if read is not None:
        assert all(receipt.load(line) for line in read.receipts)


def _pack(data: bytes) -> bytes:
    """Return a bundle of entries, each its name, a line break and its content."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as bundle:
        warnings.simplefilter("ignore", UserWarning)  # that a name comes twice
        for number, entry in enumerate(data.split(SPLIT)):
            name, _, content = entry.partition(b"\n")
            info = zipfile.ZipInfo(name.decode("latin-1").split("\x00")[0] or "empty")
            bundle.writestr(info, content, zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED)
    return out.getvalue()


def seed_bundle() -> Iterable[bytes]:
    """Yield bundles of everything there can be in one."""
    manifest = b'manifest\n{"format":"gongdan-bundle/1","organisation":"@org","device":"@device","made_at":""}'
    line = b"ab" * 64 + b"." + _frame()
    name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    entries = [manifest, b"change-sets\n" + line + b"\n" + line + b"\n", f"blobs/{name}\nabc".encode()]
    yield SPLIT.join(entries)
    yield SPLIT.join([*entries, b"blobs/../../x\nabc", b"change-sets\n" + b"0" * (LINE_BYTES_MAX // 100)])
    yield _pack(ground().put_ids_in(SPLIT.join(entries)))


INTAKE = Target(feed_intake, seed_intake, 4096, 1_500, mutate_json)
BUNDLE = Target(feed_bundle, seed_bundle, 4096, 150)
