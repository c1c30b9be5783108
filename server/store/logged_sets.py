"""Reading change-sets as they are stored: with the values of persons in place, and whether all of it holds."""

from __future__ import annotations

from schemas.problems import Refused
from server.store import json_text
from sync import chain, openings
from sync.chain import Sealed
from sync.changeset import ChangeSet


def read_logged(line: bytes) -> ChangeSet:
    """Return the set of a line that was taken in; what was erased of it reads as its stand-in."""
    return openings.read_again(Sealed(bytes(line)), json_text.load).changeset


def holds(line: bytes, public_key: bytes | None, verifier: chain.Verify) -> bool:
    """Tell whether a stored line carries the signature of a device, and its openings are what was committed to."""
    if public_key is None:
        return False
    sealed = Sealed(bytes(line))
    try:
        chain.verify(sealed, public_key, verifier)
        openings.unseal(sealed, json_text.read_canonical, json_text.spell)
    except Refused:
        return False
    return True
