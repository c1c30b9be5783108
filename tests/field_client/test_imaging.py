"""A photo is kept as it came, shown upright and small, and loses its place when that is not wanted."""

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from field_client import imaging
from field_client.imaging import Photo
from field_client.problems import MediaProblem
from tests import pictures

GPS_IFD = 0x8825
EXIF_IFD = 0x8769
MAKER_NOTE = 0x927C


def open_picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def draw_quarters(size: tuple[int, int] = (400, 300)) -> Image.Image:
    """A picture whose quarters are red (upper left), lime, blue, white: any wrong turn shows."""
    picture = Image.new("RGB", size, "white")
    half = (size[0] // 2, size[1] // 2)
    picture.paste("red", (0, 0, *half))
    picture.paste("lime", (half[0], 0, size[0], half[1]))
    picture.paste("blue", (0, half[1], half[0], size[1]))
    return picture


def name_quarters(picture: Image.Image) -> str:
    """Give the first letters of the colours, row by row."""
    names = {(True, False, False): "r", (False, True, False): "g", (False, False, True): "b", (True, True, True): "w"}
    places = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
    seen = [picture.convert("RGB").getpixel((int(picture.width * x), int(picture.height * y))) for x, y in places]
    return "".join(names[tuple(value > 128 for value in colour)] for colour in seen)  # type: ignore[union-attr, index]


def save(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def find_scan(jpeg: bytes) -> bytes:
    """Give the coded pixels of a JPEG: all from its start of scan on."""
    return jpeg[jpeg.index(b"\xff\xda") :]


def phone_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    exif.get_ifd(EXIF_IFD).update({0x9003: pictures.EXIF_TAKEN_AT, MAKER_NOTE: b"near Suzhou station" * 3})
    exif.get_ifd(GPS_IFD).update({1: "N", 2: pictures.SUZHOU[0], 3: "E", 4: pictures.SUZHOU[1], 29: "2026:11:03"})
    return exif


def test_a_phone_photo_is_kept_whole_with_time_and_place() -> None:
    original = pictures.machine_photo()

    photo = imaging.take_in(original, keep_location=True)

    assert photo.original == original
    assert (photo.media_type, photo.width, photo.height) == ("image/jpeg", 3024, 4032)
    assert photo.taken_at == "2026-11-03T14:25:36+08:00"
    assert photo.location == ("31.300100", "120.670000")


def test_preview_and_thumbnail_are_small_jpegs_without_metadata() -> None:
    photo = imaging.take_in(pictures.machine_photo(), keep_location=True)

    preview, thumbnail = open_picture(photo.preview), open_picture(photo.thumbnail)

    assert (preview.format, preview.size) == ("JPEG", (1200, 1600))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (240, 320))
    assert not preview.getexif()
    assert not thumbnail.getexif()


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(1, "rgbw"), (2, "grwb"), (3, "wbgr"), (4, "bwrg"), (5, "rbgw"), (6, "brwg"), (7, "wgbr"), (8, "gwrb")],
)
def test_every_orientation_is_turned_upright(orientation: int, upright: str) -> None:
    photo = imaging.take_in(pictures.encode_jpeg(draw_quarters(), orientation=orientation), keep_location=True)

    assert name_quarters(open_picture(photo.preview)) == upright
    assert name_quarters(open_picture(photo.thumbnail)) == upright
    assert (photo.width, photo.height) == ((400, 300) if orientation < 5 else (300, 400))


def test_dropping_the_place_of_a_jpeg_leaves_its_pixels_and_its_other_metadata() -> None:
    original = save(draw_quarters(), "JPEG", exif=phone_exif())

    photo = imaging.take_in(original, keep_location=False)

    assert photo.location is None
    assert find_scan(photo.original) == find_scan(original)
    exif = open_picture(photo.original).getexif()
    assert (exif[0x0112], exif[0x010F]) == (6, "Maker")
    assert exif.get_ifd(EXIF_IFD)[0x9003] == pictures.EXIF_TAKEN_AT
    assert MAKER_NOTE not in exif.get_ifd(EXIF_IFD)
    assert not exif.get_ifd(GPS_IFD)
    assert b"Suzhou" not in photo.original


def test_dropping_the_place_blanks_its_numbers_and_not_only_the_way_to_them() -> None:
    original = save(draw_quarters(), "JPEG", exif=phone_exif())
    north = b"".join(struct.pack(">II", value, 1) for value in (31, 18))
    east = b"".join(struct.pack("<II", value, 1) for value in (120, 40))
    assert north in original or east in original

    photo = imaging.take_in(original, keep_location=False)

    assert north not in photo.original
    assert east not in photo.original


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_dropping_the_place_works_in_png_and_webp(kind: str) -> None:
    xmp = b"<x:xmpmeta><exif:GPSLatitude>31,18.006N</exif:GPSLatitude></x:xmpmeta>"
    options = {"lossless": True, "xmp": xmp} if kind == "WEBP" else {}
    original = save(draw_quarters(), kind, exif=phone_exif(), **options)
    assert imaging.take_in(original, keep_location=True).location == ("31.300100", "120.670000")

    photo = imaging.take_in(original, keep_location=False)

    kept = open_picture(photo.original)
    assert kept.tobytes() == open_picture(original).tobytes()
    assert kept.getexif()[0x0112] == 6
    assert not kept.getexif().get_ifd(GPS_IFD)
    assert b"GPSLatitude" not in photo.original


def test_what_is_hidden_beside_or_behind_a_jpeg_goes_with_the_place() -> None:
    plain = save(draw_quarters(), "JPEG", exif=phone_exif())
    xmp = b"http://ns.adobe.com/xap/1.0/\0<exif:GPSLatitude>31,18N</exif:GPSLatitude>"
    segment = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
    original = plain[:2] + segment + plain[2:] + b"ftypqt film of a live photo +31.30+120.67/"

    photo = imaging.take_in(original, keep_location=False)

    assert b"GPSLatitude" not in photo.original
    assert photo.original.endswith(b"\xff\xd9")
    assert open_picture(photo.original).tobytes() == open_picture(plain).tobytes()


def test_a_progressive_jpeg_loses_its_place_and_no_scan() -> None:
    original = save(draw_quarters(), "JPEG", exif=phone_exif(), progressive=True)

    photo = imaging.take_in(original, keep_location=False)

    assert find_scan(photo.original) == find_scan(original)


def test_metadata_that_cannot_be_read_is_dropped_whole_with_the_place() -> None:
    picture = save(draw_quarters(), "JPEG", exif=phone_exif())
    looping = picture.replace(b"Exif\0\0MM\0*\0\0\0\x08", b"Exif\0\0MM\0*\xff\xff\xff\x08")
    assert looping != picture

    photo = imaging.take_in(looping, keep_location=False)

    assert b"Exif" not in photo.original
    assert photo.taken_at is None


def test_a_photo_without_metadata_has_no_time_and_no_place() -> None:
    photo = imaging.take_in(save(draw_quarters(), "PNG"), keep_location=True)

    assert (photo.media_type, photo.taken_at, photo.location) == ("image/png", None, None)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
def test_every_kind_of_pixel_gives_a_preview(mode: str) -> None:
    photo = imaging.take_in(save(draw_quarters().convert(mode), "PNG"), keep_location=True)

    assert open_picture(photo.preview).size == (400, 300)


def test_a_transparent_picture_is_laid_on_white() -> None:
    clear = save(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), "PNG")

    assert set(imaging.load_grey(clear).grey) == {255}


def test_a_picture_of_16_bits_is_scaled_and_not_cut_off() -> None:
    deep = save(Image.new("I;16", (64, 64), 0x8040), "PNG")

    assert set(imaging.load_grey(deep).grey) == {0x80}


@pytest.mark.parametrize("junk", [b"", b"hello", b"GIF89a" + bytes(90), b"%PDF-1.7"])
def test_what_is_no_photo_is_refused(junk: bytes) -> None:
    assert refuse(junk) == "photo_not_an_image"


def test_a_photo_of_a_telephone_that_writes_heic_is_told_apart() -> None:
    assert refuse(b"\x00\x00\x00\x24ftypheic\x00\x00\x00\x00mif1heic") == "photo_heic"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_truncated_photo_is_refused(kind: str, share: float) -> None:
    whole = save(Image.effect_noise((320, 240), 90).convert("RGB"), kind)

    assert refuse(whole[: int(len(whole) * share)]) == "photo_truncated"


def test_a_photo_of_300_megapixels_is_refused_before_it_is_decoded() -> None:
    jpeg = bytearray(save(Image.new("L", (64, 64)), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    struct.pack_into(">HH", jpeg, frame + 5, 15_000, 20_000)

    assert refuse(bytes(jpeg)) == "photo_too_large"


@pytest.mark.parametrize("size", [(5600, 5600), (65_536, 1)])
def test_a_png_larger_than_any_screen_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    header = struct.pack(">4sIIBBBBB", b"IHDR", *size, 8, 6, 0, 0, 0)
    end = b"\0\0\0\0IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    data = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + end

    assert refuse(b"\x89PNG\r\n\x1a\n" + data) == "photo_too_large"


def test_a_picture_that_unpacks_to_gigabytes_is_refused() -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(bytes(1_000_000), 9)
    chunks = [
        struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) for body in (header, pixels)
    ]

    assert refuse(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)) == "photo_too_large"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@given(data=st.data())
def test_altered_bytes_give_a_photo_or_a_refusal_and_nothing_else(kind: str, data: st.DataObject) -> None:
    photo = bytearray(save(draw_quarters((64, 48)), kind, exif=phone_exif()))
    changes = st.lists(st.tuples(st.integers(0, len(photo) - 1), st.integers(0, 255)), min_size=1, max_size=4)
    for place, value in data.draw(changes):
        photo[place] = value

    try:
        taken = imaging.take_in(bytes(photo), keep_location=False)
    except MediaProblem as problem:
        assert problem.code in {"photo_truncated", "photo_not_an_image", "photo_heic", "photo_too_large"}
    else:
        assert open_picture(taken.thumbnail).format == "JPEG"


def test_a_file_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imaging, "BYTES_MAX", 1000)

    assert refuse(pictures.machine_photo()) == "photo_too_large"


def test_a_jpeg_is_loaded_grey_at_a_fraction_of_its_size() -> None:
    raster = imaging.load_grey(pictures.machine_photo(), 4)

    assert (raster.width, raster.height, raster.reduction) == (1008, 756, 4)
    assert len(raster.grey) == 1008 * 756


def test_a_png_is_loaded_at_a_fraction_of_its_size_too() -> None:
    raster = imaging.load_grey(save(draw_quarters(), "PNG"), 2)

    assert (raster.width, raster.height) == (200, 150)


def refuse(original: bytes) -> str:
    """Take in what must be refused, with and without its place; give the code of the refusal."""
    codes = set()
    for keep in (True, False):
        with pytest.raises(MediaProblem) as refusal:
            _: Photo = imaging.take_in(original, keep_location=keep)
        codes.add(refusal.value.code)
    (code,) = codes
    return code


def test_the_exposure_tells_light_and_focus() -> None:
    stripes = Image.new("L", (400, 300), 40)
    for x in range(0, 400, 80):
        stripes.paste(200, (x, 0, x + 40, 300))
    blurred = stripes.filter(ImageFilter.GaussianBlur(8))

    sharp, soft, wall = (
        imaging.measure(imaging.Raster(400, 300, picture.tobytes()))
        for picture in (stripes, blurred, Image.new("L", (400, 300), 90))
    )

    assert (sharp.brightest, sharp.sharpness > 60) == (200, True)
    assert 0 < soft.sharpness < 25
    assert (wall.median, wall.sharpness) == (90, 0)
