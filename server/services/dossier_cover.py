"""The page of a dossier that people read: what was recorded, and how to check it. It proves nothing by itself."""

from __future__ import annotations

from html import escape
from typing import Final

from sqlalchemy import Connection

from schemas import kind_of
from server.services.dossier_entries import Gathered, Subject
from server.store import records
from server.store.stored_record import Record
from sync.checkpoint import Checkpoint

TOLD: Final = (
    "serial", "gtin", "batch", "part_name", "quantity", "place", "from_place", "to_place", "destination", "reason",
)  # fmt: skip
"""Fields that the table tells, where a fact has them."""

AT: Final = ("fitted_at", "removed_at", "moved_at", "withdrawn_at")

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border-bottom:1px solid #c8ccd1;padding:.4rem .6rem;text-align:left;vertical-align:top}"
    "code{overflow-wrap:anywhere}"
)


def write_cover(
    connection: Connection, organisation: str, name: str, subject: Subject, found: Gathered, end: Checkpoint
) -> bytes:
    """Return the page, in Chinese and English."""
    machines = {record.body["machine_id"] for record in found.facts if record.body.get("machine_id")}
    named = records.bodies_of(connection, organisation, machines)
    serials = {key: str(body.get("serial") or key) for key, (_, body) in named.items()}
    received = {row.position: row.received_at for row in found.rows}
    rows = "".join(_spell_row(record, serials, received.get(record.position, "")) for record in found.facts)
    title = escape(f"{subject.kind} {subject.number}")
    page = f"""<!doctype html>
<html lang="zh-CN">
<head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>
<body>
<h1>档案 Dossier: {escape(subject.number)}</h1>
<p>{escape(name)}</p>
<p>此页仅供阅读。证据是同一文件中的日志条目：请用 <code>gongdan-verify</code> 核验，
并把办公室公钥与您另行取得的比对。<br>
<span lang="en">This page is for reading only. The evidence is the log entries in the same file: check them with
<code>gongdan-verify</code>, and compare the office's public key with the one you were given otherwise.</span></p>
<table>
<thead><tr><th>日志 Log</th><th>记录 Fact</th><th>设备 Machine</th><th>时间 Time</th><th>内容 Content</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
<p>检查点 Checkpoint: {end.size}, <code>{end.root.hex()}</code></p>
</body>
</html>
"""
    return page.encode("utf-8", "replace")


def _spell_row(record: Record, serials: dict[str, str], received_at: str) -> str:
    kind, body = kind_of(record.kind), record.body
    label = " ".join(kind.schema.label) if kind else record.kind
    told = "; ".join(f"{name} {body[name]}" for name in TOLD if body.get(name) is not None)
    at = next((str(body[name]) for name in AT if body.get(name)), "")
    machine = serials.get(str(body.get("machine_id")), "")
    cells = (f"#{record.position}", label, machine, f"{at} ({received_at})" if at else received_at, told)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>\n"
