"""Looking into a mailbox by IMAP (RFC 9051) and taking in what has come since.

Rule 1: a mailbox is read up to a mail's number (UID), which is kept with what became of the mail; at the first look,
        and when the mailbox was made anew, what nobody has read is taken.
Rule 2: a mail's size is asked before its bytes; of one that is too large only the head is fetched.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from server.services.mail_reading import MAIL_BYTES_MAX, Mail, read_head, read_mail
from server.services.mail_taking import Taker
from server.settings import MailServer
from server.store import watermarks
from server.store.database import reading

TIMEOUT_S: Final = 30
MAILS_AT_ONCE: Final = 100
HEAD_BYTES_MAX: Final = 64 * 1024

_SIZE: Final = re.compile(rb"RFC822\.SIZE (\d+)").search


class MailboxAway(Exception):
    """The mailbox cannot be read for the moment; says why."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look into the mailbox found: how many mails became what."""

    outcomes: dict[str, int]


def look(taker: Taker, server: MailServer) -> Look:
    """Take in what has come. Raises MailboxAway, or Refused as taking in does; what was taken by then stays taken."""
    outcomes: dict[str, int] = {}
    with _opened(server) as mailbox:
        name = f"mailbox {_validity(mailbox)}"
        with reading(taker.engine) as connection:
            mark = watermarks.read_mark(connection, taker.organisation, name)
        for uid in _list_new(mailbox, mark)[:MAILS_AT_ONCE]:
            mail = _fetch(mailbox, uid)
            if mail is not None:
                outcome = taker.take(mail, (name, max(uid, mark or 0)))
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
                _ask(mailbox, "STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)")
            mark = max(uid, mark or 0)
    return Look(outcomes)


@contextmanager
def _opened(server: MailServer) -> Iterator[imaplib.IMAP4]:
    try:
        mailbox = _connect(server)
        try:
            mailbox.login(server.user, server.password)
            quoted = '"' + server.folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
            if mailbox.select(quoted)[0] != "OK":
                raise MailboxAway(f"no folder {server.folder}")
            yield mailbox
        finally:
            with suppress(imaplib.IMAP4.error, OSError):
                mailbox.logout()
    except (imaplib.IMAP4.error, OSError) as error:
        raise MailboxAway(f"{type(error).__name__}: {error}"[:200]) from error


def _connect(server: MailServer) -> imaplib.IMAP4:
    if server.security == "tls":
        context = ssl.create_default_context()
        return imaplib.IMAP4_SSL(server.host, server.port, ssl_context=context, timeout=TIMEOUT_S)
    mailbox = imaplib.IMAP4(server.host, server.port, timeout=TIMEOUT_S)
    if server.security == "starttls":
        mailbox.starttls(ssl.create_default_context())
    return mailbox


def _validity(mailbox: imaplib.IMAP4) -> int:
    told = mailbox.response("UIDVALIDITY")[1]
    return int(told[0]) if told and told[0] else 0


def _list_new(mailbox: imaplib.IMAP4, mark: int | None) -> list[int]:
    found = _ask(mailbox, "SEARCH", "UNSEEN") if mark is None else _ask(mailbox, "SEARCH", f"UID {mark + 1}:*")
    uids = sorted(int(uid) for line in found if isinstance(line, bytes) for uid in line.split())
    # "n:*" always names the last mail, also when n is beyond it.
    return [uid for uid in uids if mark is None or uid > mark]


def _fetch(mailbox: imaplib.IMAP4, uid: int) -> Mail | None:
    """Return one mail, None when somebody has deleted it meanwhile."""
    told = b" ".join(line for line in _ask(mailbox, "FETCH", str(uid), "(RFC822.SIZE)") if isinstance(line, bytes))
    size = _SIZE(told)
    if size is None:
        return None
    is_whole = int(size[1]) <= MAIL_BYTES_MAX
    wanted = "(BODY.PEEK[])" if is_whole else f"(BODY.PEEK[HEADER]<0.{HEAD_BYTES_MAX}>)"
    for line in _ask(mailbox, "FETCH", str(uid), wanted):
        if isinstance(line, tuple):
            return read_mail(line[1]) if is_whole else read_head(line[1], int(size[1]))
    return None


def _ask(mailbox: imaplib.IMAP4, command: str, *arguments: str) -> list[bytes | tuple[bytes, bytes]]:
    answer, found = mailbox.uid(command, *arguments)
    if answer != "OK":
        raise MailboxAway(f"{command}: {answer}")
    return list(found)
