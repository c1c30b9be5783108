"""A company's correspondence in the hands of a test: look, tell, send, and everything that can go wrong with it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from server.jobs import Correspondence
from server.keys import new_id
from server.services import outgoing
from server.settings import Settings, read_settings
from server.store.database import writing
from server.store.disk_files import DiskFiles
from server.store.request_tables import OutboxRow
from tests.mail_servers import USER, Postbox
from tests.server.builders import Firm

CHEN = "chen@lab.example"


@dataclass
class Counter:
    """One company's correspondence, done by hand: look, tell, send."""

    firm: Firm
    postbox: Postbox
    job: Correspondence

    def look(self) -> dict[str, int]:
        """Look into the mailbox."""
        return self.job.look()

    def tell(self) -> int:
        """Write the notices of what has happened, and send them."""
        written = self.job.tell()
        outgoing.send_due(self.firm.engine, self.firm.office.key, self.job.settings.mail, self.firm.id)
        return written

    def request(self) -> dict[str, Any]:
        """Return the only request."""
        (found,) = self.firm.bodies("request")
        return found

    def rows(self) -> list[Any]:
        """Return what went out or waits."""
        return sorted(self.firm.rows(OutboxRow), key=lambda row: str(row.id))


@pytest.fixture
def counter(firm: Firm, postbox: Postbox, tmp_path: Path) -> Counter:
    """The counter of the firm; what was before is told to nobody."""
    settings = read_settings({**postbox.environment, "GONGDAN_BASE_URL": "https://gongdan.example"})
    mail = replace(settings.mail, organisation=firm.id)
    job = Correspondence(firm.engine, firm.office, DiskFiles(tmp_path / "blobs"), replace(settings, mail=mail))
    job.tell()
    return Counter(firm, postbox, job)


def write_mail(subject: str = "离心机异响", text: str = "启动后有异响", **headers: str) -> EmailMessage:
    """Return a mail of Chen's."""
    mail = EmailMessage()
    named = {"From": f"陈敏 <{CHEN}>", "To": USER, "Subject": subject, "Message-ID": f"<{new_id()}@lab.example>"}
    for name, value in (named | {name.replace("_", "-"): value for name, value in headers.items()}).items():
        mail[name] = value
    mail.set_content(text)
    return mail


def set_mail(counter: Counter, **values: Any) -> None:
    """Give the counter other settings."""
    settings: Settings = counter.job.settings
    counter.job.settings = replace(settings, mail=replace(settings.mail, **values))


def hurry(firm: Firm) -> None:
    """Let what waits to be tried again be due."""
    with writing(firm.engine) as connection:
        table: Any = OutboxRow.__table__
        due = table.update().where(table.c.organisation == firm.id).values(due_at="2026-01-01T00:00:00.000Z")
        connection.execute(due)


def kill_at(postbox: Postbox, process: subprocess.Popen[bytes], moment: str) -> None:
    """Kill a process while it hands a mail over: before the relay has it, or when it has but has not said so."""
    if moment == "before":

        def refuse(_recipient: str) -> str | None:
            process.kill()
            process.wait()
            return "451 killed"

        postbox.refuses = refuse
        process.wait(60)
        postbox.refuses = lambda _recipient: None
        return
    received = postbox.received

    class Watched(list[Any]):
        def append(self, item: Any) -> None:
            super().append(item)
            process.kill()
            process.wait()

    postbox.received = Watched(received)
    process.wait(60)
    postbox.received = list(postbox.received)


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once a condition holds; fail when it does not within a minute."""
    paused = threading.Event()
    for _ in range(1200):
        if condition():
            return
        paused.wait(0.05)
    pytest.fail("waited in vain")


@pytest.fixture
def listener() -> Iterator[Any]:
    """Another company's system, which keeps what it is told."""

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(server.answers.pop() if server.answers else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_all: Any) -> None:
            """Say nothing."""

    server: Any = HTTPServer(("127.0.0.1", 0), Listener)
    server.seen, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
