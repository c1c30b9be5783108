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


def test_every_file_that_tells_of_a_person_is_listed() -> None:
    rows = re.findall(r"^\| files of `(\w+)` \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    listed = {
        kind: {name: set(re.findall(r"`(\w+)`", whom)) for name in re.findall(r"`(\w+)`", files)}
        for kind, files, whom in rows
    }

    declared = {name: {f: set(of) for f, of in kind.personal_files.items()} for name, kind in KINDS.items()}
    assert listed == {name: files for name, files in declared.items() if files}
    # What says of whom a file tells is a person's own field, or leads to the record that says it.
    for name, files in declared.items():
        kind = KINDS[name]
        assert all(field in kind.personal or field in kind.references for of in files.values() for field in of)


def test_whatever_is_called_like_a_persons_field_is_personal() -> None:
    telling = {"contact", "phone", "email", "signer_name", "attendee", "attendees", "chosen_by", "customer_name"}
    plain = {
        (name, field)
        for name, kind in KINDS.items()
        for field in kind.fields
        if field in telling and field not in kind.personal
    }

    assert plain == {("service_centre", "phone")}, "the telephone of a service point is nobody's own"
