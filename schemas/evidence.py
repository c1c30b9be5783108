"""What can be shown later: photos, named by the hash of their bytes. Source: handbook V4."""

from schemas.base import Nature, RecordSchema, choice, decimal, instant, pattern, reference, sha256, text, whole
from schemas.merge_rules import FROZEN

PHOTO_PURPOSES = ("fault", "before", "after", "part_label", "name_plate", "other")
PHOTO_PURPOSE_LABELS = {
    "fault": ("故障部位", "Fault"),
    "before": ("处理前", "Before"),
    "after": ("处理后", "After"),
    "part_label": ("备件标签", "Part label"),
    "name_plate": ("铭牌", "Name plate"),
    "other": ("其他", "Other"),
}

BLOB_FIELDS = ("original_sha256", "preview_sha256", "thumbnail_sha256", "strokes_sha256", "certificate_sha256")
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
    original_sha256 = sha256("原图", "Original", required=True)
    preview_sha256 = sha256("预览图", "Preview")
    thumbnail_sha256 = sha256("缩略图", "Thumbnail")
    media_type = pattern("类型", "Media type", r"image/(?:jpeg|png|webp)\Z", required=True, merge=FROZEN)
    size_bytes = whole("大小", "Size", unit="byte", required=True, merge=FROZEN)
    width = whole("宽", "Width", unit="pixel", merge=FROZEN)
    height = whole("高", "Height", unit="pixel", merge=FROZEN)
    taken_at = instant("拍摄时间", "Taken at", merge=FROZEN)
    latitude = decimal("纬度", "Latitude", unit="degree", merge=FROZEN)
    longitude = decimal("经度", "Longitude", unit="degree", merge=FROZEN)
