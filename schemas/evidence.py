"""What can be shown later: photos, named by the hash of their bytes. Source: handbook V4."""

from schemas.base import (
    Nature,
    Part,
    RecordSchema,
    choice,
    decimal,
    group,
    instant,
    many,
    pattern,
    reference,
    sha256,
    text,
    whole,
)
from schemas.merge_rules import FROZEN

HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
"""What a telephone calls its HEIF photos. Source: ISO/IEC 23008-12 annex B."""


def is_heic(start: bytes) -> bool:
    """Tell by its first twelve bytes whether a file is a HEIF photo, which nothing here can decode."""
    return start[4:8] == b"ftyp" and start[8:12] in HEIC_BRANDS


PHOTO_PURPOSES = ("fault", "before", "after", "part_label", "name_plate", "other")
PHOTO_PURPOSE_LABELS = {
    "fault": ("故障部位", "Fault"),
    "before": ("处理前", "Before"),
    "after": ("处理后", "After"),
    "part_label": ("备件标签", "Part label"),
    "name_plate": ("铭牌", "Name plate"),
    "other": ("其他", "Other"),
}

MARK_SHAPES = ("arrow", "circle", "text")
MARK_COLOURS = ("red", "yellow", "blue", "white")
MARK_COLOUR_LABELS = {
    "red": ("红", "Red"),
    "yellow": ("黄", "Yellow"),
    "blue": ("蓝", "Blue"),
    "white": ("白", "White"),
}

MARKS_MOST = 40
"""More would hide the photo."""

MARK_EDGE_PX_MAX = 65_535
"""The longest edge that JPEG can say."""

BLOB_FIELDS = (
    "original_sha256",
    "preview_sha256",
    "thumbnail_sha256",
    "strokes_sha256",
    "certificate_sha256",
    "inspection_sha256",
    "file_sha256",
)
"""Fields whose value names a file that must arrive beside the record; smallest first on a slow link."""


class Photo(RecordSchema):
    """A photo taken at a work order: the original file with a preview and a thumbnail."""

    kind = "photo"
    label = ("照片", "Photo")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", follows=True, merge=FROZEN)
    purpose = choice("用途", "Purpose", PHOTO_PURPOSES, required=True, merge=FROZEN)
    caption = text("说明", "Caption", most=500, merge=FROZEN)
    original_sha256 = sha256("原图", "Original", required=True, tells_of=())
    preview_sha256 = sha256("预览图", "Preview", tells_of=())
    thumbnail_sha256 = sha256("缩略图", "Thumbnail", tells_of=())
    media_type = pattern("类型", "Media type", r"image/(?:jpeg|png|webp)\Z", required=True, merge=FROZEN)
    size_bytes = whole("大小", "Size", unit="byte", required=True, merge=FROZEN)
    width = whole("宽", "Width", unit="pixel", merge=FROZEN)
    height = whole("高", "Height", unit="pixel", merge=FROZEN)
    taken_at = instant("拍摄时间", "Taken at", merge=FROZEN)
    latitude = decimal("纬度", "Latitude", unit="degree", merge=FROZEN)
    longitude = decimal("经度", "Longitude", unit="degree", merge=FROZEN)


class Mark(Part):
    """One thing drawn over a photo, in pixels of the upright original.

    An arrow's point is at `to_x`, `to_y`; a circle fills the box between both corners; text begins at `x`, `y`.
    """

    shape = choice("形状", "Shape", MARK_SHAPES, required=True)
    colour = choice("颜色", "Colour", MARK_COLOURS, required=True)
    x = whole("横", "X", unit="pixel", most=MARK_EDGE_PX_MAX, required=True)
    y = whole("纵", "Y", unit="pixel", most=MARK_EDGE_PX_MAX, required=True)
    to_x = whole("至横", "To X", unit="pixel", most=MARK_EDGE_PX_MAX)
    to_y = whole("至纵", "To Y", unit="pixel", most=MARK_EDGE_PX_MAX)
    words = text("文字", "Words", most=80)


class PhotoRemark(RecordSchema):
    """What was later said of a photo, whose bytes stay as they came: marks, another purpose or caption.

    The latest remark of a photo counts, as a whole.
    """

    kind = "photo_remark"
    label = ("照片标注", "Photo remark")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", follows=True, merge=FROZEN)
    photo_id = reference("照片", "Photo", "photo", required=True, merge=FROZEN)
    purpose = choice("用途", "Purpose", PHOTO_PURPOSES, required=True, merge=FROZEN)
    caption = text("说明", "Caption", most=500, merge=FROZEN)
    marks = many("标注", "Marks", group("标注", "Mark", Mark, required=True), most=MARKS_MOST, merge=FROZEN)
    remarked_at = instant("标注时间", "Remarked at", required=True, merge=FROZEN)
