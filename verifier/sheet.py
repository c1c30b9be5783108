"""The code on a job sheet: its hash is that of a sheet in the log, and the checkpoint on it is how the log once was."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from verifier.findings import Outcome
from verifier.notes import Checkpoint, read_checkpoint

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_FIRST = re.compile(rf"gongdan-sheet/1 ({_UUID}) ({_UUID}) ([0-9a-f]{{64}})\Z", re.ASCII)

RootAt = Callable[[int, bytes], bool]
"""size and root of an older log -> whether the log is shown to begin with it"""


@dataclass(frozen=True, slots=True)
class SheetCode:
    """What the code says; `checkpoint` is empty where the device had seen none."""

    organisation: str
    job_sheet: str
    sha256: str
    checkpoint: str


def read_code(text: str) -> SheetCode | None:
    """Read the text of a code as a scanner gives it; None when it is none."""
    first, _, checkpoint = text.replace("\r\n", "\n").strip("\n").partition("\n")
    found = _FIRST.match(first.strip())
    return SheetCode(found[1], found[2], found[3], f"{checkpoint}\n" if checkpoint else "") if found else None


def check_code(
    outcome: Outcome,
    code: SheetCode,
    key: bytes,
    sheets: Mapping[str, tuple[int, str]],
    begins_with: RootAt,
) -> Checkpoint | None:
    """Check a code against the job sheets of a log; return the checkpoint on it that the office's key signed."""
    position, sha256 = sheets.get(code.job_sheet, (0, ""))
    if sha256 != code.sha256:
        outcome.find("sheet_unknown", f"sheet {code.job_sheet}")
    if not code.checkpoint:
        return None
    seen = read_checkpoint(code.checkpoint, code.organisation, key)
    if seen is None:
        outcome.find("checkpoint_unsigned", f"sheet {code.job_sheet}")
        return None
    if seen.size and not begins_with(seen.size, seen.root):
        outcome.find("witness_foreign", f"sheet {code.job_sheet}", f"{seen.size} {seen.root.hex()}")
    if sha256 == code.sha256 and position <= seen.size:
        outcome.find("sheet_antedated", f"sheet {code.job_sheet}", f"{position} <= {seen.size}")
    return seen
