"""Several server processes, watched from outside: figures of all, one line a request, contacts kept at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from server.metrics import counts_folder, forget_ended
from server.store.database import open_engine, reading
from server.store.tables import Contact
from tests.cast import Device, enrol_device, found_company
from tests.operating.serving import ROOT, Site, running_site

PULLS = 40
PULL = "/api/v1/pull"
LAST = "f" * 32


def pull(site: Site, device: Device, trace: str) -> None:
    """Ask for a page over a connection of its own, so that any process may answer."""
    query = "since=0&epoch=&told=sets:2,oldest:2026-11-20T08:00:00.000Z"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", **device.headers("GET", PULL, query)}
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", f"{site.url}{PULL}?{query}", headers=headers)
    assert answer.status == 200, answer.data


@contextmanager
def running_metrics(site: Site) -> Iterator[str]:
    """Start the process that serves the metrics; yield its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "--language", "en", "metrics"],
        cwd=ROOT,
        env=os.environ | site.environment | {"GONGDAN_METRICS_BIND": "127.0.0.1:0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.communicate()


def scrape(url: str) -> dict[tuple[str, str], float]:
    """Return every sample by its name and route."""
    with urllib.request.urlopen(url) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, sample.labels.get("route", "")): sample.value for sample in samples}


def request_lines(log: Path) -> list[dict[str, Any]]:
    """Return the lines of requests; fail when the event log has a line that is not JSON."""
    greetings = ("服务器", "数据库", "下一步")
    lines = [json.loads(line) for line in log.read_text().splitlines() if not line.startswith(greetings)]
    return [line for line in lines if line["event"] == "request"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Two server processes."""
    with running_site(tmp_path, "") as site:
        yield site


@pytest.fixture
def wei(site: Site) -> Device:
    """Wei's device."""
    engine = open_engine(site.settings.database_url)
    office = site.open_office()
    company = found_company(office, engine)
    device = enrol_device(office, engine, company.organisation, company.wei)
    engine.dispose()
    return device


def test_figures_and_lines_are_those_of_all_processes_and_contacts_outlive_them(site: Site, wei: Device) -> None:
    traces = [f"{index:032x}" for index in range(1, PULLS + 1)]
    for trace in traces:
        pull(site, wei, trace)

    with running_metrics(site) as url:
        before = scrape(url)
        # The first process alone is killed; its worker and scribe are told by nobody, and end.
        site.running[0].orphan()
        after = scrape(url)
    pull(site, wei, LAST)
    # The other one is not killed but told to end, and writes first what it heard.
    site.running[1].process.terminate()
    site.running[1].process.wait(30)

    assert before["gongdan_requests_total", PULL] == after["gongdan_requests_total", PULL] == PULLS
    assert before["gongdan_request_seconds_count", PULL] == PULLS
    assert before["gongdan_database_up", ""] == 1
    assert before["gongdan_log_entries", ""] > 0
    assert len(list(counts_folder(site.settings.data).glob("counter_*.db"))) == 2
    told = [line for line in request_lines(site.log) if line["route"] == PULL]
    assert sorted(line["trace"] for line in told) == sorted([*traces, LAST])
    assert {line["device"] for line in told} == {wei.id}
    (contact,) = read_contacts(site)
    assert (contact.device, contact.waiting_sets) == (wei.id, 2)
    forget_ended(site.settings.data)
    assert list(counts_folder(site.settings.data).iterdir()) == []


def read_contacts(site: Site) -> list[Any]:
    engine = open_engine(site.settings.database_url)
    with reading(engine) as connection:
        found = list(connection.execute(select(Contact.__table__)))
    engine.dispose()
    return found
