"""An evidence pack: what was answered to an auditor, on paper, with the photos, signatures, hashes and the checkpoint.

Rule 1: the same answer gives the same bytes: nothing of the machine, and no time but that up to which it was known.
Rule 2: labels are Chinese and English; what people wrote stays as they wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from printing.paper import HEIGHT, LEADING, WIDTH, Paper
from printing.strokes import Strokes, fit_strokes

LEFT: Final = 42.0
INNER: Final = WIDTH - 2 * LEFT
TOP: Final = 70.0
BOTTOM: Final = HEIGHT - 48.0
LABEL: Final = 118.0
SIZE: Final = 8.6
SMALL: Final = 7.0
INK: Final = "#13212a"
SOFT: Final = "#55646c"
RULE: Final = "#c9d4d9"
BAD: Final = "#a3171d"
SAFE: Final = "#1b5e36"
PHOTO: Final = (86.0, 64.0)
PHOTOS_A_ROW: Final = 5
SIGNATURE: Final = (120.0, 46.0)

PAGES_MAX: Final = 600
"""Some 2,000 steps."""

Labels = tuple[str, str]
Line = tuple[Labels, str]


@dataclass(frozen=True, slots=True)
class PackPhoto:
    """A photo: its caption, hash, and the small JPEG where it has arrived."""

    caption: str
    sha256: str
    jpeg: bytes | None


@dataclass(frozen=True, slots=True)
class PackStep:
    """One step: what happened, its labelled facts, and what shows it. `struck` says why it does not count."""

    title: Labels
    at: str
    lines: Sequence[Line]
    photos: Sequence[PackPhoto] = ()
    strokes: Strokes | None = None
    struck: Labels = ("", "")
    position: int = 0
    is_verified: bool | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """The whole answer.

    `files` are (what, SHA-256, whether it has arrived, when it was erased), `entries` (log position, digest).
    """

    organisation: str
    subject: str
    question: Sequence[Line]
    steps: Sequence[PackStep]
    files: Sequence[tuple[str, str, bool, str]]
    entries: Sequence[tuple[int, str]]
    checkpoint: str
    made_at: str
    zone: str


def print_pack(pack: Pack) -> bytes:
    """Return the pack as a PDF. Raises Refused with `sheet_unreadable` when it is far too long."""
    paper = Paper(TOP, BOTTOM)
    paper.pages_max = PAGES_MAX
    _heading(paper, ("问题", "The question"))
    _lines(paper, pack.question)
    _heading(paper, ("逐步事实", "Every step"))
    for number, step in enumerate(pack.steps, start=1):
        _step(paper, number, step)
    _heading(paper, ("证据文件", "Files of evidence"))
    if not pack.files:
        _words(paper, "没有。 / None.")
    for what, sha256, has_arrived, erased_at in pack.files:
        state = "" if has_arrived else "  未到 / not arrived"
        state = f"  已于 {erased_at[:10]} 删除 / erased" if erased_at else state
        _words(paper, f"{sha256}  {what}{state}", SMALL, INK if has_arrived else BAD)
    _heading(paper, ("日志条目", "Entries of the log"))
    for position, digest in pack.entries:
        _words(paper, f"#{position}  {digest}", SMALL)
    _heading(paper, ("检查点", "Checkpoint"))
    _words(paper, "这份材料中的每条记录都在下述签名的日志之内（RFC 6962，C2SP tlog-checkpoint）。")
    _words(paper, "Every record in this pack is in the log signed below (RFC 6962, C2SP tlog-checkpoint).")
    for line in pack.checkpoint.splitlines():
        _words(paper, line or " ", SMALL)
    title = f"Evidence {pack.subject}"

    def frame(page: int, of: int) -> None:
        setter = paper.setter
        paper.text(LEFT, 40, setter.spell("证据包 Evidence pack"), 13, INK, bold=True)
        paper.text(WIDTH - LEFT, 40, setter.spell(_cut(paper, pack.subject, 300)), 11, INK, "right")
        paper.text(LEFT, 54, setter.spell(pack.organisation), SMALL, SOFT)
        paper.text(WIDTH - LEFT, 54, setter.spell(f"{pack.made_at} {pack.zone}"), SMALL, SOFT, "right")
        paper.rule(LEFT, 60, INNER, INK, 0.9)
        paper.text(WIDTH - LEFT, HEIGHT - 28, f"{page} / {of}", SMALL, SOFT, "right")

    return paper.render(title, pack.organisation, pack.made_at, pack.zone, frame)


def _step(paper: Paper, number: int, step: PackStep) -> None:
    paper.ensure(70)
    paper.y += 5
    paper.rule(LEFT, paper.y, INNER, RULE)
    paper.y += SIZE * LEADING + 2
    is_struck = any(step.struck)
    title = f"{number}  {step.at}  {step.title[0]} / {step.title[1]}"
    x = LEFT
    for text in paper.setter.wrap(title, SIZE + 1, INNER - 120)[:1]:
        paper.text(x, paper.y, text, SIZE + 1, SOFT if is_struck else INK, bold=True)
        if is_struck:
            paper.rule(x, paper.y - 3, paper.setter.width(text, SIZE + 1), BAD, 0.8)
    mark = {True: ("签名有效 verified", SAFE), False: ("签名不符 does not fit", BAD), None: ("", INK)}[step.is_verified]
    paper.text(WIDTH - LEFT, paper.y, paper.setter.spell(f"#{step.position}  {mark[0]}"), SMALL, mark[1], "right")
    paper.y += 3
    if is_struck:
        _words(paper, f"{step.struck[0]} / {step.struck[1]}", SIZE, BAD)
    _lines(paper, step.lines)
    _photos(paper, step.photos)
    if step.strokes:
        paper.ensure(SIGNATURE[1] + 6)
        paper.box(LEFT + LABEL, paper.y + 3, *SIGNATURE, line=RULE)
        drawn = fit_strokes(step.strokes, LEFT + LABEL + 4, paper.y + 7, SIGNATURE[0] - 8, SIGNATURE[1] - 8)
        paper.pen(drawn, INK, 0.9)
        paper.y += SIGNATURE[1] + 6


def _photos(paper: Paper, photos: Sequence[PackPhoto]) -> None:
    shown = [photo for photo in photos if photo.jpeg]
    for start in range(0, len(shown), PHOTOS_A_ROW):
        paper.ensure(PHOTO[1] + 16)
        for place, photo in enumerate(shown[start : start + PHOTOS_A_ROW]):
            x = LEFT + place * (PHOTO[0] + 14)
            assert photo.jpeg is not None, "only those that have arrived are shown"
            paper.picture(x, paper.y + 4, *PHOTO, photo.jpeg)
            caption = _cut(paper, f"{photo.caption} {photo.sha256[:8]}", PHOTO[0] + 8)
            paper.text(x, paper.y + PHOTO[1] + 13, caption, 6.2, SOFT)
        paper.y += PHOTO[1] + 18


def _lines(paper: Paper, lines: Sequence[Line]) -> None:
    for (zh, en), value in lines:
        wrapped = paper.setter.wrap(value, SIZE, INNER - LABEL) or [""]
        for number, text in enumerate(wrapped):
            paper.ensure(SIZE * LEADING)
            paper.y += SIZE * LEADING
            if number == 0:
                paper.text(LEFT, paper.y, paper.setter.spell(f"{zh} {en}"), SMALL, SOFT)
            paper.text(LEFT + LABEL, paper.y, text, SIZE, INK)


def _heading(paper: Paper, labels: Labels) -> None:
    paper.ensure(60)
    paper.y += 20 if paper.y > TOP else 10
    paper.text(LEFT, paper.y, paper.setter.spell(f"{labels[0]} {labels[1]}"), 11, INK, bold=True)
    paper.y += 4


def _words(paper: Paper, text: str, size: float = SIZE, colour: str = INK) -> None:
    for line in paper.setter.wrap(text, size, INNER):
        paper.ensure(size * LEADING)
        paper.y += size * LEADING
        paper.text(LEFT, paper.y, line, size, colour)


def _cut(paper: Paper, text: str, width: float) -> str:
    lines = paper.setter.wrap(text, SMALL, width)
    return (lines[0] + ("…" if len(lines) > 1 else "")) if lines else ""
