"""What the views share: made once by the application factory, asked for by `wired()`."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import current_app
from sqlalchemy import Engine

from server.keys import OfficeKey
from server.metrics import Metrics
from server.reception import Reception
from server.services.blobs import BlobDesk
from server.services.contacts import Contacts
from server.services.journal import Journal
from server.services.office import Office
from server.services.oidc import Providers
from server.services.readiness import Readiness
from server.settings import Settings
from server.store.blob_files import BlobFiles
from server.store.devices import KnownDevice
from server.web.attempts import Attempts
from server.web.file_lane import FileLane

EXTENSION = "gongdan"


@dataclass(frozen=True, slots=True)
class Wiring:
    """The parts of one server process."""

    settings: Settings
    engine: Engine
    key: OfficeKey
    office: Office
    reception: Reception
    attempts: Attempts
    metrics: Metrics
    contacts: Contacts
    files: BlobFiles
    readiness: Readiness
    file_lane: FileLane
    journal: Journal
    providers: Providers
    signers: dict[tuple[str, str], KnownDevice] = field(default_factory=dict)
    """Devices by organisation and id whose key made a signature before; a key never changes, their state may."""

    @property
    def blobs(self) -> BlobDesk:
        """The use cases of files."""
        limits = (self.settings.blob_bytes_max, self.settings.upload_hours)
        return BlobDesk(self.engine, self.files, *limits, quotas=self.settings.upload_quotas)


def wired() -> Wiring:
    """Return the parts of the application that answers this request."""
    parts: Wiring = current_app.extensions[EXTENSION]
    return parts
