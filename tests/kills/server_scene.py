"""A day of a server, written down operation by operation: founded, pushed to, given files, stopped, started again.

`python -m tests.kills.server_scene FOLDER`, watched by `file_watch.c`, and so is the server that it starts. What the
server answered goes into the trace beside the operations.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import Engine

from schemas.problems import Refused
from server.keys import new_id, open_office_key
from server.reception import Reception
from server.services.blobs import BlobDesk
from server.services.bundles import list_receipts, write_answer
from server.services.office import Office, organisations
from server.services.proofs import replay, verify_log
from server.settings import Settings, read_settings
from server.store.database import open_engine, reading
from server.store.disk_files import DiskFiles
from sync import receipt
from tests.cast import Device, accept, order_body
from tests.kills import file_watch
from tests.kills.file_watch import How, Kind, spell_aim
from tests.server.blobs.tus import PREFIX, Caller, Server, ask, hash_of, make_server
from tests.server.builders import create, photo

DEATHS: Final = (
    spell_aim(Kind.SYNC, "*.sqlite-wal", 2, How.BEFORE),
    spell_aim(Kind.SYNC, "/data/blobs/*/[0-9a-f][0-9a-f]", 1, How.BEFORE),
)
"""Where the server is killed: what it wrote and did not flush is seen by the next, which must not answer for it yet."""

PARTS: Final = 2
"""How often the server is started."""


def mark(told: dict[str, Any]) -> None:
    """Write down that something was said."""
    file_watch.mark(json.dumps(told).encode())


def play(folder: Path) -> None:
    """Play the day."""
    migrate = [str(Path(sys.executable).with_name("gongdan-server")), "migrate"]
    subprocess.run(
        migrate, env={**os.environ, "GONGDAN_DATA": str(folder / "data")}, check=True, stdout=subprocess.DEVNULL
    )
    server = make_server(folder / "data")
    order = give_order(server)
    mark({"founded": server.ours.organisation, "key": open_office_key(server.settings).public_key})
    chance = random.Random(5)
    for _ in range(PARTS):
        server.start()
        try:
            play_part(server, order, chance)
            for death in DEATHS:
                play_death(server, order, chance, death)
        finally:
            server.stop()
        write_receipts(server, folder / "receipts")


def give_order(server: Server) -> str:
    """Give Lin an order of her own and return it."""
    ours, order = server.ours, new_id()
    engine = open_engine(server.settings.database_url)
    body = order_body("GD-2", ours.chen, engineer_id=ours.lin)
    office = Office(engine, open_office_key(server.settings))
    accept(office, ours.organisation, ours.dana, "order.create", create("work_order", order, **body))
    engine.dispose()
    return order


def play_death(server: Server, order: str, chance: random.Random, death: str) -> None:
    """Let the server die amid a set and a file; hand both in again, to the server that follows."""
    lin, caller = server.devices["lin"], server.caller("wei")
    line, data = lin.seal("photo.take", photo(order)), chance.randbytes(3000)
    server.stop(signal.SIGKILL)
    with tempfile.TemporaryDirectory() as outside:
        ready = Path(outside) / "ready"
        with patch.dict(os.environ, {"KILLS_AIM": death, "KILLS_AIM_FROM": str(ready)}):
            server.start()
        # What its jobs write while it starts is not what it shall die of.
        ready.touch()
        die_amid(server, lin, caller, line, data)
    server.stop(signal.SIGKILL)
    server.start()
    push(server, lin, line)
    send(caller_at(server, caller), data, chance, server.ours.organisation)


def die_amid(server: Server, lin: Device, caller: Caller, line: bytes, data: bytes) -> None:
    """Hand in a set and a file to a server that is about to die."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        push(server, lin, line)
        place = caller_at(server, caller).begin(data)
        caller_at(server, caller).send(place, 0, data)
        raise AssertionError("the server lived on")


def caller_at(server: Server, caller: Caller) -> Caller:
    """Return a device's caller at the port where the server is to be found."""
    return Caller(server.port, caller.token)


def play_part(server: Server, order: str, chance: random.Random) -> None:
    """Push sets and send files, in turns."""
    wei, lin = server.devices["wei"], server.devices["lin"]
    caller = server.caller("wei")
    for _ in range(4):
        sets = [
            wei.seal("photo.take", photo(server.ours.order, caption="长" * chance.randint(1, 300))) for _ in range(3)
        ]
        push(server, wei, *sets)
        push(server, lin, lin.seal("photo.take", photo(order)))
        send(caller, chance.randbytes(chance.choice((700, 5000, 300_000))), chance, server.ours.organisation)


def push(server: Server, device: Device, *lines: bytes) -> None:
    """Hand sets in and note the receipts."""
    mark({"sent": [line.decode() for line in lines], "by": device.id})
    path, body = f"{PREFIX}/push", b"".join(line + b"\n" for line in lines)
    headers = {"Content-Type": "application/vnd.gongdan.change-sets", **device.headers("POST", path, body=body)}
    answer = ask(server.port, "POST", path, body, headers)
    assert answer.status == 200, answer
    mark({"receipts": answer.body.decode().splitlines()})


def send(caller: Caller, data: bytes, chance: random.Random, organisation: str) -> None:
    """Send a file in some pieces and note how much of it the server has said to have."""
    place = caller.begin(data)
    offset = caller.head(place).offset
    while offset < len(data):
        piece = data[offset : offset + chance.randint(len(data) // 4, len(data))]
        answer = caller.send(place, offset, piece)
        assert answer.status == 204, answer
        offset = answer.offset
        named = {"organisation": organisation, "upload": place.rpartition("/")[2], "file": hash_of(data)}
        mark(named | {"offset": offset, "prefix": hash_of(data[:offset])})
    name = hash_of(data)
    assert caller.states(name) == {name: "verified"}
    mark({"verified": name, "size": len(data), "organisation": organisation})


def write_receipts(server: Server, path: Path) -> None:
    """Write all receipts of Wei's device into a file that goes back by hand."""
    engine = open_engine(server.settings.database_url)
    with reading(engine) as connection:
        found = list_receipts(connection, server.ours.organisation, server.devices["wei"].id)
    engine.dispose()
    write_answer(path, server.ours.organisation, server.devices["wei"].id, found)
    mark({"carried": path.name, "count": len(found)})


def find_faults(folder: Path, said: Sequence[bytes]) -> list[str]:
    """Return what is wrong with the server in a folder, given what was said before the power went."""
    told = [json.loads(line) for line in said]
    founded = next((line for line in told if "founded" in line), None)
    if founded is None:
        return []
    settings = read_settings({"GONGDAN_DATA": str(folder / "data")})
    faults = [] if open_office_key(settings).public_key == founded["key"] else ["the office has another key"]
    engine = open_engine(settings.database_url)
    try:
        faults += _find_lost(engine, folder, settings, told)
    except Refused as refusal:
        faults.append(f"the server does not open: {refusal.code} {refusal.__cause__}")
    finally:
        engine.dispose()
    faults += [f"{line['carried']} is lost" for line in told if "carried" in line and not _is_whole(folder, line)]
    return faults


def _find_lost(engine: Engine, folder: Path, settings: Settings, told: list[dict[str, Any]]) -> list[str]:
    organisation = next(line["founded"] for line in told if "founded" in line)
    with reading(engine) as connection:
        if organisation not in [found for found, _ in organisations(connection)]:
            return ["the organisation is not there"]
    scratch = f"sqlite:///{folder / 'scratch'}"
    faults = [str(found) for found in verify_log(engine, organisation).discrepancies]
    faults += [str(found) for found in replay(engine, organisation, scratch).discrepancies]
    faults += _find_lost_sets(Reception(engine), organisation, told)
    desk = BlobDesk(engine, DiskFiles(settings.blob_folder), settings.blob_bytes_max, settings.upload_hours)
    return faults + _find_lost_files(desk, settings, told)


def _find_lost_sets(reception: Reception, organisation: str, told: list[dict[str, Any]]) -> list[str]:
    """Hand in again all that was sent: what was answered must be answered alike, all else is taken in."""
    faults: list[str] = []
    answers = {receipt.load(line).digest: line for entry in told for line in entry.get("receipts", ())}
    for entry in told:
        if "sent" not in entry:
            continue
        for answer in reception.submit(organisation, entry["by"], [line.encode() for line in entry["sent"]]):
            found = receipt.load(answer)
            if answers.get(found.digest, answer) != answer:
                faults.append(f"set {found.seq} was answered {answers[found.digest]}, after the cut {answer}")
            if found.verdict not in ("applied", "merged", "contested"):
                faults.append(f"set {found.seq} is {found.verdict}: {found.fault}")
    return faults


def _find_lost_files(desk: BlobDesk, settings: Settings, told: list[dict[str, Any]]) -> list[str]:
    """Every file that was verified is whole, and of every other as much is there as was said."""
    faults = []
    acknowledged = {line["upload"]: line for line in told if "offset" in line}
    for line in acknowledged.values():
        files = settings.blob_folder / line["organisation"]
        # An upload that was complete may have come to stand under its name, though nobody was told.
        places = [files / "uploads" / line["upload"], files / line["file"][:2] / line["file"]]
        starts = [place.read_bytes()[: line["offset"]] for place in places if place.exists()]
        if line["prefix"] not in map(hash_of, starts):
            faults.append(f"of upload {line['upload'][-8:]} {line['offset']} bytes were acknowledged")
    for line in told:
        if "verified" in line:
            name = line["verified"]
            states = desk.read_states(line["organisation"], [name])
            opened = desk.files.open(line["organisation"], name) if states[name] == "verified" else None
            if opened is None:
                faults.append(f"the verified file {name[:8]} is {states[name]}")
                continue
            with opened:
                if hash_of(opened.read()) != name:
                    faults.append(f"the verified file {name[:8]} has other bytes")
    return faults


def _is_whole(folder: Path, line: dict[str, Any]) -> bool:
    path, count = folder / line["carried"], int(line["count"])
    return path.exists() and len(file_watch.read_carried(path)) >= count


if __name__ == "__main__":
    play(Path(sys.argv[1]))
