"""What stands between the customers' pages and somebody who means harm: limits by address, sizes, kinds of files."""

from __future__ import annotations

from typing import Final

from flask import request
from werkzeug.datastructures import FileStorage

from schemas.problems import Refused
from server.services.request_files import PHOTO_BYTES_MAX, PHOTOS_MAX, keep_photo
from server.services.requests import NewNote
from server.web.attempts import Limit
from server.web.auth import caller_address
from server.web.wiring import wired

REPORTS: Final = Limit("report address", 20, 3600)
"""A hospital behind one address reports a few faults a day, also after a power cut."""

REPORTS_OF_MACHINE: Final = Limit("report machine", 10, 3600)
"""Whatever addresses somebody has: one machine is not reported more often."""

VIEWS: Final = Limit("portal address", 300, 300)
"""One page a second; a link has 128 bits, so guessing is hopeless anyway."""


def count_view() -> None:
    """Count one look. Raises Refused with `too_many_attempts`."""
    wired().attempts.count(VIEWS, caller_address())


def count_report(machine: str = "") -> None:
    """Count one report, before its body is read. Raises Refused with `too_many_attempts`."""
    attempts = wired().attempts
    attempts.count(REPORTS, caller_address())
    if machine:
        attempts.count(REPORTS_OF_MACHINE, machine)


def refuse_foreign_form() -> None:
    """Refuse a form that another site makes a browser send. Raises Refused with `malformed`."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Refused("malformed", detail="this form belongs to another site")


def take_photos(organisation: str) -> list[NewNote]:
    """Store the photos of a form. Raises Refused with `file_not_accepted`, or as the store of files does."""
    parts = wired()
    sent = [file for file in request.files.getlist("photos") if file.filename]
    if len(sent) > PHOTOS_MAX:
        raise Refused("value_invalid", field="photos", detail=f"<= {PHOTOS_MAX}")
    read = [(file.filename or "", _read(file)) for file in sent]
    return [keep_photo(parts.engine, parts.blobs, organisation, name, data) for name, data in read]


def _read(file: FileStorage) -> bytes:
    return file.stream.read(PHOTO_BYTES_MAX + 1)
