"""Every act a person can do has a name in his language."""

import re

from flask import Flask
from jinja2 import Undefined

from field_client.ui.wording import spell_moment
from pages.wording import name_intent
from tests.source_tree import read_sources

INTENT = re.compile(r'"((?:order|request|check|part|photo|fact|training|return|machine|stock|sheet)\.[a-z_]+)"')


def test_every_intent_has_a_name() -> None:
    sources = [source for source in read_sources() if re.match(r"field_client/(?!ui/)", source.path)]
    intents = {intent for source in sources for intent in INTENT.findall(source.text)}
    app = Flask(__name__)
    app.config["LANGUAGE"] = "en"

    with app.test_request_context():
        unnamed = [intent for intent in intents if name_intent(intent) == intent]

    assert len(intents) > 10
    assert unnamed == []


def test_a_photo_whose_camera_told_no_time_has_a_dash_for_it() -> None:
    assert spell_moment(Undefined(name="taken_at")) == spell_moment(None) == "—"
