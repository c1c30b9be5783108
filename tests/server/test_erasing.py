"""Erasing what is known of a person: it is nowhere afterwards, and log, rebuild, devices and proofs hold."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy import update as update_of

from schemas.problems import Refused
from server.domain.erasure import Wanted
from server.keys import new_id
from server.services import decisions, erasing
from server.services.devices import revoke
from server.services.erasing_late import name_late
from server.services.log_export import export_log
from server.services.proofs import replay, verify_log
from server.store.database import reading
from server.store.disk_files import DiskFiles
from server.store.erasing import Place, exchange, sweep
from server.store.tables import Base, KeptAside, LogEntry, SignedOrder
from sync import canonical
from sync.openings import is_stand_in
from tests.server.builders import Firm, create, delete, handset, update
from verifier.exported_log import LogReader
from verifier.findings import Outcome

NAME, PHONE = "王建国", "138-0000-1111"
ASKED = ("asked", "DSR-7")


def erase(firm: Firm, *words: str, ids: tuple[str, ...] = (), seen: str | None = None) -> erasing.Preview:
    with TemporaryDirectory() as folder:
        means = erasing.Means(firm.engine, firm.office, DiskFiles(Path(folder) / "blobs"), Path(folder) / "erasures")
        return erasing.erase(means, firm.id, firm.company.dana, Wanted(words, ids), *ASKED, seen=seen)


def read_outside(firm: Firm) -> Outcome:
    """Return what an outsider finds in the whole log."""
    outcome = Outcome("log")
    with reading(firm.engine) as connection:
        LogReader(outcome).read(export_log(connection, firm.office.key, firm.id))
    return outcome


def exchange_all(firm: Firm, position: int) -> None:
    """Take every opening of an entry away by hand, without leaving a word."""
    with firm.engine.begin() as connection:
        where = (LogEntry.organisation == firm.id, LogEntry.position == position)
        (sealed,) = connection.execute(select(LogEntry.sealed).where(*where)).scalars()
        connection.execute(update_of(LogEntry).where(*where).values(sealed=bytes(sealed).partition(b"\t")[0] + b"\t{}"))


def bytes_of(firm: Firm) -> bytes:
    """Return all that every table holds."""
    rows: list[Any] = []
    with reading(firm.engine) as connection:
        for table in Base.metadata.sorted_tables:
            if "organisation" in table.c:
                where = table.c.organisation == firm.id
                rows += [tuple(row) for row in connection.execute(select(table).where(where))]
    return repr(rows).encode() + b"".join(bytes(value) for row in rows for value in row if isinstance(value, bytes))


def has(firm: Firm, *words: str) -> list[str]:
    found = bytes_of(firm)
    return [word for word in words if word.encode() in found]


def expect_proven(firm: Firm, tmp_path: Path) -> None:
    checked = verify_log(firm.engine, firm.id)
    assert checked.discrepancies == ()
    rebuilt = replay(firm.engine, firm.id, f"sqlite:///{tmp_path / new_id()}")
    assert rebuilt.discrepancies == ()


def live(firm: Firm) -> str:
    """Let a customer's contact be told of by office and field, disputed, signed for and moved on; return a conflict."""
    firm.ensure(update("customer", firm.company.chen, contact=(None, NAME), phone=(None, PHONE)))
    firm.ensure(update("work_order", firm.order, contact=(None, NAME), phone=(None, PHONE)), actor=firm.company.dana)
    firm.catch_up(firm.wei)
    answer = firm.send(
        firm.wei, update("work_order", firm.order, contact=(NAME, "李"), symptom=("离心机异响", f"{NAME}说有异响"))
    )
    assert answer.verdict == "applied"
    firm.ensure(update("work_order", firm.order, symptom=(f"{NAME}说有异响", "改")), actor=firm.company.dana)
    answer = firm.send(firm.wei, update("work_order", firm.order, symptom=(f"{NAME}说有异响", f"{NAME}又来电")))
    assert answer.verdict == "contested"
    content = canonical.dump({"customer": {"contact": NAME, "phone": PHONE}})
    sheet = {"content": content, "content_sha256": hashlib.sha256(content.encode()).hexdigest()}
    wrong = {"content": content + " ", "content_sha256": sheet["content_sha256"]}
    sheets = [new_id(), new_id()]
    assert firm.send(firm.wei, create("job_sheet", sheets[0], order_id=firm.order, **sheet)).verdict == "applied"
    assert firm.send(firm.wei, create("job_sheet", sheets[1], order_id=firm.order, **wrong)).verdict == "applied"
    signed = {"order_id": firm.order, "job_sheet_id": sheets[0], "job_sheet_sha256": sheet["content_sha256"]}
    signed |= {"outcome": "signed", "signer_name": NAME, "signed_at": "2026-11-20T12:00:00Z"}
    assert firm.send(firm.wei, create("signature", new_id(), **signed)).verdict == "applied"
    trained = {"order_id": firm.order, "machine_id": firm.company.machine, "topics": ["操作"]}
    trained |= {"attendees": ["赵", NAME, "钱"], "trained_at": "2026-11-20T12:00:00Z"}
    assert firm.send(firm.wei, create("training_record", new_id(), **trained)).verdict == "applied"
    refused = firm.send(firm.wei, update("work_order", firm.order, contact=("李", NAME * 40)))
    assert refused.verdict == "refused"
    (conflict,) = [found["id"] for found in firm.bodies("conflict")]
    return conflict


def test_an_erased_person_is_nowhere_and_everything_holds(firm: Firm, tmp_path: Path) -> None:
    live(firm)
    device = handset(firm, firm.wei.person)
    device.sync()
    before = [(row.position, row.digest, row.receipt, bytes(row.sealed).partition(b"\t")[0]) for row in firm.log()]
    root = verify_log(firm.engine, firm.id).root
    receipts = [row.receipt for row in firm.log()]
    shown = erasing.preview(firm.engine, firm.id, Wanted((NAME, PHONE)))

    done = erase(firm, NAME, PHONE, seen=shown.mark)
    device.sync()

    sweep(firm.engine)

    assert done == shown and done.openings > 12 and done.plain == 0
    assert has(firm, NAME, PHONE, "13800001111") == []
    assert has(firm, "李", "赵", "钱", "戴娜"), "nobody else is gone"
    after = [(row.position, row.digest, row.receipt, bytes(row.sealed).partition(b"\t")[0]) for row in firm.log()]
    assert after[: len(before)] == before and len(after) > len(before)
    assert [row.receipt for row in firm.log()][: len(receipts)] == receipts
    assert verify_log(firm.engine, firm.id).root != root
    expect_proven(firm, tmp_path)
    held = device.held
    assert is_stand_in(held[firm.company.chen][1]["contact"]) and held[firm.company.chen][1]["name"] == "陈氏实验室"
    assert NAME.encode() not in repr(held).encode() and PHONE.encode() not in repr(held).encode()
    (training,) = [body for kind, body in held.values() if kind == "training_record"]
    assert [is_stand_in(name) for name in training["attendees"]] == [False, True, False]
    (erasure,) = firm.bodies("erasure")
    assert (erasure["grounds"], erasure["reference"], len(erasure["openings"])) == (*ASKED, done.openings)
    assert held[erasure["id"]][0] == "erasure"


def test_decisions_go_on_after_values_were_erased(firm: Firm, tmp_path: Path) -> None:
    conflict = live(firm)
    erase(firm, NAME)
    desk = decisions.Desk(firm.office, firm.id, firm.company.dana)

    body = firm.body(conflict)
    values = {"state": ("open", "settled"), "settled_as": (None, "incoming")}
    settled = {"settled_value": (None, body["incoming"]), "settled_by": (None, firm.company.dana)}
    firm.ensure(
        update("conflict", conflict, **values, **settled),
        update("work_order", firm.order, symptom=("改", body["incoming"])),
        actor=firm.company.dana,
    )
    decisions.undo(desk, conflict)

    assert is_stand_in(body["base"]) and is_stand_in(body["incoming"]) and body["office"] == "改"
    assert firm.body(firm.order)["symptom"] == "改"
    expect_proven(firm, tmp_path)


def test_a_settled_dispute_and_a_deleted_record_are_erased_too(firm: Firm, tmp_path: Path) -> None:
    conflict = live(firm)
    settled = {"state": ("open", "settled"), "settled_as": (None, "other"), "settled_value": (None, f"{NAME}说")}
    firm.ensure(
        update("conflict", conflict, **settled),
        update("work_order", firm.order, symptom=("改", f"{NAME}说")),
        actor=firm.company.dana,
    )
    site = firm.bodies("site")[0]["id"]
    gone = new_id()
    firm.ensure(create("site", gone, name="旧楼", customer_id=firm.company.chen, contact=NAME))
    answer = firm.write(update("site", site, contact=(None, NAME)))
    assert answer.verdict == "applied"
    firm.ensure(delete("site", gone, name="旧楼", contact=NAME))
    firm.send(firm.wei, update("site", site, contact=(NAME, f"{NAME}二")))
    assert firm.write(delete("site", site, contact=NAME, name="二号楼")).verdict == "contested"

    erase(firm, NAME)

    assert has(firm, NAME) == []
    expect_proven(firm, tmp_path)


def test_all_of_a_customer_is_erased_and_nothing_of_another(firm: Firm, tmp_path: Path) -> None:
    live(firm)
    other = new_id()
    firm.ensure(create("customer", other, name="别家", contact=NAME, phone=PHONE))

    done = erase(firm, ids=(firm.company.chen,))

    assert is_stand_in(firm.body(firm.company.chen)["contact"])
    assert is_stand_in(firm.body(firm.order)["symptom"])
    assert firm.body(other)["contact"] == NAME
    assert {found.kind for found in done.found} >= {"customer", "work_order", "signature", "job_sheet", "conflict"}
    expect_proven(firm, tmp_path)


def test_a_set_that_comes_late_does_not_bring_it_back(firm: Firm, tmp_path: Path) -> None:
    live(firm)
    firm.catch_up(firm.lin)
    firm.ensure(
        update("work_order", firm.order, engineer_id=(firm.company.wei, firm.company.lin)), actor=firm.company.dana
    )
    seen = firm.lin.basis
    content = f'{{"contact":"{NAME}","phone":"138 0000 1111"}}'
    signed = {"content": content, "content_sha256": hashlib.sha256(content.encode()).hexdigest()}
    late = [
        firm.wei.seal("a", update("work_order", firm.order, contact=("李", NAME)), basis=seen),
        firm.wei.seal("b", update("work_order", firm.order, contact=(NAME, "周"), phone=(PHONE, "1")), basis=seen),
        firm.wei.seal("c", create("job_sheet", new_id(), order_id=firm.order, **signed), basis=seen),
    ]
    held = firm.push(late[1])[0]
    erase(firm, NAME, PHONE)

    answers = [firm.push(line)[0] for line in (late[0], late[1], late[2])]

    assert held.verdict == "held" and {answer.verdict for answer in answers} <= {"applied", "merged"}
    assert firm.body(firm.order)["contact"] == "周" and firm.body(firm.order)["phone"] == "1"
    assert has(firm, NAME, PHONE, "138 0000 1111") == []
    assert name_late(firm.engine, firm.office, firm.id) == 1
    assert name_late(firm.engine, firm.office, firm.id) == 0
    expect_proven(firm, tmp_path)


def test_who_brought_it_late_does_not_tell_it_anew_before_he_knows(firm: Firm, tmp_path: Path) -> None:
    live(firm)
    seen = len(firm.log())
    late = firm.wei.seal("note", update("work_order", firm.order, phone=(PHONE, f"{NAME} 1")), basis=seen)
    erase(firm, NAME, PHONE)
    firm.catch_up(firm.wei)
    undo = firm.wei.seal("order.undo", update("work_order", firm.order, phone=(f"{NAME} 1", PHONE)))

    assert {answer.verdict for answer in firm.push(late, undo)} <= {"applied", "merged"}
    assert has(firm, NAME, PHONE) == []
    assert is_stand_in(firm.body(firm.order)["phone"])
    name_late(firm.engine, firm.office, firm.id)
    firm.catch_up(firm.wei)
    firm.send(firm.wei, update("work_order", firm.order, contact=(firm.body(firm.order)["contact"], NAME)))
    assert has(firm, NAME, PHONE) == [NAME], "who knows of both acts tells anew"
    expect_proven(firm, tmp_path)


def test_what_a_revoked_device_hands_in_is_kept_aside_without_what_was_erased(firm: Firm) -> None:
    live(firm)
    late = firm.wei.seal("note", update("work_order", firm.order, phone=(PHONE, "1")), basis=len(firm.log()))
    erase(firm, NAME, PHONE)
    revoke(firm.office, firm.id, firm.company.dana, firm.wei.id)

    (answer,) = firm.push(late, b"0" + late[1:])[:1]

    assert answer.fault is not None and answer.fault.code == "device_revoked"
    assert len(firm.rows(KeptAside)) == 2 and has(firm, NAME, PHONE) == []


def test_what_a_deleted_order_tells_of_a_customer_goes_with_him(firm: Firm, tmp_path: Path) -> None:
    firm.ensure(update("work_order", firm.order, contact=(None, NAME)))
    firm.ensure(delete("work_order", firm.order, contact=NAME))

    erase(firm, ids=(firm.company.chen,))

    assert has(firm, NAME) == []
    expect_proven(firm, tmp_path)


def test_a_page_that_was_opened_before_does_not_bring_it_back(firm: Firm, tmp_path: Path) -> None:
    seen = {"contact": NAME, "symptom": f"离心机异响，{NAME}说", "phone": PHONE}
    stood = firm.body(firm.order)
    firm.ensure(update("work_order", firm.order, **{name: (stood.get(name), said) for name, said in seen.items()}))
    erase(firm, NAME)

    with pytest.raises(Refused) as refused:
        firm.write(update("work_order", firm.order, symptom=(seen["symptom"], f"{seen['symptom']}，又来电")))
    answer = firm.write(delete("work_order", firm.order, **seen))

    assert refused.value.code == "erased_meanwhile"
    assert answer.verdict == "applied", "what she saw is what stands there, but for the name"
    assert has(firm, NAME, PHONE) == [PHONE]
    expect_proven(firm, tmp_path)


def test_the_newest_signature_is_so_after_an_older_one_was_erased(firm: Firm, tmp_path: Path) -> None:
    content = canonical.dump({"order": firm.order})
    hashed, sheet, older, newer = hashlib.sha256(content.encode()).hexdigest(), new_id(), new_id(), new_id()
    firm.send(firm.wei, create("job_sheet", sheet, order_id=firm.order, content=content, content_sha256=hashed))
    signed = {"order_id": firm.order, "job_sheet_id": sheet, "job_sheet_sha256": hashed, "outcome": "signed"}
    signed |= {"signed_at": "2026-11-20T12:00:00Z"}
    for signature, name in ((older, NAME), (newer, "李")):
        assert firm.send(firm.wei, create("signature", signature, signer_name=name, **signed)).verdict == "applied"

    erase(firm, NAME)

    assert [row.signature for row in firm.rows(SignedOrder)] == [newer]
    expect_proven(firm, tmp_path)


def test_what_is_told_anew_afterwards_stays(firm: Firm, tmp_path: Path) -> None:
    live(firm)
    erase(firm, NAME)
    firm.catch_up(firm.wei)
    was = firm.body(firm.order)["contact"]

    answer = firm.send(firm.wei, update("work_order", firm.order, contact=(was, NAME)))

    assert answer.verdict == "applied" and firm.body(firm.order)["contact"] == NAME
    erase(firm, NAME)
    assert has(firm, NAME) == []
    expect_proven(firm, tmp_path)


def test_an_opening_taken_out_by_hand_is_named(firm: Firm) -> None:
    live(firm)
    row = next(row for row in firm.log() if NAME.encode() in bytes(row.sealed))
    digest = next(iter(json.loads(bytes(row.sealed).partition(b"\t")[2])))
    with firm.engine.begin() as connection:
        exchange(connection, firm.id, Place("log", row.position, ""), {digest: {"erased": "erased-0123456789abcdef"}})

    (found,) = verify_log(firm.engine, firm.id).discrepancies

    assert (found.place, found.code) == (f"log {row.position}", "opening_missing")
    told = [(one.place, one.code) for one in read_outside(firm).findings]
    assert told == [(f"log {row.position}", "opening_missing")]
    exchange_all(firm, row.position)
    assert {one.code for one in read_outside(firm).findings} == {"opening_missing"}


def test_an_outsider_finds_an_act_for_every_opening_that_is_gone(firm: Firm) -> None:
    live(firm)
    erase(firm, NAME, PHONE)

    assert b'"erased":' in bytes_of(firm)
    assert read_outside(firm).findings == []


def test_whoever_saw_something_else_and_who_finds_nothing_is_told(firm: Firm) -> None:
    live(firm)
    shown = erasing.preview(firm.engine, firm.id, Wanted((NAME,)))
    firm.ensure(update("customer", firm.company.chen, contact=(NAME, f"{NAME}先生")))

    for words, seen, code in (
        ((NAME,), shown.mark, "erasure_moved"),
        (("没有此人",), None, "erasure_empty"),
        (("王",), None, "erasure_word_short"),
    ):
        with pytest.raises(Refused) as refused:
            erase(firm, *words, seen=seen)
        assert refused.value.code == code
    assert firm.body(firm.company.chen)["contact"] == f"{NAME}先生"


def test_only_the_office_erases(firm: Firm) -> None:
    act = create("erasure", new_id(), grounds="asked", erased_at="2026-11-20T12:00:00Z")

    assert [v.fault.code for v in firm.send(firm.dana, act).changes if v.fault] == ["writer_not_allowed"]
    assert len(firm.rows(LogEntry)) == len(firm.log())
