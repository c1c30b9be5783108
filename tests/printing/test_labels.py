"""Labels are read back by a scanner, and are the same bytes every time."""

import io
import json
import subprocess
import sys

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from printing.labels import draw_code, draw_label, machine_text, spell_code

GTIN = "09506000100100"
URL = "https://service.example:8443/"
SERIAL_CHARACTERS = "ABCabc019!\"%&'()*+,-./:;<=>?_"


def read(png: bytes) -> str:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)))
    return found.text


def test_a_machine_label_holds_a_digital_link() -> None:
    text = machine_text(URL, GTIN, "MC-2024/0017")

    assert text == "https://service.example:8443/01/09506000100100/21/MC-2024%2F0017"
    assert read(draw_label(text, "Mini centrifuge", ("S/N MC-2024/0017",))) == text


@pytest.mark.parametrize(
    ("gtin", "serial"),
    [(None, "MC-1"), ("123", "MC-1"), (GTIN, "编号 17"), (GTIN, "S" * 21)],
)
def test_a_serial_without_gs1_numbers_stands_alone(gtin: str | None, serial: str) -> None:
    text = machine_text(URL, gtin, serial)

    assert text == serial
    assert read(draw_label(text, "Machine", ())) == serial


@settings(max_examples=30)
@given(st.text(SERIAL_CHARACTERS, min_size=1, max_size=20))
def test_every_serial_of_gs1_is_read_back(serial: str) -> None:
    text = machine_text(URL, GTIN, serial)

    assert read(draw_label(text, "Machine", ())) == text


def test_a_code_is_read_back_from_the_screen_and_the_terminal() -> None:
    text = "gongdan-enrol:http://127.0.0.1:8080#ABCDEFGHIJKLMNOPQRST"

    rows = spell_code(text).splitlines()

    assert read(draw_code(text)) == text
    assert read(picture_of(rows)) == text


def picture_of(rows: list[str]) -> bytes:
    """Paint a terminal's half blocks: light characters on a dark screen."""
    light = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255)}
    rows = [row for row in rows if row]
    columns = max(len(row) for row in rows)
    picture = Image.new("L", (columns, 2 * len(rows)), 0)
    for y, row in enumerate(rows):
        for x, character in enumerate(row):
            for half, shade in enumerate(light.get(character, (0, 0))):
                picture.putpixel((x, 2 * y + half), shade)
    out = io.BytesIO()
    picture.resize((columns * 6, 12 * len(rows)), Image.Resampling.NEAREST).save(out, format="PNG")
    return out.getvalue()


def test_the_same_label_is_the_same_bytes_in_another_process() -> None:
    arguments = ("https://h/01/09506000100100/21/A", "Title", ["S/N A", "2026-03-01"])
    program = (
        "import json, sys; from printing.labels import draw_label;"
        "text, title, lines = json.loads(sys.argv[1]);"
        "sys.stdout.buffer.write(draw_label(text, title, tuple(lines)))"
    )

    elsewhere = subprocess.run([sys.executable, "-c", program, json.dumps(arguments)], capture_output=True, check=True)

    assert elsewhere.stdout == draw_label(arguments[0], arguments[1], tuple(arguments[2]))
