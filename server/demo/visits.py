"""What the engineers did on their visits: moves, checks, parts, all as change-sets of their devices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from server.demo.models import NO_LOAD_RUN, checklists
from server.demo.orders import checklist_of, machine_of, order_time, visit_hours
from server.demo.parts import describe_part
from server.demo.records import refer
from sync.changeset import Change

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Swap:
    """A part put in, and the serial number of the one taken out where parts have them."""

    part: str
    batch: str
    place: str
    serial: str | None = None
    removed_serial: str | None = None
    quantity: int = 1
    destination: str = "returned"


@dataclass(frozen=True, slots=True)
class Visit:
    """One engineer at one order, as far as he got; `checks` are measured values by item, `run` the no-load run.

    Its rows are seconds, current, voltage and speed.
    """

    order: str
    engineer: str
    states: tuple[str, ...]
    checks: tuple[tuple[str, str], ...] = ()
    swaps: tuple[Swap, ...] = ()
    diagnosis: str = ""
    remedy: str = ""
    result: str = "solved"
    closed: bool = False
    component: str | None = None
    run: tuple[tuple[str, str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """One change-set of a device, with when it was captured."""

    intent: str
    captured_at: str
    changes: tuple[Change, ...]


_GO: Final = ("travelling", "on_site", "in_progress")
_DONE: Final = (*_GO, "finished")

_FIT: Final = "更换转子并空载试运行。 / Rotor replaced, run without load."

ROTOR_VISITS: Final = (
    Visit("GD260021", "zhou", _DONE, swaps=(Swap("MC12-ROT", "R250902", "转子腔", "R250902-0104", "R230101-0031"),),
          diagnosis="转子裂纹。 / Cracked rotor.", remedy=_FIT, closed=True),
    Visit("GD260022", "shen", _DONE, swaps=(Swap("MC12-ROT", "R250902", "转子腔", "R250902-0117", "R230101-0052"),),
          diagnosis="转子失衡。 / Rotor out of balance.", remedy=_FIT, closed=True),
    Visit("GD260023", "chu", _DONE, swaps=(Swap("MC12-ROT", "R250902", "转子腔", "R250902-0112"),),
          diagnosis="锁紧螺母滑丝。 / Stripped nut.", remedy=_FIT, closed=True),
    Visit("GD260024", "shen", _DONE, swaps=(Swap("MC12-ROT", "R260308", "转子腔", "R260308-0009", "R250902-0117"),),
          diagnosis="转子失衡。 / Rotor out of balance.", remedy=_FIT, closed=True),
    Visit("GD260025", "chu", _DONE,
          swaps=(Swap("MC12-ROT", "R250902", "转子腔", "R250902-0117", "R250902-0121", destination="scrapped"),),
          diagnosis="转子腐蚀。 / Corroded rotor.", remedy=_FIT, closed=True),
    Visit("GD260026", "feng", _DONE, swaps=(Swap("MC12-ROT", "R250902", "转子腔", "R250902-0104"),),
          diagnosis="转子孔磨损。 / Worn rotor.", remedy=_FIT, closed=True),
    Visit("GD260027", "zhou", _DONE,
          swaps=(Swap("MC12-PCB", "P2517A", "机箱"), Swap("MC12-PAD", "", "底座", quantity=4),
                 Swap("MC12-LID", "L250330", "上盖")),
          diagnosis="年度保养。 / Yearly maintenance.", remedy="更换易损件。 / Wear parts replaced.", closed=True),
)  # fmt: skip
"""One batch of rotors through several machines: one corrected, one reused, one recorded in two places."""

VISITS: Final = (
    Visit("GD260015", "zhao", _DONE, (("insulation_resistance", "12"), ("earth_resistance", "1.1")),
          (Swap("VM85-SRV", "SV2510", "Y 轴", "SV2510-0031", "SV2305-0188"),),
          "Y 轴伺服驱动器功率模块击穿。 / Power module of the Y servo drive broken down.",
          "更换驱动器，试切正常。 / Drive replaced, test cut is good.", closed=True, component="伺服驱动器"),
    Visit("GD260018", "wei", _DONE, (("levelness", "0.2"), ("no_load_current", "0.55"), ("no_load_speed", "12010")),
          (Swap("MC12-MOT", "B250611", "电机座", "B250611-0219", "B240107-0042"),
           Swap("MC12-PAD", "RF2025-118", "底座", quantity=4)),
          "电机轴承磨损。 / Motor bearing worn.", "更换电机和减震垫。 / Motor and rubber feet replaced.",
          closed=True, component="电机"),
    Visit("GD260019", "wei", _DONE, (("levelness", "0.3"), ("insulation_resistance", "8.2"),
     ("earth_resistance", "1.3"), ("no_load_current", "0.52"), ("no_load_voltage", "222"), ("no_load_speed", "11990")),
          run=(("0", "0.78", "221", "0"), ("10", "0.71", "220", "5200"), ("20", "0.63", "221", "9800"),
               ("30", "0.55", "222", "11850"), ("45", "0.52", "222", "11990"), ("60", "0.52", "221", "11990")),
          diagnosis="调速电位器接触不良。 / Worn speed potentiometer.",
          remedy="清洁并紧固，空载运行正常。 / Cleaned and fastened; the no-load run is good.", closed=True),
    Visit("GD260014", "lin", _DONE, (("lamp_voltage", "12.0"), ("cuvette_temperature", "37.0")),
          (Swap("BA40-LMP", "LM2605", "光源室"), Swap("BA40-NDL", "N26-041", "样本臂", "N26-041-0007", "N24-118-0090")),
          "光源灯老化，加样针磨损。 / Lamp aged, needle worn.",
           "更换灯和加样针，质控通过。 / Both replaced, controls pass.",
          closed=True),
    Visit("GD260016", "wu", _DONE, (("insulation_resistance", "9.5"), ("earth_resistance", "0.8")),
          (Swap("VM85-SRV", "SV2510", "Z 轴", "SV2510-0044", "SV2410-0012"),),
          "Z 轴驱动器老化。 / Z drive aged.", "更换驱动器。 / Drive replaced.", closed=True, component="伺服驱动器"),
    Visit("GD260013", "sun", _DONE, (("room_temperature", "22"), ("insulation_resistance", "6.3"),
     ("wavelength_error", "0.1")),
          (Swap("AS90-PMT", "PM2507", "检测器", "PM2507-0015", "PM2411-0003"),),
          "光电倍增管失效。 / Photomultiplier failed.", "更换并校准波长。 / Replaced, wavelength calibrated."),
    Visit("GD260005", "zhao", _GO, (("room_temperature", "31"), ("earth_resistance", "2.4"))),
    Visit("GD260008", "sun", (*_GO, "on_hold"), (("pump_pressure", "4.2"),),
          diagnosis="泵头柱塞划伤，等待高压泵头。 / Plunger scored; waiting for a pump head.", result="needs_parts"),
    Visit("GD260004", "zhao", ("travelling",)),
    *ROTOR_VISITS,
)  # fmt: skip


def acts_of(visit: Visit, now: datetime) -> Iterator[Act]:
    """Yield what the engineer's device recorded, in order, some minutes apart."""
    start = visit_hours(visit.order) - len(visit.states) / 2
    steps = list(_changes_of(visit))
    for number, (intent, changes) in enumerate(steps):
        captured_at = order_time(now, start + number / 4)
        yield Act(intent, captured_at, tuple(_dated(change, captured_at) for change in changes))


def _changes_of(visit: Visit) -> Iterator[tuple[str, list[Change]]]:
    before = "assigned"
    working = [state for state in visit.states if state not in ("finished", "on_hold")]
    for state in working:
        yield "order.move", [_move(visit, before, state)]
        before = state
    for item, value in visit.checks:
        yield "check.record", [_check(visit, item, value)]
    if visit.run:
        yield "check.record", [_run(visit)]
    for swap in visit.swaps:
        yield "part.fit", list(_swap(visit, swap))
    if visit.diagnosis:
        report = {"diagnosis": visit.diagnosis, "remedy": visit.remedy or None, "result": visit.result}
        report |= {"failed_component": visit.component} if visit.component else {}
        yield "order.report", [_update(visit, report, dict.fromkeys(report))]
    for state in visit.states[len(working) :]:
        waits = [_pause(visit)] if state == "on_hold" else []
        yield "order.move", [_move(visit, before, state), *waits]


def _move(visit: Visit, before: str, after: str) -> Change:
    stamp = {"on_site": "arrived_at", "in_progress": "started_at", "finished": "finished_at"}.get(after)
    new, was = {"status": after}, {"status": before}
    return _update(visit, new | ({stamp: ""} if stamp else {}), was | ({stamp: None} if stamp else {}))


def _pause(visit: Visit) -> Change:
    """Return why an order waits. Source: handbook P5 (rare parts are bought on approval)."""
    values = {"order_id": refer("work_order", visit.order), "reason": "part", "began_at": "", "with_hold": True}
    return Change("clock_pause", refer("clock_pause", visit.order), "create", values, {})


def _update(visit: Visit, new: Values, was: Values) -> Change:
    return Change("work_order", refer("work_order", visit.order), "update", new, was)


def _check(visit: Visit, item: str, value: str) -> Change:
    checklist = next(record for record in checklists() if record.name == checklist_of(visit.order))
    unit = next(entry["unit"] for entry in checklist.values["items"] if entry["key"] == item)
    verdict = "failed" if (visit.order, item) == ("GD260008", "pump_pressure") else "passed"
    answer = {"item": item, "value": value, "unit": unit, "verdict": verdict, "checklist_id": checklist.id}
    return _fact("check_result", visit, item, answer | {"checked_at": ""})


def _run(visit: Visit) -> Change:
    seconds, *channels = zip(*visit.run, strict=True)
    readings = [
        {"channel": key, "points": [{"t_s": t, "value": value} for t, value in zip(seconds, values, strict=True)]}
        for key, values in zip(("current", "voltage", "speed"), channels, strict=True)
    ]
    checklist = refer("checklist", checklist_of(visit.order) or "")
    answer = {"item": NO_LOAD_RUN, "verdict": "passed", "readings": readings, "checklist_id": checklist}
    return _fact("check_result", visit, NO_LOAD_RUN, answer | {"checked_at": ""})


def _swap(visit: Visit, swap: Swap) -> Iterator[Change]:
    name = swap.serial or swap.part
    described = describe_part(swap.part, swap.batch)
    fitted = described | {"serial": swap.serial, "place": swap.place, "quantity": swap.quantity, "fitted_at": ""}
    yield _fact("part_fitted", visit, name, fitted)
    if swap.removed_serial:
        removed = {key: described[key] for key in ("part_id", "part_name", "gtin")}
        removed |= {"serial": swap.removed_serial, "destination": swap.destination, "removed_at": ""}
        yield _fact("part_removed", visit, name, removed | {"fitted_id": refer("part_fitted", f"{visit.order} {name}")})


def _fact(kind: str, visit: Visit, name: str, values: Values) -> Change:
    belongs = {"order_id": refer("work_order", visit.order), "machine_id": refer("machine", machine_of(visit.order))}
    return Change(kind, refer(kind, f"{visit.order} {name}"), "create", belongs | values, {})


def _dated(change: Change, captured_at: str) -> Change:
    """Fill in the times that are those of the act."""
    new = {name: captured_at if name.endswith("_at") and value == "" else value for name, value in change.set.items()}
    return Change(change.kind, change.id, change.op, new, change.was)
