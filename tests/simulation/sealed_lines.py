"""What a sealed line says, read by the words of docs/protocol.md and docs/privacy.md, without the product's code."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from tests.simulation.world import Broken

Body = dict[str, Any]


def read_payload(sealed: bytes) -> Body:
    """Return what was signed in a sealed line, with the values that it commits to in their places."""
    line, _, openings = sealed.partition(b"\t")
    payload: Body = json.loads(line[129:])
    values = dict(_open_each(json.loads(openings))) if openings else {}
    for change in payload["changes"]:
        change["set"], change["was"] = (_put_in_place(change[side], values) for side in ("set", "was"))
    if values:
        raise Broken(f"set {payload['seq']} of {payload['device']}: {len(values)} openings open nothing")
    return payload


def _open_each(openings: Body) -> Iterator[tuple[str, Any]]:
    """Yield what each commitment stands for, by the words of docs/protocol.md."""
    for digest, opening in openings.items():
        if isinstance(opening, dict):
            yield digest, opening["erased"]
            continue
        salt, value = opening
        spelled = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if hashlib.sha256(f"gongdan-opening\n{salt}\n{spelled}".encode()).hexdigest() != digest:
            raise Broken(f"{opening} does not open {digest}")
        yield digest, value


def _put_in_place(values: Body, opened: Body) -> Body:
    return {name: _put_value(value, opened) for name, value in values.items()}


def _put_value(value: Any, opened: Body) -> Any:
    if isinstance(value, list):
        return [_put_value(item, opened) for item in value]
    return opened.pop(value["~"]) if isinstance(value, dict) and value.keys() == {"~"} else value


def is_stand_in(value: Any) -> bool:
    """Tell whether a value is what stands for something erased, by the words of docs/privacy.md."""
    return isinstance(value, str) and re.fullmatch("erased-[0-9a-f]{16}", value) is not None
