"""What a check came to, in words: what it shows, what it does not, and what was found wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verifier.dossier import FILES, Dossier
from verifier.exported_log import LogReader
from verifier.findings import Outcome
from verifier.notes import fingerprint

VERDICTS = {
    0: ("全部核验通过。", "All good: everything was checked and holds."),
    1: ("核验不通过！", "Something is wrong!"),
    3: (
        "文件自身一致，但没有与您所持有的办公室密钥比对：可能整份都是伪造的。",
        "It agrees with itself, but the office's key was not compared with one you hold: all of it may be forged.",
    ),
}
KINDS = {
    "part_fitted": ("装入备件", "part fitted"),
    "part_removed": ("拆下备件", "part removed"),
    "stock_move": ("库存移动", "stock move"),
    "photo": ("照片", "photo"),
    "signature": ("签字", "signature"),
    "job_sheet": ("服务报告", "job sheet"),
    "withdrawal": ("撤回", "withdrawal"),
    "work_order": ("工单", "work order"),
    "machine": ("设备", "machine"),
    "batch": ("批次", "batch"),
}
"""Kinds of records that have a name of their own here; others are told by their code."""

TOLD = ("serial", "gtin", "batch", "number", "quantity", "from_place", "to_place", "place", "destination", "reason")
TOLD += ("fitted_at", "removed_at", "moved_at", "signed_at", "taken_at", "status")
"""Values that are told of a change, in this order; --json has all."""

NOT_IN_A_LOG = (
    (
        "日志能证明：谁的终端、在何时之前写下了什么，此后没有改动。日志不能证明所写属实，也不能证明有没有没写下的事。",
        "A log proves what whose device wrote, before when, and that it was not altered since. It does not prove that"
        " what was written is true, nor that nothing else happened.",
    ),
)


def describe_dossier(dossier: Dossier) -> None:
    """Say what a dossier shows and what it does not."""
    outcome, end = dossier.outcome, dossier.checkpoint
    if end is None:
        return
    subject = dossier.manifest["subject"]
    outcome.facts |= {
        "organisation": dossier.manifest["organisation"],
        "subject": subject,
        "checkpoint": {"size": end.size, "root": end.root.hex()},
        "key": {"public_key": dossier.key.hex(), "fingerprint": fingerprint(dossier.key)},
        "entries": [entry.position for entry in dossier.entries],
        "life": dossier.life(),
        "evidence": dossier.manifest["evidence"],
    }
    devices = {entry.document["device"] for entry in dossier.entries}
    files = sum(name.startswith(FILES) for name in dossier.files)
    count, name = len(dossier.entries), dossier.manifest["organisation_name"]
    outcome.shown += [
        (f"{name}，{subject['kind']} {subject['number']}", f"{name}, {subject['kind']} {subject['number']}"),
        (
            f"{count} 条记录由 {len(devices)} 个已登记的终端签名，都在 {end.size} 条的日志里，根 {end.root.hex()}",
            f"{count} entries, signed by {len(devices)} enrolled devices, are in the log of {end.size}, root"
            f" {end.root.hex()}",
        ),
        (f"{files} 份证据文件与记录中的摘要一致", f"{files} evidence files have the hashes the entries name"),
        (
            f"作者见过的 {len(dossier.prefixes)} 个较早的日志，都是本日志的开头",
            f"{len(dossier.prefixes)} older logs that authors had seen are how this log began",
        ),
        (
            "办公室签名声明：截至该检查点，关于此编号的记录都在这里",
            "the office has signed that these are all entries about the number up to the checkpoint",
        ),
    ]
    if size := dossier.stamped_size:
        zh, en = f"日志的前 {size} 条有第三方时间戳", f"the first {size} entries have a timestamp of somebody else"
        outcome.shown.append((zh, en))
        zh = "时间戳由谁签发：请用 openssl ts -verify 核对"
        outcome.not_shown.append((zh, "who made the timestamp: check that with openssl ts -verify"))
    left_out = sum(item["state"] not in ("here", "erased") for item in dossier.manifest["evidence"])
    outcome.not_shown += [
        *_tell_erased(dossier),
        (f"{left_out} 份证据文件不在包中", f"{left_out} evidence files are not in the file"),
        (
            f"这些终端在其间的另外 {_between(dossier)} 条记录只列出摘要，{dossier.unnamed} 条只计数",
            f"{_between(dossier)} other sets of these devices are named by digest only, {dossier.unnamed} only counted",
        ),
        *NOT_IN_A_LOG,
    ]


def _tell_erased(dossier: Dossier) -> Iterator[tuple[str, str]]:
    """Say which files are gone because they told of persons, and where the log says so."""
    erased = [item["sha256"] for item in dossier.manifest["evidence"] if item["state"] == "erased"]
    acts = dossier.acts()
    places = ", ".join(f"#{position}" for position in sorted({acts[name] for name in erased if name in acts}))
    if erased:
        zh = f"{len(erased)} 份证据文件涉及个人，已删除；删除记录在日志里：{places}"
        yield zh, f"{len(erased)} evidence files told of persons and were erased; the log has the acts: {places}"


def describe_log(reader: LogReader) -> None:
    """Say what an exported log shows and what it does not."""
    outcome, end = reader.outcome, reader.checkpoint
    if end is None:
        return
    outcome.shown.append(
        (
            f"{end.size} 条记录、{reader.changes} 项变更：签名、终端链、回执、次序与根都一致，根 {end.root.hex()}",
            f"{end.size} entries with {reader.changes} changes: signatures, chains, receipts, order and root agree,"
            f" root {end.root.hex()}",
        )
    )
    outcome.not_shown += NOT_IN_A_LOG


def spell(outcome: Outcome, language: str) -> Iterator[str]:
    """Return the lines of a report."""
    return (_harmless(line) for line in _spell(outcome, language))


def _harmless(line: str) -> str:
    """Return a line without characters that a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


def _spell(outcome: Outcome, language: str) -> Iterator[str]:
    pick = 0 if language == "zh" else 1
    if outcome.holds:
        yield ("证明了：", "Shown:")[pick]
        yield from (f"  + {sentences[pick]}" for sentences in outcome.shown)
        life: Any = outcome.facts.get("life", [])
        yield from (_tell(step, pick) for step in life)
        yield ("没有证明：", "Not shown:")[pick]
        yield from (f"  - {sentences[pick]}" for sentences in outcome.not_shown)
    for finding in outcome.findings:
        yield f"  ! {finding.sentence(language)}"
    yield VERDICTS[outcome.status][pick]


def _between(dossier: Dossier) -> int:
    return dossier.files.get("between.jsonl", b"").count(b"\n")


def _tell(step: dict[str, Any], pick: int) -> str:
    kind = KINDS.get(step["kind"], (step["kind"], step["kind"]))[pick]
    values = step["values"]
    told = "  ".join(f"{name} {values[name]}" for name in TOLD if isinstance(values.get(name), str | int))
    refused = "" if step["verdict"] != "refused" else ("（被拒）", " (refused)")[pick]
    return f"    #{step['position']}  {step['received_at']}  {kind}{refused}  {told}"
