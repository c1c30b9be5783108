"""Training operators at a machine: what was taught to whom, and each one's own signature. Source: handbook I3."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from field_client.evidence import EvidenceFolder
from field_client.outbox import Edit
from field_client.store import Record, Values
from field_client.work import Workbench, find_order, machine_of
from field_client.work_facts import find_standing
from field_client.work_signature import Strokes, spell_strokes
from schemas.problems import Refused
from sync import canonical
from sync.blobs import RANKS, LocalBlob


@dataclass(frozen=True, slots=True)
class Training:
    """A training as it was recorded, and what each attendee said to it, by name."""

    id: str
    values: Values
    signatures: dict[str, Values]

    @property
    def unsigned(self) -> tuple[str, ...]:
        """The attendees who have said nothing yet."""
        return tuple(name for name in self.values["attendees"] if name not in self.signatures)


def record_training(
    bench: Workbench, topics: Sequence[str], attendees: Sequence[str], order: str | None = None
) -> Training:
    """Record that people were trained at the machine of an order.

    Raises Refused with `field_missing` without topics or attendees, `value_invalid` when two have one name, or
    `machine_unknown`.
    """
    found = find_order(bench, order)
    taught, names = _spell(topics), _spell(attendees)
    for field, given in (("topics", taught), ("attendees", names)):
        if not given:
            raise Refused("field_missing", field=field)
    if len(set(names)) < len(names):
        raise Refused("value_invalid", field="attendees", detail="、".join(n for n in names if names.count(n) > 1))
    values = {
        "order_id": found.id,
        "machine_id": machine_of(bench, found).id,
        "topics": taught,
        "attendees": names,
        "trained_at": bench.now(),
    }
    training_id = bench.make_id()
    bench.outbox.write("training.record", [Edit("training_record", training_id, values, is_new=True)])
    return Training(training_id, values, {})


def sign_training(
    bench: Workbench, files: EvidenceFolder, training_id: str, attendee: str, strokes: Strokes
) -> Training:
    """Keep the strokes of one of those trained, bound to the record he read.

    Raises Refused with `not_found` for a training or name that is not there, `already_signed`, or `value_invalid`.
    """
    training = _find_open(bench, training_id, attendee)
    data = spell_strokes(strokes)
    digest = files.keep(data, "application/json")
    said = {"outcome": "signed", "strokes_sha256": digest}
    return _say(bench, training, attendee, said, [LocalBlob(digest, len(data), RANKS["strokes_sha256"])])


def sign_training_without(bench: Workbench, training_id: str, attendee: str, outcome: str, reason: str) -> Training:
    """Keep why one of those trained did not sign: ``declined`` or ``absent``.

    Raises Refused as `sign_training` does, and with `field_missing` without a reason.
    """
    training = _find_open(bench, training_id, attendee)
    if not reason.strip():
        raise Refused("field_missing", field="reason")
    return _say(bench, training, attendee, {"outcome": outcome, "reason": reason.strip()}, [])


def list_trainings(bench: Workbench, order: Record) -> list[Training]:
    """Return the trainings of an order that count, oldest first."""
    signed: dict[str, dict[str, Values]] = {}
    for signature in bench.store.find_by("training_signature", "order_id", order.id):
        values = signature.values
        signed.setdefault(values["training_id"], {})[values["attendee"]] = values
    trainings = find_standing(bench.store, "training_record", "order_id", order.id)
    return [Training(found.id, found.values, signed.get(found.id, {})) for found in trainings]


def _find_open(bench: Workbench, training_id: str, attendee: str) -> Training:
    order = find_order(bench, bench.store.values_of(training_id).get("order_id", training_id))
    found = [training for training in list_trainings(bench, order) if training.id == training_id]
    if not found or attendee not in found[0].values["attendees"]:
        raise Refused("not_found", what=attendee)
    if attendee in found[0].signatures:
        raise Refused("already_signed", name=attendee)
    return found[0]


def _say(bench: Workbench, training: Training, attendee: str, said: Values, blobs: list[LocalBlob]) -> Training:
    values = {
        "order_id": training.values["order_id"],
        "machine_id": training.values["machine_id"],
        "training_id": training.id,
        "training_sha256": hashlib.sha256(canonical.dump(training.values).encode()).hexdigest(),
        "attendee": attendee,
        "signed_at": bench.now(),
        **said,
    }
    bench.outbox.write("training.sign", [Edit("training_signature", bench.make_id(), values, is_new=True)], blobs)
    return Training(training.id, training.values, training.signatures | {attendee: values})


def _spell(texts: Sequence[str]) -> list[str]:
    return [text.strip() for text in texts if text.strip()]
