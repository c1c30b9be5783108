"""The customer's signature, bound to the exact job sheet he read. Source: handbook V5, M5."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from field_client.evidence import EvidenceFolder
from field_client.outbox import Edit
from field_client.store import Record, Values
from field_client.work import Workbench, find_order
from field_client.work_sheet import compose, digest_reading
from printing.strokes import POINTS_MAX, STROKES_FORMAT
from schemas.problems import Refused
from sync import canonical
from sync.blobs import RANKS, LocalBlob

Strokes = Sequence[Sequence[Sequence[int]]]
"""strokes of points of x, y (in the pad's units) and t (milliseconds since the first)"""


@dataclass(frozen=True, slots=True)
class Signed:
    """A job sheet and what the customer said to it."""

    job_sheet_id: str
    content: str
    content_sha256: str
    signature: Values
    set_id: str | None


def sign(
    bench: Workbench,
    files: EvidenceFolder,
    strokes: Strokes,
    name: str,
    role: str,
    *,
    order: str | None = None,
    read_sha256: str | None = None,
    **findings: str | None,
) -> Signed:
    """Keep the customer's strokes under the job sheet of an order, as it stands at this moment.

    `findings` (diagnosis, remedy, result) are written to the order in the same change-set, so that the sheet holds
    what the customer read; `read_sha256` is the `digest_reading` of the sheet he was shown. Raises Refused with
    `value_invalid` when there is no stroke, or the strokes or findings are not in their form, `field_missing` without a
    name, and `sheet_changed` when the sheet is another than the one he was shown.
    """
    if not name.strip():
        raise Refused("field_missing", field="signer_name")
    data = spell_strokes(strokes)
    digest = files.keep(data, "application/json")
    said = {"outcome": "signed", "signer_name": name, "signer_role": role or None, "strokes_sha256": digest}
    blobs = [LocalBlob(digest, len(data), RANKS["strokes_sha256"])]
    return _close(bench, said, findings, order, blobs, read_sha256)


def sign_without(
    bench: Workbench,
    outcome: str,
    reason: str,
    *,
    name: str | None = None,
    role: str | None = None,
    order: str | None = None,
    **findings: str | None,
) -> Signed:
    """Keep why there is no signature: the customer ``declined`` or was ``absent``.

    Raises Refused with `field_missing` without a reason, or `value_invalid`.
    """
    if not reason.strip():
        raise Refused("field_missing", field="reason")
    said = {"outcome": outcome, "reason": reason, "signer_name": name, "signer_role": role}
    return _close(bench, said, findings, order, [])


def _close(
    bench: Workbench,
    said: Values,
    findings: dict[str, str | None],
    name: str | None,
    blobs: list[LocalBlob],
    read_sha256: str | None = None,
) -> Signed:
    order = find_order(bench, name)
    values = {key: value for key, value in findings.items() if value is not None}
    links = {"order_id": order.id, "machine_id": order.values.get("machine_id")}
    read = Record(order.id, order.kind, order.values | values)
    content = compose(bench, read)
    if read_sha256 is not None and read_sha256 != digest_reading(content):
        raise Refused("sheet_changed")
    digest = hashlib.sha256(content.encode()).hexdigest()
    sheet = Edit("job_sheet", bench.make_id(), {**links, "content": content, "content_sha256": digest}, is_new=True)
    bound = {"job_sheet_id": sheet.id, "job_sheet_sha256": digest, "signed_at": bench.now()}
    signature = Edit("signature", bench.make_id(), {**links, **bound, **said}, is_new=True)
    edits = [Edit("work_order", order.id, values)] if values else []
    set_id = bench.outbox.write("order.sign", [*edits, sheet, signature], blobs)
    return Signed(sheet.id, content, digest, dict(signature.values), set_id)


def spell_strokes(strokes: Strokes) -> bytes:
    """Return strokes as the file that is kept of them; raises Refused with `value_invalid`."""
    points = [point for stroke in strokes for point in stroke]
    if not points or len(points) > POINTS_MAX:
        raise Refused("value_invalid", field="strokes", detail=f"1 - {POINTS_MAX}")
    if not all(len(point) == 3 and all(type(number) is int for number in point) for point in points):
        raise Refused("value_invalid", field="strokes", detail="[[[x, y, t], ...], ...]")
    document = {"format": STROKES_FORMAT, "strokes": [[list(point) for point in stroke] for stroke in strokes]}
    return canonical.dump(document).encode()
