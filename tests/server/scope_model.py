"""Who should hold what, worked out naively from all records at once: what the scope book is held to.

Rule 1: the catalogue is held by everybody.
Rule 2: a live order is held by its engineer, an open question by whom it is put to, with everything it carries, and
        what that carries.
Rule 3: what follows a record that somebody holds by rule 2 is held by him as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas import KINDS, Audience
from schemas.lifecycle import ENDED_STATES

Records = Mapping[str, tuple[str, dict[str, Any]]]


def held_by(records: Records, person: str) -> set[str]:
    """Return the ids of the records that a person's devices should hold."""
    carried: set[str] = set()
    for record_id, (kind, body) in records.items():
        is_his_order = kind == "work_order" and body.get("engineer_id") == person and body["status"] not in ENDED_STATES
        is_asked = kind == "inquiry" and body["person_id"] == person and body["state"] == "open"
        if is_his_order or is_asked:
            _carry(records, record_id, carried)
    catalogue = {record_id for record_id, (kind, _) in records.items() if KINDS[kind].audience is Audience.EVERYBODY}
    following = {record_id for record_id, (kind, body) in records.items() if _follows(kind, body) & carried}
    return catalogue | carried | following


def _carry(records: Records, record_id: str | None, carried: set[str]) -> None:
    if record_id is None or record_id in carried or record_id not in records:
        return
    carried.add(record_id)
    kind, body = records[record_id]
    for name, rule in KINDS[kind].rules.items():
        if rule.carries:
            _carry(records, body.get(name), carried)


def _follows(kind: str, body: Mapping[str, Any]) -> set[str]:
    return {body[name] for name, rule in KINDS[kind].rules.items() if rule.follows and body.get(name)}
