"""What an engineer does on his device: the real use cases, drawn by chance from what he sees."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from field_client import work, work_checks, work_parts, work_signature
from field_client.evidence import EvidenceFolder
from field_client.outbox import Edit
from field_client.store import Record
from field_client.work import Workbench
from field_client.work_checks import skip as leave_out
from field_client.work_create import create_order
from schemas import KINDS
from schemas.lifecycle import ENGINEER, next_states
from sync.blobs import RANKS, LocalBlob
from tests.simulation.firm import GTINS, MACHINES
from tests.simulation.releases import OLD_NAME, RENAMED

WORDS: Final = ("轴承磨损", "皮带松", "已更换", "待料", "正常", "噪声大")
FREE_TEXT: Final[dict[str, tuple[str, ...]]] = {
    "work_order": ("diagnosis", "symptom", "appointment_note", *["remedy", "contact", "phone"] * 2),
    "machine": ("place", "firmware"),
    "site": ("city", "conditions", "contact", "phone"),
}
"""Fields he writes as he likes, of the kinds he may write: most ASK, some LATEST."""

PHOTO_BYTES_MAX: Final = 5000
"""Enough to be cut anywhere on its way; pictures are not what is simulated."""

SERIALS: Final = ("S08", "S09", "S10", "S11", "S12", "s10")
"""Of parts; the last one is another part than it seems."""


class Engineer:
    """One engineer at one device. Each act returns nothing and raises Refused when the product does not let him."""

    def __init__(
        self, bench: Workbench, files: EvidenceFolder, chance: random.Random, old_names: bool, people: Sequence[str]
    ) -> None:
        """Work at `bench`, with software that uses old names of fields or not, for some `people`."""
        self.bench, self.files, self.chance, self.old_names, self.people = bench, files, chance, old_names, people
        self.more: list[Callable[[], object]] = []
        """What else he does."""

    def act(self) -> str:
        """Do something and return its name."""
        acts: list[Callable[[], object]] = [
            *[self.write] * 6,
            *[self.move] * 4,
            self.write_two,
            self.write_alarms,
            self.fit,
            self.fit,
            self.check,
            self.photograph,
            self.sign,
            self.leave_unsigned,
            self.take_order,
            self.take_request,
            *self.more,
        ]
        chosen = self.chance.choice(acts)
        chosen()
        return chosen.__name__

    def any_of(self, kind: str) -> Record | None:
        """Choose one of the records of a kind that he sees."""
        found = sorted(self.bench.store.of_kind(kind), key=lambda record: record.id)
        return self.chance.choice(found) if found else None

    def words(self) -> str:
        """Write something; two people seldom write the same."""
        return f"{self.chance.choice(WORDS)}{self.chance.randrange(50)}"

    def words_of(self, kind: str, name: str) -> str:
        """Write something into a field: where it may tell of a person, it does."""
        return self.words() + (self.chance.choice(self.people) if name in KINDS[kind].personal else "")

    def write(self) -> None:
        """Write a field of a record, two of them at times."""
        kind = self.chance.choice(["work_order", "work_order", "work_order", "machine", "site"])
        record = self.any_of(kind)
        if record is not None:
            names = self.chance.sample(FREE_TEXT[kind], self.chance.choice([1, 1, 2]))
            told = {name: self.words_of(kind, name) for name in names}
            spelled = {OLD_NAME if name == RENAMED and self.old_names else name: value for name, value in told.items()}
            self.save("note", self.edit(record, **spelled))

    def write_two(self) -> None:
        """Write the same words into an order and its machine, which must be seen together or not at all."""
        order = self.any_of("work_order")
        machine = self.bench.store.find(order.values.get("machine_id")) if order else None
        if order is not None and machine is not None:
            words = self.words()
            self.save("note.both", self.edit(order, diagnosis=words), self.edit(machine, place=words))

    def write_alarms(self) -> None:
        """Add to the alarms of an order, or take one away: a set that several people write."""
        order = self.any_of("work_order")
        if order is not None:
            alarms = list(order.values.get("alarms") or [])
            if alarms and self.chance.random() < 0.4:
                alarms.remove(self.chance.choice(alarms))
            else:
                alarms.append(f"E{self.chance.randrange(8)}")
            self.save("note.alarms", self.edit(order, alarms=list(dict.fromkeys(alarms))))

    def move(self) -> None:
        """Move an order on, as the life cycle allows."""
        order = self.any_of("work_order")
        if order is None:
            return
        following = next_states(order.values["status"], ENGINEER)
        if not following:
            return
        after = self.chance.choice(following)
        if after == "in_progress":
            work.start(self.bench, order.id)
        elif after == "finished":
            work.finish(self.bench, order.id, diagnosis=self.words())
        else:
            self.save("order.move", self.edit(order, status=after))

    def fit(self) -> None:
        """Fit a part, and at times take another one out for it."""
        order = self.any_of("work_order")
        if order is not None:
            label = self.read_label()
            removed = work_parts.RemovedPart(serial=self.chance.choice(SERIALS))
            work_parts.fit_part(self.bench, label, removed=self.chance.choice([removed, None]), order=order.id)

    def read_label(self) -> work_parts.PartLabel:
        """Return what stands on a part."""
        return work_parts.PartLabel(
            gtin=self.chance.choice(GTINS),
            serial=self.chance.choice([*SERIALS, None]),
            batch=self.chance.choice(["B0", "B1", None]),
        )

    def check(self) -> None:
        """Answer an item of the checklist."""
        order = self.any_of("work_order")
        if order is not None:
            if self.chance.random() < 0.5:
                work_checks.check(self.bench, "level", self.chance.choice(["0.5", "2"]), order=order.id)
            else:
                leave_out(self.bench, "clean", self.words(), order=order.id)

    def photograph(self) -> None:
        """Keep a photo, some bytes in place of a picture, and record it."""
        order = self.any_of("work_order")
        if order is not None:
            data = self.chance.randbytes(self.chance.randint(1, PHOTO_BYTES_MAX))
            name = self.files.keep(data, "image/jpeg")
            values = {"order_id": order.id, "purpose": "fault", "original_sha256": name, "media_type": "image/jpeg"}
            values |= {"size_bytes": len(data), "machine_id": order.values.get("machine_id")}
            edit = Edit("photo", self.bench.make_id(), values, is_new=True)
            self.bench.outbox.write("photo.add", [edit], [LocalBlob(name, len(data), RANKS["original_sha256"])])

    def sign(self) -> None:
        """Let the customer sign."""
        order = self.any_of("work_order")
        if order is not None:
            strokes = [[[self.chance.randrange(500), 10, 0], [20, 20, 40]]]
            work_signature.sign(self.bench, self.files, strokes, self.chance.choice(self.people), "", order=order.id)

    def leave_unsigned(self) -> None:
        """Record that the customer did not sign."""
        order = self.any_of("work_order")
        if order is not None:
            work_signature.sign_without(self.bench, "absent", self.words(), order=order.id)

    def take_order(self) -> None:
        """Take an order down on site, without a network."""
        serial = f"MC-{self.chance.randrange(MACHINES)}"
        create_order(self.bench, serial, "repair", "important", self.words_of("work_order", "symptom"))

    def take_request(self) -> None:
        """Take a customer's request down for the office to give to somebody; it is not his to keep."""
        machine = self.any_of("machine")
        if machine is not None and machine.values.get("customer_id"):
            order_id = self.bench.make_id()
            values = {"number": f"R-{order_id[-12:]}", "status": "received", "service": "repair", "grade": "important"}
            values |= {"customer_id": machine.values["customer_id"], "machine_id": machine.id}
            values |= {"symptom": self.words_of("work_order", "symptom")}
            self.save("request.take", Edit("work_order", order_id, values, is_new=True))

    def edit(self, record: Record, **values: Any) -> Edit:
        """Return an edit of a record he sees."""
        return Edit(record.kind, record.id, values)

    def save(self, intent: str, *edits: Edit) -> None:
        """Make an act durable."""
        self.bench.outbox.write(intent, edits)
