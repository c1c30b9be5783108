"""Steps of a part's life as EPCIS 2.0 events, in JSON-LD.

Source: GS1 EPCIS 2.0 (event types 7.4, error declarations 7.4.1.2), CBV 2.0 (business steps 7.1, dispositions 7.2).

Rule 1: a part with a GTIN is named by its GS1 Digital Link URI; an EPC URN would have to know how long the maker's
        company prefix is. What GS1 has no key for is named by a URN of its UUID, or of one made of maker and number in
        the name space of the organisation.
Rule 2: putting a part into a machine is an AssociationEvent: the machine exists before and after it and packs nothing,
        which is what an AggregationEvent would say. What goes from place to place is an ObjectEvent; a lot that is
        refurbished becomes another lot, which is a TransformationEvent.
Rule 3: an event has the id of its fact. What does not count is declared so by a further event of the same id, which
        names the fact that stands in for it.
Rule 4: the same steps give the same bytes.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

from server.domain.life import Place, Step

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
NAMESPACE: Final = "urn:x-gongdan:epcis:"
"""What is ours alone: log position, device, hashes of evidence."""

GS1: Final = "https://id.gs1.org"
GS1_VALUE: Final = re.compile(r'[!"%-?A-Z_a-z]{1,20}\Z')
"""Characters and length of AI (10) and (21). Source: GS1 General Specifications section 7.11, figure 7.11-1."""

_GTIN: Final = re.compile(r"[0-9]{14}\Z")

Event = dict[str, Any]

_STEPS: Final = {
    # (from, to): business step, disposition
    ("supplier", "centre"): ("receiving", "in_progress"),
    ("supplier", "van"): ("receiving", "in_progress"),
    ("centre", "van"): ("loading", "in_transit"),
    ("van", "centre"): ("unloading", "in_progress"),
    ("centre", "centre"): ("transporting", "in_transit"),
    ("van", "van"): ("transporting", "in_transit"),
}
_BY_END: Final = {
    "returned": ("shipping", "returned"),
    "scrapped": ("destroying", "destroyed"),
    "customer": ("other", "inactive"),
    "difference": ("stock_taking", "unknown"),
    "machine": ("picking", "in_progress"),
}
_BY_BEGINNING: Final = {
    "difference": ("stock_taking", "in_progress"),
    "returned": ("receiving", "returned"),
    "machine": ("receiving", "in_progress"),
}
_AFTER_REMOVAL: Final = {"returned": "returned", "scrapped": "disposed", "customer": "inactive"}


def tell_document(steps: Sequence[Step], organisation: str, created_at: str, offset: str) -> Event:
    """Return an EPCIS document of steps.

    `created_at` is the instant up to which it tells what was known; `offset` (+08:00) is that of the office.
    """
    events = [event for step in steps for event in _tell(step, organisation, offset)]
    return {
        "@context": [CONTEXT, {"gongdan": NAMESPACE}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": created_at,
        "epcisBody": {"eventList": events},
    }


def name_item(organisation: str, maker: str, serial: str) -> str:
    """Return the URI of one part, by its GTIN or maker and its serial number."""
    if _GTIN.match(maker) and GS1_VALUE.match(serial):
        return f"{GS1}/01/{maker}/21/{_quote(serial)}"
    return _name_privately(organisation, "item", maker, serial)


def name_lot(organisation: str, maker: str, part: str, batch: str | None) -> str:
    """Return the URI of a lot, or of the part where no lot is known."""
    if _GTIN.match(maker) and (batch is None or GS1_VALUE.match(batch)):
        return f"{GS1}/01/{maker}" + (f"/10/{_quote(batch)}" if batch else "")
    return _name_privately(organisation, "lot", maker or part, batch or "")


def _tell(step: Step, organisation: str, offset: str) -> Iterator[Event]:
    event = _tell_fact(step, organisation)
    told = {
        "eventTime": step.at,
        "eventTimeZoneOffset": offset,
        "recordTime": step.told["received_at"],
        "eventID": _name_record(step.id),
        "gongdan:logPosition": step.position,
        "gongdan:device": _name_record(step.told["device"]),
    }
    if order := step.told.get("order", {}).get("id"):
        event["bizTransactionList"] = [{"bizTransaction": _name_record(order)}]
    event |= told | _name_our_own(step)
    yield event
    if step.struck is not None:
        declared: dict[str, Any] = {
            "declarationTime": step.struck.at,
            "reason": "did_not_occur" if step.struck.how == "withdrawn" else "incorrect_data",
        }
        if step.struck.how != "withdrawn":
            declared["correctiveEventIDs"] = [_name_record(step.struck.id)]
        recorded = {"recordTime": step.struck.received_at or step.struck.at}
        yield event | recorded | {"errorDeclaration": declared, "gongdan:logPosition": step.struck.position}


def _tell_fact(step: Step, organisation: str) -> Event:
    if step.act == "moved":
        return _tell_move(step, organisation)
    machine = step.target if step.act == "fitted" else step.source
    assert machine is not None, "a part is fitted into, and removed from, a machine"
    is_fitted = step.act == "fitted"
    disposition = "active" if is_fitted else _AFTER_REMOVAL.get(step.told.get("destination", ""), "unknown")
    things = _name_things(step, organisation, "childEPCs", "childQuantityList")
    event: Event = {
        "type": "AssociationEvent",
        "action": "ADD" if is_fitted else "DELETE",
        "parentID": _name_machine(step, machine),
        **things,
        "bizStep": "installing" if is_fitted else "removing",
        "disposition": disposition,
    }
    if site := step.machine.get("site", {}).get("id"):
        event |= {"readPoint": {"id": _name_record(site)}, "bizLocation": {"id": _name_record(site)}}
    return event


def _tell_move(step: Step, organisation: str) -> Event:
    source, target = step.source, step.target
    assert source is not None and target is not None, "a move has two ends"
    if source.kind == "returned" and step.lot.get("condition") == "refurbished":
        return _tell_refurbished(step, organisation, target)
    pair = _STEPS.get((source.kind, target.kind)) or _BY_END.get(target.kind) or _BY_BEGINNING.get(source.kind)
    business_step, disposition = pair or ("other", "unknown")
    event: Event = {
        "type": "ObjectEvent",
        "action": "DELETE" if target.kind == "scrapped" else "OBSERVE",
        **_name_things(step, organisation, "epcList", "quantityList"),
        "bizStep": business_step,
        "disposition": disposition,
    }
    if target.id:
        event["bizLocation"] = {"id": _name_record(target.id)}
    if source.id:
        event["readPoint"] = {"id": _name_record(source.id)}
        event["sourceList"] = [_party("source", source)]
    if target.id:
        event["destinationList"] = [_party("destination", target)]
    return event


def _tell_refurbished(step: Step, organisation: str, target: Place) -> Event:
    """Return what refurbishing is: a serial number stays the same part; of a lot another lot is made."""
    event: Event = {"type": "ObjectEvent", "action": "OBSERVE"}
    if step.serial is None and step.lot.get("made_from"):
        part = str(step.part.get("part_number", ""))
        made_from = name_lot(organisation, step.maker, part, step.lot["made_from"])
        event = {"type": "TransformationEvent"}
        event["inputQuantityList"] = [{"epcClass": made_from, "quantity": step.quantity}]
        event |= _name_things(step, organisation, "outputEPCList", "outputQuantityList")
    else:
        event |= _name_things(step, organisation, "epcList", "quantityList")
    event |= {"bizStep": "repairing", "disposition": "in_progress"}
    return event | ({"bizLocation": {"id": _name_record(target.id)}} if target.id else {})


def _party(side: str, place: Place) -> dict[str, str]:
    kind = "possessing_party" if place.kind == "supplier" else "location"
    return {"type": kind, side: _name_record(place.id)}


def _name_things(step: Step, organisation: str, one_by_one: str, by_lot: str) -> dict[str, Any]:
    if step.serial is not None:
        return {one_by_one: [name_item(organisation, step.maker, step.serial)]}
    lot = name_lot(organisation, step.maker, str(step.part.get("part_number", "")), step.batch)
    return {by_lot: [{"epcClass": lot, "quantity": step.quantity}]}


def _name_our_own(step: Step) -> dict[str, Any]:
    names = {
        "gongdan:partNumber": step.part.get("part_number"),
        "gongdan:maker": step.maker or None,
        "gongdan:serial": step.serial,
        "gongdan:batch": step.batch,
        "gongdan:certificate": step.lot.get("certificate"),
        "gongdan:evidence": [f"ni:///sha-256;{photo['original_sha256']}" for photo in step.told.get("photos", ())],
    }
    return {name: value for name, value in names.items() if value}


def _name_machine(step: Step, machine: Place) -> str:
    gtin, serial = step.machine.get("model", {}).get("gtin") or "", step.machine.get("serial") or ""
    if _GTIN.match(gtin) and GS1_VALUE.match(serial):
        return f"{GS1}/01/{gtin}/21/{_quote(serial)}"
    return _name_record(machine.id)


def _name_record(record_id: str) -> str:
    return f"urn:uuid:{record_id}"


def _name_privately(organisation: str, *said: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.UUID(organisation), chr(0).join(said))}"


def _quote(value: str) -> str:
    """Return a value of GS1's characters as a path has it. Source: RFC 3986 section 2."""
    return "".join(sign if sign.isalnum() or sign in "-._~" else f"%{ord(sign):02X}" for sign in value)
