"""Where a lot went, as a tree: its supplier and number, the customers, their machines.

Rule 1: the tree illustrates a table; beyond MACHINES_DRAWN machines each customer is drawn with their number alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

WIDTH: Final = 1200
STEP: Final = 30
TOP: Final = 10
BOX_HEIGHT: Final = 22
MACHINES_DRAWN: Final = 40
CUSTOMERS_DRAWN: Final = 40

COLUMNS: Final = {"root": (0, 300), "customer": (400, 330), "machine": (830, 370)}
"""level: where its boxes begin, and how wide they are"""

Level = Literal["root", "customer", "machine"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A machine that has, or had, parts of the lot; `is_in` while it has any."""

    customer: str
    machine: str
    parts: int
    is_in: bool


@dataclass(frozen=True, slots=True)
class Box:
    """A box with its words: x, y of its left upper corner."""

    level: Level
    x: int
    y: float
    width: int
    label: str
    note: str
    is_past: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line from a box to one on the next level."""

    x1: int
    y1: float
    x2: int
    y2: float


@dataclass(frozen=True, slots=True)
class Tree:
    """Everything to be drawn; `left_out` are customers for whom there was no room."""

    width: int
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    left_out: int


def draw_tree(roots: Sequence[str], leaves: Sequence[Leaf]) -> Tree:
    """Return the tree: `roots` are the lines above (supplier, lot), `leaves` the machines in any order."""
    by_customer: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        by_customer.setdefault(leaf.customer, []).append(leaf)
    names = sorted(by_customer, key=lambda name: (-len(by_customer[name]), name))
    drawn = names[:CUSTOMERS_DRAWN]
    with_machines = len(leaves) <= MACHINES_DRAWN
    boxes: list[Box] = []
    lines: list[Line] = []
    y, middles = float(TOP), []
    for name in drawn:
        machines = sorted(by_customer[name], key=lambda leaf: leaf.machine)
        shown = machines if with_machines else []
        middle = y + max(len(shown) - 1, 0) * STEP / 2
        boxes.append(_box("customer", middle, name, str(len(machines)), not any(leaf.is_in for leaf in machines)))
        middles.append(middle)
        for number, leaf in enumerate(shown):
            at = y + number * STEP
            boxes.append(_box("machine", at, leaf.machine, f"× {leaf.parts}", not leaf.is_in))
            lines.append(_line("customer", middle, "machine", at))
        y += max(len(shown), 1) * STEP
    root = max(TOP, (y - TOP) / 2 - len(roots) * STEP / 2)
    for number, label in enumerate(roots):
        boxes.append(_box("root", root + number * STEP, label, "", is_past=False))
    lines = [*(_line("root", root + (len(roots) - 1) * STEP, "customer", middle) for middle in middles), *lines]
    return Tree(WIDTH, max(y, root + len(roots) * STEP) + TOP, tuple(boxes), tuple(lines), len(names) - len(drawn))


def _box(level: Level, y: float, label: str, note: str, is_past: bool) -> Box:
    x, width = COLUMNS[level]
    return Box(level, x, y, width, label, note, is_past)


def _line(level: Level, y1: float, next_level: Level, y2: float) -> Line:
    x, width = COLUMNS[level]
    return Line(x + width, y1 + BOX_HEIGHT / 2, COLUMNS[next_level][0], y2 + BOX_HEIGHT / 2)
