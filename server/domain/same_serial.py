"""One serial number in two places: what may have happened, with what speaks for it. The facts stay; a person decides.

Rule 1: echo: one act was recorded twice. The two machines are one machine, or the same person recorded both within
        minutes or on one order.
Rule 2: missing removal: the part moved and nobody wrote down that it was taken out. Another part of the same kind was
        put into the machine where it was first, the part itself came back into stock between, a removal without a
        number is recorded there, or there was time to move it.
Rule 3: typo: one of the two numbers was mistyped. A number that differs in one or two characters is known: taken from
        stock for that very machine, in stock, or in no machine. A scanned number is not mistyped.
Rule 4: clone or counterfeit: two parts bear one number. Both were seen, in both machines, after both were there; they
        are of different batches, or deliveries from the supplier brought the number twice.
Rule 5: each sign has a weight, a class the sum of its own; the heaviest comes first, and where nothing speaks for any
        it is a missing removal, the commonest. Nothing depends on the order in which the facts came in.
Source: handbook P1, F7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from server.domain.trace import Span, comparable, fold

Cause = Literal["echo", "missing_removal", "typo", "clone"]

CAUSES: Final[tuple[Cause, ...]] = ("echo", "missing_removal", "typo", "clone")
CAUSE_LABELS: Final[dict[Cause, tuple[str, str]]] = {
    "echo": ("同一次操作记录了两遍", "One act recorded twice"),
    "missing_removal": ("漏记拆下", "A removal that nobody wrote down"),
    "typo": ("序列号录错", "A serial number mistyped"),
    "clone": ("重号或假冒", "Two parts with one number, perhaps counterfeit"),
}

SIGNS: Final[dict[str, tuple[Cause, int, str, str]]] = {
    "one_machine": ("echo", 6, "两条设备记录是同一台设备", "both records are of one machine"),
    "one_order": ("echo", 3, "两次装入记在同一张工单上", "both were recorded on one order"),
    "minutes_apart": ("echo", 3, "同一人在几分钟内记录了两次", "the same person recorded both within minutes"),
    "came_back": ("missing_removal", 5, "期间该件曾退回库存", "the part came back into stock between"),
    "replaced_there": (
        "missing_removal",
        3,
        "原设备上之后装入了同种备件",
        "another part of its kind was put in where it was",
    ),
    "removed_unnumbered": (
        "missing_removal",
        3,
        "原设备上有未记序列号的拆下记录",
        "a removal without a number is recorded where it was",
    ),
    "time_to_move": ("missing_removal", 1, "两次装入相隔一天以上", "more than a day lies between"),
    "like_taken": ("typo", 5, "为该设备领用了号码相近的备件", "a part with a like number was taken for that machine"),
    "like_in_stock": ("typo", 4, "库存中有号码相近的备件", "a part with a like number is in stock"),
    "like_known": ("typo", 2, "已知号码相近的备件不在任何设备上", "a part with a like number is in no machine"),
    "seen_in_both": ("clone", 5, "两台设备上之后都再次见到它", "it was seen in both machines after it was in both"),
    "delivered_twice": ("clone", 5, "供应商两次交付了同一序列号", "the supplier delivered the number twice"),
    "batches_differ": ("clone", 3, "两处的批号不同", "the batch numbers differ"),
    "both_scanned": ("clone", 1, "两处都是扫描录入", "both numbers were scanned"),
}
"""sign -> what it speaks for, with what weight, in words"""

MINUTES_APART: Final = timedelta(minutes=30)
TIME_TO_MOVE: Final = timedelta(days=1)
LIKE_DISTANCE: Final = 2
"""Characters by which a mistyped number differs: left out, doubled, mistaken or swapped with its neighbour."""

LIKE_LEAST: Final = 4
"""Characters of a number below which too many others are like it."""


@dataclass(frozen=True, slots=True)
class Placing:
    """A part recorded in a machine: the span and what else is known of the act of fitting it.

    `same_as` are machines that the machine's record stands for; `scanned` tells that a code was read, `seen_at` the
    moments at which the part was recorded in this machine again or taken out of it.
    """

    span: Span
    actor: str = ""
    scanned: bool = False
    same_as: frozenset[str] = frozenset()
    seen_at: tuple[str, ...] = ()

    @property
    def began_at(self) -> str:
        """When the part came there; before everything else where nobody knows."""
        return comparable(self.span.begins_at) if self.span.begins_at else ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A part with another serial number: where it is, and for which machines it was taken from stock."""

    serial: str
    in_stock: bool
    in_machine: bool
    taken_for: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else is known: like numbers, and what happened where the part was first and in stock.

    `replaced_at` are the moments at which a part of the same kind was put into the earlier machine, `unnumbered_at`
    those of removals there that name no serial number, `back_at` those at which the part came into a van or centre,
    and `deliveries` how often the supplier delivered it.
    """

    neighbours: tuple[Neighbour, ...] = ()
    replaced_at: tuple[str, ...] = ()
    unnumbered_at: tuple[str, ...] = ()
    back_at: tuple[str, ...] = ()
    deliveries: int = 0


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that speaks for a cause: a code of SIGNS, and a number or moment that it is about."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A cause with its weight and what speaks for it. `likely` is the serial number that a mistyped one stands for."""

    cause: Cause
    weight: int
    signs: tuple[Sign, ...]
    likely: str | None = None


def classify(one: Placing, other: Placing, around: Surroundings) -> list[Suspicion]:
    """Return what may have happened, the likeliest first; it is the same whichever of the two is named first."""
    first, second = sorted((one, other), key=lambda placing: (placing.began_at, placing.span.fact.id))
    like = _find_like(first, second, around.neighbours)
    signs = [
        *_signs_of_echo(first, second),
        *_signs_of_removal(first, second, around),
        *(sign for sign, _ in like),
        *_signs_of_clone(first, second, around),
    ]
    found = []
    for cause in CAUSES:
        own = tuple(sign for sign in signs if SIGNS[sign.code][0] == cause)
        if own:
            likely = like[0][1] if cause == "typo" else None
            found.append(Suspicion(cause, sum(SIGNS[sign.code][1] for sign in own), own, likely))
    found = found or [Suspicion("missing_removal", 0, ())]
    return sorted(found, key=lambda suspicion: (-suspicion.weight, CAUSES.index(suspicion.cause)))


def distance(one: str, other: str) -> int:
    """Return how many characters were left out, added, mistaken or swapped with their neighbour between two texts.

    Source: optimal string alignment (Damerau 1964, restricted).
    """
    rows = [list(range(len(other) + 1))]
    for i, left in enumerate(one, start=1):
        row = [i]
        for j, right in enumerate(other, start=1):
            least = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (left != right))
            is_swap = i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right
            row.append(min(least, rows[-2][j - 2] + 1) if is_swap else least)
        rows.append(row)
    return rows[-1][-1]


def are_like(one: str, other: str) -> bool:
    """Tell whether a number may be another one mistyped: not the same, but for case and width, and nearly so."""
    left, right = fold(one), fold(other)
    if left == right:
        return one != other
    if min(len(left), len(right)) < LIKE_LEAST or abs(len(left) - len(right)) > LIKE_DISTANCE:
        return False
    return distance(left, right) <= LIKE_DISTANCE


def _signs_of_echo(first: Placing, second: Placing) -> Iterator[Sign]:
    if second.span.machine in first.same_as or first.span.machine in second.same_as:
        yield Sign("one_machine")
    if first.span.fact.order == second.span.fact.order:
        yield Sign("one_order", first.span.fact.order)
    if first.actor and first.actor == second.actor and _apart(first, second) <= MINUTES_APART:
        yield Sign("minutes_apart", first.actor)


def _signs_of_removal(first: Placing, second: Placing, around: Surroundings) -> Iterator[Sign]:
    for code, moments in (
        ("came_back", around.back_at),
        ("replaced_there", around.replaced_at),
        ("removed_unnumbered", around.unnumbered_at),
    ):
        between = _within(moments, first.began_at, second.began_at if code == "came_back" else None)
        if between:
            yield Sign(code, min(between))
    if _apart(first, second) >= TIME_TO_MOVE:
        yield Sign("time_to_move")


def _find_like(first: Placing, second: Placing, neighbours: Iterable[Neighbour]) -> list[tuple[Sign, str]]:
    """Return the strongest sign of a mistyped number, with the number meant; none where both were scanned."""
    typed = [placing for placing in (first, second) if not placing.scanned]
    found = []
    for neighbour in neighbours:
        if neighbour.in_machine or not typed or not are_like(first.span.fact.serial or "", neighbour.serial):
            continue
        taken = any(placing.span.machine in neighbour.taken_for for placing in typed)
        code = "like_taken" if taken else "like_in_stock" if neighbour.in_stock else "like_known"
        near = distance(fold(first.span.fact.serial or ""), fold(neighbour.serial))
        found.append((-SIGNS[code][1], near, neighbour.serial, code))
    return [(Sign(code, serial), serial) for _, _, serial, code in sorted(found)[:1]]


def _signs_of_clone(first: Placing, second: Placing, around: Surroundings) -> Iterator[Sign]:
    if all(_within(placing.seen_at, second.began_at, None) for placing in (first, second)):
        yield Sign("seen_in_both")
    if around.deliveries > 1:
        yield Sign("delivered_twice", str(around.deliveries))
    batches = {placing.span.fact.batch for placing in (first, second)} - {None}
    if len(batches) > 1:
        yield Sign("batches_differ", ", ".join(sorted(filter(None, batches))))
    if first.scanned and second.scanned:
        yield Sign("both_scanned")


def _apart(first: Placing, second: Placing) -> timedelta:
    if not first.began_at or not second.began_at:
        return timedelta.max
    return datetime.fromisoformat(second.began_at) - datetime.fromisoformat(first.began_at)


def _within(moments: Sequence[str], after: str, until: str | None) -> list[str]:
    spelled = (comparable(moment) for moment in moments)
    return [moment for moment in spelled if after < moment and (until is None or moment <= until)]
