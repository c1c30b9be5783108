"""An open device: everything the commands and the pages work with, put together from the keyring and the store."""

from __future__ import annotations

from dataclasses import dataclass

from field_client.evidence import EvidenceFolder
from field_client.keys import Keyring
from field_client.outbox import Identity, Outbox, wall_ms
from field_client.settings import Settings
from field_client.store import Store
from field_client.work import Workbench
from pages.speech import Speech
from schemas.problems import Refused


@dataclass(frozen=True, slots=True)
class Desk:
    """An open device."""

    settings: Settings
    keyring: Keyring
    store: Store
    outbox: Outbox
    files: EvidenceFolder
    bench: Workbench
    say: Speech


def make_desk(settings: Settings, say: Speech, keyring: Keyring, store: Store) -> Desk:
    """Put an open device together; raises Refused with `not_enrolled` when its server never answered."""
    known = [store.recall(name) for name in ("organisation", "device", "person")]
    if None in known:
        raise Refused("not_enrolled")
    outbox = Outbox(store, Identity(*known), keyring.sign, wall_ms)
    files = EvidenceFolder(settings.evidence, keyring)
    bench = Workbench(store, outbox, settings.keep_photo_location)
    return Desk(settings, keyring, store, outbox, files, bench, say)
