"""What can be found wrong: a stable code, where, and a sentence in Chinese and English."""

from __future__ import annotations

from dataclasses import dataclass, field

SENTENCES: dict[str, tuple[str, str]] = {
    # The file.
    "archive_not_canonical": (
        "文件不是按规定方式写成的压缩包",
        "the file is no ZIP file in the only spelling there is",
    ),
    "format_unknown": ("不认识这种文件格式", "the format is not known to this program"),
    "manifest_unreadable": ("清单无法读懂", "the manifest cannot be read"),
    "manifest_unsigned": ("清单的签名不属于该办公室密钥", "the office's key did not sign the manifest"),
    "file_differs": ("文件内容与清单不符", "the file is not the one in the manifest"),
    "file_missing": ("清单里的文件不在包中", "the manifest names a file that is not here"),
    "file_unlisted": ("清单里没有这个文件", "the manifest does not name this file"),
    "line_unreadable": ("该行无法读懂", "the line cannot be read"),
    # The office.
    "key_differs": ("办公室密钥不是您所持有的那一把", "the office's key is not the one you hold"),
    "checkpoint_unsigned": ("检查点的签名不属于该办公室密钥", "the office's key did not sign the checkpoint"),
    "root_differs": ("日志的根与检查点不符", "the log has another root than the checkpoint"),
    "log_cut": ("日志比检查点短，末尾被截去", "the log is shorter than the checkpoint: its end was cut off"),
    "log_longer": ("日志比检查点长", "the log is longer than the checkpoint"),
    # An entry.
    "entry_misplaced": ("条目的位置不对", "the entry is not where it should be"),
    "entry_unreadable": ("条目无法读懂", "the entry cannot be read"),
    "organisation_differs": ("条目属于另一组织", "the entry is another organisation's"),
    "device_not_enrolled": ("此前没有登记过该终端", "no earlier entry enrols the device"),
    "signature_wrong": ("签名与内容不符", "the signature does not match the content"),
    "digest_differs": ("内容与摘要不符", "the content does not match its digest"),
    "receipt_differs": ("回执属于另一条目", "the receipt belongs to another entry"),
    "inclusion_wrong": ("无法证明该条目在日志里", "the proof does not show the entry to be in the log"),
    "chain_broken": ("与该终端前一条记录接不上", "it does not follow the device's set before"),
    "chain_gap": ("该终端的记录有缺口", "sets of the device are missing without a word"),
    "witness_foreign": (
        "作者见过的日志不是本日志的开头：日志分叉了",
        "its author saw a log that this one does not begin with: the log was forked",
    ),
    "witness_unproven": (
        "没有证明作者见过的日志是本日志的开头",
        "it is not shown that this log begins with the one its author saw",
    ),
    "opening_wrong": ("给出的个人信息与签名中的承诺不符", "a personal value is not the one that was signed"),
    "opening_missing": (
        "一项个人信息被拿走，但没有一条删除记录提到它",
        "a personal value is gone, and no act of erasing says so",
    ),
    # What an entry says.
    "sheet_differs": ("服务报告的内容与其摘要不符", "the job sheet's content does not match its hash"),
    "subject_missing": ("没有一条记录提到所查的编号", "no entry mentions the number asked for"),
    "evidence_unlisted": ("清单没有交代这份证据文件", "the manifest does not say what became of this file"),
    "erasure_unproven": (
        "清单说这份文件已被删除，但这里没有一条删除记录提到它",
        "the manifest calls the file erased, and no act of erasing here says so",
    ),
    "timestamp_wrong": ("时间戳不是对该检查点的", "the timestamp is not of this checkpoint"),
    # A job sheet's code.
    "code_unreadable": ("二维码内容无法读懂", "the text of the code cannot be read"),
    "sheet_unknown": (
        "日志里没有这份服务报告，或内容已被改动",
        "there is no such job sheet, or its content was altered",
    ),
    "sheet_antedated": (
        "报告在日志里的位置早于它所见的检查点",
        "the sheet stands before the checkpoint it claims to have seen",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: its code, where it is, and what more is to be said, as the file has it."""

    code: str
    place: str
    detail: str = ""

    def sentence(self, language: str) -> str:
        """Return the finding for people."""
        words = SENTENCES[self.code][language != "zh"]
        return f"{self.place}: {words}" + (f" ({self.detail})" if self.detail else "") + f" [{self.code}]"


@dataclass(slots=True)
class Outcome:
    """What a check came to: what is wrong, what is shown, and what is not."""

    kind: str
    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    """What was read, for programs."""
    shown: list[tuple[str, str]] = field(default_factory=list)
    """Sentences in Chinese and English."""
    not_shown: list[tuple[str, str]] = field(default_factory=list)
    is_anchored: bool = False
    """Whether the office's key was compared with what the reader holds."""

    def find(self, code: str, place: str, detail: str = "") -> None:
        """Note that something is wrong."""
        self.findings.append(Finding(code, place, detail))

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def status(self) -> int:
        """The exit status: 0 all good, 1 something is wrong, 3 nothing wrong, but the office's key not compared."""
        return 1 if self.findings else 0 if self.is_anchored else 3
