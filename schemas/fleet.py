"""Why a device may be silent or behind: code -> sentence in two languages, most serious first.

Rule 1: a code is never reused for another meaning and never renamed once released.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

STATE_LABELS: Final[dict[str, tuple[str, str]]] = {
    "active": ("在用", "Active"),
    "frozen": ("暂停", "Frozen"),
    "revoked": ("停用", "Revoked"),
}

REASONS: Final[dict[str, tuple[str, str]]] = {
    "revoked": ("终端已停用。", "It was revoked."),
    "frozen": (
        "记录链出现分叉，已暂停接收，请核对后解冻或停用。",
        "Its chain has forked and nothing more is taken in: look, then thaw or revoke it.",
    ),
    "never_heard": ("登记后从未联系过服务器。", "It has never called since it was enrolled."),
    "never_synced": ("联系过服务器，但从未完成同步。", "It has called, but never completed a sync."),
    "refused": ("最近一次请求被拒绝：{sentence}", "Its last request was refused: {sentence}"),
    "held_gap": (
        "{count} 个变更集在等第 {expected} 号，该号一直未到。",
        "{count} change-sets wait for number {expected}, which has not come.",
    ),
    "schema_ahead": (
        "终端按版本 {version} 记录，服务器只到版本 {current}：请升级服务器。",
        "It writes version {version} and the server knows {current}: upgrade the server.",
    ),
    "schema_behind": (
        "终端按旧版本 {version} 记录，服务器已是版本 {current}。",
        "It writes version {version}; the server has {current}.",
    ),
    "clock_off": ("终端时钟偏差 {minutes} 分钟。", "Its clock is {minutes} minutes off."),
    "disk_low": ("终端只剩 {megabytes} MB 空间。", "It has {megabytes} MB of room left."),
    "unsent": (
        "{count} 个变更集未提交，最早的已有 {hours} 小时。",
        "{count} change-sets are not sent; the oldest is {hours} hours old.",
    ),
    "files_unsent": ("{count} 个文件尚未上传。", "{count} files are not uploaded."),
    "no_contact": (
        "已 {hours} 小时没有联系，原因不明（可能没有网络、关机或丢失）。",
        "Not heard of for {hours} hours, nobody knows why: no network, switched off, or lost.",
    ),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason with its facts: a value, so that it can be shown anywhere."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    def sentence(self, language: str) -> str:
        """Return the sentence in Chinese (``zh``) or English; a fact may be a pair of both."""
        side = 0 if language.startswith("zh") else 1
        facts = {name: value[side] if isinstance(value, tuple) else value for name, value in self.facts.items()}
        return REASONS[self.code][side].format(**facts)
