"""The JSON of the fleet."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from schemas.fleet import REASONS
from schemas.problems import PROBLEMS
from server.services.fleet import PAGE_DEVICES_MAX
from server.web.shapes import Answer, Request


def _maybe(kind: type[fields.Field[Any]], zh: str, en: str, **options: Any) -> Any:
    return kind(allow_none=True, metadata={"description": f"{zh} / {en}"}, **options)


class FleetQuery(Request):
    """Which devices to list."""

    after = fields.String(
        validate=validate.Length(max=80), metadata={"description": "上一页的 after / The page before's `after`"}
    )
    limit = fields.Integer(load_default=100, validate=validate.Range(1, PAGE_DEVICES_MAX))


class FleetReason(Answer):
    """Why a device is silent or behind."""

    code = fields.String(validate=validate.OneOf(tuple(REASONS)))
    zh, en = fields.String(), fields.String()


class FleetDevice(Answer):
    """A device; null is what is not known."""

    device, person = fields.UUID(), fields.UUID()
    name, person_name, person_name_en = (fields.String(allow_none=True) for _ in range(3))
    state = fields.String(validate=validate.OneOf(("active", "frozen", "revoked")))
    contacted_at = _maybe(fields.String, "最近联系", "When it last called")
    synced_at = _maybe(fields.String, "最近同步", "When it was last brought up to date")
    behind = _maybe(fields.Integer, "落后的日志位置", "Log positions since then")
    failed_at = _maybe(fields.String, "最近被拒", "When a request of it was last refused")
    problem = _maybe(fields.String, "被拒原因", "By which problem", validate=validate.OneOf((*PROBLEMS, None)))
    told_at = _maybe(fields.String, "自报时间", "When it told what follows")
    waiting_sets = _maybe(fields.Integer, "未提交变更集", "Change-sets not sent")
    oldest_at = _maybe(fields.String, "最早的未提交", "When the oldest of them was captured, by the server's clock")
    waiting_files = _maybe(fields.Integer, "未上传文件", "Files not uploaded")
    waiting_bytes = _maybe(fields.Integer, "未上传字节", "Bytes not uploaded")
    offset_ms = _maybe(fields.Integer, "时钟偏差", "How far its clock is behind the server's")
    free_bytes = _maybe(fields.Integer, "剩余空间", "Room left on it")
    schema_version = _maybe(fields.Integer, "记录版本", "Version of the schema it writes")
    client = _maybe(fields.String, "客户端版本", "Version of its client")
    held_sets = fields.Integer(metadata={"description": "等候前序 / Change-sets that wait for an earlier one"})
    open_uploads = fields.Integer(metadata={"description": "未完成的上传 / Uploads begun and not ended"})
    open_upload_bytes = fields.Integer(metadata={"description": "其文件大小 / The sizes of their files"})
    reasons = fields.List(fields.Nested(FleetReason))


class FleetPage(Answer):
    """A page of devices."""

    devices = fields.List(fields.Nested(FleetDevice))
    after = fields.String(allow_none=True)
