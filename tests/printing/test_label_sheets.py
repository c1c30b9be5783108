"""Sheets of labels: a decoder reads each code off the page, and each stands where its maker's paper has a label."""

from __future__ import annotations

import io

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from printing.label_sheets import LABEL_PAPERS, LABELS_MAX, Label, code_edge, encode, print_labels
from printing.labels import machine_text, seal_text
from schemas.problems import Refused

DPI = 600
TOLERANCE_MM = 0.3
MM = 25.4 / DPI
MADE = ("2026-11-21 16:00", "UTC+08:00")

# Measured on the papers: code -> labels on a sheet, left and top of the first and of the last label in millimetres.
MEASURED = {
    "l7160": (21, (7.2, 15.15), (139.3, 243.75)),
    "l7163": (14, (4.65, 15.15), (106.25, 243.75)),
    "l4736": (48, (9.7, 21.3), (154.6, 254.5)),
    "l4731": (189, (8.6, 13.5), (176.0, 273.5)),
    "70x36": (24, (0, 4.5), (140, 256.5)),
    "70x37": (24, (0, 0.5), (140, 259.5)),
    "roll50x30": (1, (0, 0), (0, 0)),
    "roll60x40": (1, (0, 0), (0, 0)),
}


def sealed(number: int) -> str:
    """Return the text of a machine's label."""
    return seal_text(machine_text("https://service.example.com", "09506000134352", f"MC12-{number:04d}"), "aB3_" * 4)


def pages_of(pdf: bytes) -> list[Image.Image]:
    """Return the pages as a printer prints them."""
    document = pypdfium2.PdfDocument(io.BytesIO(pdf))
    pages = [page.render(scale=DPI / 72, grayscale=True).to_pil() for page in document]
    document.close()
    return pages


def read_at(page: Image.Image, left: float, top: float, width: float, height: float) -> tuple[str, float, float]:
    """Return the text of the only code in a place in millimetres, and where the left upper corner of its ink is."""
    edges = [round(edge / MM) for edge in (left, top, left + width, top + height)]
    (found,) = zxingcpp.read_barcodes(page.crop(tuple(edges)))  # type: ignore[arg-type]
    corner = found.position.top_left
    return found.text, left + corner.x * MM, top + corner.y * MM


@pytest.mark.parametrize("code", LABEL_PAPERS)
def test_each_label_is_read_where_the_paper_has_it(code: str) -> None:
    paper = LABEL_PAPERS[code]
    count, first, last = MEASURED[code]
    assert paper.count == count
    # The first and the last of a full sheet, and one that begins the second.
    labels = [Label(sealed(number), f"S/N MC12-{number:04d}", ("微型离心机 MC-12",)) for number in range(count + 1)]

    pages = pages_of(print_labels(paper, labels, 1, *MADE))

    assert len(pages) == 2
    for page, number, place in ((0, 0, first), (0, count - 1, last), (1, count, first)):
        text, left, top = read_at(pages[page], *place, paper.width, paper.height)
        assert text == labels[number].text
        # Half a millimetre and the quiet zone are left of the ink; from top to bottom the code is in the middle.
        edge = code_edge(paper)
        quiet = 4 * edge / len(encode(text, edge))
        assert abs(left - (place[0] + 0.5 + quiet)) < TOLERANCE_MM
        assert abs(top - (place[1] + (paper.height - edge) / 2 + quiet)) < TOLERANCE_MM


def test_every_code_of_a_sheet_is_read() -> None:
    paper = LABEL_PAPERS["l4731"]
    labels = [Label(sealed(number), f"MC12-{number:04d}") for number in range(paper.count)]

    (page,) = pages_of(print_labels(paper, labels, 1, *MADE))

    texts = [read_at(page, *paper.place(number), paper.width, paper.height)[0] for number in range(paper.count)]
    assert texts == [label.text for label in labels]


def test_a_begun_sheet_is_used_up_from_its_first_free_label() -> None:
    paper = LABEL_PAPERS["l7160"]

    (first, second) = pages_of(print_labels(paper, [Label(sealed(n), "x") for n in range(4)], 19, *MADE))

    assert [read_at(first, *paper.place(n), 63.5, 38.1)[0] for n in (18, 19, 20)] == [sealed(n) for n in (0, 1, 2)]
    assert read_at(second, *paper.place(0), 63.5, 38.1)[0] == sealed(3)
    assert zxingcpp.read_barcodes(first.crop((0, 0, first.width, round(228 / MM)))) == []


def test_words_stay_on_their_label_however_long_they_are() -> None:
    paper = LABEL_PAPERS["l7160"]
    long = Label("MC12-0007", "超长的名称" * 40, ("very long words " * 40, "又一行" * 60))

    (page,) = pages_of(print_labels(paper, [long, Label("B", "")], 1, *MADE))

    left, top, right, bottom = Image.eval(page, lambda shade: 255 - shade).getbbox()  # type: ignore[misc]
    assert left * MM > 7.2 and top * MM > 15.15 and bottom * MM < 15.15 + 38.1
    gap = page.crop((round(70.8 / MM), 0, round(73.2 / MM), page.height))
    assert Image.eval(gap, lambda shade: 255 - shade).getbbox() is None
    assert right * MM < 73.25 + 63.5


def test_the_same_labels_are_the_same_bytes() -> None:
    labels = [Label(sealed(1), "S/N 1", ("微型离心机",))]

    assert print_labels(LABEL_PAPERS["l7160"], labels, 2, *MADE) == print_labels(
        LABEL_PAPERS["l7160"], labels, 2, *MADE
    )


@pytest.mark.parametrize(("start", "count"), [(0, 1), (22, 1), (1, 0), (1, LABELS_MAX + 1)])
def test_what_a_paper_does_not_have_is_refused(start: int, count: int) -> None:
    with pytest.raises(Refused, match="value_invalid"):
        print_labels(LABEL_PAPERS["l7160"], [Label("a", "a")] * count, start, *MADE)
