"""The life of parts as steps with everything that proves them, as known at any time.

Rule 1: nothing is left out: what was withdrawn, corrected or reversed is a step too, and says what struck it.
Rule 2: a step is a fact of the log; what it says is not made better by what is known from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection

from schemas.problems import Refused
from server.domain.life import Place, Step, Struck, in_order
from server.domain.trace import Span, fold
from server.services.audit_log import LogMark, read_marks
from server.services.trace import trace_number
from server.services.trace_facts import find_facts, find_facts_about, read_facts
from server.services.trace_story import tell
from server.store import records
from server.store.lot_stock import list_moves_of_serial

Body = dict[str, Any]
Group = dict[str, Any]

_TOLD: Final = (
    "order", "engineer", "device", "captured_at", "corrected_at", "received_at", "photos", "signature", "place",
    "scanned", "destination",
)  # fmt: skip
_LOT: Final = ("number", "produced_on", "expires_on", "certificate", "certificate_sha256", "inspection_report",
               "recalled_on", "recall_reason", "condition")  # fmt: skip
_PART: Final = ("part_number", "name", "name_en", "manufacturer", "gtin", "grade")


def read_lives(
    connection: Connection, organisation: str, serial: str, maker: str = "", as_known_at: int | None = None
) -> dict[str, list[Step]]:
    """Return the steps by time of the parts of a serial number, byte by byte, by maker; of one maker if it is named.

    Raises Refused with `not_found` when nothing was recorded of it up to then.
    """
    steps = [*_fitted(connection, organisation, serial, as_known_at), *_moved(connection, organisation, serial)]
    lives: dict[str, list[Step]] = {}
    for step in in_order(step for step in steps if as_known_at is None or step.position <= as_known_at):
        if not maker or step.maker == maker:
            lives.setdefault(step.maker, []).append(step)
    if not lives:
        raise Refused("not_found", what=serial)
    return lives


def steps_of_spans(connection: Connection, organisation: str, told: Iterable[Group]) -> list[Step]:
    """Return the steps of spans as `trace_story.tell` tells them, in no particular order."""
    told = list(told)
    machines = read_machines(connection, organisation, {span["machine"]["id"] for span in told})
    strikes = {span["withdrawn"]["position"] for span in told if span["withdrawn"]}
    marks = read_marks(connection, organisation, strikes)
    return [step for span in told for step in _of_span(span, machines, marks)]


def mark_verified(connection: Connection, organisation: str, steps: Sequence[Step]) -> list[Step]:
    """Return steps with whether the bytes of their log entries carry their devices' signatures."""
    marks = read_marks(connection, organisation, {step.position for step in steps})
    return [replace(step, is_verified=marks[step.position].is_verified) for step in steps]


def find_corrected(connection: Connection, organisation: str, folded: str, as_known_at: int | None) -> list[Group]:
    """Return, as told spans, the facts under a serial number for which later ones stand in."""
    facts = {fact.id: fact for fact in find_facts(connection, organisation, folded)}
    standing_in = [
        fact
        for fact in find_facts_about(connection, organisation, facts)
        if fact.act != "struck" and (as_known_at is None or fact.position <= as_known_at)
    ]
    told = [fact for fact in facts.values() if fact.act != "struck"]
    named = {fact.corrects for fact in told if fact.corrects and fact.corrects not in facts}
    facts |= read_facts(connection, organisation, named)
    standing_in += [fact for fact in told if fact.corrects in named]
    by_subject = {fact.corrects: fact for fact in standing_in if as_known_at is None or fact.position <= as_known_at}
    wrong = [(facts[subject], right) for subject, right in by_subject.items() if subject in facts]
    spans = [Span(fact, withdrawn=right) for fact, right in wrong if fact.act == "fitted"]
    return [span | {"corrected": True} for span in tell(connection, organisation, spans)]


def _fitted(connection: Connection, organisation: str, serial: str, as_known_at: int | None) -> Iterator[Step]:
    try:
        told = trace_number(connection, organisation, serial, as_known_at)
        spans = told["spans"] if "serial" in told["found_as"] else []
    except Refused:
        spans = []
    corrected = find_corrected(connection, organisation, fold(serial), as_known_at)
    spans = [span for span in spans if span["serial"] == serial]
    shown = {span["fitted"]["id"] for span in spans if span["fitted"]}
    # What was corrected is the life of the number that was written down, and of the one that was meant.
    spans += [span for span in corrected if span["fitted"]["id"] not in shown]
    return iter(steps_of_spans(connection, organisation, spans))


def _of_span(span: Group, machines: dict[str, Group], marks: dict[int, LogMark]) -> Iterator[Step]:
    machine = machines[span["machine"]["id"]]
    place = Place("machine", machine["id"], (machine["serial"], machine["serial"]))
    struck = _read_struck(span, marks)
    for act in ("fitted", "removed"):
        told = span[act]
        if told is None:
            continue
        yield Step(
            id=told["id"],
            act="fitted" if act == "fitted" else "removed",
            at=told["at"],
            position=told["position"],
            source=place if act == "removed" else None,
            target=place if act == "fitted" else _destination(told),
            part=span["part"],
            maker=span["part"]["maker"],
            serial=span["serial"],
            batch=span["batch"]["number"],
            quantity=told.get("quantity") or 1,
            told={name: told[name] for name in _TOLD if told.get(name) is not None},
            lot=span["batch"],
            supplier=span["supplier"],
            machine=machine,
            struck=struck,
            is_elsewhere=span["elsewhere"] and act == "fitted",
        )


def _destination(told: Group) -> Place | None:
    destination = told.get("destination")
    return Place(destination) if destination in ("returned", "scrapped", "customer") else None


def _read_struck(span: Group, marks: dict[int, LogMark]) -> Struck | None:
    struck = span["withdrawn"]
    if struck is None:
        return None
    how = "corrected" if span.get("corrected") else "withdrawn"
    received_at = marks[struck["position"]].received_at
    said = (struck["id"], struck["at"], struck["position"], received_at, struck.get("reason") or "")
    return Struck(how, *said, by=struck["by"])  # type: ignore[arg-type]


def _moved(connection: Connection, organisation: str, serial: str) -> Iterator[Step]:
    found = records.bodies_of(connection, organisation, list_moves_of_serial(connection, organisation, serial))
    return iter(steps_of_moves(connection, organisation, {key: body for key, (_, body) in found.items()}))


def steps_of_moves(connection: Connection, organisation: str, moves: dict[str, Body]) -> list[Step]:
    """Return the steps that stock moves are, in no particular order; `moves` are their bodies by id."""
    positions = records.positions_of(connection, organisation, moves)
    marks = read_marks(connection, organisation, positions.values())
    wanted = {value for body in moves.values() for name, value in body.items() if name.endswith("_id") and value}
    wanted |= {mark.actor for mark in marks.values()}
    around = records.bodies_of(connection, organisation, wanted)
    wanted = {body.get(name) for _, body in around.values() for name in ("supplier_id", "made_from_id")} - {None}
    around |= records.bodies_of(connection, organisation, wanted - around.keys())
    reversed_by = {body["reverses_id"]: key for key, body in moves.items() if body.get("reverses_id")}
    return [
        _of_move(key, body, marks[positions[key]], around, _reversal(key, reversed_by, moves, positions, marks))
        for key, body in moves.items()
    ]


def _reversal(
    key: str,
    reversed_by: dict[str, str],
    moves: dict[str, Body],
    positions: dict[str, int],
    marks: dict[int, LogMark],
) -> Struck | None:
    other = reversed_by.get(key)
    if other is None:
        return None
    mark = marks[positions[other]]
    said = (other, moves[other]["moved_at"], mark.position, mark.received_at, moves[other].get("reason") or "")
    return Struck("reversed", *said)


def _of_move(key: str, body: Body, mark: LogMark, around: dict[str, tuple[str, Body]], struck: Struck | None) -> Step:
    def named(name: str) -> Body:
        return around.get(body.get(name) or "", ("", {}))[1]

    part, lot = named("part_id"), named("batch_id")
    supplier_id = body.get("supplier_id") or lot.get("supplier_id")
    supplier = around.get(supplier_id or "", ("", {}))[1]
    person = around.get(mark.actor, ("", {}))[1]
    made_from = around.get(lot.get("made_from_id") or "", ("", {}))[1]
    told: Group = {
        "engineer": {"id": mark.actor} | _pick(person, ("name", "name_en")),
        "device": mark.device,
        "captured_at": mark.captured_at,
        "corrected_at": mark.corrected_at,
        "received_at": mark.received_at,
    }
    if body.get("order_id"):
        told["order"] = {"id": body["order_id"]} | _pick(named("order_id"), ("number", "status"))
    if body.get("reason"):
        told["reason"] = body["reason"]
    return Step(
        id=key,
        act="moved",
        at=body["moved_at"],
        position=mark.position,
        source=_place("from", body, around, supplier_id),
        target=_place("to", body, around, supplier_id),
        part=_pick(part, _PART),
        maker=part.get("gtin") or part.get("manufacturer") or "",
        serial=body.get("serial"),
        batch=body.get("batch") or lot.get("number"),
        quantity=body["quantity"],
        told=told,
        lot=_pick(lot, _LOT) | ({"made_from": made_from["number"]} if made_from else {}),
        supplier=_pick(supplier, ("name", "name_en", "code")),
        struck=struck,
    )


def _place(side: str, body: Body, around: dict[str, tuple[str, Body]], supplier: str | None) -> Place:
    kind = body[f"{side}_place"]
    key = {
        "van": body.get(f"{side}_van_id"),
        "centre": body.get(f"{side}_centre_id"),
        "machine": body.get("machine_id"),
        "supplier": supplier,
    }.get(kind)
    known = around.get(key or "", ("", {}))[1]
    name = known.get("serial") or known.get("name") or ""
    return Place(kind, key or "", (name, known.get("name_en") or name))


def read_machines(connection: Connection, organisation: str, ids: set[str]) -> dict[str, Group]:
    """Return of each machine what is told of it, and the ids that `trace_story` leaves out."""
    found = records.bodies_of(connection, organisation, ids)
    wanted = {body.get(name) for _, body in found.values() for name in ("model_id", "site_id", "customer_id")}
    around = records.bodies_of(connection, organisation, {key for key in wanted if key})
    wanted = {body.get("customer_id") for _, body in around.values()} - around.keys() - {None}
    around |= records.bodies_of(connection, organisation, wanted)

    def named(key: str | None, names: tuple[str, ...]) -> Group:
        return {"id": key} | _pick(around.get(key, ("", {}))[1], names) if key else {}

    machines: dict[str, Group] = {}
    for key in ids:
        body = found.get(key, ("", {}))[1]
        site = around.get(body.get("site_id") or "", ("", {}))[1]
        customer = body.get("customer_id") or site.get("customer_id")
        machines[key] = {
            "id": key,
            "serial": body.get("serial") or "",
            "place": body.get("place"),
            "model": named(body.get("model_id"), ("manufacturer", "name", "name_en", "gtin")),
            "site": named(body.get("site_id"), ("name", "name_en", "city")),
            "customer": named(customer, ("name", "name_en", "code")),
        }
    return machines


def _pick(body: Body, names: Iterable[str]) -> Group:
    return {name: body[name] for name in names if body.get(name) is not None}
