"""What is written about metrics, alerts and the event log is what the server does."""

from __future__ import annotations

import json
import re

import pytest
from prometheus_client.core import Metric

from server.event_log import EVENTS
from server.exposition import collect_everything
from server.services import devices
from server.services.readiness import SENTENCES
from sync.device_report import DeviceReport, spell_report
from tests.cast import Device
from tests.documents import read_document
from tests.server.builders import photo, update
from tests.server.web.conftest import PREFIX, House
from tests.server.web.test_watching import Lines, lines, push
from tests.source_tree import read_sources

__all__ = ["lines"]

NAME = re.compile(r"\bgongdan_[a-z_]+\b")
MONITORING = read_document("docs/operating.md").text.split("## Monitoring")[1].split("\n## ")[0]
EVENT_LOG = read_document("docs/event-log.md").text


def first_column(text: str) -> list[str]:
    """Return the code spans in the first column of all tables."""
    cells = re.findall(r"^\|([^|]+)\|", text, re.MULTILINE)
    return [span for cell in cells for span in re.findall(r"`([^`]+)`", cell)]


@pytest.fixture
def exposed(house: House, wei: Device) -> dict[str, Metric]:
    """Every metric there is after a little of everything, by the name it is documented under."""
    push(house, wei, wei.seal("x.y", update("customer", house.ours.chen, name=("陈氏实验室", "改"))))
    house.client().get(f"{PREFIX}/orders")
    told = spell_report(DeviceReport(1, "2026-11-20T08:00:00Z", offset_ms=1))
    house.ask(wei, "GET", f"/pull?since=0&epoch=&told={told}")
    house.parts.contacts.write()
    counted = list(house.parts.metrics.registry.collect())
    read = list(collect_everything(house.parts.settings, house.parts.engine).collect())
    return {f"{metric.name}_total" if metric.type == "counter" else metric.name: metric for metric in counted + read}


def test_every_metric_is_listed_and_every_one_listed_is_there(exposed: dict[str, Metric]) -> None:
    assert sorted(name for name in first_column(MONITORING) if name.startswith("gongdan_")) == sorted(exposed)


def test_every_label_listed_is_there(exposed: dict[str, Metric]) -> None:
    for cell, listed in re.findall(r"^\|([^|]*`gongdan_[^|]+)\|([^|]*)\|", MONITORING, re.MULTILINE):
        for name in NAME.findall(cell):
            labels = {label for sample in exposed[name].samples for label in sample.labels} - {"le"}
            assert (name, set(re.findall(r"`(\w+)`", listed))) == (name, labels)


def test_every_metric_an_alert_asks_for_is_there(exposed: dict[str, Metric]) -> None:
    asked = {name for line in re.findall(r"expr: (.*)", MONITORING) for name in NAME.findall(line)}

    assert asked
    assert {re.sub(r"_bucket$", "", name) for name in asked} - exposed.keys() == set()


def test_every_code_of_readiness_is_listed() -> None:
    table = MONITORING.split("**The fleet.**")[0]

    assert {code for code in SENTENCES if f"`{code}`" not in table} == set()


def test_every_member_of_a_line_is_listed(
    house: House, wei: Device, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(house, wei, wei.seal("photo.take", photo(house.ours.order)))
    push(house, wei, wei.seal("x.y", update("customer", house.ours.chen, name=("陈氏实验室", "改"))))
    house.client().get(f"{PREFIX}/orders")
    with monkeypatch.context() as patched:
        patched.setattr(devices, "find_signer", lambda *_: 1 / 0)
        house.ask(wei, "GET", "/pull?since=0&epoch=")
    EVENTS.getChild("library").warning("something of a library")

    written = {name for line in lines.written for name in json.loads(line)}

    assert written == set(first_column(EVENT_LOG))


def test_every_event_of_the_server_is_named() -> None:
    told = re.compile(r'EVENTS\.\w+\((?:level, )?"(\w+)"')
    events = {name for source in read_sources() if source.package == "server" for name in told.findall(source.text)}

    assert {"request", "failed"} <= events
    assert {name for name in events if f"`{name}`" not in EVENT_LOG} == set()
