"""Answers of the audit desk to take away: CSV, XLSX, an evidence pack as PDF, and EPCIS 2.0.

Rule 1: what is exported is what the page shows: the same steps, for the same day, as known up to the same position.
Rule 2: the same question about the same log gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final, Literal

from sqlalchemy import Connection

from printing.evidence_pack import Pack, PackPhoto, PackStep, print_pack
from printing.strokes import STROKES_BYTES_MAX, read_strokes
from schemas.evidence import PHOTO_PURPOSE_LABELS
from schemas.job_sheet import OUTCOME_LABELS
from schemas.problems import Refused
from server.domain.epcis import tell_document
from server.domain.life import Place, Step, in_order
from server.keys import OfficeKey
from server.services import spreadsheets
from server.services.audit import Asked, read_lot_steps, read_machine_steps
from server.services.audit_life import mark_verified, read_lives
from server.services.audit_log import read_marks
from server.services.blobs import BlobDesk
from server.services.devices import read_checkpoint, sign_checkpoint
from server.services.log_tree import root_at
from server.store import blobs
from server.store.devices import read_organisation

About = Literal["serial", "batch", "machine"]
FORMS: Final = ("csv", "xlsx", "pdf", "epcis")

TYPES: Final = {
    **{form: kind.split(";")[0] for form, kind in spreadsheets.TYPES.items()},
    "pdf": "application/pdf",
    "epcis": "application/ld+json",
}

PACK_STEPS_MAX: Final = 1500
PHOTO_BYTES_MAX: Final = 256 * 1024
PACK_PHOTOS_MAX: Final = 300
"""Of 20 KB each: the pack still goes by mail. Further photos are in its list of files."""

_COLUMNS: Final = (
    ("序号", "No."), ("时间", "When"), ("事件", "What"), ("备件号", "Part number"), ("备件", "Part"),
    ("GTIN 或制造商", "GTIN or maker"), ("序列号", "Serial number"), ("批号", "Lot"), ("数量", "Quantity"),
    ("从", "From"), ("到", "To"), ("设备", "Machine"), ("客户", "Customer"), ("现场", "Site"), ("工单", "Order"),
    ("人员", "Who"), ("终端", "Device"), ("记录时间", "Captured"), ("校正时间", "Corrected"), ("接收时间", "Received"),
    ("供应商", "Supplier"), ("合格证", "Certificate"), ("检验报告", "Inspection report"), ("照片", "Photos (SHA-256)"),
    ("签字", "Signature"), ("签名有效", "Verified"), ("日志位置", "Log position"), ("不计入", "Struck out"),
    ("同时在别处", "Also elsewhere"),
)  # fmt: skip

ACTS: Final = {
    "fitted": ("装入设备", "Put into a machine"),
    "removed": ("从设备拆下", "Taken out of a machine"),
    "moved": ("库存移动", "Moved"),
}
_PLACES: Final = {
    "supplier": ("供应商", "Supplier"), "centre": ("网点库", "Shelf"), "van": ("车载库", "Van"),
    "machine": ("设备", "Machine"), "customer": ("留给客户", "Left with the customer"),
    "returned": ("返回", "Returned"), "scrapped": ("报废", "Scrapped"), "difference": ("盘点差异", "Count difference"),
}  # fmt: skip
_STRUCK: Final = {
    "withdrawn": ("已撤回", "withdrawn"),
    "corrected": ("已更正", "corrected"),
    "reversed": ("已冲销", "reversed"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the life of a serial number (`apart_by` its maker), a lot (its record), a machine (by id)."""

    about: About
    number: str
    apart_by: str
    asked: Asked


def read_steps(connection: Connection, organisation: str, question: Question) -> list[Step]:
    """Return the steps that answer a question. Raises Refused with `not_found`."""
    asked = question.asked
    if question.about == "serial":
        lives = read_lives(connection, organisation, question.number, question.apart_by, asked.as_known_at)
        steps = next(iter(lives.values()))
    elif question.about == "batch":
        steps = read_lot_steps(connection, organisation, question.number, question.apart_by, asked)
    else:
        steps = read_machine_steps(connection, organisation, question.number, asked)
    return mark_verified(connection, organisation, in_order(steps))


def write_table(steps: Sequence[Step], form: str, language: str, title: str, zone: tzinfo) -> bytes:
    """Return the steps as ``csv`` or ``xlsx``. Raises Refused with `table_too_large`."""
    choose = 0 if language.startswith("zh") else 1
    headers = [labels[choose] for labels in _COLUMNS]
    rows = [_row(number, step, choose, zone) for number, step in enumerate(steps, start=1)]
    if form == "csv":
        return b"".join(spreadsheets.write_csv(headers, rows))
    if len(rows) > spreadsheets.ROWS_MAX:
        raise Refused("table_too_large", limit=f"{spreadsheets.ROWS_MAX} (CSV: more)")
    return spreadsheets.write_xlsx(title, headers, rows)


def write_epcis(steps: Sequence[Step], organisation: str, question: Question, zone: tzinfo) -> bytes:
    """Return the steps as an EPCIS 2.0 document in JSON-LD."""
    created_at = question.asked.known.received_at
    offset = datetime.fromisoformat(created_at).astimezone(zone).strftime("%z")
    document = tell_document(steps, organisation, created_at, f"{offset[:3]}:{offset[3:]}")
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8")


def write_pack(
    connection: Connection,
    files: BlobDesk,
    key: OfficeKey,
    organisation: str,
    question: Question,
    steps: Sequence[Step],
    zone: tzinfo,
) -> bytes:
    """Return the evidence pack of the steps as a PDF. Raises Refused with `table_too_large`."""
    if len(steps) > PACK_STEPS_MAX:
        raise Refused("table_too_large", limit=f"{PACK_STEPS_MAX} (PDF)")
    known = question.asked.known
    named = {sha256: what for step in steps for what, sha256 in _files_of(step)}
    arrived = blobs.find_verified(connection, organisation, list(named))
    erased = blobs.find_erased(connection, organisation, named)
    marks = read_marks(connection, organisation, {step.position for step in steps})
    pictures = _read_pictures(files, organisation, steps)
    made_at = datetime.fromisoformat(known.received_at).astimezone(zone)
    pack = Pack(
        organisation=read_organisation(connection, organisation).name,
        subject=steps[0].machine.get("serial", "") if question.about == "machine" else question.number,
        question=_say_question(question, steps),
        steps=[_pack_step(step, pictures, zone) for step in steps],
        files=sorted((what, sha256, sha256 in arrived, erased.get(sha256, "")) for sha256, what in named.items()),
        entries=[(position, marks[position].digest) for position in sorted(marks)],
        checkpoint=_sign(connection, key, organisation, known.position, known.end) or "",
        made_at=f"{made_at:%Y-%m-%d %H:%M}",
        zone=f"UTC{made_at:%z}"[:6] + ":" + f"{made_at:%z}"[3:5],
    )
    return print_pack(pack)


def _sign(connection: Connection, key: OfficeKey, organisation: str, position: int, end: int) -> str | None:
    standing = read_checkpoint(connection, organisation)
    size = min(position, standing.size) if position < end else standing.size
    root = standing.root if size == standing.size else root_at(connection, organisation, size)
    return sign_checkpoint(key, organisation, f"{size} {root.hex()}" if size else "")


def _row(number: int, step: Step, choose: int, zone: tzinfo) -> list[str]:
    told, machine = step.told, step.machine
    struck = step.struck
    why = f"{_STRUCK[struck.how][choose]} #{struck.position} {struck.reason}".strip() if struck else ""
    times = (_time(told[name], zone) for name in ("captured_at", "corrected_at", "received_at"))
    return [
        str(number),
        _time(step.at, zone),
        ACTS[step.act][choose],
        step.part.get("part_number") or "",
        _name(step.part, choose),
        step.maker,
        step.serial or "",
        step.batch or "",
        str(step.quantity),
        _place(step.source, choose),
        _place(step.target, choose),
        machine.get("serial") or "",
        _name(machine.get("customer") or {}, choose),
        _name(machine.get("site") or {}, choose),
        (told.get("order") or {}).get("number") or "",
        _name(told["engineer"], choose),
        told["device"],
        *times,
        _name(step.supplier, choose),
        step.lot.get("certificate") or "",
        step.lot.get("inspection_report") or "",
        " ".join(photo["original_sha256"] for photo in told.get("photos") or ()),
        OUTCOME_LABELS[told["signature"]["outcome"]][choose] if told.get("signature") else "",
        {True: ("是", "yes")[choose], False: ("否", "no")[choose], None: ""}[step.is_verified],
        str(step.position),
        why,
        ("是", "yes")[choose] if step.is_elsewhere else "",
    ]


def _pack_step(step: Step, pictures: dict[str, bytes], zone: tzinfo) -> PackStep:
    told = step.told
    labelled = [
        (("备件", "Part"), f"{step.part.get('part_number') or ''} {_both(step.part)}".strip()),
        (("序列号 / 批号", "Serial / lot"), f"{step.serial or '—'} / {step.batch or '—'}  × {step.quantity}"),
        (("从", "From"), _place_both(step.source)),
        (("到", "To"), _place_both(step.target)),
        (("客户", "Customer"), _both(step.machine.get("customer") or {})),
        (("工单", "Order"), (told.get("order") or {}).get("number") or ""),
        (("人员 / 终端", "Who / device"), f"{_both(told['engineer'])} / {told['device']}"),
        (("记录/校正/接收", "times"),
         " / ".join(_time(told[name], zone) for name in ("captured_at", "corrected_at", "received_at"))),
        (("供应商", "Supplier"), _both(step.supplier)),
        (("合格证", "Certificate"), step.lot.get("certificate") or ""),
        (("检验报告", "Inspection report"), step.lot.get("inspection_report") or ""),
        (("签字", "Signature"), _say_signature(told.get("signature"), zone)),
    ]  # fmt: skip
    struck = ("", "")
    if step.struck is not None:
        zh, en = _STRUCK[step.struck.how]
        why = f"#{step.struck.position} {step.struck.reason}".strip()
        struck = (f"{zh} {_time(step.struck.at, zone)} {why}", f"{en} {_time(step.struck.at, zone)} {why}")
    strokes = pictures.get((told.get("signature") or {}).get("strokes_sha256") or "")
    return PackStep(
        title=ACTS[step.act],
        at=_time(step.at, zone),
        lines=[line for line in labelled if line[1]],
        photos=[
            PackPhoto(PHOTO_PURPOSE_LABELS[photo["purpose"]][0], photo["original_sha256"], pictures.get(_small(photo)))
            for photo in told.get("photos") or ()
        ],
        strokes=read_strokes(strokes) if strokes else None,
        struck=struck,
        position=step.position,
        is_verified=step.is_verified,
    )


def _read_pictures(files: BlobDesk, organisation: str, steps: Iterable[Step]) -> dict[str, bytes]:
    wanted: dict[str, int] = {}
    for step in steps:
        if strokes := (step.told.get("signature") or {}).get("strokes_sha256"):
            wanted[strokes] = STROKES_BYTES_MAX
        wanted |= {_small(photo): PHOTO_BYTES_MAX for photo in step.told.get("photos") or ()}
    found = {}
    for sha256, most in list(wanted.items())[:PACK_PHOTOS_MAX]:
        data = _read(files, organisation, sha256, most)
        if data is not None:
            found[sha256] = data
    return found


def _read(files: BlobDesk, organisation: str, sha256: str, most: int) -> bytes | None:
    try:
        found = files.open(organisation, sha256)
    except Refused as refused:
        if refused.code not in ("blob_unknown", "file_erased"):
            raise
        return None
    with found.file as file:
        return file.read() if found.size_bytes <= most else None


def _small(photo: dict[str, Any]) -> str:
    return str(photo.get("thumbnail_sha256") or photo.get("preview_sha256") or photo["original_sha256"])


def _files_of(step: Step) -> Iterator[tuple[str, str]]:
    for photo in step.told.get("photos") or ():
        yield f"{PHOTO_PURPOSE_LABELS[photo['purpose']][0]} photo", photo["original_sha256"]
    signature = step.told.get("signature") or {}
    if signature.get("strokes_sha256"):
        yield "签字 signature", signature["strokes_sha256"]
    if step.lot.get("certificate_sha256"):
        yield f"合格证 certificate {step.lot.get('certificate') or ''}".strip(), step.lot["certificate_sha256"]


def _say_question(question: Question, steps: Sequence[Step]) -> list[tuple[tuple[str, str], str]]:
    about = {"serial": ("序列号", "Serial number"), "batch": ("批号", "Lot"), "machine": ("设备", "Machine")}
    number = question.number
    if question.about == "machine":
        number = next((str(step.machine.get("serial")) for step in steps), number)
    known = question.asked.known
    return [
        (about[question.about], number),
        (("某日", "On day"), question.asked.on or "全部 / the whole life"),
        (("截至某日所知", "As known on"), known.day or "目前 / at present"),
        (("日志", "Log"), f"1 – {known.position} / {known.end}"),
        (("步数", "Steps"), str(len(steps))),
    ]


def _say_signature(signature: dict[str, Any] | None, zone: tzinfo) -> str:
    if not signature:
        return ""
    said = " / ".join(OUTCOME_LABELS[signature["outcome"]])
    return f"{said}  {signature.get('signer_name') or ''}  {_time(signature['signed_at'], zone)}"


def _time(instant: str, zone: tzinfo) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _name(body: Any, choose: int) -> str:
    name = body.get("name") or ""
    return str(body.get("name_en") or name) if choose else str(name)


def _both(body: Any) -> str:
    name, english = body.get("name") or "", body.get("name_en") or ""
    return f"{name} / {english}" if english and english != name else str(name)


def _place(place: Place | None, choose: int) -> str:
    return f"{_PLACES[place.kind][choose]} {place.names[choose]}".strip() if place else ""


def _place_both(place: Place | None) -> str:
    if place is None:
        return ""
    names = dict.fromkeys(name for name in place.names if name)
    return f"{' / '.join(_PLACES[place.kind])}  {' / '.join(names)}".strip()
