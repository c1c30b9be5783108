"""One lot of rotors: its way from the supplier into machines and out of them, photos of labels, signatures, slips."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import qrcode
from PIL import Image, ImageDraw

from printing.job_sheet import JobSheetSource, compose_job_sheet
from printing.strokes import STROKES_FORMAT
from server.demo.customers import customer_of, customers
from server.demo.machines import site_of
from server.demo.orders import machine_of, order_time, visit_hours
from server.demo.parts import describe_part
from server.demo.people import people
from server.demo.records import DemoRecord, gtin, refer
from server.demo.visits import ROTOR_VISITS, Act, Visit
from sync.changeset import Change

PART: Final = "MC12-ROT"
LOT: Final = "R250902"
TRAVELLER: Final = f"{LOT}-0117"
"""The rotor that goes through two vans and two machines."""

WRONG, RIGHT, STRUCK = f"{LOT}-0112", f"{LOT}-0121", f"{LOT}-0171"
"""A number read wrongly and put right, and one that was withdrawn."""

FITTED_BEFORE_HOURS: Final = 1.25
"""How long before the hour of the visit its fourth step was, by which the rotor is put in."""

_VANS: Final = {"shen": "shenzhen", "chu": "hangzhou"}
_SIGNED: Final = {"GD260021": "孟磊", "GD260022": "何岚", "GD260025": "罗青"}
_PHOTOGRAPHED: Final = ("GD260021", "GD260022", "GD260023", "GD260025")

Files = dict[str, bytes]


def vans() -> list[DemoRecord]:
    """Return the vans of two engineers."""
    named = {person.name: person.values for person in people()}
    return [
        DemoRecord(
            "van",
            name,
            {
                "name": f"{named[name]['name']}的服务车",
                "name_en": f"Van of {named[name]['name_en']}",
                "person_id": refer("person", name),
                "centre_id": refer("service_centre", centre),
            },
        )
        for name, centre in _VANS.items()
    ]


def moves(now: datetime) -> list[DemoRecord]:
    """Return the moves of the traveller that the stock keeper wrote down."""
    shenzhen, hangzhou = (("centre", refer("service_centre", name)) for name in ("shenzhen", "hangzhou"))
    one, other = (("van", refer("van", name)) for name in ("shen", "chu"))
    machine = ("machine", refer("machine", machine_of("GD260024")))
    told = (
        # from, to, hours ago, why
        (("supplier", ""), shenzhen, 6000, None),
        (shenzhen, one, 4900, None),
        (machine, shenzhen, 2580, "检测合格，重新入库 / inspected, good, back on the shelf"),
        (shenzhen, hangzhou, 1500, "杭州缺货调拨 / Hangzhou has none left"),
        (hangzhou, other, 1000, None),
    )
    return [
        DemoRecord("stock_move", f"{TRAVELLER} {number}", _describe_move(source, target, order_time(now, -hours), why))
        for number, (source, target, hours, why) in enumerate(told)
    ]


def acts(now: datetime) -> Iterator[tuple[str, Act]]:
    """Yield engineer and act of what came beside the visits: draws from vans, slips put right, photos, signatures."""
    yield from _slips(now)
    for visit in ROTOR_VISITS:
        at = order_time(now, visit_hours(visit.order) + 0.6)
        fitted = refer("part_fitted", f"{visit.order} {TRAVELLER}")
        if any(swap.serial == TRAVELLER for swap in visit.swaps):
            van, machine = ("van", refer("van", visit.engineer)), ("machine", refer("machine", machine_of(visit.order)))
            drawn = _describe_move(
                van, machine, order_time(now, visit_hours(visit.order) - FITTED_BEFORE_HOURS), None
            ) | {"fitted_id": fitted}
            drawn["order_id"] = refer("work_order", visit.order)
            move = _create("stock_move", f"{visit.order} {TRAVELLER}", drawn)
            yield visit.engineer, Act("stock.move", at, (move,))
        if visit.order in _PHOTOGRAPHED:
            yield visit.engineer, Act("photo.add", at, (_photo(visit, at),))
        if visit.order in _SIGNED:
            yield visit.engineer, Act("order.sign", at, tuple(_sign(visit, at)))


def files() -> Files:
    """Return the files of photos and signatures, by the hash of their bytes."""
    found = [data for visit in ROTOR_VISITS if visit.order in _PHOTOGRAPHED for data in _draw_label(visit)]
    found += [_draw_strokes(name) for name in _SIGNED.values()]
    return {hashlib.sha256(data).hexdigest(): data for data in found}


def _describe_move(source: tuple[str, str], target: tuple[str, str], at: str, why: str | None) -> dict[str, Any]:
    values: dict[str, Any] = {"part_id": refer("part", PART), "batch": LOT, "batch_id": refer("batch", LOT)}
    values |= {"serial": TRAVELLER, "quantity": 1, "moved_at": at} | ({"reason": why} if why else {})
    for side, (place, key) in (("from", source), ("to", target)):
        values[f"{side}_place"] = place
        if place in ("van", "centre"):
            values[f"{side}_{place}_id"] = key
        elif place == "machine":
            values["machine_id"] = key
    return values


def _slips(now: datetime) -> Iterator[tuple[str, Act]]:
    at = order_time(now, visit_hours("GD260023") + 0.4)
    right = _fit("GD260023", RIGHT, at) | {"replaces_id": refer("part_fitted", f"GD260023 {WRONG}")}
    yield "chu", Act("part.fit", at, (_create("part_fitted", f"GD260023 {RIGHT}", right),))
    at = order_time(now, visit_hours("GD260022") + 0.4)
    yield "shen", Act("part.fit", at, (_create("part_fitted", f"GD260022 {STRUCK}", _fit("GD260022", STRUCK, at)),))
    withdrawn = _belongs("GD260022") | {"subject_kind": "part_fitted", "reason": "扫错标签 / scanned the wrong label"}
    withdrawn |= {"subject_id": refer("part_fitted", f"GD260022 {STRUCK}"), "withdrawn_at": at}
    yield "shen", Act("fact.withdraw", at, (_create("withdrawal", f"GD260022 {STRUCK}", withdrawn),))


def _fit(order: str, serial: str, at: str) -> dict[str, Any]:
    return _belongs(order) | describe_part(PART, LOT) | {"serial": serial, "place": "转子腔", "fitted_at": at}


def _belongs(order: str) -> dict[str, Any]:
    return {"order_id": refer("work_order", order), "machine_id": refer("machine", machine_of(order))}


def _create(kind: str, name: str, values: dict[str, Any]) -> Change:
    return Change(kind, refer(kind, name), "create", values, {})


def _photo(visit: Visit, at: str) -> Change:
    original, small = _draw_label(visit)
    values = _belongs(visit.order) | {
        "purpose": "part_label",
        "caption": "转子标签 / label of the rotor",
        "original_sha256": hashlib.sha256(original).hexdigest(),
        "thumbnail_sha256": hashlib.sha256(small).hexdigest(),
        "media_type": "image/jpeg",
        "size_bytes": len(original),
        "width": 960,
        "height": 720,
        "taken_at": at,
    }
    return _create("photo", f"{visit.order} label", values)


def _sign(visit: Visit, at: str) -> Iterator[Change]:
    customer = next(record for record in customers() if record.name == customer_of(site_of(machine_of(visit.order))))
    engineer = next(person.values["name"] for person in people() if person.name == visit.engineer)
    order = {"number": visit.order, "diagnosis": visit.diagnosis, "remedy": visit.remedy, "result": visit.result}
    fitted = [(_fit(visit.order, swap.serial or "", at) | {"quantity": 1}, None) for swap in visit.swaps]
    machine = {"serial": machine_of(visit.order)}
    source = JobSheetSource(order, at, engineer, customer=customer.values, machine=machine, parts=fitted)
    content = compose_job_sheet(source)
    digest = hashlib.sha256(content.encode("utf-8")).hexdigest()
    named = {"content": content, "content_sha256": digest}
    yield _create("job_sheet", visit.order, _belongs(visit.order) | named)
    name = _SIGNED[visit.order]
    signed = {
        "job_sheet_id": refer("job_sheet", visit.order),
        "job_sheet_sha256": digest,
        "outcome": "signed",
        "signer_name": name,
        "strokes_sha256": hashlib.sha256(_draw_strokes(name)).hexdigest(),
        "signed_at": at,
    }
    yield _create("signature", visit.order, _belongs(visit.order) | signed)


def _draw_label(visit: Visit) -> tuple[bytes, bytes]:
    """Return a photo of a rotor's label and its thumbnail, as JPEG files."""
    serial = RIGHT if visit.order == "GD260023" else visit.swaps[0].serial or ""
    item = gtin(5002)
    code: qrcode.QRCode = qrcode.QRCode(border=2, box_size=9)
    code.add_data(f"https://id.gs1.org/01/{item}/10/{LOT}/21/{serial}")
    picture = Image.new("RGB", (960, 720), (126, 132, 136))
    pen = ImageDraw.Draw(picture)
    for line in range(0, 720, 6):
        pen.line((0, line, 960, line), fill=(118 + line // 60, 124 + line // 60, 129 + line // 60), width=3)
    label = Image.new("RGB", (720, 400), (246, 246, 240))
    label.paste(code.make_image().get_image().convert("RGB").resize((330, 330)), (20, 35))
    words = ImageDraw.Draw(label)
    for number, (words_of, size) in enumerate(((PART, 40), (f"LOT {LOT}", 34), (f"SN {serial}", 34), (item, 28))):
        words.text((370, 60 + number * 72), words_of, fill=(20, 20, 24), font_size=size)
    tilted = label.rotate(2 + len(visit.engineer), expand=True, fillcolor=(120, 126, 131))
    picture.paste(tilted, (105, 130))
    original, small = io.BytesIO(), io.BytesIO()
    picture.save(original, "JPEG", quality=72)
    picture.resize((320, 240)).save(small, "JPEG", quality=66)
    return original.getvalue(), small.getvalue()


def _draw_strokes(name: str) -> bytes:
    """Return a made-up signature as a file of strokes, another for each name."""
    seed = sum(map(ord, name))
    strokes = [
        [
            [round(part * 90 + step * 4 + 9 * math.sin(step * (1 + part) / 3 + seed), 1),
             round(50 + 26 * math.sin(step / 2.2 + seed + part) - part * 4, 1), step * 12 + part * 400]
            for step in range(24)
        ]
        for part in range(2 + len(name) // 2)
    ]  # fmt: skip
    return json.dumps({"format": STROKES_FORMAT, "strokes": strokes}, separators=(",", ":")).encode()
