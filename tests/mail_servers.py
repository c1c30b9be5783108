"""A real mailbox of the tests' own: Dovecot serves it by IMAP, and an SMTP server delivers into it.

Fixture: `postbox`. A machine without Dovecot fails the tests that need it; `scripts/system-packages tests` installs it.
"""

from __future__ import annotations

import contextlib
import imaplib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

START_TIMEOUT_S = 30
USER = "service@gongdan.example"

CONFIG = """
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_location = maildir:{folder}/mail
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


@dataclass
class Postbox:
    """A mailbox at the office, and all that was handed over to its relay."""

    folder: Path
    imap_port: int
    password: str
    smtp_port: int = 0
    received: list[tuple[list[str], bytes]] = field(default_factory=list)
    """recipients and bytes of each mail handed over, in order"""
    refuses: Callable[[str], str | None] = lambda _recipient: None
    """what the relay answers to a recipient instead of taking it"""
    _count: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a server that uses it."""
        user = USER.replace("@", "%40")
        return {
            "GONGDAN_MAILBOX": f"imap://{user}@127.0.0.1:{self.imap_port}/INBOX",
            "GONGDAN_MAILBOX_PASSWORD": self.password,
            "GONGDAN_MAIL_RELAY": f"smtp://127.0.0.1:{self.smtp_port}",
            "GONGDAN_MAIL_FROM": USER,
            "GONGDAN_MAIL_EVERY_S": "0.2",
        }

    def deliver(self, mail: bytes) -> None:
        """Put a mail into the mailbox, as a mail server does: whole, or not at all."""
        self._count += 1
        name = f"{self._count:06d}.{os.getpid()}.tests"
        draft = self.folder / "mail" / "tmp" / name
        draft.write_bytes(mail)
        draft.chmod(0o644)
        draft.rename(self.folder / "mail" / "new" / name)

    def mails_to(self, address: str) -> list[Message]:
        """Return the mails handed over for an address."""
        return [message_from_bytes(mail) for to, mail in list(self.received) if address in to]

    def empty(self) -> None:
        """Throw all mails away, and forget what was handed over; the mailbox is then another one."""
        for place in ("new", "cur"):
            for mail in (self.folder / "mail" / place).iterdir():
                mail.unlink()
        self.received.clear()
        self.refuses = lambda _recipient: None

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Answer to one recipient."""
        refusal = self.refuses(address)
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a mail: what is for the mailbox goes there."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.received.append((list(envelope.rcpt_tos), content))
        if USER in envelope.rcpt_tos:
            self.deliver(content)
        return "250 OK"


def free_port() -> int:
    """Return a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def mail_server() -> Iterator[Postbox]:
    """One Dovecot and one SMTP server for the session."""
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.fail("dovecot is missing: run scripts/system-packages tests")
    folder = Path(tempfile.mkdtemp(prefix="gongdan-mail-"))
    # Dovecot gives root's mail to nobody, and wants no root of its own where one user is all there is.
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    postbox = Postbox(folder, free_port(), secrets.token_hex(8))
    process = start_dovecot(program, postbox, user)
    relay: Any = Controller(postbox, hostname="127.0.0.1", port=free_port())
    relay.start()
    postbox.smtp_port = relay.port
    yield postbox
    relay.stop()
    process.send_signal(signal.SIGTERM)
    process.wait(START_TIMEOUT_S)
    shutil.rmtree(folder)


@pytest.fixture
def postbox(mail_server: Postbox) -> Postbox:
    """An empty mailbox."""
    mail_server.empty()
    return mail_server


def start_dovecot(program: str, postbox: Postbox, user: pwd.struct_passwd) -> subprocess.Popen[bytes]:
    """Start Dovecot and return once it lets somebody in."""
    folder = postbox.folder
    folder.chmod(0o755)
    for place in ("run", "state", "home", "mail", "mail/new", "mail/cur", "mail/tmp"):
        (folder / place).mkdir()
    names = {"user": user.pw_name, "uid": user.pw_uid, "gid": user.pw_gid}
    group = subprocess.run(["id", "-gn", user.pw_name], check=True, capture_output=True, text=True).stdout.strip()
    config = CONFIG.format(folder=folder, port=postbox.imap_port, password=postbox.password, group=group, **names)
    (folder / "dovecot.conf").write_text(config)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid)
    command = [program, "-F", "-c", str(folder / "dovecot.conf")]
    as_user: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    process = subprocess.Popen(command, **(as_user if os.geteuid() == 0 else {}))
    paused = threading.Event()
    for _ in range(START_TIMEOUT_S * 20):
        with (
            contextlib.suppress(OSError, imaplib.IMAP4.error),
            imaplib.IMAP4("127.0.0.1", postbox.imap_port) as mailbox,
        ):
            mailbox.login(USER, postbox.password)
            return process
        if process.poll() is not None:
            break
        paused.wait(0.05)
    process.kill()
    log = folder / "dovecot.log"
    pytest.fail(f"dovecot did not start: {log.read_text() if log.exists() else ''}")
