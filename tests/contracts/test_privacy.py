"""docs/privacy.md lists what is personal, all of it and nothing else."""

from __future__ import annotations

import re

from schemas import KINDS
from tests.documents import read_document

PAGE = read_document("docs/privacy.md").text


def test_every_personal_field_is_listed() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (.+) \|$", PAGE, re.MULTILINE)
    listed = {kind: set(re.findall(r"`(\w+)`", fields)) for kind, fields in rows}

    assert listed == {name: set(kind.personal) for name, kind in KINDS.items() if kind.personal}


def test_whatever_is_called_like_a_persons_field_is_personal() -> None:
    telling = {"contact", "phone", "email", "signer_name", "attendee", "attendees", "chosen_by", "customer_name"}
    plain = {
        (name, field)
        for name, kind in KINDS.items()
        for field in kind.fields
        if field in telling and field not in kind.personal
    }

    assert plain == {("service_centre", "phone")}, "the telephone of a service point is nobody's own"
