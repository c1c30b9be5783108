"""The real field client on an encrypted store of its own, driven by a test against real server processes."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from field_client.evidence import EvidenceFolder
from field_client.keys import Keyring
from field_client.outbox import Edit, Identity, Outbox, make_id, wall_ms
from field_client.patience import Patience
from field_client.runner import SyncReport, SyncRun
from field_client.store import Store
from field_client.transport import Caller, Transport
from server.keys import new_id
from server.services.office import Office
from sync.blobs import RANKS, LocalBlob
from sync.changeset import Change
from tests.cast import Company, accept

TIMEOUT_S = 30.0


@dataclass
class Tablet:
    """One engineer's device. A run's outcome is counted by the code of what stopped it."""

    company: Company
    person: str
    folder: Path
    id: str = field(default_factory=new_id)
    outcomes: Counter[str] = field(default_factory=Counter)
    photos: dict[str, str] = field(default_factory=dict)
    """record id -> SHA-256 of the file it names"""

    def __post_init__(self) -> None:
        """Make keys and an empty store."""
        self.folder.mkdir(parents=True)
        self.keyring = Keyring(os.urandom(32))
        self.store = Store(self.folder / "device.sqlite", self.keyring.database_key)
        self.files = EvidenceFolder(self.folder / "files", self.keyring)
        identity = Identity(self.company.organisation, self.id, self.person)
        self.outbox = Outbox(self.store, identity, self.keyring.sign)

    def enrol(self, office: Office) -> None:
        """Be made known to the server."""
        values = {"person_id": self.person, "public_key": self.keyring.public_key.hex(), "state": "active"}
        change = Change("device", self.id, "create", values, {})
        accept(office, self.company.organisation, self.company.system, "device.enrol", change)

    def photograph(self, size_bytes: int = 2000) -> str:
        """Take a photo of the order; return the record's id."""
        data, photo = os.urandom(size_bytes), make_id(wall_ms())
        sha256 = self.files.keep(data, "image/jpeg")
        values = {"order_id": self.company.order, "purpose": "fault", "original_sha256": sha256}
        values |= {"media_type": "image/jpeg", "size_bytes": size_bytes}
        rank = RANKS["original_sha256"]
        self.outbox.write("photo.add", [Edit("photo", photo, values, True)], [LocalBlob(sha256, size_bytes, rank)])
        self.photos[photo] = sha256
        return photo

    def note(self, text: str) -> None:
        """Write a diagnosis on the order."""
        self.outbox.write("order.note", [Edit("work_order", self.company.order, {"diagnosis": text})])

    def sync(self, url: str) -> SyncReport:
        """Make one run against the server."""
        transport = Transport(
            url,
            Caller(self.company.organisation, self.id, self.keyring.sign),
            wall_ms,
            timeout_s=TIMEOUT_S,
            patience=Patience(0),
        )
        report = SyncRun(self.store, self.outbox, transport, self.files).run()
        self.outcomes[report.fault.code if report.fault else "done"] += 1
        return report

    def is_empty_handed(self) -> bool:
        """Tell whether nothing is left to send."""
        counts = self.outbox.counts()
        waiting = self.store.row("SELECT count(*) FROM blobs WHERE state = 'kept'")
        return not counts.get("sealed") and not counts.get("held") and waiting == (0,)
