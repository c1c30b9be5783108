"""What became of a change-set: one verdict for the set and one for each change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from schemas.problems import PROBLEMS, Fault, Refused
from sync import canonical

T = TypeVar("T")

Verdict = Literal["applied", "merged", "contested", "held", "refused"]

VERDICTS: tuple[Verdict, ...] = ("applied", "merged", "contested", "held", "refused")
"""From best to worst; a set's verdict is the worst of its changes'."""


@dataclass(frozen=True, slots=True)
class ChangeVerdict:
    """What became of one change: `contested` names the fields that wait for a person."""

    id: str
    verdict: Verdict
    contested: tuple[str, ...] = ()
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to one change-set, stored in the transaction that took it in.

    `position` is its place in the organisation's log, None while it is held or kept aside.
    """

    set_id: str
    device: str
    seq: int
    digest: str
    verdict: Verdict
    received_at: str
    position: int | None = None
    fault: Fault | None = None
    changes: tuple[ChangeVerdict, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether the device may stop sending this set."""
        return self.verdict != "held" and (self.fault is None or self.fault.problem.retry != "later")


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the worst of some verdicts."""
    return max(verdicts, key=VERDICTS.index, default="applied")


def document_of(receipt: Receipt) -> dict[str, Any]:
    """Return the receipt as JSON values; problems are named by code, sentences are added by whoever shows it."""
    return {
        "set_id": receipt.set_id,
        "device": receipt.device,
        "seq": receipt.seq,
        "digest": receipt.digest,
        "verdict": receipt.verdict,
        "received_at": receipt.received_at,
        "position": receipt.position,
        "fault": _dump_fault(receipt.fault),
        "changes": [
            {"id": c.id, "verdict": c.verdict, "contested": list(c.contested), "fault": _dump_fault(c.fault)}
            for c in receipt.changes
        ],
    }


def dump(receipt: Receipt) -> str:
    """Return the receipt as canonical JSON."""
    return canonical.dump(document_of(receipt))


def load(data: bytes | str) -> Receipt:
    """Read a receipt; members a newer server adds are passed over.

    Raises Refused with `malformed` when it is none.
    """
    try:
        document = canonical.load(data)
        return Receipt(
            set_id=_typed(document["set_id"], str),
            device=_typed(document["device"], str),
            seq=_typed(document["seq"], int),
            digest=_typed(document["digest"], str),
            verdict=_verdict(document["verdict"]),
            received_at=_typed(document["received_at"], str),
            position=None if document["position"] is None else _typed(document["position"], int),
            fault=_load_fault(document["fault"]),
            changes=tuple(map(_load_change, _typed(document["changes"], list))),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("malformed", detail=f"not a receipt: {error}") from None


def _dump_fault(fault: Fault | None) -> dict[str, Any] | None:
    return None if fault is None else {"code": fault.code, "facts": fault.facts}


def _load_change(document: Any) -> ChangeVerdict:
    contested = tuple(_typed(name, str) for name in _typed(document["contested"], list))
    return ChangeVerdict(
        _typed(document["id"], str), _verdict(document["verdict"]), contested, _load_fault(document["fault"])
    )


def _load_fault(document: Any) -> Fault | None:
    if document is None:
        return None
    code = document["code"] if document["code"] in PROBLEMS else "internal"
    return Fault(code, dict(document["facts"]))


def _typed(value: Any, wanted: type[T]) -> T:
    if type(value) is not wanted:
        raise TypeError(f"{value!r} is not a {wanted.__name__}")
    return value


def _verdict(word: Any) -> Verdict:
    if word not in VERDICTS:
        raise ValueError(f"{word!r} is not a verdict")
    return word  # type: ignore[no-any-return]
