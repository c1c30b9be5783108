"""Sending what waits in the outbox: none is lost, and none goes out twice though a process be killed at any moment.

Rule 1: what is to go out is written in the transaction that brings it about; sending begins and ends with a row of its
        own, each in a transaction.
Rule 2: a process that is killed between handing a mail over and noting it leaves it ``sending``. Each mail also goes to
        our own mailbox, in the same hand-over: if the copy is there, the relay took it, and it counts as sent. If none
        comes within DOUBT_S, it was not taken and goes again, under the same Message-ID.
Rule 3: a mail that answers by itself says so (RFC 3834), so that two programs do not talk to each other for ever.
"""

from __future__ import annotations

import json
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Engine

from server.clock import spell_instant, unix_ms, unix_now, utc_now
from server.domain.request_match import fold_email
from server.keys import OfficeKey, new_id
from server.services import webhooks
from server.services.mail_taking import spell_message_id
from server.settings import MailServer, MailSettings
from server.store import outbox, requests
from server.store.database import reading, transact
from server.store.outbox import Outgoing
from server.store.ownership import sole

SENT_AT_ONCE: Final = 50

DOUBT_S: Final = 300
"""A relay hands a mail to a mailbox beside it within seconds; after five minutes it has not got it."""

TRIES_MAX: Final = 30
PAUSE_MOST_S: Final = 3600
"""Thirty tries with growing pauses are a day: longer than a mail server is away."""

TIMEOUT_S: Final = 30

MAILS_A_DAY_MAX: Final = 40
"""To one address: a repair with all its changes has ten. Beyond that somebody makes us write to a stranger."""

_POLICY: Final = SMTP.clone(max_line_length=200)
"""A folded Message-ID is not read by every program; RFC 5322 allows 998 letters a line."""

_ADDRESS: Final = re.compile(r"[!#-'*+\-/-9=?A-Z^-~.]{1,60}@[0-9A-Za-z-]{1,40}(\.[0-9A-Za-z-]{1,40}){0,4}\Z").match


@dataclass(frozen=True, slots=True)
class Sent:
    """What one round sent, put off and gave up."""

    sent: int = 0
    put_off: int = 0
    failed: int = 0


def queue_mail(
    connection: Connection, organisation: str, to: str, subject: str, text: str, thread: str | None, turn: int
) -> bool:
    """Let a mail go out with the transaction of `connection`; tells whether it will.

    It does not when `to` is no address, or has had MAILS_A_DAY_MAX mails in a day.
    """
    to = fold_email(to)
    since = spell_instant(unix_ms() - 86_400_000)
    if _ADDRESS(to) is None or outbox.count_to(connection, organisation, to, since) >= MAILS_A_DAY_MAX:
        return False
    plain = " ".join(subject.split())[:300]
    outbox.put(connection, organisation, Outgoing(new_id(), "mail", to, plain, text, thread, turn), utc_now())
    return True


def queue_webhook(
    connection: Connection, organisation: str, url: str, kind: str, data: dict[str, Any], thread: str | None, turn: int
) -> bool:
    """Let a notice go out with the transaction of `connection`, which it always does."""
    now = utc_now()
    content = json.dumps({"type": kind, "timestamp": now, "data": data}, ensure_ascii=False)
    outbox.put(connection, organisation, Outgoing(new_id(), "webhook", url, kind, content, thread, turn), now)
    return True


def send_due(engine: Engine, key: OfficeKey, mail: MailSettings, organisation: str) -> Sent:
    """Send what is due; nothing when another process is at it. Raises Refused as transactions do.

    Mails wait while no relay is set.
    """
    counts = {"sent": 0, "later": 0, "failed": 0}
    with sole(engine, "outbox") as is_ours:
        if not is_ours:
            return Sent()
        with reading(engine) as connection:
            due = outbox.list_due(connection, organisation, utc_now(), SENT_AT_ONCE)
        for outgoing in due:
            if outgoing.lane == "mail" and mail.relay is None:
                continue
            until = spell_instant(unix_ms() + DOUBT_S * 1000)
            _write(engine, partial(outbox.begin, organisation=organisation, outgoing=outgoing, due_at=until))
            outcome, told = _send(engine, key, mail, organisation, outgoing)
            _settle(engine, organisation, outgoing, outcome, told)
            counts[outcome if outgoing.tries + 1 < TRIES_MAX or outcome == "sent" else "failed"] += 1
    return Sent(counts["sent"], counts["later"], counts["failed"])


def _settle(engine: Engine, organisation: str, outgoing: Outgoing, outcome: str, told: str) -> None:
    if outcome == "later" and outgoing.tries + 1 < TRIES_MAX:
        pause_s = min(PAUSE_MOST_S, 15 * 2**outgoing.tries)
        again_at = spell_instant(unix_ms() + pause_s * 1000)
        put_off = partial(outbox.put_off, organisation=organisation, outgoing=outgoing.id)
        _write(engine, partial(put_off, due_at=again_at, problem=told))
        return
    state = "sent" if outcome == "sent" else "failed"
    settle = partial(outbox.settle, organisation=organisation, outgoing=outgoing.id, state=state, now=utc_now())
    _write(engine, partial(settle, problem=None if state == "sent" else told))


def _send(engine: Engine, key: OfficeKey, mail: MailSettings, organisation: str, outgoing: Outgoing) -> tuple[str, str]:
    """Hand something over; return ``sent``, ``later`` or ``failed``, and what was answered."""
    if outgoing.lane == "webhook":
        body = outgoing.content.encode()
        return webhooks.post(key, outgoing.recipient, f"msg_{outgoing.id}", unix_now(), body)
    assert mail.relay is not None
    with reading(engine) as connection:
        earlier = _list_earlier(connection, organisation, key, mail.sender, outgoing)
    message = _compose(key, mail.sender, outgoing, earlier)
    copies = [mail.sender] if mail.mailbox is not None else []
    return _hand_over(mail.relay, mail.sender, outgoing.recipient, copies, message.as_bytes(policy=_POLICY))


def _list_earlier(
    connection: Connection, organisation: str, key: OfficeKey, sender: str, outgoing: Outgoing
) -> list[str]:
    """Return the Message-IDs that a mail answers, the newest last."""
    if outgoing.thread is None:
        return []
    domain = sender.rpartition("@")[2]
    theirs = requests.list_message_ids(connection, organisation, outgoing.thread)
    rows = outbox.list_thread(connection, organisation, outgoing.thread)
    ours = [
        spell_message_id(key, row["id"], domain)
        for row in rows
        if row["lane"] == "mail" and row["recipient"] == outgoing.recipient and row["turn"] < outgoing.turn
    ]
    return [*ours[:1], *theirs[-1:]]


def _compose(key: OfficeKey, sender: str, outgoing: Outgoing, earlier: list[str]) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = outgoing.recipient
    message["Subject"] = outgoing.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(unix_now(), UTC))
    message["Message-ID"] = spell_message_id(key, outgoing.id, sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if earlier:
        message["In-Reply-To"] = earlier[-1]
        message["References"] = " ".join(earlier)
    message.set_content(outgoing.content)
    return message


def _hand_over(relay: MailServer, sender: str, to: str, copies: list[str], message: bytes) -> tuple[str, str]:
    try:
        with _connect(relay) as smtp:
            if relay.user:
                smtp.login(relay.user, relay.password)
            refused = smtp.sendmail(sender, [to, *copies], message)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return "later", f"{error.smtp_code} {said}"
    except (smtplib.SMTPException, OSError) as error:
        return "later", f"{type(error).__name__}: {error}"
    if to in refused:
        code, why = refused[to]
        return "failed" if code >= 500 else "later", f"{code} {why.decode('utf-8', 'replace')}"
    return "sent", ""


def _connect(relay: MailServer) -> smtplib.SMTP:
    if relay.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(relay.host, relay.port, timeout=TIMEOUT_S, context=context)
    smtp = smtplib.SMTP(relay.host, relay.port, timeout=TIMEOUT_S)
    if relay.security == "starttls":
        smtp.starttls(context=ssl.create_default_context())
    return smtp


def _write(engine: Engine, work: Callable[[Connection], None]) -> None:
    transact(engine, work, is_repeatable=True)
