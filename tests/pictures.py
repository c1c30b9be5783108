"""Photographs for the tests: a label lying in a scene, seen at a slant, out of focus, half in the shade.

Every photograph is made from a seed, so that a test sees the same picture each time.
"""

import functools
import io
import math
import random
from dataclasses import dataclass

import qrcode
import zxingcpp
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

PHOTO_SIZE = (4032, 3024)  # 12 megapixels, what most phones make
LABEL_EDGE = 1100  # pixels of the label before it is seen at a slant
NOISE_TILE = (1008, 756)
SOLID_ALPHA = 255
CURVE_STEP_PX = 6  # narrower than two modules of a code, so that no bend shows within one
EXIF_TAKEN_AT = "2026:11:03 14:25:36"
EXIF_OFFSET = "+08:00"
SUZHOU = ((31.0, 18.0, 0.36), (120.0, 40.0, 12.0))  # degrees, minutes, seconds north and east

MACHINE_URI = "https://fuwu.example.cn/01/09521234543213/21/LX-2024-00317"
PART_LABEL = "(01)09521234543213(10)B2024-07(17)280630(21)SN00417"


@dataclass(frozen=True)
class Shot:
    """How the photograph was taken; the defaults are an ordinary, readable one."""

    label_px: int = 1000  # edge of the label in the photograph
    slant: float = 0.10  # how much shorter the far edge is than the near one
    turn_degrees: float = 4.0
    blur_px: float = 1.5
    shade: float = 0.55  # brightness in the darkest corner
    noise: int = 10
    seed: int = 7
    curve_degrees: float = 0.0  # how far the label goes round a pipe or bottle


READABLE = Shot()


def draw_qr(text: str) -> Image.Image:
    """Draw a QR code with its quiet zone."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4, box_size=8)
    code.add_data(text)
    return code.make_image().get_image().convert("L")


def draw_symbol(content: str, symbology: zxingcpp.BarcodeFormat, *, gs1: bool = True) -> Image.Image:
    """Draw a DataMatrix, Code 128 or other code; with `gs1` the content is written with AIs in brackets."""
    options = {"gs1": True} if gs1 else {}
    barcode = zxingcpp.create_barcode(content, symbology, **options)
    return Image.fromarray(barcode.to_image(scale=8, add_quiet_zones=True))


def draw_label(code: Image.Image, lines: tuple[str, ...]) -> Image.Image:
    """Draw a square label: the code above, the text below."""
    label = Image.new("L", (LABEL_EDGE, LABEL_EDGE), 248)
    pen = ImageDraw.Draw(label)
    pen.rectangle((8, 8, LABEL_EDGE - 9, LABEL_EDGE - 9), outline=40, width=4)
    room = (LABEL_EDGE - 120, LABEL_EDGE - 320)
    scale = min(room[0] / code.width, room[1] / code.height)
    code = code.resize((round(code.width * scale), round(code.height * scale)), Image.Resampling.NEAREST)
    label.paste(code, ((LABEL_EDGE - code.width) // 2, 60))
    font = ImageFont.load_default(48)
    for row, line in enumerate(lines):
        pen.text((70, LABEL_EDGE - 220 + row * 64), line, fill=20, font=font)
    return label


def photograph(label: Image.Image, shot: Shot = READABLE) -> Image.Image:
    """Lay the label on a grey machine cover and photograph it at 12 megapixels."""
    chance = random.Random(shot.seed)
    scene = _draw_cover(chance)
    seen, outline = _slant(label, shot)
    corner = ((PHOTO_SIZE[0] - seen.width) // 2, (PHOTO_SIZE[1] - seen.height) // 2)
    scene.paste(seen, corner, outline)
    scene = scene.filter(ImageFilter.GaussianBlur(shot.blur_px)) if shot.blur_px else scene
    scene = ImageChops.multiply(scene, _draw_shade(shot.shade))
    scene = ImageChops.add(scene, _draw_noise(chance, shot.noise), offset=-shot.noise)
    warm = [scene, scene.point(lambda v: v * 0.97), scene.point(lambda v: v * 0.9)]
    return Image.merge("RGB", warm)


def find_place(shot: Shot, x: float, y: float) -> tuple[float, float]:
    """Return where in the photograph a point of the label lies; `x` and `y` are shares of its edge, 0 to 1."""
    width = height = edge = shot.label_px
    seen_x = x * edge
    if wrapped := math.radians(shot.curve_degrees):
        radius = edge / wrapped
        width = round(2 * radius * math.sin(wrapped / 2))
        seen_x = radius * math.sin(seen_x / radius - wrapped / 2) + width / 2
    sine, cosine = math.sin(math.radians(shot.turn_degrees)), math.cos(math.radians(shot.turn_degrees))
    right, down = seen_x - width / 2, y * edge - height / 2
    turned = _find_turned_size(width, height, shot.turn_degrees)
    u, v = turned[0] / 2 + right * cosine + down * sine, turned[1] / 2 - right * sine + down * cosine
    k = _find_view(turned, shot.slant)
    depth = k[6] * u + k[7] * v + 1
    left, upper = (PHOTO_SIZE[0] - turned[0]) // 2, (PHOTO_SIZE[1] - turned[1]) // 2
    return (k[0] * u + k[1] * v + k[2]) / depth + left, (k[3] * u + k[4] * v + k[5]) / depth + upper


def encode_jpeg(image: Image.Image, *, orientation: int = 1, located: bool = True, quality: int = 90) -> bytes:
    """Write a JPEG with the EXIF of a phone: orientation, time with zone, and a place unless not `located`."""
    exif = Image.Exif()
    exif[0x010F] = "Gongdan Test Optics"
    exif[0x0112] = orientation
    exif.get_ifd(0x8769).update({0x9003: EXIF_TAKEN_AT, 0x9011: EXIF_OFFSET})
    if located:
        north, east = SUZHOU
        exif.get_ifd(0x8825).update({1: "N", 2: north, 3: "E", 4: east})
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()


@functools.lru_cache(maxsize=4)
def machine_photo() -> bytes:
    """A 12-megapixel JPEG of a machine's QR label, taken with the phone held upright (orientation 6)."""
    label = draw_label(draw_qr(MACHINE_URI), ("MINI CENTRIFUGE LX-2024", "SN LX-2024-00317"))
    return encode_jpeg(photograph(label), orientation=6)


@functools.lru_cache(maxsize=4)
def part_photo(symbology: zxingcpp.BarcodeFormat = zxingcpp.BarcodeFormat.DataMatrix) -> bytes:
    """A 12-megapixel JPEG of a part's GS1 label."""
    label = draw_label(draw_symbol(PART_LABEL, symbology), ("SEALED BEARING", "LOT B2024-07"))
    return encode_jpeg(photograph(label))


def _draw_cover(chance: random.Random) -> Image.Image:
    small = Image.new("L", (252, 189), 150)
    pen = ImageDraw.Draw(small)
    for _ in range(40):
        x, y = chance.randrange(252), chance.randrange(189)
        pen.rectangle((x, y, x + chance.randrange(4, 60), y + chance.randrange(2, 30)), fill=chance.randrange(90, 200))
    return small.resize(PHOTO_SIZE, Image.Resampling.BILINEAR)


def _slant(label: Image.Image, shot: Shot) -> tuple[Image.Image, Image.Image]:
    """Turn the label, then shorten its far edge; give it with the mask of where it is."""
    edge = shot.label_px
    flat = label.resize((edge, edge), Image.Resampling.LANCZOS)
    if shot.curve_degrees:
        flat = _bend(flat, math.radians(shot.curve_degrees))
    mask = Image.new("L", flat.size, SOLID_ALPHA)
    turned = flat.rotate(shot.turn_degrees, Image.Resampling.BICUBIC, expand=True)
    mask = mask.rotate(shot.turn_degrees, Image.Resampling.BILINEAR, expand=True)
    width, height = turned.size
    inset = width * shot.slant / 2
    corners = [(inset, 0.0), (0.0, height), (width, height), (width - inset, 0.0)]
    seen_from = _find_perspective(corners, [(0, 0), (0, height), (width, height), (width, 0)])
    shape = Image.Transform.PERSPECTIVE
    seen = turned.transform(turned.size, shape, seen_from, Image.Resampling.BICUBIC)
    return seen, mask.transform(turned.size, shape, seen_from, Image.Resampling.BILINEAR)


def _bend(flat: Image.Image, wrapped: float) -> Image.Image:
    """Lay the label round an upright cylinder, seen from far off; `wrapped` is the angle that it covers."""
    radius = flat.width / wrapped
    width = round(2 * radius * math.sin(wrapped / 2))
    edges = [*range(0, width, CURVE_STEP_PX), width]
    places = [radius * (math.asin(max(-1.0, min(1.0, (x - width / 2) / radius))) + wrapped / 2) for x in edges]
    strips = [
        ((left, 0, right, flat.height), (begin, 0, begin, flat.height, end, flat.height, end, 0))
        for left, right, begin, end in zip(edges, edges[1:], places, places[1:], strict=False)
    ]
    return flat.transform((width, flat.height), Image.Transform.MESH, strips, Image.Resampling.BICUBIC)


@functools.cache
def _find_turned_size(width: int, height: int, degrees: float) -> tuple[int, int]:
    return Image.new("1", (width, height)).rotate(degrees, expand=True).size


@functools.cache
def _find_view(turned: tuple[int, int], slant: float) -> list[float]:
    """Solve for the eight numbers that take a point of the turned label to where it is seen at a slant."""
    width, height, inset = float(turned[0]), float(turned[1]), turned[0] * slant / 2
    flat = [(0.0, 0.0), (0.0, height), (width, height), (width, 0.0)]
    return _find_perspective(flat, [(inset, 0.0), flat[1], flat[2], (width - inset, 0.0)])


def _find_perspective(seen: list[tuple[float, float]], flat: list[tuple[float, float]]) -> list[float]:
    """Solve for the eight numbers that take each seen corner to its flat one."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(seen, flat, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    for pivot in range(8):
        best = max(range(pivot, 8), key=lambda row: abs(rows[row][pivot]))
        rows[pivot], rows[best] = rows[best], rows[pivot]
        rows[pivot] = [value / rows[pivot][pivot] for value in rows[pivot]]
        for row in range(8):
            if row != pivot:
                factor = rows[row][pivot]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[pivot], strict=True)]
    return [row[8] for row in rows]


def _draw_shade(darkest: float) -> Image.Image:
    """Light from the upper left that falls off over the picture, with the shadow of a hand."""
    small = Image.new("L", (64, 48))
    reach = math.hypot(64, 48)
    small.putdata([round(255 - 255 * (1 - darkest) * math.hypot(i % 64, i // 64) / reach) for i in range(64 * 48)])
    ImageDraw.Draw(small).polygon([(20, 48), (36, 22), (40, 48)], fill=round(255 * darkest))
    return small.resize(PHOTO_SIZE, Image.Resampling.BICUBIC)


def _draw_noise(chance: random.Random, strength: int) -> Image.Image:
    """Give noise of the sensor: 0 to twice the strength, a tile of it repeated."""
    grains = chance.randbytes(NOISE_TILE[0] * NOISE_TILE[1])
    tile = Image.frombytes("L", NOISE_TILE, grains).point(lambda v: v * 2 * strength / 255)
    noise = Image.new("L", PHOTO_SIZE)
    for x in range(0, PHOTO_SIZE[0], NOISE_TILE[0]):
        for y in range(0, PHOTO_SIZE[1], NOISE_TILE[1]):
            noise.paste(tile, (x, y))
    return noise
