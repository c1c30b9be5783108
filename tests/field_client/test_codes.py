"""Codes are read from photographs of 12 megapixels, as bytes, with the symbology they came in."""

import random

import pytest
from zxingcpp import BarcodeFormat

from field_client import codes, imaging
from field_client.label_views import View
from field_client.problems import MediaProblem
from tests import pictures
from tests.pictures import Shot

PART_BYTES = b"010952123454321310B2024-07\x1d1728063021SN00417"
SHORT_PART = "(01)09521234543213(21)SN00417"
SHORT_BYTES = b"010952123454321321SN00417"


def photograph_code(drawing: pictures.Image.Image, **shot: float) -> bytes:
    label = pictures.draw_label(drawing, ("PART",))
    return pictures.encode_jpeg(pictures.photograph(label, Shot(**shot)))  # type: ignore[arg-type]


def test_a_machine_label_in_a_photo_is_read() -> None:
    found = codes.read_photo(pictures.machine_photo())

    assert [(code.raw, code.symbology) for code in found] == [(pictures.MACHINE_URI.encode(), "]Q1")]


def test_a_gs1_datamatrix_keeps_its_separator() -> None:
    found = codes.read_photo(pictures.part_photo())

    assert [(code.raw, code.symbology) for code in found] == [(PART_BYTES, "]d2")]


def test_a_gs1_128_is_read_when_level() -> None:
    photo = photograph_code(pictures.draw_symbol(SHORT_PART, BarcodeFormat.Code128))

    found = codes.read_photo(photo)

    assert [(code.raw, code.symbology) for code in found] == [(b"010952123454321321SN00417", "]C1")]


@pytest.mark.parametrize("degrees", [14.0, 25.0])
def test_a_tilted_linear_code_is_found_by_turning_the_picture(degrees: float) -> None:
    photo = photograph_code(pictures.draw_symbol(SHORT_PART, BarcodeFormat.Code128), turn_degrees=degrees)

    (found,) = codes.read_photo(photo)

    assert found.raw == b"010952123454321321SN00417"
    left, right = found.corners[0], found.corners[1]
    rise = (left[1] - right[1]) / (right[0] - left[0])
    assert rise == pytest.approx({14.0: 0.25, 25.0: 0.47}[degrees], abs=0.12)


def test_corners_are_in_pixels_of_the_stored_picture() -> None:
    (found,) = codes.read_photo(pictures.machine_photo())

    label = range((4032 - 1200) // 2, (4032 + 1200) // 2), range((3024 - 1200) // 2, (3024 + 1200) // 2)
    assert all(x in label[0] and y in label[1] for x, y in found.corners)
    assert found.corners[2][0] - found.corners[0][0] > 400


@pytest.mark.parametrize(
    "shot",
    [
        {"blur_px": 4.0},
        {"label_px": 450},
        {"turn_degrees": 45.0, "slant": 0.2},
        {"shade": 0.2, "noise": 30, "blur_px": 3.0},
    ],
    ids=["out of focus", "far away", "aslant", "in the dark"],
)
def test_a_qr_code_is_read_in_a_hard_photo(shot: dict[str, float]) -> None:
    photo = photograph_code(pictures.draw_qr(pictures.MACHINE_URI), **shot)

    assert [code.raw for code in codes.read_photo(photo)] == [pictures.MACHINE_URI.encode()]


@pytest.mark.parametrize("label_px", [1200, 1700])
def test_a_datamatrix_is_read_through_the_noise_of_a_dim_photo(label_px: int) -> None:
    drawing = pictures.draw_symbol(pictures.PART_LABEL, BarcodeFormat.DataMatrix)
    photo = photograph_code(drawing, label_px=label_px, shade=0.23, noise=25)

    assert [code.raw for code in codes.read_photo(photo)] == [PART_BYTES]


@pytest.mark.parametrize(
    ("content", "shot"),
    [
        (
            pictures.PART_LABEL,
            Shot(label_px=1187, turn_degrees=-114, blur_px=3.8, shade=0.13, noise=17, curve_degrees=137),
        ),
        (SHORT_PART, Shot(label_px=2649, slant=0.44, turn_degrees=-147, blur_px=4.5, shade=0.6, noise=18)),
        (
            SHORT_PART,
            Shot(label_px=1686, slant=0.15, turn_degrees=-153, blur_px=4, shade=0.98, noise=19, curve_degrees=85),
        ),
    ],
    ids=["DataMatrix in the shadow of a hand round a pipe", "Code 128 askew", "Code 128 out of focus round a pipe"],
)
def test_a_label_that_is_taken_badly_in_several_ways_at_once_is_read(content: str, shot: Shot) -> None:
    is_matrix = content == pictures.PART_LABEL
    drawing = pictures.draw_symbol(content, BarcodeFormat.DataMatrix if is_matrix else BarcodeFormat.Code128)

    (found,) = codes.read_photo(
        pictures.encode_jpeg(pictures.photograph(pictures.draw_label(drawing, ("PART",)), shot))
    )

    assert found.raw == (PART_BYTES if is_matrix else SHORT_BYTES)
    assert all(abs(x - 2016) < 1400 and abs(y - 1512) < 1400 for x, y in found.corners)


def test_bars_of_no_meaning_are_no_code() -> None:
    chance = random.Random(5)
    bars = pictures.Image.new("L", (220, 1))
    bars.putdata([255 * chance.randrange(2) for _ in range(220)])
    drawing = bars.resize((1760, 300), pictures.Image.Resampling.NEAREST)

    assert codes.read_photo(photograph_code(drawing, label_px=1600, turn_degrees=30.0)) == []


def test_bars_that_only_half_the_rows_show_are_not_believed() -> None:
    drawing = pictures.draw_symbol(SHORT_PART, BarcodeFormat.Code128).crop((0, 100, 1936, 101))
    view = View((968.0, 8.0), (968.0, 0.0), (0.0, 8.0), (0.0, 8.0), 1936, 16)
    whole = drawing.resize((1936, 16), pictures.Image.Resampling.NEAREST)
    half = whole.copy()
    for row in range(0, 16, 2):
        half.paste(255, (0, row, 1936, row + 1))

    read, doubted = (codes._read_bands(imaging.Raster(1936, 16, rows.tobytes()), view, 1) for rows in (whole, half))

    assert [code.raw for code in read] == [SHORT_BYTES]
    assert doubted == []


def test_a_readable_photo_is_decoded_once_and_at_half_size(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def load_and_note(original: bytes, reduction: int) -> imaging.Raster:
        asked.append(reduction)
        return imaging.load_grey(original, reduction)

    monkeypatch.setattr(codes, "load_grey", load_and_note)

    codes.read_photo(pictures.machine_photo())

    assert asked == [2]


def test_a_photo_without_a_code_gives_nothing() -> None:
    photo = pictures.encode_jpeg(pictures.Image.new("RGB", (1200, 900), "grey"))

    assert codes.read_photo(photo) == []


def test_two_labels_in_one_photo_are_both_given() -> None:
    scene = pictures.Image.new("L", (2000, 1000), 200)
    scene.paste(pictures.draw_qr("SN-1").resize((600, 600)), (100, 200))
    scene.paste(pictures.draw_qr("SN-2").resize((600, 600)), (1200, 200))

    found = codes.read_photo(pictures.encode_jpeg(scene))

    assert {code.raw for code in found} == {b"SN-1", b"SN-2"}


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(MediaProblem) as refusal:
        codes.read_photo(b"%PDF-1.7 not a photo")

    assert refusal.value.code == "photo_not_an_image"


def frame(drawing: pictures.Image.Image, **shot: float) -> bytes:
    """Return what a camera's preview shows of a label: a JPEG 1280 pixels wide."""
    label = pictures.draw_label(drawing, ("PART",))
    scene = pictures.photograph(label, Shot(**shot))  # type: ignore[arg-type]
    return pictures.encode_jpeg(scene.resize((1280, 960), pictures.Image.Resampling.LANCZOS), quality=80)


QR = pictures.draw_qr(pictures.MACHINE_URI)


@pytest.mark.parametrize(
    ("drawing", "shot", "raw"),
    [
        (QR, {}, pictures.MACHINE_URI.encode()),
        (pictures.draw_symbol(pictures.PART_LABEL, BarcodeFormat.DataMatrix), {}, PART_BYTES),
        (
            pictures.draw_symbol(SHORT_PART, BarcodeFormat.Code128),
            {"label_px": 2400, "blur_px": 2.0},
            b"010952123454321321SN00417",
        ),
    ],
    ids=["QR", "DataMatrix", "Code 128"],
)
def test_a_label_before_the_camera_is_read_in_its_first_frame(
    drawing: pictures.Image.Image, shot: dict[str, float], raw: bytes
) -> None:
    glance = codes.read_frame(frame(drawing, **shot), 0)

    assert ([found.raw for found in glance.codes], glance.advice) == ([raw], None)


def test_a_tilted_linear_code_is_read_within_two_seconds_of_frames() -> None:
    tilted = frame(
        pictures.draw_symbol(SHORT_PART, BarcodeFormat.Code128), label_px=2000, blur_px=2.0, turn_degrees=20.0
    )

    read = [bool(codes.read_frame(tilted, number).codes) for number in range(len(codes.ROUND))]

    assert not read[0]
    assert any(read)


@pytest.mark.parametrize(
    ("drawing", "shot", "advice"),
    [
        (pictures.draw_symbol(SHORT_PART, BarcodeFormat.Code128), {"label_px": 700}, "come_closer"),
        (QR, {"blur_px": 40.0}, "blurred"),
        (pictures.draw_symbol(SHORT_PART, BarcodeFormat.Code128), {"blur_px": 20.0}, "blurred"),
    ],
    ids=["linear far away", "QR out of focus", "linear out of focus"],
)
def test_what_is_not_read_is_answered_with_advice(
    drawing: pictures.Image.Image, shot: dict[str, float], advice: str
) -> None:
    glance = codes.read_frame(frame(drawing, **shot), 0)

    assert (glance.codes, glance.advice) == ([], advice)


@pytest.mark.parametrize(("grey", "advice"), [(20, "too_dark"), (253, "too_bright"), (128, "come_closer")])
def test_an_even_picture_is_told_by_its_light(grey: int, advice: str) -> None:
    even = pictures.encode_jpeg(pictures.Image.new("L", (1280, 720), grey))

    assert codes.read_frame(even, 0).advice == advice
