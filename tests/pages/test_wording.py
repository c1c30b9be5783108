"""Every act that an order's story tells of has a name in the reader's language."""

import re

from flask import Flask

from pages.wording import name_intent
from tests.source_tree import read_sources

INTENT = r"((?:order|review|request|clocks|warranty)\.[a-z_]+)"
WRITTEN = re.compile(rf'(?:write|write_in|write_planned|_write)\([^"]*?"{INTENT}"', re.DOTALL)


def test_every_act_of_the_office_has_a_name() -> None:
    sources = [source for source in read_sources() if source.path.startswith("server/services/")]
    intents = {intent for source in sources for intent in WRITTEN.findall(source.text)}
    app = Flask(__name__)
    app.config["LANGUAGE"] = "en"

    with app.test_request_context():
        unnamed = [intent for intent in intents if name_intent(intent) == intent]

    assert len(intents) > 10
    assert unnamed == []
