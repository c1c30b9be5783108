"""The job sheet on paper: A4, Chinese and English side by side, with signature and code.

The form takes everything from the signed content, the signature's record and the files they name, so device and server
print the same bytes. Source: handbook V4, V5, V7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from printing.paper import HEIGHT, LEADING, PICTURE_BYTES_MAX, WIDTH, Paper
from printing.sheet_code import SheetCode, draw_sheet_code, spell_sheet_code
from printing.sheet_view import (
    Fact,
    PhotoView,
    Said,
    SheetView,
    SignatureView,
    Table,
    read_sheet,
    read_signature,
    spell_bilingual,
    thumbnails_of,
)
from printing.strokes import STROKES_BYTES_MAX, fit_strokes, read_strokes

INK, GREY, FAINT, PANEL, LINE = "#16222b", "#56646f", "#8a97a1", "#f1f5f7", "#c9d3da"
ACCENT, BAD, PEN = "#0b5c6b", "#b3261e", "#12306b"

FILE_BYTES_MAX: Final = max(PICTURE_BYTES_MAX, STROKES_BYTES_MAX)
"""A larger file is not shown, so nobody need read more of it."""

LEFT: Final = 45.0
WIDE: Final = WIDTH - 2 * LEFT
TOP: Final = 48.0
BOTTOM: Final = HEIGHT - 50
GAP: Final = 12.0

BODY: Final = 9.2
LABEL: Final = 7.2

LABEL_WIDE: Final = 72.0
CODE_SIZE: Final = 116.0
"""41 mm: a module of the largest code is half a millimetre, which phones read from ordinary paper."""

SHARES: Final[Mapping[str, tuple[float, ...]]] = {
    "checks": (0.30, 0.15, 0.15, 0.16, 0.24),
    "parts_fitted": (0.23, 0.19, 0.15, 0.21, 0.14, 0.08),
    "parts_removed": (0.34, 0.26, 0.20, 0.20),
}
"""table -> the share of the width of each column"""

PHOTOS_ACROSS: Final = 4
PHOTO_HIGH: Final = 74.0


@dataclass(frozen=True, slots=True)
class SignedSheet:
    """What a job sheet is printed from: the record's content, and the signature's record once there is one."""

    content: str
    job_sheet: str = ""
    signature: Mapping[str, Any] | None = None
    erased: Mapping[str, str] = field(default_factory=dict)
    """Which of its files were erased, and when."""


def files_of(sheet: SignedSheet) -> tuple[str, ...]:
    """Return the SHA-256 of each file that must be at hand to print a sheet. Raises Refused with `sheet_unreadable`."""
    strokes = (sheet.signature or {}).get("strokes_sha256")
    named = (*((strokes,) if strokes else ()), *thumbnails_of(read_sheet(sheet.content)))
    return tuple(name for name in named if name not in sheet.erased)


def print_job_sheet(sheet: SignedSheet, files: Mapping[str, bytes]) -> bytes:
    """Return a job sheet as PDF; `files` are those of `files_of`, by name.

    Raises Refused with `sheet_unreadable`.
    """
    view = read_sheet(sheet.content)
    signature = read_signature(sheet.signature, view.utc_offset) if sheet.signature else None
    return _Form(sheet, view, signature, files).print()


class _Form:
    """One sheet while it is being set."""

    def __init__(
        self, sheet: SignedSheet, view: SheetView, signature: SignatureView | None, files: Mapping[str, bytes]
    ) -> None:
        self._sheet, self._view, self._signature, self._files = sheet, view, signature, files
        self._erased = sheet.erased
        self._paper = Paper(TOP, BOTTOM)

    def print(self) -> bytes:
        view, paper = self._view, self._paper
        self._set_head()
        self._set_pair(("客户", "Customer", view.customer), ("设备", "Machine", view.machine))
        self._set_facts(Said("报修", "Request"), view.request)
        self._set_facts(Said("服务", "Work"), view.work)
        for table in view.tables:
            self._set_table(table)
        self._set_photos(view.photos)
        self._set_close()
        title = f"服务报告 Service report {view.number}".strip()
        title, author = paper.setter.spell(title), paper.setter.spell(view.issuer.zh)
        return paper.render(title, author, view.composed_at, view.zone, self._set_frame)

    def _set_head(self) -> None:
        view, paper = self._view, self._paper
        spell = paper.setter.spell
        paper.y = TOP - 8
        paper.text(LEFT, paper.y + 17, "服务报告", 20, ACCENT, bold=True)
        paper.text(LEFT + 90, paper.y + 17, "Service report", 13, GREY)
        right = LEFT + WIDE
        paper.text(right, paper.y + 6, "工单号 Order", LABEL, GREY, "right")
        paper.text(right, paper.y + 21, self._cut(view.number, 13, WIDE / 2), 13, INK, "right", bold=True)
        paper.y += 34
        issuer = [(line, BODY, INK) for line in self._wrapped(spell_bilingual(view.issuer, "  "), BODY, WIDE * 0.66)]
        below = self._wrapped("  ".join(view.issuer_lines), LABEL + 0.6, WIDE * 0.66)
        issuer += [(line, LABEL + 0.6, GREY) for line in below]
        for line, size, colour in issuer[:4]:
            paper.text(LEFT, paper.y + 5, line, size, colour)
            paper.y += 12
        made = f"{view.composed_at}  {view.zone}".strip()
        paper.text(right, paper.y - (7 if issuer else -5), spell(made), LABEL + 0.6, GREY, "right")
        paper.y += 4 if issuer else 12
        paper.rule(LEFT, paper.y, WIDE, ACCENT, 1.4)
        paper.y += GAP

    def _set_pair(self, *halves: tuple[str, str, tuple[Fact, ...]]) -> None:
        """Set two groups of facts side by side, each on a panel of its own."""
        paper, wide = self._paper, (WIDE - GAP) / 2
        inner = wide - 20
        lines = [
            [(fact.label, self._lines(fact.value, inner - LABEL_WIDE - 8)) for fact in facts] for _, _, facts in halves
        ]
        heights = [18 + sum(self._high(texts) + 3 for _, texts in half) + 6 for half in lines]
        high = max(heights)
        paper.ensure(high)
        for number, ((zh, en, _), half) in enumerate(zip(halves, lines, strict=True)):
            left = LEFT + number * (wide + GAP)
            paper.box(left, paper.y, wide, high, fill=PANEL, round_by=4)
            self._set_label(left + 10, paper.y + 14, Said(zh, en), BODY, ACCENT, bold=True)
            y = paper.y + 20
            for label, texts in half:
                self._set_fact(left + 10, y, label, texts, INK)
                y += self._high(texts) + 3
        paper.y += high + GAP

    def _set_facts(self, title: Said, facts: Iterable[Fact]) -> None:
        """Set facts one below the other under a title; long ones go on overleaf."""
        facts = tuple(facts)
        if not facts:
            return
        paper = self._paper
        self._set_title(title, 40)
        for fact in facts:
            lines = self._lines(fact.value, WIDE - LABEL_WIDE - 8)
            strong = fact.label.en == "Result"
            for number, line in enumerate(lines):
                paper.ensure(BODY * LEADING + 2)
                if number == 0:
                    self._set_fact(LEFT, paper.y, fact.label, [line], INK, bold=strong)
                else:
                    paper.text(LEFT + LABEL_WIDE + 8, paper.y + BODY, line, BODY, INK)
                paper.y += BODY * LEADING
            paper.y += 4
        paper.y += GAP - 4

    def _set_table(self, table: Table) -> None:
        paper, widths = self._paper, [share * WIDE for share in SHARES[table.name]]
        self._set_title(table.label, 60)
        self._set_columns(table, widths)
        for number, row in enumerate(table.rows):
            cells = [self._lines(cell, wide - 8) for cell, wide in zip(row, widths, strict=True)]
            high = self._high(max(cells, key=len)) + 6
            if paper.ensure(high):
                self._set_columns(table, widths)
            x, colour = LEFT, BAD if number in table.failed else INK
            for lines, wide in zip(cells, widths, strict=True):
                for place, line in enumerate(lines):
                    paper.text(x + 4, paper.y + 3 + BODY + place * BODY * LEADING, line, BODY, colour)
                x += wide
            paper.y += high
            paper.rule(LEFT, paper.y, WIDE, LINE)
        paper.y += GAP

    def _set_columns(self, table: Table, widths: Sequence[float]) -> None:
        paper, x = self._paper, LEFT
        paper.box(LEFT, paper.y, WIDE, 17, fill=PANEL)
        for title, wide in zip(table.columns, widths, strict=True):
            self._set_label(x + 4, paper.y + 11.5, title, LABEL + 0.4, GREY)
            x += wide
        paper.y += 17

    def _set_photos(self, photos: Sequence[PhotoView]) -> None:
        if not photos:
            return
        paper, wide = self._paper, (WIDE - (PHOTOS_ACROSS - 1) * 8) / PHOTOS_ACROSS
        captions = [self._caption(photo, wide) for photo in photos]
        self._set_title(Said("照片", "Photos"), PHOTO_HIGH + 40)
        for start in range(0, len(photos), PHOTOS_ACROSS):
            row = photos[start : start + PHOTOS_ACROSS]
            under = captions[start : start + PHOTOS_ACROSS]
            high = PHOTO_HIGH + 4 + max(map(len, under)) * LABEL * LEADING + 4
            paper.ensure(high)
            for number, (photo, lines) in enumerate(zip(row, under, strict=True)):
                self._set_photo(LEFT + number * (wide + 8), paper.y, wide, photo, lines)
            paper.y += high
        paper.y += GAP - 4

    def _set_photo(self, x: float, y: float, wide: float, photo: PhotoView, lines: Sequence[str]) -> None:
        paper = self._paper
        paper.box(x, y, wide, PHOTO_HIGH, fill=PANEL, round_by=3)
        jpeg = self._files.get(photo.thumbnail_sha256)
        if photo.thumbnail_sha256 in self._erased:
            erased = f"已删除 erased {self._erased[photo.thumbnail_sha256][:10]}".strip()
            paper.text(x + wide / 2, y + PHOTO_HIGH / 2, erased, LABEL, FAINT, "centre")
        elif jpeg is None or not paper.picture(x + 2, y + 2, wide - 4, PHOTO_HIGH - 4, jpeg):
            paper.text(x + wide / 2, y + PHOTO_HIGH / 2, "无缩略图 no preview", LABEL, FAINT, "centre")
        for number, line in enumerate(lines):
            colour = INK if number == 0 else GREY
            paper.text(x, y + PHOTO_HIGH + 4 + LABEL + number * LABEL * LEADING, line, LABEL, colour)

    def _caption(self, photo: PhotoView, wide: float) -> list[str]:
        caption = self._wrapped(photo.caption, LABEL, wide)[:3]
        made = [photo.taken_at] if photo.taken_at else []
        hashed = [f"SHA-256 {photo.sha256[:16]}…"] if photo.sha256 else []
        first = [spell_bilingual(photo.purpose)]
        return [self._cut(line, LABEL, wide) for line in (*first, *caption, *made, *hashed)]

    def _set_close(self) -> None:
        """Set signature and code, which stay together, and the notes below."""
        paper = self._paper
        notes = self._notes()
        high = 22 + CODE_SIZE + 34
        paper.ensure(high + 12 * len(notes))
        self._set_title(Said("客户确认", "Customer's confirmation"), 0)
        y, wide = paper.y, WIDE - CODE_SIZE - 22
        self._set_signature(LEFT, y, wide, CODE_SIZE + 16)
        self._set_code(LEFT + WIDE - CODE_SIZE, y)
        paper.y += CODE_SIZE + 16 + GAP
        for note in notes:
            paper.text(LEFT, paper.y, note, LABEL, GREY)
            paper.y += 10

    def _set_signature(self, x: float, y: float, wide: float, high: float) -> None:
        paper, view, signed = self._paper, self._view, self._signature
        spell = paper.setter.spell
        paper.box(x, y, wide, high, line=LINE, round_by=4)
        agreed = "以上服务内容已向客户说明。 The customer was told of the service described above."
        paper.text(x + 10, y + 14, self._cut(agreed, LABEL, wide - 20), LABEL, GREY)
        foot = y + high - 34
        paper.rule(x + 10, foot, wide - 20, LINE)
        third = (wide - 20) / 3
        engineer = (Said("工程师", "Engineer"), view.engineer)
        if signed is None:
            self._set_words(x, y, wide, high - 34, Said("未签字", "Not signed"), "")
            facts = [engineer]
        else:
            if signed.outcome == "signed":
                self._set_strokes(x + 14, y + 20, wide - 28, high - 34 - 26, signed)
            else:
                self._set_words(x, y, wide, high - 34, signed.said, signed.reason)
            who = "  ".join(text for text in (signed.name, signed.role) if text) or "—"
            whom = Said("签字人", "Signed by") if signed.outcome == "signed" else Said("客户代表", "Customer")
            facts = [(whom, who), (Said("时间", "Time"), signed.signed_at), engineer]
        for number, (label, text) in enumerate(facts):
            left = x + 10 + number * third
            self._set_label(left, foot + 12, label, LABEL, GREY)
            paper.text(left, foot + 25, self._cut(spell(text), BODY, third - 6), BODY, INK)

    def _set_strokes(self, x: float, y: float, wide: float, high: float, signed: SignatureView) -> None:
        if signed.strokes_sha256 in self._erased:
            erased = self._erased[signed.strokes_sha256][:10]
            self._set_words(
                x, y, wide, high, Said("签字笔迹已按要求删除", "The signature was erased on request"), erased
            )
            return
        strokes = read_strokes(self._files.get(signed.strokes_sha256, b""))
        if strokes is None:
            self._set_words(x, y, wide, high, Said("笔迹无法读懂", "The signature's file cannot be read"), "")
            return
        self._paper.pen(fit_strokes(strokes, x, y, wide, high), PEN, 1.3)

    def _set_words(self, x: float, y: float, wide: float, high: float, said: Said, reason: str) -> None:
        """Set large words where there is no signature, and why."""
        paper, lines = self._paper, self._wrapped(reason, BODY, wide - 40)[:3]
        middle = y + high / 2 + 8 - len(lines) * 6
        paper.text(x + wide / 2, middle, spell_bilingual(said, "  "), 14, BAD, "centre", bold=True)
        for number, line in enumerate(lines):
            paper.text(x + wide / 2, middle + 18 + number * BODY * LEADING, line, BODY, INK, "centre")

    def _set_code(self, x: float, y: float) -> None:
        paper, view, sheet = self._paper, self._view, self._sheet
        if not sheet.job_sheet:
            paper.box(x, y, CODE_SIZE, CODE_SIZE, line=LINE, round_by=4)
            paper.text(x + CODE_SIZE / 2, y + CODE_SIZE / 2, "草稿", 20, BAD, "centre", bold=True)
            paper.text(x + CODE_SIZE / 2, y + CODE_SIZE / 2 + 18, "DRAFT", 12, BAD, "centre")
            return
        text = spell_sheet_code(SheetCode(view.organisation, sheet.job_sheet, view.sha256, view.checkpoint))
        paper.modules(x, y, CODE_SIZE, draw_sheet_code(text))
        paper.text(x + CODE_SIZE / 2, y + CODE_SIZE + 11, "扫码核对 Scan to verify", LABEL, GREY, "centre")

    def _notes(self) -> list[str]:
        view, signed = self._view, self._signature
        notes = [f"时间为 {view.zone}。 Times are {view.zone}.  报告摘要 SHA-256 of this sheet: {view.sha256}"]
        if signed is not None and signed.sheet_sha256 != view.sha256:
            notes.append("注意：签字所附的报告摘要与本内容不符。 The signature belongs to a sheet with another hash.")
        if self._paper.setter.lacking:
            notes.append("〔U+…〕：字体中没有的字符。 Stands for a character that this typeface lacks.")
        return [self._cut(note, LABEL, WIDE) for note in notes]

    def _set_frame(self, number: int, count: int) -> None:
        paper, view = self._paper, self._view
        paper.rule(LEFT, BOTTOM + 14, WIDE, LINE)
        spell = paper.setter.spell
        left = f"{view.number}  ·  SHA-256 {view.sha256[:16]}…"
        paper.text(LEFT, BOTTOM + 25, self._cut(spell(left), LABEL, WIDE * 0.7), LABEL, GREY)
        pages = f"第 {number} 页，共 {count} 页  Page {number} of {count}"
        paper.text(LEFT + WIDE, BOTTOM + 25, pages, LABEL, GREY, "right")
        if number > 1:
            paper.text(LEFT, TOP - 16, "服务报告  Service report", LABEL + 0.6, GREY)

    def _set_title(self, title: Said, needed: float) -> None:
        paper = self._paper
        paper.ensure(20 + needed)
        self._set_label(LEFT, paper.y + 10, title, 10.5, ACCENT, bold=True)
        paper.y += 18

    def _set_label(self, x: float, y: float, label: Said, size: float, colour: str, bold: bool = False) -> None:
        """Set a label in Chinese, and in English smaller beside it."""
        paper = self._paper
        paper.text(x, y, label.zh, size, colour, bold=bold)
        paper.text(x + paper.setter.width(label.zh, size) + 3, y, label.en, size * 0.86, GREY)

    def _set_fact(self, x: float, y: float, label: Said, lines: Sequence[str], colour: str, bold: bool = False) -> None:
        paper = self._paper
        paper.text(x, y + BODY, label.zh, LABEL + 0.6, GREY)
        paper.text(x + paper.setter.width(label.zh, LABEL + 0.6) + 3, y + BODY, label.en, LABEL - 1, GREY)
        for number, line in enumerate(lines):
            paper.text(x + LABEL_WIDE + 8, y + BODY + number * BODY * LEADING, line, BODY, colour, bold=bold)

    def _lines(self, said: Said, wide: float) -> list[str]:
        return self._wrapped(spell_bilingual(said), BODY, wide)

    def _wrapped(self, text: str, size: float, wide: float) -> list[str]:
        return self._paper.setter.wrap(text, size, wide)

    def _cut(self, text: str, size: float, wide: float) -> str:
        """Return a text on one line, cut where it is too long."""
        setter = self._paper.setter
        text = setter.spell(" ".join(text.split()))
        if setter.width(text, size) <= wide:
            return text
        while text and setter.width(f"{text}…", size) > wide:
            text = text[:-1]
        return f"{text}…"

    def _high(self, lines: Sequence[str]) -> float:
        return max(1, len(lines)) * BODY * LEADING
