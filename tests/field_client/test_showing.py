"""A customer's words reach the engineer's terminal as signs, not as commands."""

from __future__ import annotations

import unicodedata

import pytest

from tests.field_client.office import Office
from tests.field_client.scope import CUSTOMER, MACHINE, ORDER, SITE
from tests.field_client.test_commands import Phone, address, enrolled, phone

__all__ = ["address", "enrolled", "phone"]

EVIL = "\x1b[2J\x1b]0;x\x07\u202eevil\x9b31m\r"


@pytest.mark.parametrize("command", [("today",), ("show", "GD-1"), ("status",), ("start", "GD-1")])
def test_no_command_shows_what_a_terminal_would_obey(enrolled: Phone, office: Office, command: tuple[str, ...]) -> None:
    office.write("customer", CUSTOMER, {"name": EVIL})
    office.write("site", SITE, {"name": EVIL, "address": EVIL})
    office.write("machine", MACHINE, {"serial": EVIL, "place": EVIL})
    office.write("work_order", ORDER, {"symptom": EVIL, "contact": EVIL, "phone": EVIL})
    enrolled.call("sync")

    shown = enrolled.call(*command)

    obeyed = {sign for sign in shown.output + shown.stderr if unicodedata.category(sign) in ("Cc", "Cf")}
    assert obeyed <= {"\n"}
    assert "evil" in shown.output or command in (("status",), ("start", "GD-1"))
