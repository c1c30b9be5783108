"""The life of a part as a picture: lanes of places over time, stays as bars, what happened as numbered marks.

Rule 1: the picture illustrates a table; whatever it shows has a row there, and each mark has the number of its row.
Rule 2: sizes are units of the picture, which is WIDTH wide; the page makes it as wide as there is room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final, Literal

WIDTH: Final = 1200
LEFT: Final = 250
"""Where time begins; the names of the places stand before it."""

RIGHT: Final = WIDTH - 24
TOP: Final = 34
LANE: Final = 40
BAR: Final = 14
APART: Final = 19
"""Marks on one lane stand at least so far apart."""

NARROWEST: Final = 5
"""A stay of an hour in a life of years is seen all the same."""

TICKS_MAX: Final = 9

State = Literal["plain", "elsewhere", "struck"]
_STEPS_DAYS: Final = (1, 2, 7, 14, 30, 61, 91, 182, 365, 730, 1826)


@dataclass(frozen=True, slots=True)
class Lane:
    """A place; `kind` is one of the places of stock moves."""

    key: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Stay:
    """Being in a place from one instant to another; None where it began before records did, or has not ended."""

    lane: str
    begins_at: str | None
    ends_at: str | None
    state: State = "plain"


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened, with the number of its row in the table; `comes_from` is the lane that a part came from."""

    number: int
    at: str
    lane: str
    comes_from: str | None = None
    is_struck: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A lane as it is drawn: `y` is its middle."""

    lane: Lane
    y: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A stay as it is drawn; `is_open` where it has not ended."""

    x: float
    y: float
    width: float
    state: State
    kind: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Dot:
    """A mark with its number."""

    x: float
    y: int
    number: int
    is_struck: bool


@dataclass(frozen=True, slots=True)
class Path:
    """A part's way from one lane to another at a moment."""

    x: float
    y1: int
    y2: int
    is_struck: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A day on the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything to be drawn. `day_x` is where the day that is asked for stands; None without one, or outside."""

    width: int
    height: int
    rows: tuple[Row, ...]
    bars: tuple[Bar, ...]
    paths: tuple[Path, ...]
    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    day_x: float | None


def draw(
    lanes: Sequence[Lane],
    stays: Iterable[Stay],
    moments: Iterable[Moment],
    until: str,
    zone: tzinfo,
    day: tuple[str, str] | None = None,
) -> Picture:
    """Return the picture of a life up to the instant `until`.

    `day` are the instants at which the day that is asked for begins and has ended; days are those of `zone`.
    """
    stays, moments = list(stays), sorted(moments, key=lambda moment: (_read(moment.at), moment.number))
    scale = _Scale.over([*_instants(stays), *(moment.at for moment in moments)], until)
    rows = tuple(Row(lane, TOP + number * LANE + LANE // 2) for number, lane in enumerate(lanes))
    heights = {row.lane.key: row.y for row in rows}
    kinds = {lane.key: lane.kind for lane in lanes}
    bars = tuple(_draw_bar(stay, scale, heights, kinds) for stay in stays)
    paths = tuple(
        Path(scale.place(moment.at), heights[moment.comes_from], heights[moment.lane], moment.is_struck)
        for moment in moments
        if moment.comes_from in heights and moment.comes_from != moment.lane
    )
    day_x = None
    if day is not None:
        middle = _read(day[0]) + (_read(day[1]) - _read(day[0])) / 2
        day_x = scale.place_moment(middle) if scale.begin <= middle <= scale.end else None
    height = TOP + len(rows) * LANE + 6
    return Picture(
        WIDTH, height, rows, bars, paths, tuple(_draw_dots(moments, scale, heights)), tuple(_ticks(scale, zone)), day_x
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: datetime
    end: datetime

    @staticmethod
    def over(instants: Iterable[str], until: str) -> _Scale:
        """Return a scale from the first instant to `until`, with a little room on both sides."""
        end = _read(until)
        known = [_read(instant) for instant in instants]
        begin, end = min([*known, end]), max([*known, end])
        room = max((end - begin) / 40, timedelta(hours=6))
        return _Scale(begin - room, end + room)

    def place(self, instant: str) -> float:
        """Return where an instant stands."""
        return self.place_moment(_read(instant))

    def place_moment(self, moment: datetime) -> float:
        """Return where a moment stands, inside the picture."""
        share = (moment - self.begin) / (self.end - self.begin)
        return round(LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share)), 1)


def _draw_bar(stay: Stay, scale: _Scale, heights: dict[str, int], kinds: dict[str, str]) -> Bar:
    x = scale.place(stay.begins_at) if stay.begins_at else float(LEFT)
    end = scale.place(stay.ends_at) if stay.ends_at else float(RIGHT)
    # Of one place told twice over the same time, the doubted and the struck one are drawn thinner, below.
    y = heights[stay.lane] - BAR / 2
    width = round(max(end - x, NARROWEST), 1)
    return Bar(x, y, width, stay.state, kinds[stay.lane], stay.ends_at is None and stay.state != "struck")


def _draw_dots(moments: Iterable[Moment], scale: _Scale, heights: dict[str, int]) -> Iterable[Dot]:
    last: dict[str, float] = {}
    for moment in moments:
        x = max(scale.place(moment.at), last.get(moment.lane, 0.0) + APART)
        last[moment.lane] = x
        yield Dot(round(x, 1), heights[moment.lane], moment.number, moment.is_struck)


def _ticks(scale: _Scale, zone: tzinfo) -> Iterable[Tick]:
    days = max(1, (scale.end - scale.begin).days)
    step = next((step for step in _STEPS_DAYS if days / step <= TICKS_MAX), _STEPS_DAYS[-1])
    at = scale.begin.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    form = "%Y-%m-%d"
    while at < scale.end:
        yield Tick(scale.place_moment(at), at.strftime(form))
        at += timedelta(days=step)


def _instants(stays: Iterable[Stay]) -> Iterable[str]:
    for stay in stays:
        yield from (instant for instant in (stay.begins_at, stay.ends_at) if instant is not None)


def _read(instant: str) -> datetime:
    return datetime.fromisoformat(instant)
