"""Photos: checked, turned upright, made small; the only module that knows an image library.

Rule 1: the original is kept byte for byte, but for its place when that is not wanted; it is never re-encoded.
Rule 2: no object of the image library leaves this module; pixels for code reading travel as a `Raster`.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, ImageFilter, ImageOps
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from field_client.photo_location import EXIF_IFD, GPS_IFD, read_location, read_time, remove_location
from field_client.problems import MediaProblem
from schemas.evidence import is_heic

BYTES_MAX: Final = 64 * 1024 * 1024
"""A 108-megapixel phone writes 20 to 40 MB; twice that leaves room, and still fits a small device's memory."""

MEGAPIXELS_MAX: Final = 120
"""Above the 108 of large phone sensors; decoded it is 480 MB, the most a small device can spare."""

MEGAPIXELS_MAX_UNSCALED: Final = 30
"""PNG and WebP, which unlike JPEG cannot be decoded at a smaller size, and are laid on white in several copies: again
480 MB. They are pictures of a screen; a large one has 8 megapixels."""

EDGE_PX_MAX: Final = 65_535
"""What JPEG and WebP can say at most, and the code reader takes at most; a longer PNG was made to do harm."""

PREVIEW_EDGE_PX: Final = 1600
"""Fills an office screen; some 300 KB, so that it arrives long before the original on a slow line."""

THUMBNAIL_EDGE_PX: Final = 320
"""A list entry on a dense phone screen; some 12 KB."""

PREVIEW_QUALITY: Final = 82
THUMBNAIL_QUALITY: Final = 75
"""Where JPEG artefacts begin to show at these sizes."""

ICC_PROFILE_BYTES_MAX: Final = 64 * 1024
"""Phones embed profiles of 0.5 to 4 KB; a larger one would weigh more than the preview gains."""

CONTRAST_MIN: Final = 24
"""A bare wall with the noise of a sensor; what shows no more has no edges to measure."""

_EDGES: Final = ImageFilter.Kernel((3, 3), (-1, -1, -1, -1, 8, -1, -1, -1, -1), scale=2)
"""The Laplacian over eight neighbours, halved so that a black line on white does not run over."""

_BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AssertionError),
    *(struct.error, zlib.error),
)
"""What the image library's decoders raise on damaged files; it documents OSError and SyntaxError only."""

_DECODERS: Final[dict[str, Callable[[io.BytesIO], ImageFile]]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/webp": WebPImageFile,
}

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG: Final = 0x0112
_LYING_DOWN: Final = frozenset({5, 6, 7, 8})


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo ready to be kept: the original with what is shown of it.

    `width` and `height` are those of the upright picture. `taken_at` is ISO 8601 as the camera wrote it, with an
    offset only where the camera gave one. `location` is latitude and longitude in degrees, six decimals.
    """

    original: bytes
    media_type: str
    preview: bytes
    thumbnail: bytes
    width: int
    height: int
    taken_at: str | None
    location: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a picture was taken: its usual and its brightest grey (0 to 255), and how steep its edges are.

    `sharpness` is the steepness that one pixel in five hundred exceeds, in percent of the picture's whole contrast: 60
    and more where a label's code is in focus, below 25 where it cannot be read, 0 where there is nothing to see.
    """

    median: int
    brightest: int
    sharpness: int


@dataclass(frozen=True, slots=True)
class Raster:
    """Grey pixels, one byte each, row by row; each stands for `reduction` x `reduction` of the stored picture."""

    width: int
    height: int
    grey: bytes
    reduction: int = 1


def take_in(original: bytes, keep_location: bool) -> Photo:
    """Check a photo and make its preview and thumbnail, both upright JPEGs without metadata.

    Takes JPEG, PNG and WebP. Raises MediaProblem: photo_not_an_image, photo_heic, photo_truncated, photo_too_large.
    """
    media_type = _sniff(original)
    with _opened(original) as image:
        orientation, taken_at, location = _read_metadata(image)
        width, height = image.size
        preview = _shrink(image, PREVIEW_EDGE_PX)
        profile = image.info.get("icc_profile") or b""
    if orientation in _UPRIGHT:
        preview = preview.transpose(_UPRIGHT[orientation])
    if orientation in _LYING_DOWN:
        width, height = height, width
    profile = profile if len(profile) <= ICC_PROFILE_BYTES_MAX else b""
    return Photo(
        original=original if keep_location else remove_location(original, media_type),
        media_type=media_type,
        preview=_encode_jpeg(preview, PREVIEW_QUALITY, profile),
        thumbnail=_encode_jpeg(_shrink(preview, THUMBNAIL_EDGE_PX), THUMBNAIL_QUALITY, profile),
        width=width,
        height=height,
        taken_at=taken_at,
        location=location if keep_location else None,
    )


def load_grey(original: bytes, reduction: int = 1) -> Raster:
    """Decode a photo to grey at 1/1, 1/2, 1/4 or 1/8 of its size, as stored (not turned upright).

    A JPEG is decoded at the smaller size directly, which costs half as much. Raises as `take_in` does.
    """
    assert reduction in (1, 2, 4, 8)
    with _opened(original) as image:
        wanted = (max(1, image.width // reduction), max(1, image.height // reduction))
        image.draft("L", wanted)
        grey = _flatten(image).convert("L")
    if grey.width >= 2 * wanted[0]:
        grey = grey.reduce(reduction)
    return Raster(grey.width, grey.height, grey.tobytes(), reduction)


def measure(raster: Raster) -> Exposure:
    """Tell how a picture was taken, from every second pixel in both directions; noise is averaged away."""
    small = _from_raster(raster).reduce(2)
    greys = small.histogram()
    darkest, median, brightest = (_find_grey(greys, share) for share in (0.02, 0.5, 0.98))
    edges = small.filter(_EDGES).crop((1, 1, max(2, small.width - 1), max(2, small.height - 1)))
    contrast = brightest - darkest
    steepest = _find_grey(edges.histogram(), 0.998)
    return Exposure(median, brightest, 100 * steepest // contrast if contrast >= CONTRAST_MIN else 0)


def shrink(raster: Raster, times: int) -> Raster:
    """Make a picture smaller by averaging `times` x `times` pixels; noise goes with them."""
    return _to_raster(_from_raster(raster).reduce(times), raster.reduction * times)


def stretch_contrast(raster: Raster) -> Raster:
    """Spread the greys of a dim or hazy picture over the whole range."""
    return _to_raster(ImageOps.autocontrast(_from_raster(raster), cutoff=1), raster.reduction)


def smooth(raster: Raster) -> Raster:
    """Average the noise of a dim picture away; bars and dots wider than some five pixels stay."""
    return _to_raster(_from_raster(raster).filter(ImageFilter.GaussianBlur(2)), raster.reduction)


def turn(raster: Raster, degrees: int) -> Raster:
    """Turn counter-clockwise about the centre, within the same frame; corners that come into view are grey."""
    turned = _from_raster(raster).rotate(degrees, Image.Resampling.BILINEAR, fillcolor=128)
    return _to_raster(turned, raster.reduction)


def _sniff(original: bytes) -> str:
    if original.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if original.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if original[:4] == b"RIFF" and original[8:12] == b"WEBP":
        return "image/webp"
    raise MediaProblem("photo_heic" if is_heic(original[:12]) else "photo_not_an_image")


@contextmanager
def _opened(original: bytes) -> Iterator[ImageFile]:
    """Open a photo that is within the limits; whatever goes wrong while it is read becomes a MediaProblem.

    The decoders are called directly: Image.open would apply a pixel limit of the whole process, not ours.
    """
    if len(original) > BYTES_MAX:
        raise MediaProblem("photo_too_large", limit=f"{BYTES_MAX // 1024**2} MB")
    media_type = _sniff(original)
    megapixels_max = MEGAPIXELS_MAX if media_type == "image/jpeg" else MEGAPIXELS_MAX_UNSCALED
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what the library says of damaged metadata
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = _DECODERS[media_type](io.BytesIO(original))
            if image.width * image.height > megapixels_max * 1_000_000:
                raise MediaProblem("photo_too_large", limit=f"{megapixels_max} MP")
            if max(image.size) > EDGE_PX_MAX:
                raise MediaProblem("photo_too_large", limit=f"{EDGE_PX_MAX} px")
            with image:
                yield image
    except Image.DecompressionBombError:
        # The WebP decoder asks the library's own limit all the same.
        raise MediaProblem("photo_too_large", limit=f"{megapixels_max} MP") from None
    except _BROKEN as error:
        raise MediaProblem("photo_truncated") from error


def _read_metadata(image: ImageFile) -> tuple[int, str | None, tuple[str, str] | None]:
    """Read orientation, time and place; a picture with damaged metadata is still a picture."""
    try:
        exif = image.getexif()
        orientation = exif.get(_ORIENTATION_TAG, 1)
        return orientation, read_time(exif.get_ifd(EXIF_IFD)), read_location(exif.get_ifd(GPS_IFD))
    except _BROKEN:
        return 1, None, None


def _shrink(image: Image.Image, edge: int) -> Image.Image:
    """Give an RGB or grey copy whose longer edge is at most `edge`."""
    scale = min(1.0, edge / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image.draft("RGB", size)
    return _flatten(image).resize(size, Image.Resampling.BICUBIC, reducing_gap=1.5)


def _find_grey(histogram: list[int], share: float) -> int:
    """Return the grey below or at which `share` of the pixels lie."""
    wanted, seen = share * sum(histogram), 0
    for grey, count in enumerate(histogram):
        seen += count
        if seen >= wanted:
            return grey
    return len(histogram) - 1


def _flatten(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on white, and give RGB or grey."""
    image.load()
    if image.mode.startswith("I"):  # 16 bits a pixel; the library would cut every value off at 255
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("L", "RGB"):
        return image
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image.convert("RGBA"))
        return page.convert("RGB")
    return image.convert("RGB")


def _encode_jpeg(image: Image.Image, quality: int, profile: bytes) -> bytes:
    out = io.BytesIO()
    options: dict[str, Any] = {"icc_profile": profile} if profile and image.mode == "RGB" else {}
    image.save(out, "JPEG", quality=quality, **options)
    return out.getvalue()


def _from_raster(raster: Raster) -> Image.Image:
    return Image.frombytes("L", (raster.width, raster.height), raster.grey)


def _to_raster(image: Image.Image, reduction: int) -> Raster:
    return Raster(image.width, image.height, image.tobytes(), reduction)
